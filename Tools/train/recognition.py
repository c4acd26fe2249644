"""What a picture shows, by the nearest picture of training."""

from collections import defaultdict

import torch
import torch.nn.functional as F

from scenes import COUNT_LAYOUTS, PART, Background, Placement, Scene

BORDER = 4                       # pixels, which no centred thing reaches
GRAIN = 4                        # pixels averaged into one where places may be off by a few


class Recogniser:
    def __init__(self, emojis, painter, vae, among=None):
        """`vae`: an AutoencoderKL in float32. `among`: the indices of the things that may be found; all of them."""
        self.emojis, self.painter, self.vae = emojis, painter, vae
        self.among = list(range(len(emojis)) if among is None else among)
        self.latents = self._encoded([Scene((Placement(i),)) for i in self.among])
        self.twins = _twins(painter)
        self.alone = {}              # (x, y, background) → every thing alone there

    def nearest(self, pictures, count=5):
        """Indices of the nearest things on white by the autoencoder's latents: [picture, count]."""
        rows = torch.cdist(self._encode(pictures), self.latents).topk(count, largest=False).indices.tolist()
        return [[self.among[i] for i in row] for row in rows]

    def same(self, found, thing, language="en"):
        """Whether they are the same picture (some flags are), or have the same name in the prompt's language."""
        name = self.emojis[thing].names.get(language)
        return (found in self.twins[thing]
                or name is not None and self.emojis[found].names.get(language) == name)

    def border_share(self, picture, colour):
        """The share of the border's pixels that are nearer to this colour than to any other that has a name."""
        inner = torch.zeros(picture.shape[1:], dtype=torch.bool)
        inner[BORDER:-BORDER, BORDER:-BORDER] = True
        pixels = (picture.permute(1, 2, 0)[~inner.to(picture.device)] + 1) / 2
        names = list(self.painter.colours)
        palette = torch.stack([self.painter.colours[name] for name in names])
        return (torch.cdist(pixels, palette).argmin(1) == names.index(colour)).float().mean().item()

    def at(self, picture, x, y, background="white"):
        """The thing that stands at x, y at half size, among all of them: its index."""
        key = (x, y, background)
        if key not in self.alone:
            self.alone[key] = self._windows(*key)
        window = _window(picture[None], x, y)
        return self.among[torch.cdist(window.flatten(1), self.alone[key]).argmin().item()]

    def count(self, picture, thing, background="white"):
        """How many of this thing: 1 to 4, as the nearest of the layouts."""
        ground = Background(background)
        scenes = [Scene((Placement(thing),), ground)]
        for layout in COUNT_LAYOUTS.values():
            scenes.append(Scene(tuple(Placement(thing, x, y, PART) for x, y in layout), ground))
        layouts = F.avg_pool2d(self.painter.paint(scenes), GRAIN).flatten(1)
        return torch.cdist(F.avg_pool2d(picture[None], GRAIN).flatten(1), layouts).argmin().item() + 1

    def _windows(self, x, y, background):
        """Every thing alone at x, y: [thing, values]"""
        things = [Scene((Placement(i, x, y, PART),), Background(background)) for i in self.among]
        parts = [_window(self.painter.paint(things[start:start + 128]), x, y) for start in range(0, len(things), 128)]
        return torch.cat(parts).flatten(1)

    @torch.no_grad()
    def _encode(self, pictures):
        latents = [self.vae.encode(part).latent_dist.mode().flatten(1) for part in pictures.split(32)]
        return torch.cat(latents)

    def _encoded(self, scenes):
        parts = [self._encode(self.painter.paint(scenes[start:start + 128])) for start in range(0, len(scenes), 128)]
        return torch.cat(parts)


def _window(pictures, x, y):
    """The half of the picture around x, y, in coarse pixels."""
    side = pictures.shape[-1]
    left, top = (round(side * (0.25 + offset)) for offset in (x, y))
    return F.avg_pool2d(pictures[:, :, top:top + side // 2, left:left + side // 2], GRAIN)


def _twins(painter):
    """thing → all things of exactly its picture, itself included."""
    groups = defaultdict(set)
    keys = [sprite.cpu().numpy().tobytes() for sprite in painter.levels[2]]
    for thing, key in enumerate(keys):
        groups[key].add(thing)
    return [groups[key] for key in keys]
