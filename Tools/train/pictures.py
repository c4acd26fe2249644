"""Scenes become pictures: a batch at a time, on the device that trains."""

import math

import torch
import torch.nn.functional as F

from languages import COLOURS

PYRAMID = 3                      # sprites at full, half and quarter size, so that small ones come out smooth


class Painter:
    def __init__(self, sprites, device="cpu", shrink=1):
        """`sprites` as emoji.sprites() has them: [emoji, 4, side, side] of uint8. Pictures `shrink` times smaller."""
        self.device = device
        self.side = sprites.shape[-1] // shrink
        levels = [[] for _ in range(PYRAMID)]
        for chunk in torch.from_numpy(sprites).split(256):
            chunk = chunk.to(device).float()
            colour, opacity = chunk[:, :3], chunk[:, 3:] / 255
            chunk = torch.cat([colour * opacity, chunk[:, 3:]], dim=1)            # from here multiplied by opacity
            chunk = F.avg_pool2d(chunk, shrink)
            for level in range(PYRAMID):
                if level:
                    chunk = F.avg_pool2d(chunk, 2)
                levels[level].append(chunk.round().to(torch.uint8))
        self.levels = [torch.cat(level) for level in levels]
        self.colours = {name: torch.tensor(rgb, device=device) / 255 for name, rgb in COLOURS.items()}
        self.shares = self._shares()

    def _shares(self):
        """How much of the second colour each pattern has at each pixel; none for None."""
        steps = (torch.arange(self.side, device=self.device) + 0.5) / self.side
        y, x = torch.meshgrid(steps, steps, indexing="ij")
        across, down = (8 * x).floor(), (8 * y).floor()
        to_middle = torch.hypot(8 * x % 1 - 0.5, 8 * y % 1 - 0.5)
        return {None: torch.zeros_like(x), "gradient": y, "stripes": across % 2, "checks": (across + down) % 2,
                "dots": ((0.3 - to_middle) * self.side / 8 + 0.5).clamp(0, 1)}

    def paint(self, scenes):
        """[scene, 3, side, side] of -1 … 1, channels last."""
        pictures = self._backgrounds([scene.background for scene in scenes])
        for layer in range(max(len(scene.placements) for scene in scenes)):
            rows = [row for row, scene in enumerate(scenes) if len(scene.placements) > layer]
            sprites = self._sprites([scenes[row].placements[layer] for row in rows])
            pictures[rows] = pictures[rows] * (1 - sprites[:, 3:]) + sprites[:, :3]
        return (pictures * 2 - 1).contiguous(memory_format=torch.channels_last)

    def _backgrounds(self, grounds):
        first = torch.stack([self.colours[ground.colour] for ground in grounds])[:, :, None, None]
        second = torch.stack([self.colours[ground.second or ground.colour] for ground in grounds])[:, :, None, None]
        return first + (second - first) * torch.stack([self.shares[ground.pattern] for ground in grounds])[:, None]

    def _sprites(self, placements):
        """Each sprite where it stands, on nothing: [placement, 4, side, side], multiplied by opacity."""
        out = torch.empty(len(placements), 4, self.side, self.side, device=self.device)
        levels = [0 if p.scale > 0.7 else 1 if p.scale > 0.35 else 2 for p in placements]
        for level in set(levels):
            rows = [row for row, at in enumerate(levels) if at == level]
            chosen = [placements[row] for row in rows]
            source = self.levels[level][[p.thing for p in chosen]].float() / 255
            as_it_is = [_theta(p) == IDENTITY for p in chosen]
            moved = [row for row, same in enumerate(as_it_is) if not same]
            if moved:
                theta = torch.tensor([_theta(chosen[row]) for row in moved], device=self.device)
                grid = F.affine_grid(theta, [len(moved), 4, self.side, self.side], align_corners=False)
                out[[rows[row] for row in moved]] = F.grid_sample(source[moved], grid, align_corners=False)
            kept = [row for row, same in enumerate(as_it_is) if same]
            if kept:
                out[[rows[row] for row in kept]] = source[kept]
        tinted = [row for row, placement in enumerate(placements) if placement.tint]
        if tinted:
            out[tinted] = _tinted(out[tinted], torch.stack([self.colours[placements[row].tint] for row in tinted]))
        return out


IDENTITY = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]


def _theta(placement):
    """Where in the sprite a point of the picture is, as affine_grid wants it: both span -1 … 1."""
    cos, sin = math.cos(math.radians(placement.angle)), math.sin(math.radians(placement.angle))
    if placement.angle == 0:
        cos, sin = 1.0, 0.0
    flip = -1.0 if placement.mirrored else 1.0
    x, y = -2 * placement.x, -2 * placement.y
    s = placement.scale
    return [[flip * cos / s, flip * sin / s, flip * (cos * x + sin * y) / s + 0.0],
            [-sin / s + 0.0, cos / s, (-sin * x + cos * y) / s + 0.0]]


def _tinted(sprites, colours):
    """Shades of one colour, black to white, by a sprite's lightness; all multiplied by opacity."""
    opacity = sprites[:, 3:]
    light = (sprites[:, :3].amax(1, keepdim=True) + sprites[:, :3].amin(1, keepdim=True)) / 2
    colours = colours[:, :, None, None]
    dark = colours * (2 * light)
    bright = colours * (2 * opacity - 2 * light) + (2 * light - opacity)
    return torch.cat([torch.where(light < opacity / 2, dark, bright), opacity], dim=1)


def to_bytes(pictures):
    """-1 … 1 → [picture, side, side, 3] of uint8."""
    return ((pictures.float().clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
