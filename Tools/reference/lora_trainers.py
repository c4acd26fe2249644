"""LoRAs as trainers write them: kohya's, those of diffusers' own scripts today and before PEFT, and kohya's DoRA."""

import common  # first: it puts the path in order
from common import fixture, generator, save_tensors

import os
import tempfile

import torch
from diffusers import StableDiffusionPipeline
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict

from lora_common import CASES, base_weights, diffusers_case, fused, layers, load, low_rank, write

UNET = ("down_blocks.0.attentions.0.transformer_blocks.0", "down_blocks.0.attentions.0.proj_in",
        "down_blocks.0.resnets.0.conv1", "down_blocks.0.resnets.0.time_emb_proj", "down_blocks.0.downsamplers.0.conv",
        "down_blocks.1.resnets.0.conv_shortcut", "time_embedding.linear_1")
TEXT = ("layers.1.self_attn", "layers.1.mlp")


def kohya():
    """Every kind of layer; half precision, as such files are. Where alphas differ diffusers 0.42 takes the commonest
    for most layers, so that case is computed as kohya does."""
    pipe, g = load(), generator(701)
    tensors = {}
    for prefix, model, parts in (("lora_unet_", pipe.unet, UNET), ("lora_te_text_model_", pipe.text_encoder, TEXT)):
        for index, (name, weight) in enumerate(layers(model, *parts).items()):
            rank = 4 + 2 * (index % 2)
            down, up = low_rank(weight, rank, g)
            stem = prefix + name.removeprefix("text_model.").replace(".", "_")
            tensors[stem + ".lora_down.weight"] = down.half()
            tensors[stem + ".lora_up.weight"] = up.half()
            tensors[stem + ".alpha"] = torch.tensor(3.0).half()
    diffusers_case("kohya", tensors, strength=0.75)
    torch.save(tensors, fixture("loras", "kohya.pt"))

    base, merged = base_weights(pipe), {}
    for index, key in enumerate(k for k in list(tensors) if k.endswith(".alpha")):
        tensors[key] = torch.tensor(float(1 + index % 5)).half()
    for key, weight in base.items():
        part, name = key.removesuffix(".weight").split(".", 1)
        stem = ("lora_unet_" if part == "unet" else "lora_te_text_model_") + name.replace(".", "_")
        if stem + ".alpha" in tensors and key.endswith(".weight"):
            up, down = (tensors[f"{stem}.lora_{side}.weight"].double().flatten(1) for side in ("up", "down"))
            scale = -0.5 * tensors[stem + ".alpha"].double() / len(down)
            merged[key] = (weight + scale * (up @ down).reshape(weight.shape)).float()
    assert len(merged) == len(tensors) // 3
    write("kohya-alphas", tensors, merged, -0.5, oracle="formula")


def peft():
    """As diffusers' own training scripts save it, with ranks and alphas in the file's notes."""
    for case, options, parts in (
            ("peft", dict(r=4, lora_alpha=6, rank_pattern={"attn2.to_k": 2}, alpha_pattern={"attn2.to_k": 5}), UNET),
            ("peft-root", dict(r=9, lora_alpha=3, use_rslora=True), UNET[1:4]),
            ("peft-dora", dict(r=4, lora_alpha=4, use_dora=True), UNET)):
        pipe, g = load(), generator(702)
        # Diffusers 0.42 loses what DoRA has learned of the text encoder.
        networks = [(pipe.unet, parts), (pipe.text_encoder, ("layers.1.self_attn",))]
        networks = networks[:1 if "use_dora" in options else 2]
        for model, names in networks:
            model.add_adapter(LoraConfig(target_modules=list(layers(model, *names)), **options))
            for name, p in model.named_parameters():
                if "lora_A" in name:
                    p.data = torch.randn(p.shape, generator=g) / p[0].numel() ** 0.5
                elif "lora_B" in name:
                    p.data = 0.3 * torch.randn(p.shape, generator=g) / p.shape[1] ** 0.5
                elif "lora_magnitude" in name:
                    p.data *= 1 + 0.2 * torch.randn(p.shape, generator=g)
        with tempfile.TemporaryDirectory() as temporary:
            layers_and_notes = {}
            for name, (model, _) in zip(("unet", "text_encoder"), networks):
                layers_and_notes[name + "_lora_layers"] = get_peft_model_state_dict(model)
                layers_and_notes[name + "_lora_adapter_metadata"] = metadata(model)
            StableDiffusionPipeline.save_lora_weights(temporary, **layers_and_notes)
            os.replace(os.path.join(temporary, "pytorch_lora_weights.safetensors"),
                       fixture("loras", case + ".safetensors"))
        os.chmod(fixture("loras", case + ".safetensors"), 0o644)
        _, merged = fused([(case, 1.25)])
        save_tensors(merged, fixture("loras", case + ".merged.safetensors"))
        CASES.append({"name": case, "strength": 1.25, "oracle": "diffusers", "others": []})


def metadata(model):
    return {k: v for k, v in model.peft_config["default"].to_dict().items()
            if k in ("r", "lora_alpha", "rank_pattern", "alpha_pattern", "use_rslora", "use_dora")} | {
                "target_modules": sorted(model.peft_config["default"].target_modules)}


def old_diffusers():
    """Diffusers before PEFT: `processor.to_q_lora`, `lora_linear_layer`."""
    pipe, g = load(), generator(703)
    tensors = {}
    for name, weight in layers(pipe.unet, "down_blocks.0.attentions.0.transformer_blocks.0.attn").items():
        down, up = low_rank(weight, 4, g)
        stem, _, last = name.removesuffix(".0").rpartition(".")
        tensors[f"unet.{stem}.processor.{last}_lora.down.weight"] = down
        tensors[f"unet.{stem}.processor.{last}_lora.up.weight"] = up
    for name, weight in layers(pipe.text_encoder, "layers.1.self_attn").items():
        down, up = low_rank(weight, 4, g)
        stem = "text_encoder." + ("" if name.startswith("text_model.") else "text_model.") + name
        tensors[stem + ".lora_linear_layer.down.weight"] = down
        tensors[stem + ".lora_linear_layer.up.weight"] = up
    diffusers_case("old-diffusers", tensors, strength=0.5)


def kohya_dora():
    """Diffusers 0.42 lets `dora_scale` fall, so this is what PEFT computes with the same values."""
    pipe, g = load(), generator(704)
    tensors, merged = {}, {}
    for name, weight in layers(pipe.unet, "down_blocks.0.attentions.0.transformer_blocks.0.attn2",
                               "down_blocks.0.attentions.0.transformer_blocks.0.ff").items():
        down, up = low_rank(weight, 4, g)
        stem = "lora_unet_" + name.replace(".", "_")
        tensors |= {stem + ".lora_down.weight": down, stem + ".lora_up.weight": up, stem + ".alpha": torch.tensor(2.0)}
        lengths = weight.detach().norm(dim=1, keepdim=True)
        tensors[stem + ".dora_scale"] = lengths * (1 + 0.2 * torch.randn(lengths.shape, generator=g))
        sum_ = weight.detach().double() + 0.75 * 2.0 / 4 * up.double() @ down.double()
        merged[f"unet.{name}.weight"] = (tensors[stem + ".dora_scale"] * sum_ / sum_.norm(dim=1, keepdim=True)).float()
    write("kohya-dora", tensors, merged, 0.75, oracle="formula")
