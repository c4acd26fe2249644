"""What all runs of likeness.py have in common: the small network, its texts and the picture to start from."""

import common  # first: it puts the path in order
from common import fixture

import os

import diffusers
import numpy as np
import torch
from PIL import Image

diffusers.utils.logging.set_verbosity_error()
diffusers.utils.logging.disable_progress_bar()

FOLDER = fixture("pipeline-a")
PIPE = diffusers.StableDiffusionPipeline.from_pretrained(FOLDER, dtype=torch.float32)
SCALE = PIPE.vae.config.scaling_factor
PROMPT, NEGATIVE = "a red apple on a green table", "blurry, ugly"
SHAPE = (4, 8, 8)


def told(text):
    ids = PIPE.tokenizer(text, padding="max_length", max_length=PIPE.tokenizer.model_max_length, truncation=True,
                         return_tensors="pt").input_ids
    return PIPE.text_encoder(ids)[0]


with torch.no_grad():
    COND, UNCOND = told(PROMPT), told(NEGATIVE)
    CHANGES = {text: told(text) for text in ["a red apple", "a green apple", "a red pear"]}
    PIXELS = torch.from_numpy(np.array(Image.open(os.path.join(FOLDER, "init.png")).convert("RGB"))).float() / 255
    MEAN = PIPE.vae.encode(PIXELS.permute(2, 0, 1)[None] * 2 - 1).latent_dist
MASK = Image.open(os.path.join(FOLDER, "mask.png")).convert("L")


def unet(x, t, states):
    return PIPE.unet(x, t, states.expand(len(x), -1, -1)).sample
