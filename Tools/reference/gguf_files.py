"""A GGUF file with every type that limn reads, and what the gguf package makes of it: Tests/Fixtures/Checkpoints/gguf.

Blocks of quantized tensors are random bytes with scales of a usual size, so that every bit of every field counts.
Run from the repository's root: python Tools/reference/gguf_files.py
"""

NEEDS = ["gguf", "numpy", "safetensors", "torch"]

import os

import gguf
import numpy
import torch
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType as Type
from safetensors.torch import save_file

FOLDER = "Tests/Fixtures/Checkpoints/gguf"
random = numpy.random.default_rng(3)

# Where the float16 scales lie in each type's blocks.
SCALES = {
    Type.Q4_0: [0], Type.Q4_1: [0, 2], Type.Q5_0: [0], Type.Q5_1: [0, 2], Type.Q8_0: [0], Type.Q2_K: [80, 82],
    Type.Q3_K: [108], Type.Q4_K: [0, 2], Type.Q5_K: [0, 2], Type.Q6_K: [208],
}


def blocks(kind, rows, columns):
    count, size = GGML_QUANT_SIZES[kind]
    data = random.integers(0, 256, (rows * columns // count, size), dtype=numpy.uint8)
    for offset in SCALES[kind]:
        scale = (random.standard_normal(len(data)) * 0.01).astype(numpy.float16)
        data[:, offset:offset + 2] = scale.view(numpy.uint8).reshape(-1, 2)
    return data.reshape(rows, -1)


def main():
    os.makedirs(FOLDER, exist_ok=True)
    writer = gguf.GGUFWriter(f"{FOLDER}/types.gguf", "sd1")
    expected = {}
    writer.add_string("general.name", "åll types")
    writer.add_float32("a.number", 0.25)
    writer.add_bool("a.truth", True)
    writer.add_array("a.list", ["one", "two", "drei"])
    writer.add_array("another.list", [1, 2, 3])
    for kind in SCALES:
        data = blocks(kind, 3, 512)
        name = f"model.{kind.name}.weight"
        writer.add_tensor(name, data, raw_dtype=kind)
        expected[name] = torch.from_numpy(gguf.dequantize(data, kind).reshape(3, 512).copy())
    values = random.standard_normal((4, 2, 3, 5)).astype(numpy.float32)
    writer.add_tensor("model.f32.weight", values)
    expected["model.f32.weight"] = torch.from_numpy(values)
    halves = random.standard_normal((5, 7)).astype(numpy.float16)
    writer.add_tensor("model.f16.weight", halves)
    expected["model.f16.weight"] = torch.from_numpy(halves)
    brain = torch.from_numpy(random.standard_normal(9)).bfloat16()
    writer.add_tensor("model.bf16.bias", brain.view(torch.int16).numpy().view(numpy.uint8), raw_dtype=Type.BF16)
    expected["model.bf16.bias"] = brain
    numbers = numpy.arange(77, dtype=numpy.int32)
    writer.add_tensor("position_ids", numbers)
    expected["position_ids"] = torch.from_numpy(numbers)
    # ComfyUI's converter turns convolutions into rows of whole blocks, and notes their shape.
    data = blocks(Type.Q4_K, 9, 256)
    writer.add_tensor("conv.weight", data, raw_dtype=Type.Q4_K)
    writer.add_array("comfy.gguf.orig_shape.conv.weight", [16, 16, 3, 3])
    expected["conv.weight"] = torch.from_numpy(gguf.dequantize(data, Type.Q4_K).reshape(16, 16, 3, 3).copy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    save_file(expected, f"{FOLDER}/expected.safetensors")


if __name__ == "__main__":
    main()
