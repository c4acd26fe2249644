"""What the machine is, in words."""
import os
import platform
import re
from pathlib import Path

FLAGS = ["avx2", "fma", "avx512f", "avx512_bf16", "avx512_fp16", "avx512_vnni", "amx_bf16", "amx_int8", "asimd", "sve",
         "bf16", "i8mm"]


def describe():
    text = Path("/proc/cpuinfo").read_text()

    def field(name):
        found = re.search(rf"^{name}\s*:\s*(.*)$", text, re.MULTILINE)
        return found.group(1).strip() if found else None

    flags = set((field("flags") or field("Features") or "").split())
    memory = int(re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text()).group(1)) * 1024
    caches = {}
    for index in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"):
        level, kind = (index / "level").read_text().strip(), (index / "type").read_text().strip()
        if kind != "Instruction":
            caches[level] = (index / "size").read_text().strip()
    return {
        "cpu": field("model name") or platform.machine(),
        "family": "/".join(filter(None, [field("cpu family"), field("model"), field("stepping")])),
        "cores": len(os.sched_getaffinity(0)),
        "flags": [flag for flag in FLAGS if flag in flags],
        "memory": memory,
        "caches": caches,
        "virtual": "hypervisor" in flags,
        "system": f"{platform.system()} {platform.release()}",
    }
