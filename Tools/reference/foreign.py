"""Makes Tests/Fixtures/foreign: small pictures with the texts that other programs write into theirs, and embeddings as
they have them.

The texts are in the forms that the programs' sources write; nothing was drawn with them.
"""

from common import fixture  # first: it puts the path in order

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image, PngImagePlugin
from safetensors.torch import save_file

NEEDS = ["numpy", "pillow", "safetensors", "torch"]

OUT = Path(fixture("foreign"))
random = torch.Generator().manual_seed(7)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def picture(name, keyword, text, size=(64, 64), extra=b""):
    """Text as bytes goes into tEXt as it is; before it whole chunks."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    pixels = np.stack([x * 255 // size[0], y * 255 // size[1], (x + y) % 256], axis=2).astype(np.uint8)
    path = OUT / f"{name}.png"
    Image.fromarray(pixels).save(path, pnginfo=PngImagePlugin.PngInfo())
    whole = path.read_bytes()
    if keyword:
        extra += chunk(b"tEXt", keyword.encode() + b"\0" + text)
    path.write_bytes(whole[:33] + extra + whole[33:])


def node(kind, **inputs):
    return {"class_type": kind, "inputs": inputs}


workflow = {
    "3": node(
        "KSampler", seed=7, steps=20, cfg=8.0, sampler_name="euler", scheduler="normal", denoise=1.0,
        model=["4", 0], positive=["6", 0], negative=["7", 0], latent_image=["5", 0],
    ),
    "4": node("CheckpointLoaderSimple", ckpt_name="x.safetensors"),
    "5": node("EmptyLatentImage", width=64, height=64, batch_size=1),
    "6": node("CLIPTextEncode", text="a boat", clip=["4", 1]),
    "7": node("CLIPTextEncode", text="embedding:easyneg, fox", clip=["4", 1]),
    "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
    "9": node("SaveImage", filename_prefix="x", images=["8", 0]),
}
picture("comfyui-embedding", "prompt", json.dumps(workflow).encode())
swarm = {
    "prompt": "a boat", "negativeprompt": "fox", "model": "x", "seed": 123, "steps": 20, "cfgscale": 7.0, "width": 64,
    "height": 64, "sampler": "euler", "scheduler": "normal", "swarm_version": "0.9.6.0",
}
picture("swarmui", "parameters", json.dumps({"sui_image_params": swarm}, indent=2).encode())
picture(
    "webui-strength-0", "parameters",
    b"a boat\nNegative prompt: fox\nSteps: 20, Sampler: DPM++ 2M Karras, CFG scale: 5.0, Seed: 3804583583, Size: 64x64, "
    b"Model hash: 4cf7896571, Model: x, Seed resize from: -1x-1, Denoising strength: 0",
)
picture(
    "webui-heun", "parameters",
    b"a boat\nSteps: 20, Sampler: DPM++ 2M SDE Heun, CFG scale: 7, Seed: 1, Size: 64x64, Version: v1.10.1",
)
picture(
    "webui-vae-ti", "parameters",
    b"a boat\nNegative prompt: easynegative\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 123, Size: 64x64, Model: foo, "
    b"VAE hash: 735e4c3a44, VAE: vae-ft-mse-840000-ema-pruned.safetensors, "
    b'TI hashes: "easynegative: c74b4e810b03", Version: v1.10.1',
)
picture(
    "sdcpp-utf8", "parameters",
    (
        "café, “neon” 夜空\nNegative prompt: flou, 犬\nSteps: 20, CFG scale: 7.0, Guidance: 3.5, Eta: 0.0, Seed: 42, "
        "Size: 64x64, Model: x.safetensors, RNG: cuda, Sampler: euler_a, Version: stable-diffusion.cpp"
    ).encode(),
)
exif = b"MM" + struct.pack(">HIHHHIHHI", 42, 8, 1, 0x0112, 3, 1, 6, 0, 0)
picture("phone-photo", None, b"", size=(128, 64), extra=chunk(b"eXIf", exif))


def vectors():
    """Two, for the tiny pipeline's text encoder."""
    return torch.randn(2, 32, generator=random)


save_file({"emb_params": vectors()}, OUT / "easyneg.safetensors")
save_file({"emp_params": vectors()}, OUT / "onetrainer-word.safetensors")
torch.save(
    {"string_to_token": {"*": 265}, "string_to_param": {"*": vectors()}, "name": "oldname-12", "step": 3},
    OUT / "style-x.pt",
)
