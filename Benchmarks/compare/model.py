"""The SD 1.5 shape with random weights: a diffusers folder, the same as OpenVINO models, inputs and references.

All of it lies in a cache folder and is made once. Weights are stored in F16, as most checkpoints are; every engine
reads these same values. Started by compare.py with the cache's folder and a tokenizer's, and the cases on standard
input.
"""
import json
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel

from cases import Case
from names import INPUTS, folder, inputs_file, openvino_file, reference_file

SEED = 20260101


def make_folder(cache, tokenizer):
    """Saves text encoder, UNet, VAE, scheduler and a tokenizer as diffusers does."""
    target = folder(cache)
    if (target / "model_index.json").exists():
        return target
    print("making the random model (2 GB)", file=sys.stderr, flush=True)
    shutil.rmtree(target, ignore_errors=True)
    torch.manual_seed(SEED)
    unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768)
    vae = AutoencoderKL(
        block_out_channels=(128, 256, 512, 512), layers_per_block=2, sample_size=512, scaling_factor=0.18215,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4)
    text = CLIPTextModel(CLIPTextConfig(
        hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12))
    for module, name in ((unet, "unet"), (vae, "vae"), (text, "text_encoder")):
        module.half().save_pretrained(target / name)
    DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False,
        steps_offset=1).save_pretrained(target / "scheduler")
    # What the tokenizer makes of a prompt does not matter for the time, only that it gives 77 ids.
    shutil.copytree(tokenizer, target / "tokenizer")
    settings = target / "tokenizer" / "tokenizer_config.json"
    config = json.loads(settings.read_text()) | {"model_max_length": 77}
    settings.write_text(json.dumps(config, indent=2))
    (target / "model_index.json").write_text(json.dumps({
        "_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.42.1",
        "scheduler": ["diffusers", "DDIMScheduler"], "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", config["tokenizer_class"]], "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"]}))
    return target


class TextEncoder(torch.nn.Module):
    def __init__(self, path, dtype):
        super().__init__()
        self.model = CLIPTextModel.from_pretrained(path / "text_encoder", dtype=dtype)

    def forward(self, ids):
        return self.model(ids, return_dict=False)[0]


class UNet(torch.nn.Module):
    def __init__(self, path, dtype):
        super().__init__()
        self.model = UNet2DConditionModel.from_pretrained(path / "unet", torch_dtype=dtype)

    def forward(self, latents, timestep, states):
        return self.model(latents, timestep, encoder_hidden_states=states, return_dict=False)[0]


class VAEEncoder(torch.nn.Module):
    def __init__(self, path, dtype):
        super().__init__()
        self.model = AutoencoderKL.from_pretrained(path / "vae", torch_dtype=dtype)

    def forward(self, picture):
        return self.model.encode(picture, return_dict=False)[0].parameters


class VAEDecoder(VAEEncoder):
    def forward(self, latents):
        return self.model.decode(latents, return_dict=False)[0]


STAGES = {"text_encoder": TextEncoder, "unet": UNet, "vae_encoder": VAEEncoder, "vae_decoder": VAEDecoder}


def load(path, stage, dtype=torch.float32):
    """A stage as a module in evaluation mode."""
    return STAGES[stage](path, dtype).eval()


def inputs(case):
    """The stage's inputs, the same for every engine."""
    generator = torch.Generator().manual_seed(SEED)

    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    h, w = case.height // 8, case.width // 8
    if case.stage == "text_encoder":
        return [torch.randint(0, 49408, (2 * case.batch, 77), generator=generator)]
    if case.stage == "unet":
        return [normal(2 * case.batch, 4, h, w), torch.tensor([500.0]), normal(2 * case.batch, 77, 768)]
    if case.stage == "vae_encoder":
        return [torch.rand(case.batch, 3, case.height, case.width, generator=generator) * 2 - 1]
    return [normal(case.batch, 4, h, w)]


def make_inputs(cache, case):
    path = inputs_file(cache, case)
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        names = [f"{case.stage}.{name}" for name in INPUTS[case.stage]]
        save_file(dict(zip(names, inputs(case))), path)


def make_references(cache, cases):
    """What PyTorch computes in float32: everybody's results are held against it."""
    path = folder(cache)
    stages = {}
    for case in cases:
        make_inputs(cache, case)
        if not reference_file(cache, case).exists():
            stages.setdefault(case.stage, {})[case.inputs] = case
    for stage, missing in stages.items():
        module = load(path, stage)
        for case in missing.values():
            print(f"reference: {case.inputs}", file=sys.stderr, flush=True)
            with torch.inference_mode():
                result = module(*inputs(case)).numpy()
            if not np.isfinite(result).all() or not 0.05 < result.std() < 20:
                raise SystemExit(f"{case.inputs}: the random weights give values that are no good test: "
                                 f"standard deviation {result.std()}")
            np.save(reference_file(cache, case), result)


def make_openvino(cache, stages):
    """Converts the stages with dynamic sizes. Not compressed to F16: the weights would bear it, but the table of the
    time embedding's frequencies does not."""
    import openvino
    for stage in stages:
        path = openvino_file(cache, stage)
        if path.exists():
            continue
        print(f"OpenVINO: converting {stage}", file=sys.stderr, flush=True)
        path.parent.mkdir(exist_ok=True)
        given = inputs(Case(stage, "f32", 256, 256))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = openvino.convert_model(load(folder(cache), stage), example_input=tuple(given))
        openvino.save_model(model, path, compress_to_fp16=False)


def main():
    cache, tokenizer = sys.argv[1:]
    cases = [Case(**fields) for fields in json.load(sys.stdin)]
    make_folder(cache, tokenizer)
    make_references(cache, cases)
    make_openvino(cache, sorted({case.stage for case in cases}))


if __name__ == "__main__":
    main()
