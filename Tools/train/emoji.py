"""The things that the model learns to draw: every fully-qualified emoji, with its names and keywords, and its picture.

From the Debian packages unicode-data (the list), unicode-cldr-core (the words), fonts-noto-color-emoji (the pictures).
"""

import dataclasses
import os
import re
import unicodedata
import xml.etree.ElementTree as ElementTree
from collections import Counter

import numpy
from PIL import Image, ImageDraw, ImageFont, features

LIST = "/usr/share/unicode/emoji/emoji-test.txt"
CLDR = "/usr/share/unicode/cldr/common"
FONT = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"
HERE = os.path.dirname(os.path.abspath(__file__))
THINGS, WORDS = os.path.join(HERE, "things.txt"), os.path.join(HERE, "words.txt")
LANGUAGES = ("en", "es", "fr", "de", "it", "pt", "ru", "ar", "hi", "ja", "ko", "zh")

SIDE = 128                       # of a sprite, in pixels: the whole picture's side
GLYPH = (136, 128)               # the font holds bitmaps of this one size
DRAWN = (118, 111)               # a glyph's size on its sprite; all to one scale, for some emoji differ only in size
SHADES = ("\U0001F3FB", "\U0001F3FC", "\U0001F3FD", "\U0001F3FE", "\U0001F3FF")
VARIATION = "\uFE0F"


@dataclasses.dataclass
class Emoji:
    character: str
    kind: str                    # "base", "flag" or "variant" (a skin tone, or one of several genders)
    names: dict[str, str]        # by language; English always
    keywords: dict[str, list[str]]
    listed: bool = False         # in things.txt: what the model promises to draw
    words: dict[str, list[str]] = dataclasses.field(default_factory=dict)    # as people type them; of listed things
    only: dict[str, list[str]] = dataclasses.field(default_factory=dict)     # names and keywords of no other listed one


def load():
    """Every emoji that the font can draw, in the order of the list."""
    words = _annotations()
    found, things, usual = [], _things(), _words()
    for character, group, english in _listed():
        names, keywords = words.get(character.replace(VARIATION, ""), ({}, {}))
        names = {"en": english, **names}
        found.append(Emoji(character, _kind(character, group, english), names, keywords,
                           character in things, usual.get(character, {})))
    for missing, path in ((things.difference(emoji.character for emoji in found), THINGS),
                          (usual.keys() - things, WORDS)):
        if missing:
            raise SystemExit(f"{path}: no emoji, or none that is listed: {' '.join(sorted(missing))}")
    _find_only(found)
    return _with_telling_keywords(found)


def sprites(emojis):
    """Their pictures: [emoji, 4, 128, 128] of uint8, red, green, blue and opacity, colour not multiplied by opacity."""
    if not features.check("raqm"):
        raise SystemExit("Pillow lacks raqm, without which joined emoji fall apart; use Pillow's own wheels.")
    font = ImageFont.truetype(FONT, 109, layout_engine=ImageFont.Layout.RAQM)
    rows = []
    for emoji in emojis:
        glyph = Image.new("RGBA", GLYPH)
        ImageDraw.Draw(glyph).text((0, 0), emoji.character, font=font, embedded_color=True)
        sprite = Image.new("RGBA", (SIDE, SIDE))
        sprite.paste(_resized(glyph, DRAWN), ((SIDE - DRAWN[0]) // 2, (SIDE - DRAWN[1]) // 2))
        rows.append(numpy.asarray(sprite).transpose(2, 0, 1))
    return numpy.stack(rows)


def _resized(image, size):
    """Resized with colour multiplied by opacity meanwhile, so that no dark seam appears."""
    return image.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")


def _listed():
    group = ""
    with open(LIST, encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("# group:"):
                group = line.removeprefix("# group:").strip()
            entry = re.match(r"([0-9A-F ]+?)\s*; fully-qualified\s*# \S+ E[\d.]+ (.*)$", line)
            if entry:
                yield "".join(chr(int(code, 16)) for code in entry[1].split()), group, entry[2].strip()


def _things():
    with open(THINGS, encoding="utf-8") as lines:
        return {line.split()[0] for line in lines if line.strip() and not line.startswith("# ")}


def _words():
    """character → language → words"""
    words = {}
    with open(WORDS, encoding="utf-8") as lines:
        for line in lines:
            if line.strip() and not line.startswith("# "):
                character, *columns = (column.strip() for column in line.split("|"))
                words[character] = {language: [word.strip() for word in column.split(",")]
                                    for language, column in zip(LANGUAGES, columns, strict=True)}
    return words


def _find_only(emojis):
    """Fills `only`: of a listed thing's names and keywords those that point at it alone, among the listed things. A
    word of words.txt counts before a name, and a name before a keyword."""
    listed = [emoji for emoji in emojis if emoji.listed]
    for language in LANGUAGES:
        usual = {word.casefold(): emoji for emoji in listed for word in emoji.words.get(language, ())}
        named = {emoji.names.get(language, "").casefold(): emoji for emoji in listed}
        count = Counter(word.casefold() for emoji in listed for word in set(emoji.keywords.get(language, ())))
        for emoji in listed:
            words = []
            if language in emoji.names and usual.get(emoji.names[language].casefold(), emoji) is emoji:
                words.append(emoji.names[language])
            for word in emoji.keywords.get(language, ()):
                key = word.casefold()
                if count[key] == 1 and usual.get(key, emoji) is emoji and named.get(key, emoji) is emoji:
                    words.append(word)
            own = {word.casefold() for word in emoji.words.get(language, ())}
            once = {word.casefold(): word for word in reversed(words)}
            emoji.only[language] = [word for key, word in reversed(once.items()) if key not in own]


def _kind(character, group, english):
    if group == "Flags" and english.startswith("flag: "):
        return "flag"
    gendered = "\u200D" in character and re.search(r"[\u2640\u2642]", character)
    couple = re.search(r"^(family|couple with heart|kiss):", english)
    return "variant" if gendered or couple or any(shade in character for shade in SHADES) else "base"


def _annotations():
    """character without variation selectors → (names, keywords), each by language."""
    words = {}
    for language in LANGUAGES:
        for folder in ("annotations", "annotationsDerived"):
            for entry in ElementTree.parse(f"{CLDR}/{folder}/{language}.xml").iter("annotation"):
                names, keywords = words.setdefault(entry.get("cp").replace(VARIATION, ""), ({}, {}))
                text = unicodedata.normalize("NFC", entry.text.strip())
                if entry.get("type") == "tts":
                    names[language] = text
                else:
                    keywords[language] = [word.strip() for word in text.split("|")]
    return words


def _with_telling_keywords(emojis, shared_by=4):
    """Leaves only the keywords that few emoji share and that are no other's name: the others name a crowd."""
    for language in LANGUAGES:
        names = {emoji.names.get(language, "").casefold() for emoji in emojis}
        count = Counter(word for emoji in emojis if emoji.kind == "base" for word in emoji.keywords.get(language, ()))
        for emoji in emojis:
            emoji.keywords[language] = [
                word for word in emoji.keywords.get(language, ())
                if emoji.kind == "base" and count[word] <= shared_by and word.casefold() not in names]
    return emojis
