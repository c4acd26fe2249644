"""The UNet and the text encoder together: v-prediction with min-SNR weights and a tenth of the captions left out."""

import os

import torch
from diffusers import AutoencoderKL
from torch import nn

import models
import train_text
import train_vae
from drawing import sample
from pool import Pool
from sheets import save_sheet
from training import Run, averaged_weights, compiled, device, newer, prepared

CAPTION_DROPOUT = 0.1
SNR_LIMIT = 5
LESSON_WEIGHT = 0.05
STEP_POWER = 0.25, 0.5           # 1: all steps alike; less: more often those of strong noise; and in a cooldown
SHEET_STEPS = 1000
PROMPTS = (
    "red apple", "cat face", "rocket", "pizza", "grinning face", "guitar", "sunflower", "house", "flag: Japan",
    "thumbs up: dark skin tone", "🦊", "piano", "roter Apfel", "cara de gato", "fusée", "ピザ", "눈사람", "слон",
    "red heart on a black background", "dog face, yellow background", "sunflower on a blue background",
    "robot, green background", "ghost on a purple background", "banana, red background",
    "small pizza", "large tiger face", "soccer ball in the top left", "bee on the right", "blue banana",
    "green pig face", "elephant upside down", "bicycle mirrored", "two cherries", "three bananas", "four soccer balls",
    "three mushrooms on a blue background", "cat face left of dog face", "star above house",
    "pizza below rocket, orange background", "apple and banana", "red heart right of sun", "fish above guitar",
)


class Painter(nn.Module):
    """All that is trained here, in one module: so one optimiser, one average and one checkpoint hold it."""

    def __init__(self, reader, unet):
        super().__init__()
        self.reader, self.unet = reader, unet

    def forward(self, noisy, steps, ids):
        states, said = self.reader(ids)
        return self.unet(noisy, steps, encoder_hidden_states=states).sample, said


def train(data, folder, minutes, batch, rate, cooldown, pool_size, fresh):
    if not os.path.exists(os.path.join(folder, "vae")):
        train_vae.finish(data, folder, "vae")                    # it was stopped just before
    vae = prepared(AutoencoderKL.from_pretrained(os.path.join(folder, "vae"))).eval().requires_grad_(False)
    pool = Pool(data, vae, pool_size, folder)
    if len(pool) < pool_size:
        pool.fill()
        pool.save()
    painter = prepared(Painter(train_text.trained(data, folder), models.unet(pool.latents.shape[-1])))
    blocks = (painter.unet.down_blocks, painter.unet.mid_block, painter.unet.up_blocks)
    memory = [weight for block in blocks for weight in block.parameters() if weight.ndim > 1]
    # At the UNet's own rate and batch, the error of the reader's sketches rose by a quarter within 500 steps.
    run = Run("unet", folder, painter, rate, 0.9995, minutes, cooldown, painter.reader.parameters(), memory, 2.0)
    if newer("text", "unet", folder):
        run.take({f"reader.{name}": weight for name, weight in averaged_weights("text", folder).items()})
    signal = models.scheduler().alphas_cumprod.to(device())
    nothing = data.vocabulary.ids([""], device())
    forward = compiled(painter)

    def loss(latents, noise, steps, ids, truth, sketches, shown):
        a, s = signal[steps].sqrt()[:, None, None, None], (1 - signal[steps]).sqrt()[:, None, None, None]
        predicted, said = forward(a * latents + s * noise, steps, ids)
        error = (predicted.float() - (a * noise - s * latents)).square().mean((1, 2, 3))
        snr = signal[steps] / (1 - signal[steps])
        # Min-SNR for v (Hang et al. 2023), but never less than v's own weight where noise is all there is: that is
        # where the background is decided.
        weight = (snr.clamp(max=SNR_LIMIT) + 1) / (snr + 1)
        drawn, (read, sketch) = (error * weight).mean(), train_text.lesson(said, truth, sketches, shown)
        return drawn + LESSON_WEIGHT * read, (drawn, read, sketch)

    for _ in run.batches():
        if run.steps % 32 == 0:
            pool.paint(32 * fresh)
        latents, ids, truth, sketches = pool.batch(batch)
        dropped = torch.rand(batch, device=device()) < CAPTION_DROPOUT
        ids = torch.where(dropped[:, None], nothing, ids)
        truth = torch.where(dropped[:, None], train_text.NOTHING, truth)
        # What is drawn is decided where noise is strong; to take the last of it away is soon learnt.
        steps = (len(signal) * torch.rand(batch, device=device()) ** STEP_POWER[cooldown]).long().clamp(max=len(signal) - 1)
        figures = run.step(loss, latents, torch.randn_like(latents), steps, ids, truth, sketches, ~dropped)
        run.report("drawn", "read", "sketch", figures=figures)
        if run.steps % SHEET_STEPS == SHEET_STEPS - 1:
            sheet(data, vae, run, folder)
    pool.save()
    sheet(data, vae, run, folder)


def averaged(data, folder, side):
    """The averaged weights, as a Painter that draws."""
    painter = prepared(Painter(train_text.Reader(data.emojis), models.unet(side)))
    painter.load_state_dict(averaged_weights("unet", folder))
    return painter.eval()


@torch.no_grad()
def sheet(data, vae, run, folder):
    live = {name: weight.clone() for name, weight in run.module.state_dict().items()}
    run.module.load_state_dict(run.average.weights)
    run.module.eval()
    ids = data.vocabulary.ids([*PROMPTS, ""], device())
    pictures = sample(lambda ids: run.module.reader(ids)[0], run.module.unet, vae, ids[:-1], ids[-1:],
                      range(len(PROMPTS)))
    save_sheet(pictures, os.path.join(folder, f"samples-{run.samples // 1000:05d}k.png"))
    run.module.load_state_dict(live)
    run.module.train()
