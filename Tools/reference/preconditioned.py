"""Runs of a small model like Playground 2.5: the preconditioning of Karras et al. 2022, and latents that are shifted and
scaled channel by channel.

Writes Tests/Fixtures/edm-xl: runs.json, runs.safetensors and pictures, as pipelines.py does. Needs what that made.
"""

NEEDS = ["diffusers", "pillow", "safetensors", "torch"]

import common  # first: it puts the path in order
from common import fixture

import os
import shutil

from runs import draw

MEAN, STD = [-1.5, 0.25, 0.5, 2.0], [8.0, 5.5, 4.0, 5.0]


def shift(pipe):
    pipe.vae.register_to_config(latents_mean=MEAN, latents_std=STD)


if __name__ == "__main__":
    folder = fixture("edm-xl")
    os.makedirs(folder, exist_ok=True)
    shutil.copy(os.path.join(fixture("pipeline-xl"), "init.png"), folder)
    base = dict(prompt="a red apple on a green table", negative_prompt="blurry, ugly", steps=8, guidance_scale=3.0)
    own = {"sigma_min": 0.002, "sigma_max": 80.0}  # which the folder's scheduler leaves open
    draw(fixture("pipeline-xl"), folder, [{**base, **run, "overrides": own | run.get("overrides", {})} for run in [
        dict(name="dpm", seed=1, scheduler="EDMDPMSolverMultistepScheduler", picture=True),
        dict(name="sde", seed=4, scheduler="EDMDPMSolverMultistepScheduler", steps=18,
             overrides={"algorithm_type": "sde-dpmsolver++"}),
        dict(name="euler", seed=2, scheduler="EDMEulerScheduler", overrides={"sigma_schedule": "exponential"}),
        dict(name="again", mode="img2img", seed=3, scheduler="EDMEulerScheduler", image="init.png", strength=0.6,
             picture=True),
    ]], family="xl", prepare=shift)
