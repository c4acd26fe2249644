"""Starting noise near a seed's, as the webui's ImageRNG draws it: seeds.json and seeds.f32 in Fixtures/sampling.

    python Tools/reference/seeds.py

PyTorch's generator on a CPU; the mixture is written down from the published formula: both noises' columns of a channel
are brought to length 1, and the angle between them decides the shares.
"""

NEEDS = ["torch"]

import json
from pathlib import Path

import torch

FOLDER = Path(__file__).resolve().parents[2] / "Tests/Fixtures/sampling"
CASES = [
    {"seed": 7, "size": [4, 8, 6], "seedSize": [4, 8, 6], "variation": 3, "strength": 0.25},
    {"seed": 7, "size": [4, 8, 6], "seedSize": [4, 8, 6], "variation": 3, "strength": 1},
    {"seed": 5, "size": [4, 8, 12], "seedSize": [4, 8, 8]},
    {"seed": 5, "size": [4, 12, 7], "seedSize": [4, 9, 10]},
    {"seed": 5, "size": [4, 7, 10], "seedSize": [4, 10, 7], "variation": 11, "strength": 0.5},
]


def draw(seed, size):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(size, generator=generator), generator


def mixed(first, second, strength):
    direction = [noise / noise.norm(dim=1, keepdim=True) for noise in (first, second)]
    angle = (direction[0] * direction[1]).sum(1, keepdim=True).acos()
    return (((1 - strength) * angle).sin() * first + (strength * angle).sin() * second) / angle.sin()


def middle(outer, inner):
    margin = (outer - inner) // 2
    return max(margin, 0), max(-margin, 0), inner if margin >= 0 else inner + 2 * margin


def starting_noise(case):
    noise, generator = draw(case["seed"], case["seedSize"])
    if "variation" in case:
        noise = mixed(noise, draw(case["variation"], case["seedSize"])[0], case["strength"])
    if case["size"] != case["seedSize"]:
        whole, generator = draw(case["seed"], case["size"])
        top, row, height = middle(case["size"][1], case["seedSize"][1])
        left, column, width = middle(case["size"][2], case["seedSize"][2])
        whole[:, top:top + height, left:left + width] = noise[:, row:row + height, column:column + width]
        noise = whole
    return noise, torch.randn(case["size"], generator=generator)


if __name__ == "__main__":
    # What the generator gives next tells whether as much was drawn from it.
    values = [tensor.flatten() for case in CASES for tensor in starting_noise(case)]
    (FOLDER / "seeds.json").write_text(json.dumps(CASES, indent=1) + "\n")
    (FOLDER / "seeds.f32").write_bytes(torch.cat(values).numpy().tobytes())
