"""Whole runs of small random models of the families around Stable Diffusion, as their own diffusers pipelines draw
them.

Writes Tests/Fixtures/pipeline-{edit,sd2,sd2-inpaint,xl,xl-refiner,xl-inpaint,lcm,ssd,sdxs} as pipelines.py does, whose
tokenizers, text encoders and VAE are linked to, and refined-xl, runs of two of them.
"""

NEEDS = ["diffusers", "pillow", "safetensors", "sentencepiece", "torch", "transformers"]

import common  # first: it puts the path in order
from common import FIXTURES, fixture, generator, randomise, relative, save_json, save_tensors, stored

import json
import os
import sys

import diffusers
import torch
from diffusers import DDIMScheduler, EulerAncestralDiscreteScheduler, EulerDiscreteScheduler, LCMScheduler
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

from pipelines import F16, POOLED, SCALED_LINEAR, save_inputs, save_text_encoder, save_unet
from runs import DEFAULTS, draw

EULER = dict(timestep_spacing="leading", steps_offset=1)
TWO_LEVELS = dict(block_out_channels=[16, 24], layers_per_block=1, norm_num_groups=8, sample_size=8)
OUTER = dict(down_block_types=["CrossAttnDownBlock2D", "DownBlock2D"],
             up_block_types=["UpBlock2D", "CrossAttnUpBlock2D"])
INNER = dict(down_block_types=["DownBlock2D", "CrossAttnDownBlock2D"],
             up_block_types=["CrossAttnUpBlock2D", "UpBlock2D"])
DDIM, EULERS, EULER_A, LCM = ("DDIMScheduler", "EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler",
                              "LCMScheduler")


def link(name, *parts, to):
    """Parts that the model shares with another one."""
    for part in parts:
        path = os.path.join(fixture(name), part)
        if not os.path.lexists(path):
            os.symlink(os.path.join("..", to, part), path)


def save_index(name, pipeline, scheduler, parts, **options):
    scheduler.save_config(fixture(name, "scheduler"))
    save_json({"_class_name": pipeline, "_diffusers_version": "0.42.1", **options,
               "scheduler": ["diffusers", type(scheduler).__name__], **parts,
               "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"]},
              fixture(name, "model_index.json"))


def sd_index(name, scheduler, tokenizer="T5Tokenizer", pipeline="StableDiffusionPipeline"):
    save_index(name, pipeline, scheduler,
               {"feature_extractor": [None, None], "image_encoder": [None, None], "safety_checker": [None, None],
                "text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", tokenizer]},
               requires_safety_checker=False)


def xl_index(name, scheduler, pipeline="StableDiffusionXLPipeline", isRefiner=False, **options):
    first = [None, None] if isRefiner else ["transformers", "CLIPTextModel"]
    save_index(name, pipeline, scheduler,
               {"feature_extractor": [None, None], "image_encoder": [None, None], "text_encoder": first,
                "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
                "tokenizer": [None, None] if isRefiner else ["transformers", "CLIPTokenizer"],
                "tokenizer_2": ["transformers", "CLIPTokenizer"]}, **options)


def clip_tokenizer(name, part, **special):
    """The tests' CLIP vocabulary; Stable Diffusion 2 and XL's second encoder pad with "!", whose id is 0."""
    source = os.path.join(FIXTURES, "tokenizers", "clip")
    folder = fixture(name, part)
    for file in ("vocab.json", "merges.txt"):
        path = os.path.join(folder, file)
        if not os.path.lexists(path):
            os.symlink(os.path.join("..", "..", "tokenizers", "clip", file), path)
    with open(os.path.join(source, "tokenizer_config.json")) as file:
        save_json({**json.load(file), **special}, os.path.join(folder, "tokenizer_config.json"))
    from transformers import CLIPTokenizer
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    assert tokenizer.pad_token_id == (0 if special else tokenizer.eos_token_id)
    return tokenizer


def edit():
    """InstructPix2Pix: a picture's latents beside the noisy ones, and two guidance scales."""
    name = "pipeline-edit"
    link(name, "tokenizer", "text_encoder", "vae", to="pipeline-a")
    save_unet(name + "/unet", 63, "epsilon", in_channels=8, cross_attention_dim=32, attention_head_dim=4,
              **TWO_LEVELS, **OUTER)
    sd_index(name, EulerAncestralDiscreteScheduler(**SCALED_LINEAR, timestep_spacing="linspace"),
             pipeline="StableDiffusionInstructPix2PixPipeline")
    save_inputs(name)
    base = dict(mode="edit", prompt="make the apple red", negative_prompt="blurry, ugly", steps=10, guidance_scale=5.0,
                image="init.png", scheduler=EULER_A, overrides={}, image_guidance_scale=1.5)
    draw(fixture(name), fixture(name), [
        dict(base, name="euler-a", seed=0, picture=True),
        dict(base, name="ddim-2", seed=1, scheduler=DDIM, image_guidance_scale=2.0, negative_prompt=""),
        dict(base, name="euler", seed=2, scheduler=EULERS, image_guidance_scale=1.0),
        dict(base, name="no-guidance", seed=3, guidance_scale=1.0),
        dict(base, name="weak-image", seed=4, image_guidance_scale=0.9),
    ])


def sd2():
    """Stable Diffusion 2: "gelu", padding 0, linear projections, heads by level; ε and v; few steps as turbo's."""
    name = "pipeline-sd2"
    tokenizer = clip_tokenizer(name, "tokenizer", pad_token="!")
    save_text_encoder(name + "/text_encoder", 71, vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64,
                      num_hidden_layers=4, num_attention_heads=4, max_position_embeddings=77, projection_dim=16,
                      hidden_act="gelu", bos_token_id=0, eos_token_id=2, pad_token_id=1)
    link(name, "vae", to="pipeline-a")
    shape = dict(cross_attention_dim=32, attention_head_dim=[2, 3], use_linear_projection=True, upcast_attention=True,
                 **TWO_LEVELS, **OUTER)
    save_unet(name + "/unet", 72, "v_prediction", in_channels=4, **shape)
    sd_index(name, DDIMScheduler(**SCALED_LINEAR, clip_sample=False, set_alpha_to_one=False, steps_offset=1,
                                 prediction_type="v_prediction"), "CLIPTokenizer")
    save_inputs(name)
    turbo = dict(scheduler=EULERS, overrides={"timestep_spacing": "trailing"}, guidance_scale=0.0, negative_prompt="")
    base = dict(prompt="a photo of a cat", negative_prompt="dark", steps=10, guidance_scale=5.0, scheduler=DDIM,
                overrides={})
    draw(fixture(name), fixture(name), [
        dict(base, name="768-v", seed=0, picture=True),
        dict(base, name="euler", seed=1, scheduler=EULERS, negative_prompt=""),
        dict(base, name="turbo-1", seed=2, **{**turbo, "steps": 1}),
        dict(base, name="turbo-2", seed=3, **{**turbo, "steps": 2}),
        dict(base, name="img2img", seed=4, mode="img2img", image="init.png", strength=0.5),
        dict(base, name="inpaint", seed=5, mode="inpaint", image="init.png", mask="mask.png", strength=1.0),
    ])
    name = "pipeline-sd2-inpaint"
    link(name, "tokenizer", "text_encoder", to="pipeline-sd2")
    link(name, "vae", to="pipeline-a")
    save_unet(name + "/unet", 73, "epsilon", in_channels=9, **shape)
    sd_index(name, DDIMScheduler(**SCALED_LINEAR, clip_sample=False, set_alpha_to_one=False, steps_offset=1),
             "CLIPTokenizer")
    save_inputs(name)
    base |= dict(mode="inpaint", image="init.png", mask="mask.png", strength=1.0)
    draw(fixture(name), fixture(name), [
        dict(base, name="ddim", seed=0, picture=True),
        dict(base, name="euler-0.7", seed=1, scheduler=EULERS, strength=0.7),
    ])


XL = dict(attention_head_dim=[2, 3], transformer_layers_per_block=[1, 2], use_linear_projection=True,
          addition_embed_type="text_time", addition_time_embed_dim=8)


def xl():
    """Stable Diffusion XL: two text encoders, pooled text, sizes as conditions."""
    name = "pipeline-xl"
    tokenizer = clip_tokenizer(name, "tokenizer")
    clip_tokenizer(name, "tokenizer_2", pad_token="!")
    save_text_encoder(name + "/text_encoder", 81, vocab_size=len(tokenizer), hidden_size=24, intermediate_size=48,
                      num_hidden_layers=3, num_attention_heads=3, max_position_embeddings=77, projection_dim=24,
                      hidden_act="quick_gelu", bos_token_id=0, eos_token_id=2, pad_token_id=1)
    config = CLIPTextConfig(vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=4,
                            num_attention_heads=2, max_position_embeddings=77, projection_dim=POOLED,
                            hidden_act="gelu", bos_token_id=0, eos_token_id=2, pad_token_id=1, dtype="float16",
                            architectures=["CLIPTextModelWithProjection"])
    second = randomise(CLIPTextModelWithProjection(config), 82, F16)
    save_tensors(stored(second, F16), fixture(name, "text_encoder_2", "model.safetensors"))
    config.to_json_file(fixture(name, "text_encoder_2", "config.json"))
    link(name, "vae", to="pipeline-a")
    shape = dict(**XL, **TWO_LEVELS, **INNER, projection_class_embeddings_input_dim=POOLED + 6 * 8)
    save_unet(name + "/unet", 83, "epsilon", in_channels=4, cross_attention_dim=56, **shape)
    xl_index(name, EulerDiscreteScheduler(**SCALED_LINEAR, **EULER), force_zeros_for_empty_prompt=True)
    save_inputs(name)
    base = dict(prompt="a photo of a cat", negative_prompt="dark", steps=10, guidance_scale=5.0, scheduler=EULERS,
                overrides={})
    turbo = dict(scheduler=EULER_A, overrides={"timestep_spacing": "trailing"}, guidance_scale=0.0, negative_prompt="")
    pictures = dict(image="init.png", guidance_scale=4.0)
    draw(fixture(name), fixture(name), [
        dict(base, name="euler", seed=0, picture=True),
        dict(base, name="zero-negative", seed=1, negative_prompt=""),
        dict(base, name="sizes", seed=2, width=80, height=48, original_size=(96, 128), target_size=(64, 72),
             crops_coords_top_left=(5, 11)),
        dict(base, name="clip-skip", seed=3, clip_skip=2),
        dict(base, name="no-guidance", seed=4, guidance_scale=1.0),
        dict(base, name="rescale", seed=5, guidance_rescale=0.7),
        dict(base, name="offset-0", seed=6, overrides={"steps_offset": 0}),
        dict(base, name="turbo-1", seed=7, **{**turbo, "steps": 1}),
        dict(base, name="turbo-4", seed=8, **{**turbo, "steps": 4}),
        dict(base, name="lcm", seed=9, scheduler=LCM, steps=4, guidance_scale=1.0),
        dict(base, name="img2img", seed=10, mode="img2img", strength=0.5, **pictures),
        dict(base, name="inpaint", seed=11, mode="inpaint", mask="mask.png", strength=1.0, **pictures),
        dict(base, name="inpaint-0.6", seed=12, mode="inpaint", mask="mask.png", strength=0.6, **pictures),
    ], family="xl")

    name = "pipeline-xl-inpaint"
    link(name, "tokenizer", "tokenizer_2", "text_encoder", "text_encoder_2", to="pipeline-xl")
    link(name, "vae", to="pipeline-a")
    save_unet(name + "/unet", 84, "epsilon", in_channels=9, cross_attention_dim=56, **shape)
    xl_index(name, EulerDiscreteScheduler(**SCALED_LINEAR, **EULER), "StableDiffusionXLInpaintPipeline",
             force_zeros_for_empty_prompt=True, requires_aesthetics_score=False)
    save_inputs(name)
    base |= dict(mode="inpaint", mask="mask.png", **pictures)
    draw(fixture(name), fixture(name), [
        dict(base, name="euler", seed=0, strength=1.0, picture=True),
        dict(base, name="euler-0.6", seed=1, strength=0.6, negative_prompt=""),
    ], family="xl")

    name = "pipeline-xl-refiner"
    link(name, "tokenizer_2", "text_encoder_2", to="pipeline-xl")
    link(name, "vae", to="pipeline-a")
    shape["projection_class_embeddings_input_dim"] = POOLED + 5 * 8
    save_unet(name + "/unet", 85, "epsilon", in_channels=4, cross_attention_dim=32, **shape)
    xl_index(name, EulerDiscreteScheduler(**SCALED_LINEAR, **EULER), "StableDiffusionXLImg2ImgPipeline", True,
             force_zeros_for_empty_prompt=False, requires_aesthetics_score=True)
    save_inputs(name)
    base |= dict(mode="img2img", mask=None)
    draw(fixture(name), fixture(name), [
        dict(base, name="img2img", seed=0, strength=0.5, picture=True),
        dict(base, name="scores", seed=1, strength=0.7, aesthetic_score=7.5, negative_aesthetic_score=1.5),
        dict(base, name="empty-negative", seed=2, strength=0.3, negative_prompt=""),
    ], family="xl", requires_aesthetics_score=True, force_zeros_for_empty_prompt=False)


def refined():
    """The base model's work gone on with by the refiner: `denoising_end` of the one is `denoising_start` of the
    other. Only runs are written; the models are those of xl()."""
    first = diffusers.DiffusionPipeline.from_pretrained(fixture("pipeline-xl"), dtype=torch.float32)
    second = diffusers.DiffusionPipeline.from_pretrained(fixture("pipeline-xl-refiner"), dtype=torch.float32)
    base = dict(prompt="a photo of a cat", negative_prompt="dark", width=64, height=64, steps=10, guidance_scale=5.0,
                scheduler=EULERS, refiner_start=0.8)
    written, tensors = [], {}
    for run in [dict(base, name="euler", seed=0),
                dict(base, name="euler-a", seed=1, scheduler=EULER_A, refiner_start=0.5, negative_prompt=""),
                dict(base, name="no-guidance", seed=2, guidance_scale=1.0, steps=7)]:
        scheduler = getattr(diffusers, run["scheduler"])
        for pipe in (first, second):
            pipe.set_progress_bar_config(disable=True)
            pipe.scheduler = scheduler.from_config(first.scheduler.config)
        run["scheduler_config"] = json.loads(first.scheduler.to_json_string())
        call = dict(prompt=run["prompt"], negative_prompt=run["negative_prompt"] or None, output_type="latent",
                    num_inference_steps=run["steps"], guidance_scale=run["guidance_scale"],
                    generator=generator(run["seed"]))
        half = first(denoising_end=run["refiner_start"], width=run["width"], height=run["height"], **call).images
        latents = second(image=half, denoising_start=run["refiner_start"], **call).images
        print(f"  {run['name']}: std {latents.std():.2f}, the refiner's part {relative(latents, half):.2f}")
        tensors[run["name"] + ".latents"] = latents
        written.append({**DEFAULTS, **run})
    save_json(written, fixture("refined-xl", "runs.json"))
    save_tensors(tensors, fixture("refined-xl", "runs.safetensors"))


def lcm():
    """Latent consistency: the guidance scale is told, not applied."""
    name = "pipeline-lcm"
    link(name, "tokenizer", "text_encoder", "vae", to="pipeline-a")
    save_unet(name + "/unet", 91, "epsilon", in_channels=4, cross_attention_dim=32, attention_head_dim=4,
              time_cond_proj_dim=16, **TWO_LEVELS, **OUTER)
    sd_index(name, LCMScheduler(**SCALED_LINEAR), pipeline="LatentConsistencyModelPipeline")
    save_inputs(name)
    base = dict(prompt="a red apple on a green table", steps=4, guidance_scale=8.5, scheduler=LCM, overrides={})
    draw(fixture(name), fixture(name), [
        dict(base, name="lcm-4", seed=0, picture=True),
        dict(base, name="lcm-1", seed=1, steps=1),
        dict(base, name="lcm-8", seed=2, steps=8, guidance_scale=3.0),
        dict(base, name="lcm-7-of-30", seed=3, steps=7, overrides={"original_inference_steps": 30}),
    ], family="lcm")


def small():
    """Distilled UNets: SSD-1B's transformers by layer and bare middle, SDXS' missing middle."""
    name = "pipeline-ssd"
    link(name, "tokenizer", "tokenizer_2", "text_encoder", "text_encoder_2", to="pipeline-xl")
    link(name, "vae", to="pipeline-a")
    save_unet(name + "/unet", 95, "epsilon", in_channels=4, cross_attention_dim=56, sample_size=8,
              block_out_channels=[8, 16, 16], layers_per_block=2, norm_num_groups=4, attention_head_dim=[1, 2, 4],
              transformer_layers_per_block=[1, [2, 1], [1, 2]],
              reverse_transformer_layers_per_block=[[1, 2, 1], [2, 1, 1], 1], mid_block_type="UNetMidBlock2D",
              use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=8,
              projection_class_embeddings_input_dim=POOLED + 6 * 8,
              down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
              up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"])
    xl_index(name, EulerDiscreteScheduler(**SCALED_LINEAR, **EULER), force_zeros_for_empty_prompt=True)
    base = dict(prompt="a photo of a cat", negative_prompt="dark", steps=8, guidance_scale=5.0, scheduler=EULERS,
                overrides={})
    draw(fixture(name), fixture(name), [dict(base, name="euler", seed=0)], family="xl")

    name = "pipeline-sdxs"
    link(name, "tokenizer", "text_encoder", "vae", to="pipeline-a")
    save_unet(name + "/unet", 96, "epsilon", in_channels=4, cross_attention_dim=32, sample_size=8,
              block_out_channels=[8, 16, 16], layers_per_block=1, norm_num_groups=4, attention_head_dim=[1, 2, 4],
              mid_block_type=None, use_linear_projection=True,
              down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
              up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"])
    sd_index(name, EulerDiscreteScheduler(**SCALED_LINEAR, timestep_spacing="trailing", steps_offset=1))
    draw(fixture(name), fixture(name), [
        dict(base, name="one-step", seed=0, steps=1, guidance_scale=0.0, negative_prompt="",
             overrides={"timestep_spacing": "trailing"}),
        dict(base, name="euler", seed=1),
    ])


if __name__ == "__main__":
    for job in (edit, sd2, xl, refined, lcm, small):
        if not sys.argv[1:] or job.__name__ in sys.argv[1:]:
            job()
