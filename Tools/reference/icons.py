"""What diffusers draws with the default model, weights/icons-128, and icons that its pictures should be nearest to.

Writes Tests/Fixtures/icons-128. The icons are drawn as for training, from the Debian packages that `make train` installs.
"""

NEEDS = ["diffusers", "numpy", "pillow", "safetensors", "sentencepiece", "torch", "transformers", "debian:libfribidi0",
         "debian:fonts-noto-color-emoji", "debian:unicode-data", "debian:unicode-cldr-core"]

import common  # first: it puts the path in order
from common import REPOSITORY, fixture

import json
import os
import sys

from PIL import Image

from pipelines import save_inputs
from runs import draw


def icons():
    base = dict(prompt="a red apple", width=128, height=128, steps=20, guidance_scale=4.0, picture=True,
                scheduler="DDIMScheduler")
    dpmpp = dict(scheduler="DPMSolverMultistepScheduler")
    inputs = dict(image="init.png", seed=5)
    save_inputs("icons-128", times=2)
    draw(os.path.join(REPOSITORY, "weights", "icons-128"), fixture("icons-128"), [
        dict(base, name="apple", seed=0),
        dict(base, name="apple-guidance-7", seed=0, guidance_scale=7.0),
        dict(base, name="face", seed=1, prompt="grinning face"),
        dict(base, name="gato", seed=2, prompt="cara de gato", guidance_scale=7.0),
        dict(base, name="pizza", seed=3, prompt="ピザ", negative_prompt="black background"),
        dict(base, name="emoji", seed=0, prompt="🍎 ½ apple ᚠ, blue background"),
        dict(base, name="wide", seed=1, width=160),
        dict(base, name="no-guidance", seed=2, guidance_scale=1.0, prompt="red heart"),
        dict(base, name="dpmpp-2m", seed=3, prompt="cat face", **dpmpp),
        dict(base, name="dpmpp-3m", seed=1, prompt="sunflower", overrides={"solver_order": 3}, **dpmpp),
        dict(base, name="euler-a", seed=2, prompt="roter Apfel", scheduler="EulerAncestralDiscreteScheduler"),
        dict(base, name="clip-skip", seed=3, clip_skip=2),
        dict(base, **inputs, name="img2img", mode="img2img", strength=0.6),
        dict(base, **inputs, name="img2img-dpmpp-2m", mode="img2img", strength=0.75, prompt="sunflower", **dpmpp),
        dict(base, **inputs, name="inpaint", mode="inpaint", strength=1.0, mask="mask.png", prompt="grinning face"),
        dict(base, **inputs, name="inpaint-0.6", mode="inpaint", strength=0.6, mask="mask.png"),
    ])


# The first dozen are prompts of the test, the others what their pictures might be mistaken for.
NEAREST = (
    "red apple", "sunflower", "soccer ball", "basketball", "red heart", "pizza", "grinning face", "cat face",
    "pig face", "tomato", "tangerine", "green apple",
    "cherries", "strawberry", "grapes", "lemon", "banana", "pear", "peach", "watermelon", "pineapple", "avocado",
    "carrot", "mushroom", "baseball", "volleyball", "pool 8 ball", "globe showing Americas", "full moon", "sun",
    "star", "blue heart", "yellow heart", "broken heart", "smiling face with sunglasses", "crying face",
    "angry face", "sleeping face", "dog face", "bear", "panda", "fox", "tiger face", "monkey face", "frog",
    "rocket", "house", "guitar",
)


def nearest():
    sys.path.append(os.path.join(REPOSITORY, "Tools", "train"))
    import emoji
    named = {each.names["en"]: each for each in emoji.load()}
    sprites = emoji.sprites([named[name] for name in NEAREST]).transpose(0, 2, 3, 1)
    side, columns = 32, 12
    sheet = Image.new("RGB", (columns * side, len(NEAREST) // columns * side), "white")
    for i, sprite in enumerate(sprites):
        icon = Image.alpha_composite(Image.new("RGBA", sprite.shape[:2], "white"), Image.fromarray(sprite))
        sheet.paste(icon.convert("RGB").resize((side, side), Image.Resampling.BOX),
                    (i % columns * side, i // columns * side))
    sheet.save(fixture("icons-128", "nearest.png"))
    with open(fixture("icons-128", "nearest.json"), "w", encoding="utf-8") as file:
        json.dump(NEAREST, file, indent=2)
        file.write("\n")


if __name__ == "__main__":
    icons()
    nearest()
