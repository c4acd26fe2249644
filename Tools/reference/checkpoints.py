"""Every safetensors dtype as torch reads it: Tests/Fixtures/Checkpoints/dtypes.safetensors.

Beside each tensor NAME lies NAME.expected with the same values as float32.
Run from the repository's root: python Tools/reference/checkpoints.py
"""

NEEDS = ["safetensors", "torch"]

import os

import torch
from safetensors.torch import save_file

torch.manual_seed(1)
codes = torch.arange(256, dtype=torch.uint8)
# Every 61st of the 65,536 codes reaches all exponents and signs; the added ones are the edges.
half_codes = torch.cat([torch.arange(0, 65536, 61), torch.tensor([1, 0x3FF, 0x400, 0x7BFF, 0x7C00, 0xFC00, 0x7E00])])
half_codes = half_codes.to(torch.int32).to(torch.int16)

stored = {
    "f8_e4m3": codes.view(torch.float8_e4m3fn),
    "f8_e5m2": codes.view(torch.float8_e5m2),
    "f16": half_codes.view(torch.float16),
    "bf16": half_codes.view(torch.bfloat16),
    "f32": torch.randn(3, 5),
    "f64": torch.cat([torch.randn(60, dtype=torch.float64), torch.tensor([1e300, -1e-300, 1 / 3, 0.0]).double()]),
    "i64": torch.tensor([[0, 1, -1], [2**40 + 1, -(2**62), 2**63 - 1]]),
    "i32": torch.tensor([0, 1, -1, 2**31 - 1, -(2**31), 16_777_217], dtype=torch.int32),
    "i16": torch.tensor([0, 1, -1, 32767, -32768], dtype=torch.int16),
    "i8": codes.view(torch.int8),
    "u8": codes,
    "bool": torch.tensor([True, False, True, True, False]),
    "scalar": torch.tensor(2.5),
    "empty": torch.zeros(4, 0, 3),
}
expected = {f"{name}.expected": tensor.float() for name, tensor in stored.items()}
# save_file refuses tensors that share memory.
tensors = {name: tensor.clone() for name, tensor in {**stored, **expected}.items()}

folder = "Tests/Fixtures/Checkpoints"
os.makedirs(folder, exist_ok=True)
notes = {"format": "pt", "note": "åß \"quoted\"\n漢字 🍎"}
save_file(tensors, f"{folder}/dtypes.safetensors", metadata=notes)
