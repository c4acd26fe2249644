"""Runs of the small pipelines in which guidance ends early, or the UNet's deep layers do not always run.

Writes Tests/Fixtures/shortcuts-{a,b}: runs.json and runs.safetensors, as pipelines.py does. Needs what that made.
"""

NEEDS = ["diffusers", "pillow", "safetensors", "torch"]

import common  # first: it puts the path in order
from common import fixture

from runs import draw


def shortcuts(letter, runs):
    base = dict(prompt="a red apple on a green table", negative_prompt="blurry, ugly", steps=10, guidance_scale=5.0,
                overrides={})
    draw(fixture("pipeline-" + letter), fixture("shortcuts-" + letter), [{**base, **run} for run in runs])


DDIM, EULER, PNDM = "DDIMScheduler", "EulerDiscreteScheduler", "PNDMScheduler"
HEUN, DPM = "HeunDiscreteScheduler", "DPMSolverMultistepScheduler"

if __name__ == "__main__":
    shortcuts("a", [
        dict(name="end-ddim", scheduler=DDIM, seed=1, guidance_end=0.6),
        dict(name="end-plms", scheduler=PNDM, seed=2, guidance_end=0.5),
        dict(name="end-heun", scheduler=HEUN, seed=3, guidance_end=0.4),
        dict(name="end-img2img", scheduler=DDIM, seed=4, guidance_end=0.5, mode="img2img", image="../pipeline-a/init.png",
             strength=0.6),
        dict(name="cache-2", scheduler=DDIM, seed=5, cache_interval=2),
        dict(name="cache-3-heun", scheduler=HEUN, seed=6, cache_interval=3),
        dict(name="cache-all", scheduler=EULER, seed=7, cache_interval=1000, guidance_scale=1.0),
        dict(name="both", scheduler=DPM, seed=8, guidance_end=0.5, cache_interval=2),
    ])
    shortcuts("b", [
        dict(name="end", scheduler=DDIM, seed=1, guidance_end=0.3),
        dict(name="cache-2", scheduler=DDIM, seed=2, cache_interval=2),
        dict(name="cache-3-odd", scheduler=EULER, seed=3, cache_interval=3, width=40, height=56),
        dict(name="both", scheduler=DDIM, seed=4, guidance_end=0.7, cache_interval=3),
    ])
