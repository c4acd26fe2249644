"""Checks by hand that diffusers loads what `limn convert` writes, and that its pictures are the same.

    python Tools/reference/check_conversions.py path/to/limn

For each checkpoint of Tests/Fixtures/originals: converts it to a folder and back to one file; loads the folder with
`from_pretrained`, the file with `from_single_file` (its configurations taken from the folder, for there is no network),
and draws with both. The latents must equal those that diffusers drew with the models that the checkpoint was made of, and
every tensor those that it was made of.
"""

import common  # first: it puts the path in order
from common import fixture, generator, relative

import json
import os
import subprocess
import sys
import tempfile
import zlib

import diffusers
import torch
from safetensors.torch import load_file

diffusers.utils.logging.set_verbosity_error()
diffusers.utils.logging.disable_progress_bar()

TOKENIZER = fixture("pipeline-b", "tokenizer")


def limn(*arguments):
    subprocess.run([sys.argv[1], *arguments, "--quiet"], check=True, stdout=subprocess.DEVNULL)


def draw(pipe, run):
    pipe.set_progress_bar_config(disable=True)
    return pipe(**run, generator=generator(3), output_type="latent").images


def main():
    for name in ("sd1", "sd2", "xl", "refiner"):
        with open(fixture("originals", f"{name}.json")) as file:
            expected = json.load(file)
        with tempfile.TemporaryDirectory() as temporary:
            folder, file = os.path.join(temporary, "model"), os.path.join(temporary, "model.safetensors")
            limn("convert", fixture("originals", f"{name}.safetensors"), "-o", folder, "--tokenizer", TOKENIZER)
            limn("convert", folder, "-o", file)
            for part, tensors in expected["parts"].items():
                weights = "model" if part.startswith("text") else "diffusion_pytorch_model"
                found = load_file(os.path.join(folder, part, weights + ".safetensors"))
                assert found.keys() == tensors.keys(), (name, part)
                for key, (_, shape, crc) in tensors.items():
                    value = found[key]
                    assert list(value.shape) == shape and zlib.crc32(value.numpy().tobytes()) == crc, (name, part, key)
            pipeline = json.load(open(os.path.join(folder, "model_index.json")))["_class_name"]
            kind = getattr(diffusers, pipeline)
            pretrained = kind.from_pretrained(folder, dtype=torch.float32)
            if expected["run"] is None:
                single = kind.from_single_file(file, config=folder, torch_dtype=torch.float32, local_files_only=True)
                same = all(
                    torch.equal(a, b) for part in ("unet", "vae", "text_encoder_2")
                    for a, b in zip(getattr(pretrained, part).state_dict().values(),
                                    getattr(single, part).state_dict().values()))
                assert same, name
                print(f"{name}: {pipeline} loads from the folder and from the file, with equal weights")
                continue
            latents = load_file(fixture("originals", f"{name}.latents.safetensors"))["latents"]
            folder_error = relative(draw(pretrained, expected["run"]), latents)
            single = kind.from_single_file(file, config=folder, torch_dtype=torch.float32, local_files_only=True)
            file_error = relative(draw(single, expected["run"]), latents)
            print(f"{name}: {pipeline}; latents differ by {folder_error:.1e} from the folder, {file_error:.1e} from the file")
            assert max(folder_error, file_error) < 1e-4, name


if __name__ == "__main__":
    main()
