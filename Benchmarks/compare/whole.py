"""The whole command, from start to PNG, and when the first step begins and ends."""
import json
import os
import pty
import re
import subprocess
import tempfile
import threading
import time

import names


def run(program, cache, precision, steps, threads, extra=()):
    """One picture of 512×512. Progress is redrawn at every step on a terminal only, so standard error is one."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            program, "a red apple", "-m", names.folder(cache), "-W", 512, "-H", 512, "--steps", steps, "-s", 1,
            "--cfg-scale", 7, "--precision", precision, "-t", threads, "--json", "-o", f"{folder}/picture.png", *extra,
        ]
        terminal, theirs = pty.openpty()
        seen = {}
        start = time.perf_counter()
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=theirs, text=True)
        os.close(theirs)

        def watch():
            text = ""
            while True:
                try:
                    piece = os.read(terminal, 4096)
                except OSError:  # the other side is closed
                    return
                text = (text + piece.decode(errors="replace"))[-4096:]
                for name, mark in (("first_step_begins", rf"\b0/{steps}\b"), ("first_step_ends", rf"\b1/{steps}\b")):
                    if name not in seen and re.search(mark, text):
                        seen[name] = time.perf_counter() - start

        watcher = threading.Thread(target=watch)
        watcher.start()
        output = process.stdout.read()
        process.wait()
        total = time.perf_counter() - start
        watcher.join()
        os.close(terminal)
    if process.returncode != 0:
        raise RuntimeError(f"limn ended with {process.returncode}; see what it says: {' '.join(map(str, command))}")
    report = json.loads(output.strip().splitlines()[-1])
    return {"total": total, **seen, "stages": report["seconds"], "peak_memory": report["peak_memory_bytes"]}
