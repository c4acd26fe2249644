"""What a caption says, as numbers: the text encoder learns to tell them, which aligns the languages cheaply."""

from languages import COLOURS, COUNTS, PATTERNS, PLACES, RELATIONS, SIZES, TINTS, TURNS

DETAILS = (None, *(("size", size) for size in SIZES), *(("place", place) for place in PLACES),
           *(("tint", tint) for tint in TINTS), *(("turn", turn) for turn in TURNS),
           *(("count", count) for count in COUNTS), *(("relation", relation) for relation in RELATIONS))
NOTHING = -1                     # no label: no loss


def classes(emojis):
    """How many values each label has: first thing, second thing, detail, colour, pattern, its other colour."""
    return len(emojis), len(emojis), len(DETAILS), len(COLOURS), 1 + len(PATTERNS), len(COLOURS)


def labels(scene):
    ground, colours = scene.background, list(COLOURS)
    return (
        scene.placements[0].thing,
        scene.placements[1].thing if scene.kind == "relation" else NOTHING,
        DETAILS.index(None if scene.detail is None else (scene.kind, scene.detail)),
        colours.index(ground.colour),
        1 + PATTERNS.index(ground.pattern) if ground.pattern else 0,
        colours.index(ground.second) if ground.second else NOTHING,
    )
