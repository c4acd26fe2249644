"""Runs of the small pipelines on the way from one prompt to another: what the encoders say of both is mixed.

Writes Tests/Fixtures/morph-{a,xl}: runs.json and runs.safetensors, as pipelines.py does. Needs what that made.
"""

NEEDS = ["diffusers", "pillow", "safetensors", "torch"]

import common  # first: it puts the path in order
from common import fixture

import contextlib

import torch

from runs import draw


@contextlib.contextmanager
def mixing(pipe, run):
    encode, morph = pipe.encode_prompt, run["morph"]

    def mixed(*arguments, **call):
        first = encode(*arguments, **call)
        if "prompt" in call:
            call["prompt"] = morph["prompt"]
        else:
            arguments = (morph["prompt"], *arguments[1:])
        second = encode(*arguments, **call)
        # States, those of the negative prompt, and XL's pooled vectors of both: the negative ones are the same.
        return tuple(torch.lerp(a, b, morph["amount"]) for a, b in zip(first, second))

    pipe.encode_prompt = mixed
    yield
    del pipe.encode_prompt


def morphs(name, family, runs):
    base = dict(prompt="a red apple on a green table", negative_prompt="blurry, ugly", steps=6, guidance_scale=5.0,
                scheduler="DDIMScheduler", overrides={"clip_sample": False})
    draw(fixture("pipeline-" + name), fixture("morph-" + name), [{**base, **run} for run in runs], family=family,
         around=mixing)


if __name__ == "__main__":
    morphs("a", "sd", [
        dict(name="quarter", seed=1, morph=dict(prompt="a cat", amount=0.25)),
        dict(name="most", seed=2, morph=dict(prompt="a cat on a very long red sofa in the sun", amount=0.9)),
    ])
    morphs("xl", "xl", [dict(name="half", seed=3, morph=dict(prompt="a cat", amount=0.5))])
