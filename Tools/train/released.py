"""Begins a training folder with a released model, where the checkpoints that made it are gone.

A release holds the averaged weights, in half precision, and neither the optimisers' memory nor the heads that the text
encoder learnt with. The sketch's head comes back by least squares, for the encoder's states still tell the sketches;
the heads of the labels begin at zero, where they disturb nothing.
"""

import os
import random
import shutil
import time

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextModel

import models
import train_text
import train_unet
from pictures import Painter
from training import device, write_atomically

CAPTIONS, BATCH = 8192, 256      # that the sketch's head is fitted to
RIDGE = 1e-4                     # keeps the fit from numbers of the states that do not vary


def copy_tokenizer(released, folder):
    os.makedirs(folder, exist_ok=True)
    shutil.copy(os.path.join(released, "tokenizer", "spiece.model"), os.path.join(folder, "spiece.model"))


def write_checkpoints(released, data, folder, minutes):
    """vae.pt, text.pt and unet.pt, as if each had had its `minutes`, {stage: minutes}; and the autoencoder's folder."""
    vae = AutoencoderKL.from_pretrained(released, subfolder="vae", torch_dtype=torch.float32)
    vae.save_pretrained(os.path.join(folder, "vae"))
    reader = train_text.Reader(data.emojis)
    reader.text_encoder.load_state_dict(
        CLIPTextModel.from_pretrained(released, subfolder="text_encoder", dtype=torch.float32).state_dict())
    for head in reader.heads:
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
    explained = _fit_sketches(reader.to(device()), data)
    print(f"{released}: its states explain {100 * explained:.1f} % of the sketches", flush=True)
    unet = UNet2DConditionModel.from_pretrained(released, subfolder="unet", torch_dtype=torch.float32)
    for stage, module in (("vae", vae), ("text", reader), ("unet", train_unet.Painter(reader, unet))):
        weights = module.state_dict()
        write_atomically({"module": weights, "average": weights, "optimisers": [], "steps": 0, "samples": 0,
                          "seconds": 60 * minutes[stage], "written": time.time()}, os.path.join(folder, stage + ".pt"))


@torch.no_grad()
def _fit_sketches(reader, data):
    """Sets the sketch's head to the least squares' one; the share of the sketches' variance that it explains."""
    painter, rng = Painter(data.sprites, device(), train_text.SHRINK), random.Random("sketches")
    states, sketches = [], []
    for _ in range(CAPTIONS // BATCH):
        _, ids, pictured = train_text.examples(data, painter, rng, BATCH)
        states.append(reader.text_encoder(ids).last_hidden_state[:, -models.REGIONS ** 2:].flatten(0, 1))
        sketches.append(pictured.view(len(states[-1]), -1))
    states, sketches = torch.cat(states).double(), torch.cat(sketches).double()
    mean, level = states.mean(0), sketches.mean(0)
    states, sketches = states - mean, sketches - level
    squares = states.T @ states
    squares += RIDGE * squares.diagonal().mean() * torch.eye(len(squares), device=squares.device)
    weight = torch.linalg.solve(squares, states.T @ sketches).T
    reader.sketch.weight.copy_(weight)
    reader.sketch.bias.copy_(level - weight @ mean)
    return 1 - ((sketches - states @ weight.T).square().sum() / sketches.square().sum()).item()
