"""The rest of the single files: models of `originals.py` with a few tensors changed, which makes other kinds of them,
and what diffusers draws with those.

Writes Tests/Fixtures/originals: `<name>.changes.safetensors`, the tensors that take the place of those in the file that
the variant is made of, and `<name>.latents.safetensors`, what its own pipeline draws:
- `sd2-base`: Stable Diffusion 2 that predicts the noise, of sd2;
- `sd1-edit`: InstructPix2Pix, with a UNet of 8 channels, of sd1;
- `xl-inpaint`: with a UNet of 9 channels, of xl;
- `refined`: no file of its own: xl's work gone on with by refiner.
Also `names-sd2.txt`, as originals.py writes `names-sd1.txt`, and the picture and mask that two of them start from.
"""

NEEDS = ["diffusers", "pillow", "safetensors", "sentencepiece", "torch", "transformers"]

import common  # first: it puts the path in order
from common import fixture, generator, relative, save_tensors, stored

import diffusers
import torch
from diffusers import (AutoencoderKL, DDIMScheduler, EulerAncestralDiscreteScheduler, EulerDiscreteScheduler,
                       StableDiffusionInstructPix2PixPipeline, StableDiffusionPipeline,
                       StableDiffusionXLImg2ImgPipeline, StableDiffusionXLInpaintPipeline, StableDiffusionXLPipeline,
                       UNet2DConditionModel)
from PIL import Image
from safetensors.torch import load_file
from transformers import CLIPTextConfig, CLIPTextModel

import originals
from originals import F16, RUN, SD_SCHEDULE, converted, tokenizer
from pipelines import fit_last_convolution

EULER = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1)


def models(name):
    """The models of a file of originals.py, as its own code makes them."""
    found = {}

    def keep(_, checkpoint, parts, run):
        found.update(parts)

    written, originals.write = originals.write, keep
    getattr(originals, name)()
    originals.write = written
    return found


def with_inputs(unet, channels, seed):
    """The same UNet that sees more: its first convolution is drawn anew."""
    other = UNet2DConditionModel.from_config(unet.config, in_channels=channels)
    conv = torch.nn.Conv2d(channels, unet.config.block_out_channels[0], 3, padding=1)
    noise = torch.randn(conv.weight.shape, generator=generator(seed)) / (9 * channels) ** 0.5
    state = unet.state_dict() | {"conv_in.weight": noise.to(F16).float()}
    other.load_state_dict(state)
    return other.eval()


def write(name, base, parts, draw):
    """`parts` must be what diffusers' converter makes of the file with its changes."""
    file = load_file(fixture("originals", f"{base}.safetensors"))
    states = {part: stored(model, F16) for part, model in parts.items() if part == "unet"}
    whole = originals.original_unet(states["unet"], parts["unet"])
    changes = {key: value for key, value in whole.items() if file[key].shape != value.shape
               or not torch.equal(file[key], value)}
    assert 0 < len(changes) < 5, changes.keys()
    made = converted({k: v for k, v in (file | changes).items() if not k.startswith("model_ema.")}, parts)
    assert all(torch.equal(made["unet"][k], v) for k, v in states["unet"].items())
    save_tensors(changes, fixture("originals", f"{name}.changes.safetensors"))
    save(name, draw)


def save(name, draw):
    latents = draw(3)
    assert torch.isfinite(latents).all() and relative(draw(4), latents) > 0.01
    print(f"  {name}: latents std {latents.std():.2f}")
    save_tensors({"latents": latents}, fixture("originals", f"{name}.latents.safetensors"))


def drawing(pipe, **options):
    pipe.set_progress_bar_config(disable=True)
    return lambda seed: pipe(**{**RUN, **options}, generator=generator(seed), output_type="latent").images


def pictures():
    width, height = RUN["width"], RUN["height"]
    start = Image.new("RGB", (width, height))
    start.putdata([(8 * x % 256, 10 * y % 256, (5 * x + 7 * y) % 256) for y in range(height) for x in range(width)])
    mask = Image.new("L", (width, height))
    mask.putdata([255 if x >= 16 else 0 for _ in range(height) for x in range(width)])
    start.save(fixture("originals", "start.png"))
    mask.save(fixture("originals", "mask.png"))
    return start, mask


def sd2_base():
    parts = models("sd2")
    unet = parts["unet"]
    with torch.no_grad():  # small in the published models, by which they are told from those that predict v
        unet.up_blocks[-1].attentions[-1].transformer_blocks[0].norm1.bias.div_(16)
    fit_last_convolution(unet, "epsilon", 86)
    pipe = StableDiffusionPipeline(
        parts["vae"], parts["text_encoder"], tokenizer("!"), unet, DDIMScheduler(**SD_SCHEDULE, clip_sample=False),
        None, None, requires_safety_checker=False)
    write("sd2-base", "sd2", parts, drawing(pipe))


def sd1_edit(start):
    parts = models("sd1")
    parts["unet"] = with_inputs(parts["unet"], 8, 94)
    pipe = StableDiffusionInstructPix2PixPipeline(
        parts["vae"], parts["text_encoder"], tokenizer("<|endoftext|>"), parts["unet"],
        EulerAncestralDiscreteScheduler(**EULER), None, None, requires_safety_checker=False)
    options = {key: value for key, value in RUN.items() if key not in ("width", "height")}
    pipe.set_progress_bar_config(disable=True)
    write("sd1-edit", "sd1", parts, lambda seed: pipe(
        **options, image=start, image_guidance_scale=1.5, generator=generator(seed), output_type="latent").images)


def xl_pipeline(kind, parts, **options):
    first = parts.get("text_encoder")
    return kind(parts["vae"], first, parts["text_encoder_2"], first and tokenizer("<|endoftext|>"), tokenizer("!"),
                parts["unet"], EulerDiscreteScheduler(**EULER, timestep_spacing="leading"), add_watermarker=False,
                **options)


def xl_inpaint(start, mask):
    parts = models("xl")
    parts["unet"] = with_inputs(parts["unet"], 9, 95)
    pipe = xl_pipeline(StableDiffusionXLInpaintPipeline, parts, force_zeros_for_empty_prompt=True)
    write("xl-inpaint", "xl", parts, drawing(pipe, image=start, mask_image=mask, strength=1.0))


def refined():
    first = xl_pipeline(StableDiffusionXLPipeline, models("xl"), force_zeros_for_empty_prompt=True)
    second = xl_pipeline(StableDiffusionXLImg2ImgPipeline, models("refiner"), force_zeros_for_empty_prompt=False,
                         requires_aesthetics_score=True)
    second.set_progress_bar_config(disable=True)
    options = {key: value for key, value in RUN.items() if key not in ("width", "height")}

    def draw(seed):
        given = generator(seed)
        first.set_progress_bar_config(disable=True)
        latents = first(**RUN, denoising_end=0.5, generator=given, output_type="latent").images
        result = second(**options, image=latents, denoising_start=0.5, generator=given, output_type="latent").images
        assert relative(result, latents) > 0.03, relative(result, latents)
        return result

    save("refined", draw)


def names():
    """Stable Diffusion 2's true sizes. OpenCLIP-H's file has a 24th layer, which its pipeline never runs."""
    autoencoder = dict(block_out_channels=[128, 256, 512, 512], layers_per_block=2, latent_channels=4,
                       down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4)
    clip = dict(vocab_size=49408, hidden_size=1024, intermediate_size=4096, num_attention_heads=16,
                projection_dim=512, hidden_act="gelu")
    with torch.device("meta"):
        parts = {"text_encoder": CLIPTextModel(CLIPTextConfig(**clip, num_hidden_layers=23)),
                 "vae": AutoencoderKL(**autoencoder),
                 "unet": UNet2DConditionModel(cross_attention_dim=1024, attention_head_dim=[5, 10, 20, 20],
                                              use_linear_projection=True)}
        last = CLIPTextModel(CLIPTextConfig(**clip, num_hidden_layers=24))
    prefix = "cond_stage_model.model."
    states = {part: model.state_dict() for part, model in parts.items()}
    checkpoint = (originals.original_unet(states["unet"], parts["unet"])
                  | originals.original_vae(states["vae"], parts["vae"])
                  | originals.original_open_clip(last.state_dict(), prefix))
    checkpoint |= {prefix + "text_projection": torch.empty(1024, 1024, device="meta"),
                   prefix + "logit_scale": torch.empty((), device="meta")}
    originals.names("sd2", checkpoint, parts)


if __name__ == "__main__":
    diffusers.utils.logging.set_verbosity_error()
    start, mask = pictures()
    sd2_base()
    sd1_edit(start)
    xl_inpaint(start, mask)
    refined()
    names()
