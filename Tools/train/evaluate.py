"""Measures a model's folder and prints the card's table: a fixed list of prompts and seeds, drawn by limn itself.

    python Tools/train/evaluate.py weights/icons-128 --quick
"""

import argparse
import os
import random
import tempfile
import time

import torch
from diffusers import AutoencoderKL

import emoji
from captions import caption
from drawing import LimnDrawer, TorchDrawer
from emoji import LANGUAGES
from languages import COLOURS
from pictures import Painter
from recognition import Recogniser
from scenes import Background, Placement, Scene, Scenes, RELATION_SIDES, held_out
from sheets import save_sheet
from training import device

# prompts a row: fully, and with --quick
COUNTS = {"english": (600, 60), "languages": (44, 6), "background": (240, 36), "relation": (200, 30),
          "count": (150, 24), "guidance": (200, 30), "translations": (110, 22), "autoencoder": (192, 64)}
NEAR = 20                        # dB between two pictures, from which they count as nearly the same


class Evaluation:
    def __init__(self, folder, drawer, quick):
        self.drawer, self.quick, self.folder = drawer, quick, folder
        self.emojis = emoji.load()
        self.scenes = Scenes(self.emojis)
        self.painter = Painter(emoji.sprites(self.emojis), device())
        vae = AutoencoderKL.from_pretrained(folder, subfolder="vae", torch_dtype=torch.float32).to(device()).eval()
        self.recogniser = Recogniser(self.emojis, self.painter, vae)
        self.rows = []
        self.sheet = []

    def count(self, name):
        return COUNTS[name][self.quick]

    def row(self, what, target, value):
        self.rows.append((what, target, value))
        print(f"| {what} | {target} | {value} |", flush=True)

    def draw(self, scenes, language="en", guidance=4.0, first_seed=0):
        """Pictures of the scenes by their plainest captions; picture i has seed first_seed + i."""
        rng = random.Random(0)
        prompts = [caption(scene, self.emojis, rng, language, plain=True) for scene in scenes]
        pictures = self.drawer.draw(prompts, range(first_seed, first_seed + len(prompts)), guidance)
        self.sheet.append(pictures[:12])
        return pictures

    def things(self, count, label, named_in="en", of=None):
        """A fixed choice of things that have a name in the language."""
        rng = random.Random(f"evaluation {label}")
        named = [i for i in of or range(len(self.emojis)) if named_in in self.emojis[i].names]
        return rng.sample(named, count)

    def accuracy(self, things, pictures, language="en"):
        """The shares whose thing is the nearest, and among the five nearest."""
        hits = [[self.recogniser.same(found, thing, language) for found in nearest]
                for thing, nearest in zip(things, self.recogniser.nearest(pictures))]
        return _mean(hit[0] for hit in hits), _mean(map(any, hits))

    def english(self):
        things = self.things(self.count("english"), "english")
        pictures = self.draw([_plain(thing) for thing in things])
        first, five = self.accuracy(things, pictures)
        self.row("English names: top-1", "≥ 85 %", _percent(first))
        self.row("English names: top-5", "≥ 95 %", _percent(five))
        for kind in ("base", "flag", "variant"):
            rows = [row for row, thing in enumerate(things) if self.emojis[thing].kind == kind]
            first, five = self.accuracy([things[row] for row in rows], pictures[rows])
            words = {"base": "things of their own", "flag": "flags", "variant": "skin tones and genders"}[kind]
            self.row(f"— of which {words} ({len(rows)}): top-1, top-5", "", f"{_percent(first)}, {_percent(five)}")

    def languages(self):
        each = {}
        for language in LANGUAGES[1:]:
            things = self.things(self.count("languages"), language, language)
            each[language] = self.accuracy(things, self.draw([_plain(thing) for thing in things], language), language)
        self.row("Other languages, mean: top-1", "≥ 70 %", _percent(_mean(first for first, _ in each.values())))
        self.row("Other languages, mean: top-5", "", _percent(_mean(five for _, five in each.values())))
        self.row("— each: top-1", "", ", ".join(f"{name} {_percent(first)}" for name, (first, _) in each.items()))

    def backgrounds(self):
        for held, target in ((False, "≥ 97 %"), (True, "≥ 95 %")):
            rng = random.Random(f"evaluation background {held}")
            scenes = []
            while len(scenes) < self.count("background") // 2:
                thing, colour = rng.choice(self.scenes.base), rng.choice(list(COLOURS)[1:])
                if held_out("background", self.emojis[thing].character, colour) == held:
                    scenes.append(Scene((Placement(thing),), Background(colour), "background"))
            pictures = self.draw(scenes)
            share = _mean(self.recogniser.border_share(picture, scene.background.colour)
                          for picture, scene in zip(pictures, scenes))
            self.row(f"Background of the named colour, {'held-out' if held else 'trained'} pairs", target,
                     _percent(share))

    def relations(self):
        rng = random.Random("evaluation relation")
        scenes = []
        for i in range(self.count("relation")):
            scene = self.scenes.draw(rng, held=True, kind="relation")
            # On white, and of things with a name of their own, so that the row measures composition alone.
            x, y = RELATION_SIDES[scene.detail]
            first, second = (placement.thing for placement in scene.placements)
            scenes.append(Scene((Placement(first, x, y, 0.5), Placement(second, -x, -y, 0.5)), Background(),
                                "relation", scene.detail))
        found = []
        for scene, picture in zip(scenes, self.draw(scenes)):
            found.append([self.recogniser.same(self.recogniser.at(picture, p.x, p.y), p.thing)
                          for p in scene.placements])
        self.row("Two things on held-out pairs: both right and in place", "≥ 60 %", _percent(_mean(map(all, found))))
        self.row("— each of them", "", _percent(_mean(_mean(pair) for pair in found)))

    def counts(self):
        rng = random.Random("evaluation count")
        scenes = [self.scenes.draw(rng, held=True, kind="count") for _ in range(self.count("count"))]
        scenes = [Scene(scene.placements, Background(), "count", scene.detail) for scene in scenes]
        right = _mean(self.recogniser.count(picture, scene.placements[0].thing) == scene.detail
                      for picture, scene in zip(self.draw(scenes), scenes))
        self.row("Count of two to four on held-out pairs", "≥ 70 %", _percent(right))

    def guidance(self):
        things = self.things(self.count("guidance"), "guidance", of=self.scenes.base)
        scenes = [_plain(thing) for thing in things]
        shares = [self.accuracy(things, self.draw(scenes, guidance=scale))[0] for scale in (1.0, 4.0)]
        self.row("Guidance 1 → 4, things of their own: top-1", "rises", " → ".join(map(_percent, shares)))

    def translations(self):
        """A name and its translation, at the same seed."""
        near, same, total = [], [], self.count("translations")
        for number, language in enumerate(LANGUAGES[1:]):
            things = self.things(total // 11, f"translations {language}", language, self.scenes.base)
            scenes = [_plain(thing) for thing in things]
            pair = [self.draw(scenes, spoken, first_seed=1000 * number) for spoken in ("en", language)]
            near += (-10 * ((pair[0] - pair[1]).square().mean((1, 2, 3)) / 4).log10() >= NEAR).tolist()
            same += [a[0] == b[0] for a, b in zip(*(self.recogniser.nearest(pictures, 1) for pictures in pair))]
        self.row(f"A name and its translation, same seed: {NEAR} dB or nearer", "nearly all", _percent(_mean(near)))
        self.row("— the same nearest thing", "", _percent(_mean(same)))

    @torch.no_grad()
    def autoencoder(self):
        rng = random.Random("held-out")
        kinds = ("background", "count", "tint", "relation")
        errors = []
        for i in range(self.count("autoencoder") // 8):
            scenes = [self.scenes.draw(rng, held=True, kind=kinds[k % 4]) for k in range(8)]
            pictures = self.painter.paint(scenes)
            vae = self.recogniser.vae
            drawn = vae.decode(vae.encode(pictures).latent_dist.mode()).sample.clamp(-1, 1)
            errors += ((drawn - pictures).square().mean((1, 2, 3)) / 4).tolist()
        self.row("Autoencoder: PSNR on held-out compositions", "≥ 30 dB",
                 f"{-10 * torch.tensor(errors).mean().log10():.1f} dB "
                 f"(mean of pictures {(-10 * torch.tensor(errors).log10()).mean():.1f})")

    def speed(self):
        """A whole process: start, loading, 20 steps, decoding, the file. Best of five."""
        if not isinstance(self.drawer, LimnDrawer):
            return
        times = []
        with tempfile.TemporaryDirectory() as folder:
            for i in range(5):
                start = time.perf_counter()
                self.drawer.run(os.path.join(folder, f"{i}.png"), "red apple", i, threads=os.cpu_count())
                times.append(time.perf_counter() - start)
        self.row(f"20 steps and decode, whole process, {os.cpu_count()} cores", "< 1.5 s", f"{min(times):.2f} s")

    def all(self):
        for part in (self.autoencoder, self.speed, self.english, self.languages, self.backgrounds, self.relations,
                     self.counts, self.guidance, self.translations):
            part()


def _plain(thing):
    return Scene((Placement(thing),))


def _mean(values):
    values = list(values)
    return sum(values) / max(len(values), 1)


def _percent(share):
    return f"{100 * share:.0f} %"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="the model's folder")
    parser.add_argument("--quick", action="store_true", help="about an eighth of the prompts")
    parser.add_argument("--engine", choices=("limn", "torch"), default="limn", help="what draws (limn)")
    parser.add_argument("--limn", default=".build/release/limn", help="the program")
    parser.add_argument("--sheet", help="a PNG for the first pictures of each row")
    arguments = parser.parse_args()
    drawer = (LimnDrawer(arguments.folder, arguments.limn) if arguments.engine == "limn"
              else TorchDrawer(arguments.folder))
    print("| measured | wanted | reached |\n|---|---|---|")
    evaluation = Evaluation(arguments.folder, drawer, arguments.quick)
    evaluation.all()
    if arguments.sheet:
        save_sheet(torch.cat(evaluation.sheet), arguments.sheet)


if __name__ == "__main__":
    main()
