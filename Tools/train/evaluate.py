"""Measures a model's folder and prints the card's table: a fixed list of prompts and seeds, drawn by limn itself.

    python Tools/train/evaluate.py weights/icons-128 --quick

The things of things.txt, as people type them; with --everything all emoji, flags and skin tones too, by their Unicode
names. --hundred FILE draws a hundred words at seed 0 as one sheet, for someone to name who has not seen the words.
"""

import argparse
import os
import random
import re
import tempfile
import time

import torch
from diffusers import AutoencoderKL

import emoji
from captions import caption, plural, typed
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
          "count": (150, 24), "guidance": (200, 30), "translations": (110, 22), "autoencoder": (192, 64),
          "words": (240, 80), "other words": (44, 12), "things": (240, 80)}
# How people put a word: bare, in every other prompt; else one of these in turn; None is the plural.
FORMS = ("a {x}", None, "a cute {x}", "a picture of a {x}", "the {x}", "a little {x}")
HUNDRED = (
    "dog", "cat", "mouse", "rabbit", "fox", "bear", "panda", "tiger", "lion", "cow", "pig", "frog", "monkey", "horse",
    "unicorn", "chicken", "penguin", "bird", "duck", "owl", "elephant", "giraffe", "sheep", "turtle", "snake", "dragon",
    "fish", "whale", "octopus", "crab", "snail", "butterfly", "bee", "spider", "flower", "rose", "sunflower", "tree",
    "palm tree", "cactus", "mushroom", "apple", "pear", "orange", "lemon", "banana", "watermelon", "grapes",
    "strawberry", "cherry", "pineapple", "tomato", "carrot", "corn", "bread", "cheese", "egg", "burger", "fries",
    "pizza", "ice cream", "donut", "cookie", "cake", "coffee", "beer", "wine", "car", "bus", "bicycle", "train",
    "rocket", "plane", "helicopter", "boat", "house", "castle", "mountain", "volcano", "sun", "moon", "star", "cloud",
    "rainbow", "snowman", "fire", "umbrella", "smiley", "crying face", "skull", "ghost", "robot", "heart", "baby",
    "gift", "balloon", "guitar", "crown", "key", "book")
NEAR = 20                        # dB between two pictures, from which they count as nearly the same


class Evaluation:
    """All emoji, by their Unicode names."""
    curriculum, plain = "full", True

    def __init__(self, folder, drawer, quick):
        self.drawer, self.quick, self.folder = drawer, quick, folder
        self.emojis = emoji.load()
        self.scenes = Scenes(self.emojis, self.curriculum)
        self.painter = Painter(emoji.sprites(self.emojis), device())
        vae = AutoencoderKL.from_pretrained(folder, subfolder="vae", torch_dtype=torch.float32).to(device()).eval()
        self.recogniser = Recogniser(self.emojis, self.painter, vae, self.among())
        self.rows = []
        self.sheet = []

    def among(self):
        """What may be found in a picture."""
        return range(len(self.emojis))

    def count(self, name):
        return COUNTS[name][self.quick]

    def row(self, what, target, value):
        self.rows.append((what, target, value))
        print(f"| {what} | {target} | {value} |", flush=True)

    def draw(self, scenes, language="en", guidance=4.0, first_seed=0):
        """Pictures of the scenes by their plainest captions; picture i has seed first_seed + i."""
        rng = random.Random(0)
        prompts = [caption(scene, self.emojis, rng, language, plain=self.plain) for scene in scenes]
        return self.drawn(prompts, guidance, first_seed)

    def drawn(self, prompts, guidance=4.0, first_seed=0):
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


class Promised(Evaluation):
    """The things of things.txt, as people type them."""
    curriculum, plain = "things", "typed"

    def among(self):
        """The listed things; and what is not listed but bears a listed thing's word as its name, as the whole dog does:
        who draws that for the word is right too."""
        self.listed = [i for i, emoji in enumerate(self.emojis) if emoji.listed]
        self.word_of = {(language, word.casefold()): i for i in self.listed for language in LANGUAGES
                        for word in self.emojis[i].words.get(language, ())}
        return self.listed + [i for i in range(len(self.emojis)) if not self.emojis[i].listed
                              and self.emojis[i].kind == "base" and self._stands_for(i, "en") is not None]

    def _stands_for(self, thing, language):
        return self.word_of.get((language, self.emojis[thing].names.get(language, "").casefold()))

    def right(self, found, thing, language):
        return self.recogniser.same(found, thing, language) or not self.emojis[found].listed and thing in (
            self._stands_for(found, language), self._stands_for(found, "en"))

    def top(self, things, pictures, language="en"):
        found = [nearest[0] for nearest in self.recogniser.nearest(pictures, 1)]
        return _mean(self.right(*pair, language) for pair in zip(found, things))

    def with_words(self, count, label, language):
        """A fixed choice of the things that words.txt has words for."""
        return random.Random(f"evaluation {label}").sample(
            [i for i in self.listed if self.emojis[i].words.get(language)], count)

    def english(self):
        things = self.with_words(self.count("words"), "words", "en")
        prompts = []
        for i, thing in enumerate(things):
            word, form = typed(self.emojis[thing], "en"), FORMS[i // 2 % len(FORMS)] if i % 2 else "{x}"
            words = form.format(x=word) if form else plural(word, "en")
            prompts.append(re.sub(r"\ba (?=[aeio])", "an ", words))
        self.row("English words as typed: top-1 of the listed things", "≥ 95 %",
                 _percent(self.top(things, self.drawn(prompts))))

    def languages(self):
        each = {}
        for language in LANGUAGES[1:]:
            things = self.with_words(self.count("other words"), f"words {language}", language)
            prompts = [typed(self.emojis[thing], language) for thing in things]
            each[language] = self.top(things, self.drawn(prompts), language)
        self.row("The other eleven languages, words as typed: mean (worst)", "≥ 90 % (80)",
                 f"{_percent(_mean(each.values()))} ({_percent(min(each.values()))})")
        self.row("— each", "", ", ".join(f"{name} {_percent(first)}" for name, first in each.items()))

    def likeness(self):
        """Of listed things, whether they have words of their own or only names."""
        things = random.Random("evaluation things").sample(self.listed, self.count("things"))
        pictures = self.drawn([typed(self.emojis[thing], "en") for thing in things])
        true = self.painter.paint([_plain(thing) for thing in things])
        self.row("Any listed thing: top-1", "", _percent(self.top(things, pictures)))
        psnr = -10 * ((pictures - true).square().mean((1, 2, 3)) / 4).log10()
        self.row("PSNR of what is drawn to the true icon, median over things", "≥ 21 dB", f"{psnr.median():.1f} dB")
        self.row("Energy of edges, drawn ÷ true, median", "0.9–1.1",
                 f"{(_edges(pictures) / _edges(true)).median():.2f}")

    def all(self):
        for part in (self.english, self.languages, self.likeness, self.backgrounds, self.counts, self.relations,
                     self.autoencoder, self.speed, self.size):
            part()

    def size(self):
        total = sum(os.path.getsize(os.path.join(where, name)) for where, _, names in os.walk(self.folder)
                    for name in names)
        self.row("Size", "≤ 40 MB", f"{total / 1e6:.1f} MB")

    def hundred(self, path):
        if len(set(HUNDRED)) != 100:
            raise SystemExit("the hundred words are not a hundred")
        save_sheet(self.drawer.draw(HUNDRED, [0] * 100), path, columns=10)


def _edges(pictures):
    """The mean square of the step from a pixel to the next, of each picture."""
    across, down = pictures.diff(dim=3), pictures.diff(dim=2)
    return across.square().mean((1, 2, 3)) + down.square().mean((1, 2, 3))


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
    parser.add_argument("--everything", action="store_true", help="all emoji, by their Unicode names")
    parser.add_argument("--hundred", metavar="FILE", help="draw the hundred words as a sheet, and nothing else")
    parser.add_argument("--sheet", help="a PNG for the first pictures of each row")
    arguments = parser.parse_args()
    drawer = (LimnDrawer(arguments.folder, arguments.limn) if arguments.engine == "limn"
              else TorchDrawer(arguments.folder))
    evaluation = (Evaluation if arguments.everything else Promised)(arguments.folder, drawer, arguments.quick)
    if arguments.hundred:
        Promised.hundred(evaluation, arguments.hundred)
        return
    print("| measured | wanted | reached |\n|---|---|---|")
    evaluation.all()
    if arguments.sheet:
        save_sheet(torch.cat(evaluation.sheet), arguments.sheet)


if __name__ == "__main__":
    main()
