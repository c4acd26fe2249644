"""The averaged weights as a diffusers folder in half precision, which diffusers and limn load as it is."""

import json
import os
import shutil

from diffusers import AutoencoderKL

import models
import train_unet

GUIDANCE = 4
TOKENIZER = {"tokenizer_class": "T5Tokenizer", "extra_ids": 0, "legacy": False, "pad_token": "<pad>",
             "eos_token": "</s>", "unk_token": "<unk>"}


def export(data, folder, target):
    trained = AutoencoderKL.from_pretrained(os.path.join(folder, "vae"))
    vae = models.autoencoder()                   # a new one: the other's configuration tells the folder it came from
    vae.register_to_config(scaling_factor=trained.config.scaling_factor)
    vae.load_state_dict(trained.state_dict())
    side = models.SIDE // 2 ** (len(vae.config.block_out_channels) - 1)
    painter = train_unet.averaged(data, folder, side).cpu()
    part = target + ".part"
    shutil.rmtree(part, ignore_errors=True)
    painter.unet.half().save_pretrained(os.path.join(part, "unet"))
    painter.reader.text_encoder.half().save_pretrained(os.path.join(part, "text_encoder"))
    vae.half().save_pretrained(os.path.join(part, "vae"))
    models.scheduler().save_pretrained(os.path.join(part, "scheduler"))
    os.makedirs(os.path.join(part, "tokenizer"))
    shutil.copy(os.path.join(folder, "spiece.model"), os.path.join(part, "tokenizer", "spiece.model"))
    _write(os.path.join(part, "tokenizer", "tokenizer_config.json"), {**TOKENIZER, "model_max_length": models.TOKENS})
    _write(os.path.join(part, "limn.json"), {"guidance_scale": GUIDANCE})
    _write(os.path.join(part, "model_index.json"), {
        "_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.42.1",
        "feature_extractor": [None, None], "image_encoder": [None, None], "requires_safety_checker": False,
        "safety_checker": [None, None], "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "T5Tokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"]})
    shutil.rmtree(target, ignore_errors=True)
    os.rename(part, target)
    size = sum(os.path.getsize(os.path.join(where, name)) for where, _, names in os.walk(target) for name in names)
    print(f"{target}: {size / 1e6:.1f} MB", flush=True)


def _write(path, value):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=2)
        file.write("\n")
