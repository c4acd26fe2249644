"""The engines, each behind `run(case, repeats, output)`; every one runs in processes of its own.

`run` answers with the seconds of each repeat, after runs that do not count, and the largest memory of the process.
"""
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

import names

HERE = Path(__file__).parent


class Failure(Exception):
    """An engine that did not do what it was asked; the others go on."""


class Peer:
    """PyTorch or OpenVINO: a worker that keeps one stage loaded."""

    def __init__(self, kind, cache):
        self.kind, self.cache = kind, cache
        self.process, self.loaded = None, None

    def can_run(self, case):
        return True

    def run(self, case, repeats, output=None):
        wanted = (case.stage, case.precision, case.threads)
        if self.loaded != wanted:
            self.close()
            self.errors = tempfile.TemporaryFile("w+")
            self.process = subprocess.Popen(
                [sys.executable, HERE / "worker.py", self.kind, self.cache, *map(str, wanted)], text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors)
            self.loaded = wanted
        order = {"case": asdict(case), "repeats": repeats, "output": str(output) if output else None}
        try:
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            self.errors.seek(0)
            words = self.errors.read().strip().splitlines()[-3:]
            self.close()
            raise Failure(f"{self.kind} ended while it ran {case.name}: {' / '.join(words)}")
        return json.loads(answer)

    def close(self):
        """Ends the worker, so that its memory is free for the next."""
        if self.process:
            self.process.stdin.close()
            self.process.wait()
        self.process, self.loaded = None, None


class Limn:
    """`limn bench -m`: a process for each call, which loads the one stage."""

    kind = "limn"

    def __init__(self, program, cache):
        self.program, self.cache = program, cache

    def can_run(self, case):
        return True

    def run(self, case, repeats, output=None):
        with tempfile.TemporaryDirectory() as folder:
            outputs = Path(folder) / "outputs.safetensors"
            command = [
                self.program, "bench", "-m", names.folder(self.cache), "--quiet", "--json", "--repeat", repeats,
                "--precision", case.precision, "-t", case.threads,
                "--inputs", names.inputs_file(self.cache, case), *(["--outputs", outputs] if output else []),
            ]
            run = subprocess.run([str(word) for word in command], capture_output=True, text=True)
            if run.returncode != 0:
                raise Failure(f"limn on {case.name}: {run.stderr.strip()[-500:]}")
            answer = json.loads(run.stdout)
            if output:
                from safetensors.numpy import load_file

                np.save(output, load_file(outputs)[f"{case.stage}.{names.OUTPUT[case.stage]}"])
        stage = answer["stages"][0]
        return {"seconds": stage["seconds"], "peak_memory": answer["peak_memory_bytes"], "details": answer}

    def close(self):
        pass


class StableDiffusionCpp:
    """stable-diffusion.cpp's command: it draws a whole picture and logs how long the stages took.

    UNTESTED: written after its documentation, its binary was not at hand. It cannot be given a stage's inputs, so its
    results are not compared with the others'. Its weights are F16 where the others multiply in bfloat16.
    """

    kind = "stable-diffusion.cpp"

    def __init__(self, program, cache):
        self.program, self.cache = program, cache

    def can_run(self, case):
        return case.stage != "vae_encoder" and case.batch == 1

    def run(self, case, repeats, output=None):
        steps = 2 if case.stage == "unet" else 1
        logs = {
            "text_encoder": (r"get_learned_condition completed, taking ([\d.]+) ?ms", 1e-3),
            "unet": (r"sampling completed, taking ([\d.]+) ?s", 1 / steps),
            "vae_decoder": (r"decode_first_stage completed, taking ([\d.]+) ?s", 1),
        }
        pattern, scale = logs[case.stage]
        seconds, peak = [], 0
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(repeats):
                command = [
                    self.program, "-m", names.folder(self.cache), "-p", "a red apple", "-o", f"{folder}/out.png",
                    "-W", case.width, "-H", case.height, "--steps", steps, "--cfg-scale", 7, "-s", 1,
                    "-t", case.threads, "--sampling-method", "euler", "-v",
                    "--type", {"f32": "f32", "bf16": "f16"}[case.precision],
                ]
                run = subprocess.Popen(
                    [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                log = run.stdout.read()
                peak = max(peak, _wait(run))
                found = re.search(pattern, log)
                if run.returncode != 0 or not found:
                    raise Failure(f"stable-diffusion.cpp on {case.name}: {log.strip()[-500:]}")
                seconds.append(float(found.group(1)) * scale)
        return {"seconds": seconds, "peak_memory": peak}

    def close(self):
        pass


def _wait(process):
    """Waits for a process and tells the largest memory that it had, in bytes."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss * 1024
