"""What the scripts that make LoRAs share: layers, factors, and what diffusers makes of a model with them."""

import common  # first: it puts the path in order
from common import FIXTURES, fixture, save_tensors

import os

import torch
from diffusers import StableDiffusionPipeline

MODEL = os.path.join(FIXTURES, "pipeline-a")
FOLDER = fixture("loras")
CASES = []


def load():
    pipe = StableDiffusionPipeline.from_pretrained(MODEL, dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def layers(model, *parts):
    """Names of linear and convolution layers that have one of the parts in their name."""
    return {name: module.weight for name, module in model.named_modules()
            if isinstance(module, (torch.nn.Linear, torch.nn.Conv2d)) and any(part in name for part in parts)}


def low_rank(weight, rank, g):
    """down and up, whose product is about a third of the weight's size."""
    out, inputs, *kernel = weight.shape
    down = torch.randn(rank, inputs, *kernel, generator=g) / weight[0].numel() ** 0.5
    up = 0.3 * torch.randn(out, rank, *[1] * len(kernel), generator=g) / rank ** 0.5
    return down.contiguous(), up.contiguous()


def write(case, tensors, merged, strength=1.0, oracle="diffusers", others=()):
    save_tensors(tensors, fixture("loras", case + ".safetensors"))
    save_tensors(merged, fixture("loras", case + ".merged.safetensors"))
    CASES.append({"name": case, "strength": strength, "oracle": oracle, "others": list(others)})


def fused(files, network="unet"):
    """What diffusers makes of pipeline-a's weights with these (file, strength)."""
    pipe = load()
    before = {part: {k: v.clone() for k, v in getattr(pipe, part).state_dict().items()}
              for part in ("unet", "text_encoder")}
    # All at once: loading another one undoes what was fused before.
    names = [f"a{index}" for index in range(len(files))]
    for name, (file, _) in zip(names, files):
        pipe.load_lora_weights(FOLDER, weight_name=file + ".safetensors", adapter_name=name)
    pipe.set_adapters(names, [strength for _, strength in files])
    pipe.fuse_lora(adapter_names=names)
    merged = {}
    for part, tensors in before.items():
        after = getattr(pipe, part).state_dict()
        for key, value in tensors.items():
            # PEFT keeps what it wraps one level down.
            stem, _, last = key.rpartition(".")
            now = after.get(key, after.get(f"{stem}.base_layer.{last}"))
            if not torch.equal(now, value):
                merged[f"{part}.{key}"] = now.detach().float().clone()
    assert merged
    return pipe, merged


def diffusers_case(case, tensors, strength=1.0):
    """Changed weights are those of the modules in the file, and no others."""
    save_tensors(tensors, fixture("loras", case + ".safetensors"))
    _, merged = fused([(case, strength)])
    stems = [k for k in tensors if k.endswith(("down.weight", "lora_A.weight"))]
    assert len([k for k in merged if k.endswith("weight")]) == len(stems), (case, len(merged), len(stems))
    write(case, tensors, merged, strength)


def base_weights(pipe):
    return {f"{part}.{key}": value.detach() for part in ("unet", "text_encoder")
            for key, value in getattr(pipe, part).state_dict().items()}
