"""Where things lie in the cache folder, and what the stages' tensors are called; needs no engine's library."""
from pathlib import Path

# Raised when what model.py makes changes, so that an old cache is not taken for a new one.
VERSION = 1

INPUTS = {
    "text_encoder": ["ids"], "unet": ["latents", "timestep", "states"], "vae_encoder": ["picture"],
    "vae_decoder": ["latents"],
}
OUTPUT = {"text_encoder": "states", "unet": "output", "vae_encoder": "moments", "vae_decoder": "picture"}


def folder(cache):
    return Path(cache) / f"sd15-random-{VERSION}"


def inputs_file(cache, case):
    return folder(cache) / "inputs" / f"{case.inputs}.safetensors"


def reference_file(cache, case):
    return folder(cache) / "inputs" / f"{case.inputs}-reference.npy"


def openvino_file(cache, stage):
    return folder(cache) / "openvino" / f"{stage}.xml"
