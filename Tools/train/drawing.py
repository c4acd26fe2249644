"""Drawing with a model in training, or with its folder: by limn, or by torch, which is faster for many on a GPU."""

import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor

import numpy
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from PIL import Image
from transformers import CLIPTextModel

import models
from training import autocast, device
from vocabulary import Vocabulary


@torch.no_grad()
def sample(text_encoder, unet, vae, ids, nothing, seeds, steps=20, guidance=4.0):
    """[prompt, 3, side, side] of -1 … 1: what StableDiffusionPipeline does, for a batch of seeds.

    `text_encoder`: ids → states. `nothing`: the empty prompt's ids, [1, TOKENS].
    """
    scheduler = models.scheduler()
    scheduler.set_timesteps(steps, device=device())
    side = unet.config.sample_size
    latents = torch.cat([torch.randn(1, 4, side, side, generator=torch.Generator().manual_seed(seed))
                         for seed in seeds]).to(device())
    with autocast():
        states = text_encoder(torch.cat([nothing.expand(len(ids), -1), ids]))
        for step in scheduler.timesteps:
            if guidance == 1:
                guided = unet(latents, step, encoder_hidden_states=states[len(ids):]).sample.float()
            else:
                without, with_words = unet(torch.cat([latents] * 2), step, encoder_hidden_states=states) \
                    .sample.float().chunk(2)
                guided = without + guidance * (with_words - without)
            latents = scheduler.step(guided, step, latents).prev_sample
        latents = (latents / vae.config.scaling_factor).contiguous(memory_format=torch.channels_last)
        return torch.cat([vae.decode(part).sample.float() for part in latents.split(32)]).clamp(-1, 1)


class TorchDrawer:
    def __init__(self, folder):
        self.vocabulary = Vocabulary(os.path.join(folder, "tokenizer", "spiece"))
        load = {"torch_dtype": torch.float32}
        self.text_encoder = CLIPTextModel.from_pretrained(folder, subfolder="text_encoder", dtype=torch.float32)
        self.unet = UNet2DConditionModel.from_pretrained(folder, subfolder="unet", **load)
        self.vae = AutoencoderKL.from_pretrained(folder, subfolder="vae", **load)
        for part in (self.text_encoder, self.unet, self.vae):
            part.to(device()).eval()

    def draw(self, prompts, seeds, guidance=4.0, batch=64):
        """[prompt, 3, side, side] of -1 … 1"""
        nothing = self.vocabulary.ids([""], device())
        pictures = []
        for start in range(0, len(prompts), batch):
            ids = self.vocabulary.ids(prompts[start:start + batch], device())
            pictures.append(sample(lambda ids: self.text_encoder(ids).last_hidden_state, self.unet, self.vae, ids,
                                   nothing, seeds[start:start + batch], guidance=guidance))
        return torch.cat(pictures)


class LimnDrawer:
    """One process a picture, as many at a time as there are cores. Pictures of another size are brought to the size of
    the training pictures."""

    def __init__(self, folder, program):
        self.folder, self.program = folder, program

    def draw(self, prompts, seeds, guidance=4.0):
        with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
            names = [os.path.join(folder, f"{i}.png") for i in range(len(prompts))]
            list(pool.map(lambda job: self.run(*job, guidance), zip(names, prompts, seeds)))
            pictures = numpy.stack([numpy.asarray(Image.open(name).convert("RGB").resize(
                (models.SIDE, models.SIDE), Image.Resampling.BICUBIC)) for name in names])
        return (torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1).to(device())

    def run(self, name, prompt, seed, guidance=4.0, threads=1):
        subprocess.run([self.program, "-p", prompt, "-m", self.folder, "-o", name, "-s", str(seed), "--steps", "20",
                        "--cfg-scale", str(guidance), "-t", str(threads), "--quiet"],
                       check=True, stdout=subprocess.DEVNULL)
