"""Makes Tests/Fixtures/images: PNG files of every kind with Pillow's pixels of them, and Pillow's and diffusers' results
for resizing, cropping, masks, orientations and text chunks.

    python Tools/reference/images.py        (from the root of the repository)

Pixels lie in .pam files (Netpbm's P7: a few header lines, then raw bytes), floats in .f32 (raw little-endian).
"""

NEEDS = ["diffusers", "numpy", "pillow", "torch"]

import struct
import zlib
from pathlib import Path

import numpy as np
import torch
from diffusers.image_processor import VaeImageProcessor
from PIL import Image, ImageFilter, ImageOps, PngImagePlugin

torch.set_num_threads(1)
OUT = Path("Tests/Fixtures/images")
OUT.mkdir(parents=True, exist_ok=True)
random = np.random.default_rng(7)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def scanlines(samples, depth):
    """Rows of filter type 0 from samples [h, w, c] of `depth` bits."""
    rows = b""
    for row in samples.reshape(samples.shape[0], -1):
        if depth == 16:
            rows += b"\0" + row.astype(">u2").tobytes()
        else:
            bits = "".join(format(int(v), f"0{depth}b") for v in row)
            bits += "0" * (-len(bits) % 8)
            rows += b"\0" + bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
    return rows


ADAM7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]


def png(samples, colour, depth, interlaced=False, extra=b""):
    """A PNG by hand: Pillow writes neither 2-bit grey nor 16-bit colour nor interlaced files."""
    h, w, _ = samples.shape
    if interlaced:
        passes = [samples[y::dy, x::dx] for y, x, dy, dx in ADAM7]
        raw = b"".join(scanlines(p, depth) for p in passes if p.size)
    else:
        raw = scanlines(samples, depth)
    packed = zlib.compress(raw, 9)
    header = struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, interlaced)
    half = len(packed) // 2  # two IDAT chunks, as a reader must join them
    data = chunk(b"IDAT", packed[:half]) + chunk(b"IDAT", packed[half:])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + data + chunk(b"IEND", b"")


def pam(name, pixels):
    pixels = np.asarray(pixels, dtype=np.uint8)
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    h, w, c = pixels.shape
    kind = {1: "GRAYSCALE", 3: "RGB", 4: "RGB_ALPHA"}[c]
    head = f"P7\nWIDTH {w}\nHEIGHT {h}\nDEPTH {c}\nMAXVAL 255\nTUPLTYPE {kind}\nENDHDR\n"
    (OUT / f"{name}.pam").write_bytes(head.encode() + pixels.tobytes())


def pillow_pixels(path):
    """As few channels as the file has; 16 bits by their high byte."""
    image = Image.open(path)
    if image.mode.startswith("I"):
        return np.asarray(image).astype(np.uint32) >> 8
    if image.mode in ("LA", "RGBA") or "transparency" in image.info:
        return image.convert("RGBA")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def kind(name, colour, depth, interlaced=False, size=(11, 13), extra=b"", expected=None):
    samples = random.integers(0, 2**depth, (*size, CHANNELS[colour]))
    if colour == 3:
        palette = random.integers(0, 256, 3 * 2**depth).astype(np.uint8).tobytes()
        extra = chunk(b"PLTE", palette) + extra
    if expected == "tRNS":  # the colour of the first pixel is transparent
        extra = chunk(b"tRNS", samples[0, 0].astype(">u2").tobytes())
    path = OUT / f"{name}.png"
    path.write_bytes(png(samples, colour, depth, interlaced, extra))
    if expected == "tRNS" and depth != 8:  # Pillow compares 8 bits of 16, and 2 bits with 8
        shown = samples >> 8 if depth == 16 else samples * 255 // (2**depth - 1)
        shown = np.repeat(shown, 3 if colour == 0 else 1, axis=2)
        alpha = np.where((samples == samples[0, 0]).all(axis=2), 0, 255)
        pam(name, np.dstack([shown, alpha]))
    else:
        pam(name, pillow_pixels(path))


for depth in (1, 2, 4, 8, 16):
    kind(f"grey{depth}", 0, depth)
    kind(f"grey{depth}-interlaced", 0, depth, interlaced=True)
for depth in (1, 2, 4, 8):
    kind(f"palette{depth}", 3, depth)
    kind(f"palette{depth}-transparent", 3, depth, extra=chunk(b"tRNS", bytes([0, 128])))
kind("palette4-interlaced", 3, 4, interlaced=True)
for depth in (8, 16):
    for name, colour in (("rgb", 2), ("grey-alpha", 4), ("rgba", 6)):
        kind(f"{name}{depth}", colour, depth)
        kind(f"{name}{depth}-interlaced", colour, depth, interlaced=True)
    kind(f"grey{depth}-transparent", 0, depth, expected="tRNS")
    kind(f"rgb{depth}-transparent", 2, depth, expected="tRNS")
kind("grey2-transparent", 0, 2, expected="tRNS")
kind("rgb8-gamma", 2, 8, extra=chunk(b"gAMA", struct.pack(">I", 100000)))
kind("one-pixel-interlaced", 2, 8, interlaced=True, size=(1, 1))
kind("narrow-interlaced", 6, 8, interlaced=True, size=(5, 2))

# Text chunks as Pillow writes them, one after the pixels.
info = PngImagePlugin.PngInfo()
info.add_text("parameters", "café, 25 °C\nSteps: 3")
info.add_text("Latin packed", "ÿ" * 50, zip=True)
info.add_text("prompt", "りんご 🍎")
info.add_itxt("Comment", "zażółć" * 9, lang="pl", tkey="Komentarz", zip=True)
Image.new("RGB", (2, 2)).save(OUT / "texts.png", pnginfo=info)
whole = (OUT / "texts.png").read_bytes()
(OUT / "texts.png").write_bytes(whole[:-12] + chunk(b"tEXt", b"late\0after the pixels") + whole[-12:])

# Resizing: smooth shapes, hard edges and noise.
h, w = 47, 61
y, x = np.mgrid[0:h, 0:w]
source = np.stack([x * 255 // w, (np.sin(y / 3) * 127 + 128), ((x // 5 + y // 7) % 2) * 255], axis=2)
source = np.clip(source + random.integers(-20, 20, source.shape), 0, 255).astype(np.uint8)
alpha = np.clip(300 - ((x - 30) ** 2 + (y - 20) ** 2), 0, 255).astype(np.uint8)
rgba = np.dstack([source, alpha])
pam("source", source)
pam("source-rgba", rgba)
pam("source-grey", Image.fromarray(source).convert("L"))
for width, height in ((20, 15), (61, 16), (64, 47), (97, 130), (1, 1)):
    pam(f"resized-{width}x{height}", Image.fromarray(source).resize((width, height), Image.Resampling.LANCZOS))
pam("resized-rgba-24x32", Image.fromarray(rgba).resize((24, 32), Image.Resampling.LANCZOS))
processor = VaeImageProcessor(vae_scale_factor=1)  # no rounding of sizes to 8
for width, height in ((32, 32), (64, 16), (16, 48), (33, 77)):
    cropped = processor.resize(Image.fromarray(source), height, width, resize_mode="crop")
    pam(f"fitted-{width}x{height}", cropped)
white = Image.new("RGB", (w, h), (255, 255, 255))
white.paste(Image.fromarray(rgba), mask=Image.fromarray(alpha))
pam("source-over-white", white)

# To the network and back.
signed = processor.preprocess(Image.fromarray(source), height=h, width=w)  # [1, 3, h, w]
signed[0].permute(1, 2, 0).numpy().astype("<f4").tofile(OUT / "signed.f32")
decoded = torch.from_numpy(random.normal(0, 0.7, (1, 3, 12, 10)).astype(np.float32))
decoded[0, 0, 0, :4] = torch.tensor([0.0, 1.0, -1.0, 0.5 / 127.5])  # ties and ends
decoded[0].permute(1, 2, 0).numpy().astype("<f4").tofile(OUT / "decoded.f32")
pam("decoded", processor.postprocess(decoded, output_type="pil")[0])

# Masks: diffusers' binarized one at the size of the latents, and a blur.
disc = np.clip(((x - 25) ** 2 + (y - 22) ** 2 < 150) * 255 + (x > 50) * 90, 0, 255).astype(np.uint8)
pam("mask", disc)
mask_processor = VaeImageProcessor(
    vae_scale_factor=8, do_normalize=False, do_binarize=True, do_convert_grayscale=True
)
shrunk = mask_processor.preprocess(Image.fromarray(disc), height=48, width=64)
pam("mask-48x64", shrunk[0, 0].numpy() * 255)
for height, width in ((6, 8), (7, 9)):
    small = torch.nn.functional.interpolate(shrunk, size=(height, width))
    pam(f"mask-latent-{width}x{height}", small[0, 0].numpy() * 255)
pam("mask-blurred-4", Image.fromarray(disc).filter(ImageFilter.GaussianBlur(4)))

# The exact Gaussian in double precision: σ 2.5, reach ⌊2.5 σ + 0.5⌋ = 6, edges repeated.
at = np.arange(-6, 7)
bell = np.exp(-(at**2) / (2 * 2.5**2))
bell /= bell.sum()
padded = np.pad(disc / 255, 6, mode="edge")
rows = sum(b * padded[:, i : i + w] for i, b in enumerate(bell))
sum(b * rows[i : i + h] for i, b in enumerate(bell)).astype("<f4").tofile(OUT / "mask-gaussian-2.5.f32")

# Pictures that lie on a side: all orientations of Exif, in both byte orders, behind other tags, and after the pixels.
for value in range(1, 9):
    order, mark = (("<", b"II"), (">", b"MM"))[value % 2]
    make = struct.pack(order + "HHI", 0x010F, 2, 4) + b"abc\0"
    turn = struct.pack(order + "HHIHH", 0x0112, 3, 1, value, 0)
    exif = mark + struct.pack(order + "HIH", 42, 8, 2) + make + turn + bytes(4)
    samples = np.random.default_rng(value).integers(0, 256, (4, 7, 3))
    path = OUT / f"orientation-{value}.png"
    plain = png(samples, 2, 8, extra=chunk(b"eXIf", exif) if value < 7 else b"")
    path.write_bytes(plain if value < 7 else plain[:-12] + chunk(b"eXIf", exif) + plain[-12:])
    pam(f"orientation-{value}", ImageOps.exif_transpose(Image.open(path)))
