"""What diffusers draws with the default model, weights/icons-64. Writes Tests/Fixtures/icons-64."""

import common  # first: it puts the path in order
from common import REPOSITORY, fixture

import os

from pipelines import save_inputs
from runs import draw


def icons():
    base = dict(prompt="a red apple", width=64, height=64, steps=20, guidance_scale=4.0, picture=True,
                scheduler="DDIMScheduler")
    dpmpp = dict(scheduler="DPMSolverMultistepScheduler")
    inputs = dict(image="init.png", seed=5)
    save_inputs("icons-64")
    draw(os.path.join(REPOSITORY, "weights", "icons-64"), fixture("icons-64"), [
        dict(base, name="apple", seed=0),
        dict(base, name="apple-guidance-7", seed=0, guidance_scale=7.0),
        dict(base, name="face", seed=1, prompt="grinning face"),
        dict(base, name="gato", seed=2, prompt="cara de gato", guidance_scale=7.0),
        dict(base, name="pizza", seed=3, prompt="ピザ", negative_prompt="black background"),
        dict(base, name="emoji", seed=0, prompt="🍎 ½ apple ᚠ, blue background"),
        dict(base, name="wide", seed=1, width=96),
        dict(base, name="no-guidance", seed=2, guidance_scale=1.0, prompt="red heart"),
        dict(base, name="dpmpp-2m", seed=3, prompt="cat face", **dpmpp),
        dict(base, name="dpmpp-2m-karras", seed=1, prompt="sunflower", overrides={"use_karras_sigmas": True}, **dpmpp),
        dict(base, name="euler-a", seed=2, prompt="roter Apfel", scheduler="EulerAncestralDiscreteScheduler"),
        dict(base, name="clip-skip", seed=3, clip_skip=2),
        dict(base, **inputs, name="img2img", mode="img2img", strength=0.6),
        dict(base, **inputs, name="img2img-dpmpp-2m", mode="img2img", strength=0.75, prompt="sunflower", **dpmpp),
        dict(base, **inputs, name="inpaint", mode="inpaint", strength=1.0, mask="mask.png", prompt="grinning face"),
        dict(base, **inputs, name="inpaint-0.6", mode="inpaint", strength=0.6, mask="mask.png"),
    ])


if __name__ == "__main__":
    icons()
