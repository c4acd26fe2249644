"""The autoencoder: L1, the same at coarser scales, and the error of the picture's gradient, so that edges stay sharp."""

import math
import os
import random

import torch
import torch.nn.functional as F

import models
from sheets import save_sheet
from training import Run, autocast, averaged_weights, compiled, device, prepared

KL_WEIGHT = 3e-4
HELD = 192                       # pictures that measure the PSNR: pairs and places that training does not show


def losses(picture, target, posterior):
    error = picture - target
    coarse = sum(F.avg_pool2d(error, size).abs().mean() for size in (2, 4))
    across = (error[..., 1:] - error[..., :-1]).abs().mean()
    down = (error[..., 1:, :] - error[..., :-1, :]).abs().mean()
    kl = posterior.kl().mean() / posterior.mean[0].numel()
    square = error.square().mean()
    return error.abs().mean() + 4 * square + 0.5 * coarse + 0.5 * (across + down) + KL_WEIGHT * kl, square


def train(data, folder, minutes, batch, rate, cooldown):
    vae = prepared(models.autoencoder())
    run = Run("vae", folder, vae, rate, 0.998, minutes, cooldown)

    @compiled
    def forward(pictures):
        posterior = vae.encode(pictures).latent_dist
        return vae.decode(posterior.sample()).sample, posterior

    def loss(pictures):
        output, posterior = forward(pictures)
        loss, square = losses(output.float(), pictures, posterior)
        return loss, (-10 * square.div(4).log10(), posterior.mean.std().float())

    for rng in run.batches():
        pictures = data.painter.paint([data.scenes.draw(rng) for _ in range(batch)])
        run.report("psnr", "std", figures=run.step(loss, pictures))
    finish(data, folder)


@torch.no_grad()
def finish(data, folder):
    """Measures the averaged weights on held-out pictures, and saves them with the latents' scale."""
    vae = prepared(models.autoencoder()).eval()
    vae.load_state_dict(averaged_weights("vae", folder))
    rng = random.Random("held-out")
    kinds = ("background", "count", "tint", "relation")
    scenes = [data.scenes.draw(rng, held=True, kind=kinds[i % len(kinds)]) for i in range(HELD)]
    pictures, output, latents = [], [], []
    for start in range(0, HELD, 16):
        picture = data.painter.paint(scenes[start:start + 16])
        with autocast():
            latent = vae.encode(picture).latent_dist.mode()
            output.append(vae.decode(latent).sample.float().clamp(-1, 1))
        pictures.append(picture)
        latents.append(latent.float())
    pictures, output, latents = torch.cat(pictures), torch.cat(output), torch.cat(latents)
    each = -10 * (pictures - output).square().mean((1, 2, 3)).div(4).log10()
    total = -10 * math.log10((pictures - output).square().mean().item() / 4)
    print(f"vae: PSNR on {HELD} held-out pictures {total:.2f} dB over all pixels, {each.mean():.2f} dB a picture; "
          f"latents' standard deviation {latents.std():.3f}, mean {latents.mean():.3f}", flush=True)
    save_sheet(torch.cat([pictures[:24], output[:24]]), os.path.join(folder, "vae.png"))
    vae.register_to_config(scaling_factor=1 / latents.std().item())
    vae.save_pretrained(os.path.join(folder, "vae"))
    return total
