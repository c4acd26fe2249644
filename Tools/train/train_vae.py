"""The autoencoder: L1, the same at coarser scales, and the error of the gradient, so that edges stay sharp."""

import math
import os
import random

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

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
    # Lightness makes up most of an error; hues would come out late without a term of their own.
    hue = (error[:, 0] - error[:, 1]).abs().mean() + (error[:, :2].mean(1) - error[:, 2]).abs().mean()
    kl = posterior.kl().mean() / posterior.mean[0].numel()
    square = error.square().mean()
    return error.abs().mean() + 4 * square + 0.5 * (coarse + across + down + hue) + KL_WEIGHT * kl, square


def train(data, folder, minutes, batch, rate, cooldown, stage="vae"):
    """As stage "decoder" only the decoder goes on, so that latents stay what the UNet has learnt."""
    vae = prepared(models.autoencoder())
    if stage == "decoder":
        vae.load_state_dict(AutoencoderKL.from_pretrained(os.path.join(folder, "vae")).state_dict())
        vae.encoder.requires_grad_(False)
        vae.quant_conv.requires_grad_(False)
    run = Run(stage, folder, vae, rate, 0.998, minutes, cooldown)

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
    finish(data, folder, stage)


@torch.no_grad()
def finish(data, folder, stage):
    """Measures the averaged weights on held-out pictures, and saves them."""
    vae = prepared(models.autoencoder()).eval()
    vae.load_state_dict(averaged_weights(stage, folder))
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
    print(f"{stage}: PSNR on {HELD} held-out pictures {total:.2f} dB over all pixels, {each.mean():.2f} dB a picture",
          flush=True)
    save_sheet(torch.cat([pictures[:24], output[:24]]), os.path.join(folder, stage + ".png"))
    if stage == "vae":
        normalise(vae, latents.mean((0, 2, 3)), latents.std((0, 2, 3)))
    vae.register_to_config(scaling_factor=1.0)
    vae.save_pretrained(os.path.join(folder, "vae"))


@torch.no_grad()
def normalise(vae, mean, deviation):
    """Builds the latents' mean and deviation, a channel each, into the convolutions that they leave and enter by.

    A scaling factor could do so only for all channels together, and not for the mean, which a white background moves.
    """
    weight, bias = vae.quant_conv.weight, vae.quant_conv.bias                    # latents' mean, then log of variance
    weight[:4] /= deviation[:, None, None, None]
    bias[:4] = (bias[:4] - mean) / deviation
    bias[4:] -= 2 * deviation.log()
    weight, bias = vae.post_quant_conv.weight, vae.post_quant_conv.bias
    bias += weight[:, :, 0, 0] @ mean
    weight *= deviation[None, :, None, None]
