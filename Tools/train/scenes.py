"""What a training picture shows: things with their places, a background, and the words that are due for it."""

import dataclasses
import hashlib
import re

from languages import COLOURS, COUNTS, PATTERNS, PLACES, RELATIONS, SIZES, TINTS, TURNS

HELD_OUT = 10                    # one pair in so many is never shown in training
# For each curriculum, how often a thing of a kind is drawn (a name of its own counts more than a shade of skin), and
# the shares of the kinds of scene: on white alone, on a background, what is said of one thing, of several, and of two.
# "first" is for little compute: what has no name of its own, and what takes two things, comes later. "rare" makes up for
# it afterwards. "things" shows the things of things.txt and nothing else. With --everything, evaluation draws from
# "full", which therefore stays as it is.
FREQUENCY = {"first": {"base": 1.0, "flag": 0.25, "variant": 0.04},
             "full": {"base": 1.0, "flag": 0.6, "variant": 0.15},
             "rare": {"base": 1.0, "flag": 0.6, "variant": 0.4},
             "things": {"base": 1.0, "flag": 0.0, "variant": 0.0}}
KINDS = {"first": {"plain": 0.5, "background": 0.22, "size": 0.03, "place": 0.03, "tint": 0.04, "turn": 0.02,
                   "count": 0.05, "relation": 0.11},
         "full": {"plain": 0.35, "background": 0.2, "size": 0.04, "place": 0.07, "tint": 0.06, "turn": 0.04,
                  "count": 0.08, "relation": 0.16},
         "rare": {"plain": 0.42, "background": 0.14, "size": 0.03, "place": 0.04, "tint": 0.05, "turn": 0.02,
                  "count": 0.1, "relation": 0.2},
         "things": {"plain": 0.65, "background": 0.1, "size": 0.01, "place": 0.01, "tint": 0.01, "turn": 0.01,
                    "count": 0.03, "relation": 0.18}}

FULL, PART = 1.0, 0.5            # scales of a sprite, whose side is the picture's
SIZE_SCALES = {"small": 0.4, "large": 1.3}
TURN_ANGLES = {"upside down": 180, "mirrored": 0, "tilted left": -35, "tilted right": 35}
COUNT_LAYOUTS = {2: ((-.25, 0), (.25, 0)), 3: ((0, -.23), (-.25, .23), (.25, .23)),
                 4: ((-.25, -.25), (.25, -.25), (-.25, .25), (.25, .25))}
# Where the first of two things stands; the other stands opposite. "a and b" has a on the left.
RELATION_SIDES = {"left of": (-.25, 0), "right of": (.25, 0), "above": (0, -.25), "below": (0, .25), "and": (-.25, 0)}


@dataclasses.dataclass(frozen=True)
class Placement:
    """A sprite: its centre, right and down from the middle in sides of the picture; its angle in degrees, clockwise."""
    thing: int
    x: float = 0.0
    y: float = 0.0
    scale: float = FULL
    angle: float = 0.0
    mirrored: bool = False
    tint: str | None = None


@dataclasses.dataclass(frozen=True)
class Background:
    colour: str = "white"
    pattern: str | None = None
    second: str | None = None    # the pattern's other colour


@dataclasses.dataclass(frozen=True)
class Scene:
    placements: tuple[Placement, ...]
    background: Background = Background()
    kind: str = "plain"
    detail: object = None        # the size, place, tint, turn, count or relation


def held_out(*pair):
    """Whether this pair is kept from training, for good: by its hash alone."""
    digest = hashlib.sha256("|".join(str(part) for part in pair).encode()).digest()
    return int.from_bytes(digest[:8], "big") % HELD_OUT == 0


def relation_pair(first, relation, second):
    """The same for every wording: left and right are one relation seen from both sides, and so are above and below."""
    if relation in ("right of", "below"):
        first, second = second, first
    return "relation", first, "above" if relation in ("above", "below") else "beside", second


class Scenes:
    """Draws scenes at random. `emojis` as emoji.load() has them; a scene names them by their index."""

    def __init__(self, emojis, curriculum="full"):
        self.emojis = emojis
        self.kinds = KINDS[curriculum]
        only = curriculum == "things"
        self.weights = [FREQUENCY[curriculum][emoji.kind] * (emoji.listed or not only) for emoji in emojis]
        self.base = [i for i, emoji in enumerate(emojis) if emoji.kind == "base" and (emoji.listed or not only)]
        # A red "green apple" is nonsense, and so is a tinted key or sign of one colour.
        coloured = re.compile(r"\b(%s|light|dark|keycap)\b" % "|".join(COLOURS), re.IGNORECASE)
        self.tintable = [i for i in self.base if not coloured.search(emojis[i].names["en"])]

    def draw(self, rng, held=False, kind=None):
        """One scene of training; with `held`, one of a kind that has pairs, of a pair that training never shows."""
        kind = kind or rng.choices(list(self.kinds), self.kinds.values())[0]
        while True:
            scene = getattr(self, "_" + kind)(rng)
            if any(held_out(*pair) for pair in self.pairs(scene)) == held:
                return scene

    def pairs(self, scene):
        """The pairs of a scene that may be held out."""
        names = [self.emojis[placement.thing].character for placement in scene.placements]
        if scene.background.colour != "white" and not scene.background.pattern:
            for name in set(names):
                yield "background", name, scene.background.colour
        if scene.kind in ("tint", "count"):
            yield scene.kind, names[0], scene.detail
        if scene.kind == "relation":
            yield relation_pair(names[0], scene.detail, names[1])

    def _thing(self, rng, several=False):
        """Any thing; where several are shown, mostly such as have a name of their own."""
        if several and rng.random() < 0.9:
            return rng.choice(self.base)
        return rng.choices(range(len(self.emojis)), self.weights)[0]

    def _ground(self, rng, white=0.6):
        if rng.random() < white:
            return Background()
        colour = rng.choice(list(COLOURS)[1:])
        if rng.random() < 0.8:
            return Background(colour)
        second = rng.choice([other for other in COLOURS if other != colour])
        return Background(colour, rng.choice(PATTERNS), second)

    def _plain(self, rng):
        return Scene((Placement(self._thing(rng)),))

    def _background(self, rng):
        return Scene((Placement(self._thing(rng)),), self._ground(rng, white=0), "background")

    def _scene(self, rng, kind, detail, *placements):
        return Scene(placements, self._ground(rng), kind, detail)

    def _size(self, rng):
        size = rng.choice(SIZES)
        return self._scene(rng, "size", size, _near(rng, self._thing(rng), 0, 0, SIZE_SCALES[size]))

    def _place(self, rng):
        place = rng.choice(PLACES)
        row, column = divmod(PLACES.index(place), 3)
        placement = _near(rng, self._thing(rng), (column - 1) * .26, (row - 1) * .26, 0.46)
        return self._scene(rng, "place", place, placement)

    def _tint(self, rng):
        tint = rng.choice(TINTS)
        return self._scene(rng, "tint", tint, Placement(rng.choice(self.tintable), tint=tint))

    def _turn(self, rng):
        turn = rng.choice(TURNS)
        placement = Placement(self._thing(rng), scale=0.9, angle=TURN_ANGLES[turn], mirrored=turn == "mirrored")
        return self._scene(rng, "turn", turn, placement)

    def _count(self, rng):
        count, thing = rng.choice(COUNTS), self._thing(rng, several=True)
        placements = [_near(rng, thing, x, y, PART) for x, y in COUNT_LAYOUTS[count]]
        return self._scene(rng, "count", count, *placements)

    def _relation(self, rng):
        relation, first, second = rng.choice(RELATIONS), self._thing(rng, True), self._thing(rng, True)
        x, y = RELATION_SIDES[relation]
        return self._scene(rng, "relation", relation, _near(rng, first, x, y, PART),
                           _near(rng, second, -x, -y, PART))


def _near(rng, thing, x, y, scale):
    return Placement(thing, x + rng.uniform(-.02, .02), y + rng.uniform(-.02, .02), scale * rng.uniform(.95, 1.05))
