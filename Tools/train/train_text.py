"""The text encoder's first lessons: which things, colours, places and counts a caption names, in every language.

A step costs a tenth of the UNet's, and translations meet in one place before any picture is drawn. The lessons go on,
at a small weight, while the UNet trains.
"""

import torch
import torch.nn.functional as F
from torch import nn

import models
from captions import caption
from labels import NOTHING, classes, labels
from training import Run, averaged_weights, device


class Reader(nn.Module):
    """The text encoder with one linear head a label, at the caption's end."""

    def __init__(self, emojis):
        super().__init__()
        self.text_encoder = models.text_encoder()
        width = self.text_encoder.config.hidden_size
        self.heads = nn.ModuleList(nn.Linear(width, count) for count in classes(emojis))

    def forward(self, ids):
        """Hidden states [text, TOKENS, width], and what each head says [text, classes]."""
        states = self.text_encoder(ids).last_hidden_state
        ends = (ids == models.END).int().argmax(1)
        end = states[torch.arange(len(ids), device=ids.device), ends]
        return states, [head(end) for head in self.heads]


def lesson(said, truth):
    """The sum of the labels' cross entropies. `truth`: [text, label], NOTHING where a caption does not tell."""
    return sum(F.cross_entropy(logits.float(), truth[:, i], ignore_index=NOTHING, reduction="sum") / len(truth)
               for i, logits in enumerate(said))


def train(data, folder, minutes, batch, rate, cooldown):
    reader = Reader(data.emojis).to(device())
    run = Run("text", folder, reader, rate, 0.998, minutes, cooldown)

    def loss(ids, truth):
        _, said = reader(ids)
        right = (said[0].argmax(1) == truth[:, 0]).float().mean()
        return lesson(said, truth), (right,)

    for rng in run.batches():
        scenes = [data.scenes.draw(rng) for _ in range(batch)]
        ids = data.vocabulary.ids([caption(scene, data.emojis, rng) for scene in scenes], device())
        if device() == "cpu":
            # What follows the longest caption's end has no bearing on it. (A GPU would rather have one shape.)
            ids = ids[:, :(ids != models.PAD).sum(1).max()]
        truth = torch.tensor([labels(scene) for scene in scenes], device=device())
        run.report("first thing", figures=run.step(loss, ids, truth))


def trained(data, folder):
    reader = Reader(data.emojis).to(device())
    reader.load_state_dict(averaged_weights("text", folder))
    return reader
