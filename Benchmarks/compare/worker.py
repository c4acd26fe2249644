"""A peer engine in a process of its own, so that its memory can be told: loads one stage and runs what it is asked to.

Reads a JSON object a line from standard input and answers with one. Started by peers.py.
"""
import json
import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np


class PyTorch:
    """The diffusers module as people run it: channels last, inference mode."""

    def __init__(self, cache, stage, precision, threads):
        import torch

        import model

        torch.set_num_threads(threads)
        self.torch, self.model = torch, model
        self.dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[precision]
        module = model.load(model.folder(cache), stage, self.dtype)
        if stage == "vae_encoder":
            del module.model.decoder
        if stage == "vae_decoder":
            del module.model.encoder
        self.module = module.to(memory_format=torch.channels_last)

    def prepare(self, case):
        def own(tensor):
            if tensor.is_floating_point() and tensor.dim() > 1:
                tensor = tensor.to(self.dtype)
            return tensor.to(memory_format=self.torch.channels_last) if tensor.dim() == 4 else tensor

        self.inputs = [own(tensor) for tensor in self.model.inputs(case)]

    def run(self):
        with self.torch.inference_mode():
            return self.module(*self.inputs)

    def values(self, result):
        return result.float().numpy()


class OpenVINO:
    """The same module, converted, compiled for the case's size: what is fastest for it."""

    def __init__(self, cache, stage, precision, threads):
        import openvino

        self.cache, self.stage = Path(cache), stage
        self.core = openvino.Core()
        self.options = {
            "INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
        }
        self.request = None

    def prepare(self, case):
        from safetensors.numpy import load_file

        import names

        self.request = None
        given = load_file(names.inputs_file(self.cache, case))
        self.inputs = [given[f"{case.stage}.{name}"] for name in names.INPUTS[case.stage]]
        network = self.core.read_model(names.openvino_file(self.cache, self.stage))
        network.reshape({index: list(value.shape) for index, value in enumerate(self.inputs)})
        self.request = self.core.compile_model(network, "CPU", self.options).create_infer_request()

    def run(self):
        return self.request.infer(dict(enumerate(self.inputs)), share_inputs=True, share_outputs=True)[0]

    def values(self, result):
        return np.array(result, dtype=np.float32)


def peak_memory():
    """The largest resident set so far, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def main():
    from cases import Case

    # What libraries print goes to standard error: standard output is for answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    kind, cache, stage, precision, threads = sys.argv[1:]
    engine = {"pytorch": PyTorch, "openvino": OpenVINO}[kind](cache, stage, precision, int(threads))
    case = None
    for line in sys.stdin:
        order = json.loads(line)
        if Case(**order["case"]) != case:
            case = Case(**order["case"])
            engine.prepare(case)
            engine.run()
        seconds = []
        for _ in range(order["repeats"]):
            start = time.perf_counter()
            result = engine.run()
            seconds.append(time.perf_counter() - start)
        if order.get("output"):
            np.save(order["output"], engine.values(result))
        print(json.dumps({"seconds": seconds, "peak_memory": peak_memory()}), file=answers, flush=True)


if __name__ == "__main__":
    main()
