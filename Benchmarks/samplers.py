#!/usr/bin/env python3
"""Samplers and steps: how near a sampler comes to where its path leads, with the default model.

    python3 Benchmarks/samplers.py [--limn PROGRAM] [--pictures FOLDER] [--grid GRID.png]

Prints a table for docs/samplers.md: the mean PSNR, in dB, over eight prompts, of a run's picture against dpm++2m's in
200 steps (of runs with noise there is no such picture). Runs of the network count, not steps: a sampler that runs it
twice a step gets half of the steps. With --grid the pictures of one prompt are laid out as one. With --pictures the
pictures stay in a folder, and those that lie there already are not drawn again. Needs Pillow and NumPy.
"""

import argparse
import json
import math
import subprocess
import tempfile
from pathlib import Path

import numpy
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parent.parent
PROMPTS = ("red apple", "cat face", "rocket", "pizza", "grinning face", "red heart on a blue background", "sunflower",
           "robot, green background")
RUNS = (4, 6, 8, 12, 16, 24, 40)
GRID_RUNS = (4, 8, 16, 40)
SHOWN = "grinning face"
# One thread: pictures do not depend on it, and so the study can run beside other work.
COMMON = ("--cfg-scale", "4", "--precision", "f32", "--seed", "7", "--threads", "1", "--quiet")


def parsed():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limn", default=ROOT / ".build/release/limn", help="the program")
    parser.add_argument("--model", default=ROOT / "weights/icons-128", help="the model's folder")
    parser.add_argument("--pictures", type=Path, help="where to keep the pictures; a temporary folder by default")
    parser.add_argument("--grid", help="where to write a picture of pictures")
    return parser.parse_args()


def drawn(arguments, folder, sampler, steps):
    """The pictures' files, one a prompt; None if the sampler refuses."""
    prompts = folder / "prompts.txt"
    prompts.write_text("\n".join(PROMPTS))
    target = folder / f"{sampler}-{steps}"
    files = [target / f"{index + 1}.png" for index in range(len(PROMPTS))]
    if all(file.exists() for file in files):
        return files
    target.mkdir(exist_ok=True)
    command = [arguments.limn, "-m", arguments.model, "--prompt-file", prompts, "--sampler", sampler, "--steps",
               str(steps), "-o", f"{target}/%d.png", *COMMON]
    if subprocess.run(command, capture_output=True).returncode != 0:
        return None
    return files


def psnr(path, goal):
    picture = numpy.asarray(Image.open(path), dtype=float)
    return 10 * math.log10(255 ** 2 / max(((picture - goal) ** 2).mean(), 1e-2))


def main():
    arguments = parsed()
    listed = json.loads(subprocess.run([arguments.limn, "samplers", "--json"], capture_output=True, check=True).stdout)
    samplers = listed["samplers"]
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.pictures or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        goal = [numpy.asarray(Image.open(path), dtype=float) for path in drawn(arguments, folder, "dpm++2m", 200)]
        print("| sampler | " + " | ".join(map(str, RUNS)) + " |\n|---|" + "---|" * len(RUNS), flush=True)
        for sampler in samplers:
            runs = sampler.get("evaluations")
            if runs is None:
                continue  # it chooses its steps by itself
            pictures = {count: drawn(arguments, folder, sampler["name"], count // runs) for count in RUNS}
            rows.append((sampler["name"], pictures))
            if sampler["isStochastic"]:
                continue
            cells = []
            for count in RUNS:
                files = pictures[count]
                scores = [psnr(file, own) for file, own in zip(files or [], goal)]
                cells.append(f"{sum(scores) / len(scores):.1f}" if scores else "–")
            print(f"| `{sampler['name']}` | " + " | ".join(cells) + " |", flush=True)
        if arguments.grid:
            save_grid(rows, arguments.grid)


def save_grid(rows, path):
    """Two blocks side by side, a row a sampler, a column a number of runs."""
    side, margin, top = 64, 130, 16
    half = (len(rows) + 1) // 2
    block = margin + side * len(GRID_RUNS)
    sheet = Image.new("RGB", (2 * block, top + side * half), "white")
    draw = ImageDraw.Draw(sheet)
    for index, (name, pictures) in enumerate(rows):
        left, y = block * (index // half), top + side * (index % half)
        draw.text((left + 4, y + 26), name, fill="black")
        for column, count in enumerate(GRID_RUNS):
            x = left + margin + side * column
            if index % half == 0:
                draw.text((x + 24, 2), str(count), fill="black")
            if pictures[count]:
                sheet.paste(Image.open(pictures[count][PROMPTS.index(SHOWN)]).resize((side, side)), (x, y))
    sheet.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
