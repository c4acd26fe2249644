"""Words for a scene, in twelve languages and several wordings."""

import re

from emoji import LANGUAGES
from languages import PHRASES, PLURALS, WORDINGS

# How often a caption is in a language: English as often as three others.
WEIGHTS = [3 if language == "en" else 1 for language in LANGUAGES]


def caption(scene, emojis, rng, language=None, plain=False):
    """A caption in a language, or in any. `plain`: the first wording, as evaluation has it, with the name as it is, or,
    if it is "typed", with the word that people type first."""
    language = language or rng.choices(LANGUAGES, WEIGHTS)[0]
    words = _words(scene, emojis, rng, language, plain)
    return re.sub(r"\ba (?=[aeio])", "an ", words) if language == "en" else words


def _words(scene, emojis, rng, language, plain):
    phrases = PHRASES[language]
    choose = (lambda options: options[0]) if plain else rng.choice

    def thing(placement):
        return _name(emojis[placement.thing], language, rng, plain, len(scene.placements) > 1)

    detail = scene.detail
    if scene.kind == "relation":
        words = phrases["relations"][detail].format(a=thing(scene.placements[0]), b=thing(scene.placements[1]))
    else:
        words = thing(scene.placements[0])
        if scene.kind == "count":
            words = _count(words, detail, language, phrases, rng, plain)
        elif scene.kind == "tint":
            words = choose(phrases["tint"]).format(x=words, c=phrases["tints"][detail])
        elif scene.kind in ("size", "place", "turn"):
            words = phrases[scene.kind + "s"][detail].format(x=words)
            if language == "en" and scene.kind == "size" and detail == "large" and not plain and rng.random() < 0.4:
                words = words.replace("large", "big", 1)
        if scene.kind != "count" and not plain:
            placement = scene.placements[0]
            if emojis[placement.thing].listed and scene.kind in ("plain", "background"):
                words = _worded(words, language, rng)
            elif language == "en":
                words = _article(words, rng)

    ground = scene.background
    if ground.pattern:
        return phrases["patterns"][ground.pattern].format(
            x=words, c=phrases["colours"][ground.colour], d=phrases["colours"][ground.second])
    if ground.colour != "white" or (not plain and rng.random() < 0.12):
        return choose(phrases["background"]).format(x=words, c=phrases["grounds"][ground.colour])
    return words


def _name(emoji, language, rng, plain, several):
    name = emoji.names.get(language) or emoji.names["en"]
    if plain:
        return typed(emoji, language) if plain == "typed" else name
    if emoji.listed:
        return _typed(emoji, language, rng)
    chance = rng.random()
    keywords = emoji.keywords.get(language)
    if chance < 0.06:
        return emoji.character
    if chance < (0.12 if several else 0.25) and keywords:
        return rng.choice(keywords)
    if language == "en":
        return _english(name, rng)
    return re.sub(r"\s*:\s*", rng.choice((": ", ", ", " ")), name) if rng.random() < 0.5 else name


def typed(emoji, language):
    """What people type for it first: a word, or a name that points at no other listed thing; None without either."""
    return next(iter((emoji.words.get(language) or []) + emoji.only.get(language, [])), None)


def _typed(emoji, language, rng):
    """What people call a listed thing: a word, the first of them most often; or what points at no other."""
    words, only = emoji.words.get(language), emoji.only[language]
    chance = rng.random()
    if chance < 0.04 or not (words or only):
        return emoji.character
    if words and (chance < 0.75 or not only):
        return words[0] if rng.random() < 0.6 else rng.choice(words)
    return only[0] if rng.random() < 0.65 else rng.choice(only)


def _worded(words, language, rng):
    """As people put it: with an article, "cute", "a picture of", in the plural; or, in half of the cases, bare."""
    chance = rng.random()
    if chance < 0.55:
        return words
    if chance < 0.63:
        return plural(words, language)
    return rng.choice(WORDINGS[language]).format(x=words)


def plural(words, language):
    """A plural by the language's commonest rule, of one word of three letters or more; else the words as they are."""
    if re.fullmatch(r"\w{3,}", words):
        for ending, new in PLURALS.get(language, ()):
            if re.search(ending, words):
                return re.sub(ending, new, words, count=1)
    return words


def _english(name, rng):
    """CLDR's "flag: Japan" and "thumbs up: dark skin tone" as one would say it."""
    head, colon, tail = name.partition(": ")
    if not colon:
        return name
    if head == "flag":
        return rng.choice((name, f"flag of {tail}", f"{tail} flag"))
    if tail.endswith("skin tone"):
        return rng.choice((name, f"{head}, {tail}", f"{head} with {tail}", f"{tail} {head}"))
    return rng.choice((name, f"{head}, {tail}", f"{head} {tail}"))


def _article(words, rng):
    chance = rng.random()
    if chance < 0.25:
        return "a " + words
    if chance < 0.30:
        return "the " + words
    if chance < 0.35:
        return rng.choice(("picture of ", "drawing of ", "icon of ", "emoji of ")) + words
    return words


def _count(words, count, language, phrases, rng, plain):
    if not plain and rng.random() < 0.15:
        return f"{words} ×{count}"
    if language == "en" and (plain or rng.random() < 0.8):
        words = _plural(words)
        if not plain and rng.random() < 0.3:
            return f"{count} {words}"
    return phrases["counts"][count].format(x=words)


def _plural(words):
    if not words.isascii() or re.search(r"[:,]|s$", words):
        return words
    if re.search(r"(x|z|ch|sh)$", words):
        return words + "es"
    return re.sub("y$", "ie", words) + "s" if re.search("[^aeiou]y$", words) else words + "s"
