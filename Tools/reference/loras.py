"""LoRAs of every kind of name and form, and the weights that they make of a model's.

Writes Tests/Fixtures/loras: `<case>.safetensors`, as trainers write it, and `<case>.merged.safetensors`, the float32
weights that diffusers' load_lora_weights and fuse_lora make of pipeline-a's with it, or LyCORIS' formulas where
diffusers has none; cases.json (strengths); and whole runs with pipeline-a under some of them, like those of
pipelines.py.
The forms are in `lora_trainers.py`, `lora_lycoris.py`, `lora_multiplied.py` and `lora_originals.py`. With the name of
a function that makes cases (`loras.py multiplied`) these alone are made anew.
"""

NEEDS = ["diffusers", "lycoris-lora", "peft", "pillow", "safetensors", "torch"]

import common  # first: it puts the path in order
from common import fixture, save_json, save_tensors

import json
import sys

from lora_common import CASES, FOLDER, MODEL, fused
from lora_lycoris import lycoris
from lora_multiplied import multiplied
from lora_originals import original_names, xl
from lora_trainers import kohya, kohya_dora, old_diffusers, peft
from runs import draw


def two():
    """Two after each other. The second, a DoRA, takes its norms from the model's own weights."""
    _, merged = fused([("kohya", 0.75), ("peft-dora", 0.5)])
    save_tensors(merged, fixture("loras", "two.merged.safetensors"))
    CASES.append({"name": "two", "strength": 0.5, "oracle": "diffusers", "others": ["kohya", "peft-dora"]})


def runs():
    """Whole runs with pipeline-a under a LoRA."""
    base = dict(prompt="a red apple on a green table", negative_prompt="blurry, ugly", guidance_scale=5.0, seed=3,
                scheduler="DDIMScheduler", steps=8)
    for case, strength in (("kohya", 0.75), ("peft-dora", 1.0)):
        def prepare(pipe):
            pipe.load_lora_weights(FOLDER, weight_name=case + ".safetensors", adapter_name="a")
            pipe.fuse_lora(lora_scale=strength)
            pipe.unload_lora_weights()
        draw(MODEL, fixture("loras", "runs-" + case), [dict(base, name="ddim", picture=True)], prepare=prepare)


if __name__ == "__main__":
    for job in (kohya, peft, old_diffusers, kohya_dora, lycoris, multiplied, two, original_names, runs, xl):
        if not sys.argv[1:] or job.__name__ in sys.argv[1:]:
            print(job.__name__)
            job()
    made = {case["name"] for case in CASES}
    if sys.argv[1:]:
        with open(fixture("loras", "cases.json")) as file:
            CASES[:0] = [case for case in json.load(file) if case["name"] not in made]
    save_json(CASES, fixture("loras", "cases.json"))
