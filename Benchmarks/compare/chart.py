"""The bar chart of the stages at 512×512, drawn with Pillow."""
from PIL import Image, ImageDraw, ImageFont

from cases import PRECISIONS, STAGES
from report import ENGINES, base_size, cases_of, digits, present, seconds

COLOURS = {"limn": "#c2410c", "openvino": "#5b7fb5", "pytorch": "#8a9a5b", "stable-diffusion.cpp": "#9a8aa5"}
INK, FAINT, PAPER = "#222222", "#777777", "#ffffff"
SCALE = 2  # drawn at twice the size, for screens of fine pixels
WIDTH, MARGIN, BAR, GAP = 760, 16, 17, 4
LABEL, NUMBER = 150, 76


def draw(results, path):
    """Two panels, one a precision; in each a group of bars a stage. Every group has its own scale, told by the numbers,
    for the text encoder takes a hundredth of the UNet's time."""
    (width, height), kinds = base_size(results), present(results)
    found = {
        (case.stage, case.precision): values for case, values in cases_of(results)
        if (case.width, case.height, case.batch, case.threads) == (width, height, 1, results["threads"])}
    group = len(kinds) * (BAR + GAP) + 14
    panel = (WIDTH - 2 * MARGIN - LABEL) // 2
    top = 84
    total = top + group * len(STAGES) + 34
    image = Image.new("RGB", (WIDTH * SCALE, total * SCALE), PAPER)
    pen = ImageDraw.Draw(image)
    fonts = {size: ImageFont.load_default(size * SCALE) for size in (11, 12, 14)}

    def text(x, y, words, size=12, fill=INK, anchor="lm"):
        pen.text((x * SCALE, y * SCALE), words, font=fonts[size], fill=fill, anchor=anchor)

    def box(x, y, w, h, fill):
        pen.rectangle([x * SCALE, y * SCALE, round((x + w) * SCALE), (y + h) * SCALE - 1], fill=fill)

    text(MARGIN, 20, f"Seconds at {width} by {height} pixels, best of all turns; shorter is better, each group has its "
         "own scale", 14)
    x = MARGIN
    for kind in kinds:
        box(x, 37, 11, 11, COLOURS[kind])
        text(x + 16, 43, ENGINES[kind])
        x += 36 + int(pen.textlength(ENGINES[kind], fonts[12]) / SCALE)
    for column, precision in enumerate(PRECISIONS):
        left = MARGIN + LABEL + column * panel
        text(left, 68, precision, 12, FAINT)
        for row, (stage, words) in enumerate(STAGES.items()):
            y = top + row * group
            if column == 0:
                for line, part in enumerate(words.split(",")):
                    text(MARGIN, y + 10 + 16 * line, part.strip(), 12 if line == 0 else 11, FAINT if line else INK)
            values = found.get((stage, precision), {})
            most = max((pair[0] for kind in kinds if (pair := seconds(values, kind))), default=1)
            for index, kind in enumerate(kinds):
                at = y + index * (BAR + GAP)
                pair = seconds(values, kind)
                if pair is None:
                    text(left, at + BAR / 2, "not measured", 11, FAINT)
                    continue
                length = max(2, (panel - NUMBER) * pair[0] / most)
                box(left, at, length, BAR, COLOURS[kind])
                text(left + length + 5, at + BAR / 2, digits(pair[0]), 11)
    machine = results["machine"]
    text(MARGIN, total - 18, f"{machine['cpu']}, {results['threads']} threads, {results['date']}; "
         "Stable Diffusion 1.5's shape, random weights", 11, FAINT)
    image.quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)
