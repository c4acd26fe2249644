"""A store of scenes as latents with captions, so that the UNet's steps are not spent on painting and encoding.

Every step puts a few new scenes in place of the oldest. A scene takes 12 KB with latents of 32×32.
"""

import os
import random

import torch

from captions import caption
from labels import labels
from models import TOKENS
from train_text import SKETCH, sketched
from training import autocast, device, write_atomically

CAPTIONS = 4                     # wordings a scene, each in any language
CHUNK = 64
STORED = "latents", "ids", "labels", "sketches"


class Pool:
    def __init__(self, data, vae, size, folder):
        self.data, self.vae = data, vae
        self.path = os.path.join(folder, "pool.pt")
        side = data.painter.side // 2 ** (len(vae.config.block_out_channels) - 1)
        self.latents = torch.zeros(size, vae.config.latent_channels, side, side, dtype=torch.float16, device=device())
        self.ids = torch.zeros(size, CAPTIONS, TOKENS, dtype=torch.int16, device=device())
        self.labels = torch.zeros(size, 6, dtype=torch.int16, device=device())
        self.sketches = torch.zeros(size, 3 * SKETCH * SKETCH, dtype=torch.uint8, device=device())
        self.painted = 0             # so many scenes in all; the next goes to this place, modulo the size
        if os.path.exists(self.path):
            self._load()

    def __len__(self):
        return min(self.painted, len(self.latents))

    @torch.no_grad()
    def paint(self, count):
        """New scenes in place of the oldest."""
        for start in range(0, count, CHUNK):
            rng = random.Random(f"pool {self.painted}")
            scenes = [self.data.scenes.draw(rng) for _ in range(min(CHUNK, count - start))]
            places = [(self.painted + i) % len(self.latents) for i in range(len(scenes))]
            pictures = self.data.painter.paint(scenes)
            with autocast():
                latents = self.vae.encode(pictures).latent_dist.mode()
            self.latents[places] = latents.half()
            self.sketches[places] = ((sketched(pictures) + 1) * 127.5).round().byte()
            words = [caption(scene, self.data.emojis, rng) for scene in scenes for _ in range(CAPTIONS)]
            self.ids[places] = self.data.vocabulary.ids(words, device()).short().view(len(scenes), CAPTIONS, TOKENS)
            self.labels[places] = torch.tensor([labels(scene) for scene in scenes], device=device()).short()
            self.painted += len(scenes)

    def fill(self):
        """Until every place is taken."""
        while self.painted < len(self.latents):
            self.paint(min(CHUNK * 16, len(self.latents) - self.painted))
            print(f"pool: {self.painted} of {len(self.latents)} scenes", flush=True)

    def batch(self, count):
        """latents [count, 4, side, side], token ids [count, TOKENS], labels [count, 6], sketches [count, values]"""
        rows = torch.randint(len(self), (count,), device=device())
        wordings = torch.randint(CAPTIONS, (count,), device=device())
        latents = self.latents[rows].float().contiguous(memory_format=torch.channels_last)
        sketches = self.sketches[rows] / 127.5 - 1
        return latents, self.ids[rows, wordings].long(), self.labels[rows].long(), sketches

    def save(self):
        count = len(self)
        kept = {name: getattr(self, name)[:count] for name in STORED}
        write_atomically({**kept, "painted": self.painted, "encoder": self._encoder()}, self.path)

    def _encoder(self):
        """Tells one encoder from another."""
        return self.vae.quant_conv.bias.tolist()

    def _load(self):
        """What was kept, unless another autoencoder made it."""
        kept = torch.load(self.path, map_location=device(), weights_only=True)
        if kept["encoder"] != self._encoder():
            return
        count = min(len(kept["latents"]), len(self.latents))
        for name in STORED:
            getattr(self, name)[:count] = kept[name][:count]
        self.painted = max(count, kept["painted"]) if count == len(self.latents) else count
