"""The text encoder's first lessons: which things, colours, places and counts a caption names, in every language, and
roughly what its picture looks like.

A lesson costs a seventh of the UNet's, and translations meet in one place before any picture is drawn. What is learnt
by heart, one thing at a time, is learnt here where it is cheap; the UNet learns one rule for all things, to draw a
sketch out. The lessons go on, at a small weight, while the UNet trains; and this stage can be run again after it, for
what the UNet draws is bounded by what it is told. Each of the two stages begins with the other's text encoder if that
one's checkpoint is newer.
"""

import os

import torch
import torch.nn.functional as F
from torch import nn

import models
from captions import caption
from labels import NOTHING, classes, labels
from pictures import Painter
from training import Run, averaged_weights, device, half_is_fast, newer, prepared

SKETCH = 32                      # a sketch's side: the picture in few pixels
SHRINK = 4                       # the scenes of these lessons are painted so many times smaller
SKETCH_WEIGHT = 40
SIGN = 10                        # how strongly a region's state says which region it is
SIGN_WEIGHT = 2


class Reader(nn.Module):
    """The text encoder with linear heads: one a label, at the caption's end, and one for the sketch.

    The sketch is told by the last tokens, which are padding, a region of the picture each, rows from the top. Every
    place of the UNet can so look up what belongs there; to unfold a picture from one vector it learns far more slowly.
    It finds its region by the first numbers of the states there, of which one, the region's own, is high.
    """

    def __init__(self, emojis):
        super().__init__()
        self.text_encoder = models.text_encoder()
        width = self.text_encoder.config.hidden_size
        self.heads = nn.ModuleList(nn.Linear(width, count) for count in classes(emojis))
        self.sketch = nn.Linear(width, 3 * (SKETCH // models.REGIONS) ** 2)

    def forward(self, ids):
        """Hidden states [text, TOKENS, width]; what is told: by heads [text, classes], by the sketch, by the signs."""
        states = self.text_encoder(ids).last_hidden_state
        ends = (ids == models.END).int().argmax(1)
        end = states[torch.arange(len(ids), device=ids.device), ends]
        regions = states[:, -models.REGIONS ** 2:]
        signs = regions[..., :models.REGIONS ** 2]
        return states, [*(head(end) for head in self.heads), self.sketch(regions).flatten(1), signs]


def sketched(pictures):
    """What the sketch should be: [picture, 3 · SKETCH · SKETCH] of -1 … 1, region after region."""
    small = F.adaptive_avg_pool2d(pictures, SKETCH)
    side = SKETCH // models.REGIONS
    return F.unfold(small, side, stride=side).transpose(1, 2).flatten(1)


def examples(data, painter, rng, count):
    """Scenes drawn at random; the ids of a caption of each, [scene, TOKENS]; their sketches, as `sketched` has them."""
    scenes = [data.scenes.draw(rng) for _ in range(count)]
    ids = data.vocabulary.ids([caption(scene, data.emojis, rng) for scene in scenes], device())
    return scenes, ids, sketched(painter.paint(scenes))


def lesson(said, truth, sketches, shown=None):
    """The labels' cross entropies, and the squared errors of sketch and signs; and the sketch's alone.

    `truth`: [text, label], NOTHING where a caption does not tell; `shown`: whether a text has a sketch at all.
    """
    *said, drawn, signs = said
    told = sum(F.cross_entropy(logits.float(), truth[:, i], ignore_index=NOTHING, reduction="sum") / len(truth)
               for i, logits in enumerate(said))
    error = (drawn.float() - sketches).square().mean(1)
    error = (error if shown is None else error * shown).mean()
    unlike = (signs.float() - SIGN * torch.eye(signs.shape[-1], device=signs.device)).square().mean()
    return told + SKETCH_WEIGHT * error + SIGN_WEIGHT * unlike, error


def train(data, folder, minutes, batch, rate, cooldown):
    reader = prepared(Reader(data.emojis))
    painter = Painter(data.sprites, device(), SHRINK)
    memory = [weight for weight in reader.text_encoder.encoder.parameters() if weight.ndim == 2]
    run = Run("text", folder, reader, rate, 0.998, minutes, cooldown, memory=memory)
    if os.path.exists(os.path.join(folder, "unet.pt")):
        reader.sketch.requires_grad_(False)      # so that the states go on to mean what the UNet takes them for
        if newer("unet", "text", folder):
            joint = averaged_weights("unet", folder)
            run.take({name.removeprefix("reader."): weight for name, weight in joint.items()})

    # On a CPU too, if it has bfloat16: here its gradients equal eager mode's.
    forward = torch.compile(reader) if half_is_fast() else reader

    def loss(ids, truth, sketches):
        _, said = forward(ids)
        right = (said[0].argmax(1) == truth[:, 0]).float().mean()
        total, sketch = lesson(said, truth, sketches)
        return total, (right, sketch)

    for rng in run.batches():
        scenes, ids, sketches = examples(data, painter, rng, batch)
        truth = torch.tensor([labels(scene) for scene in scenes], device=device())
        run.report("first thing", "sketch", figures=run.step(loss, ids, truth, sketches))


def trained(data, folder):
    reader = Reader(data.emojis).to(device())
    reader.load_state_dict(averaged_weights("text", folder))
    return reader
