"""Sheets of pictures as PNG."""

import os

import numpy
from PIL import Image

from pictures import to_bytes


def save_sheet(pictures, path, columns=12):
    """`pictures`: [picture, 3, side, side] of -1 … 1."""
    tiles = to_bytes(pictures)
    count, side = tiles.shape[:2]
    sheet = numpy.full((-(-count // columns) * side, min(count, columns) * side, 3), 255, numpy.uint8)
    for i, tile in enumerate(tiles):
        row, column = divmod(i, columns)
        sheet[row * side:(row + 1) * side, column * side:(column + 1) * side] = tile
    Image.fromarray(sheet).save(path + ".part", format="PNG")
    os.replace(path + ".part", path)
