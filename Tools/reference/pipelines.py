"""Whole runs of small random Stable Diffusion pipelines, as diffusers draws them.

Writes Tests/Fixtures/pipeline-{a,b,inpaint}: model folders, runs.json (what was asked), runs.safetensors
(`<name>.ids`: token ids, `<name>.latents`: final latents before the division by the scaling factor) and pictures.
"""

NEEDS = ["diffusers", "pillow", "safetensors", "sentencepiece", "torch", "transformers"]

import common  # first: it puts the path in order
from common import FIXTURES, fixture, generator, randomise, save_json, save_tensors, stored

import contextlib
import os
import shutil
import sys
import tempfile

import sentencepiece
import torch
from diffusers import AutoencoderKL, DDIMScheduler, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image, ImageDraw
from transformers import CLIPTextConfig, CLIPTextModel

from runs import draw

F16 = torch.float16
# Width of the pooled text of the fixtures' Stable Diffusion XL models.
POOLED = 24

TEXT = """a red apple on a green table
two red apples and a yellow banana
a green leaf, a tall tree and a small house
the sun over the sea, blue sky, white clouds
a cat with yellow eyes; a dog with a red ball
black and white drawing of an old boat
grinning face, smiling face, sad face
un gato negro en una casa blanca
une pomme rouge sur la table
ein kleiner roter Apfel auf dem Tisch
a photograph of a mountain at night, snow, stars and the moon
orange fish in clear water, bright colours
a glass of water next to a bowl of fruit
blurry, ugly, low quality, watermark, text
portrait of an old man with a hat, oil painting
robot, rocket, house, tree, flower, heart, star
"""


def spiece_tokenizer(folder, length):
    """A small SentencePiece model in T5's layout: <pad> 0, </s> 1, <unk> 2."""
    os.makedirs(folder, exist_ok=True)
    folder = os.path.abspath(folder)
    with tempfile.TemporaryDirectory() as temporary, contextlib.chdir(temporary):
        # The model file records the paths it was made from: they must not differ between runs.
        with open("rules.tsv", "w") as file:  # a few rules in place of NFKC's quarter of a megabyte
            for a, b in [("ﬁ", "fi"), ("’", "'"), ("　", " "), *zip("ＡＢＣａｂｃ", "ABCabc")]:
                file.write(" ".join(f"{ord(c):X}" for c in a) + "\t" + " ".join(f"{ord(c):X}" for c in b) + "\n")
        with open("corpus.txt", "w") as file:
            file.write(TEXT)
        sentencepiece.SentencePieceTrainer.train(
            input="corpus.txt", model_prefix="spiece", vocab_size=220, hard_vocab_limit=False,
            model_type="unigram", pad_id=0, eos_id=1, unk_id=2, bos_id=-1, pad_piece="<pad>",
            normalization_rule_tsv="rules.tsv", num_threads=1, minloglevel=2)
        shutil.copy("spiece.model", folder)
    save_json({"tokenizer_class": "T5Tokenizer", "model_max_length": length, "extra_ids": 0, "legacy": False,
               "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"},
              os.path.join(folder, "tokenizer_config.json"))
    return sentencepiece.SentencePieceProcessor(model_file=os.path.join(folder, "spiece.model")).vocab_size()


def save_text_encoder(folder, seed, prefix="text_model.", **config):
    config = CLIPTextConfig(**config, dtype="float16", architectures=["CLIPTextModel"])
    model = randomise(CLIPTextModel(config), seed, F16)
    save_tensors(stored(model, F16, lambda k: prefix + k.removeprefix("text_model.")),
                 fixture(folder, "model.safetensors"))
    config.to_json_file(fixture(folder, "config.json"))


def save_vae(folder, seed, **config):
    levels = len(config["block_out_channels"])
    model = AutoencoderKL(down_block_types=["DownEncoderBlock2D"] * levels,
                          up_block_types=["UpDecoderBlock2D"] * levels, latent_channels=4, **config)
    randomise(model, seed, F16)
    with torch.no_grad():
        # As in a trained autoencoder: the latents' noise is small beside their mean, and they are of order 1.
        model.quant_conv.bias[4:] -= 4
        model.quant_conv.bias.copy_(model.quant_conv.bias.half().float())
        latents = model.encode(pictures(8, 64, generator(seed))).latent_dist.mean
        model.register_to_config(scaling_factor=round(1 / latents.std().item(), 4))
    save_tensors(stored(model, F16), fixture(folder, "diffusion_pytorch_model.safetensors"))
    model.save_config(fixture(folder))


def pictures(count, size, g):
    broad = torch.randn(count, 3, 4, 4, generator=g)
    return torch.nn.functional.interpolate(broad, (size, size), mode="bicubic").clamp(-1, 1)


def conditions(config, count, g):
    """What else a UNet of this configuration wants to be told, for fitting: pooled text and sizes, guidance."""
    told = {}
    if config.addition_embed_type == "text_time":
        width = config.addition_time_embed_dim
        numbers = 5 if config.projection_class_embeddings_input_dim == POOLED + 5 * width else 6
        pooled = config.projection_class_embeddings_input_dim - numbers * width
        told["added_cond_kwargs"] = {"text_embeds": torch.randn(count, pooled, generator=g),
                                     "time_ids": 64.0 * torch.randint(0, 2, (count, numbers), generator=g)}
    if config.time_cond_proj_dim:
        told["timestep_cond"] = torch.sin(10 * torch.randn(count, config.time_cond_proj_dim, generator=g))
    return told


def fit_last_convolution(unet, prediction, seed, text_channels=None):
    """Random weights would send a run far away; so the last convolution is fitted (least squares on the random
    network's features) to predict what a trained network predicts. A part stays random, so that everything
    still shows."""
    g = generator(seed)
    count, size = 96, 8
    clean = torch.nn.functional.interpolate(torch.randn(count, 4, 3, 3, generator=g), (size, size), mode="bicubic")
    clean = clean / clean.std()
    noise = torch.randn(clean.shape, generator=g)
    t = torch.randint(0, 1000, (count,), generator=g)
    alpha = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear").alphas_cumprod[t]
    a, s = alpha.sqrt()[:, None, None, None], (1 - alpha).sqrt()[:, None, None, None]
    extra = torch.randn(count, unet.config.in_channels - 4, size, size, generator=g)
    states = torch.randn(count, 9, text_channels or unet.config.cross_attention_dim, generator=g)
    target = noise if prediction == "epsilon" else a * noise - s * clean
    features = []
    hook = unet.conv_out.register_forward_pre_hook(lambda _, inputs: features.append(inputs[0]))
    with torch.no_grad():
        unet(torch.cat([a * clean + s * noise, extra], 1), t, states, **conditions(unet.config, count, g))
        hook.remove()
        columns = torch.nn.functional.unfold(features[0], 3, padding=1).transpose(1, 2).flatten(0, 1).double()
        columns = torch.cat([columns, torch.ones(len(columns), 1)], 1)
        wanted = target.permute(0, 2, 3, 1).flatten(0, 2).double()
        gram = columns.T @ columns + 10 * torch.eye(columns.shape[1], dtype=torch.double)
        solution = torch.linalg.solve(gram, columns.T @ wanted)
        explained = 1 - ((columns @ solution - wanted).var() / wanted.var()).item()
        print(f"  last convolution explains {explained:.2f} of the target's variance")
        fitted = solution[:-1].T.reshape(unet.conv_out.weight.shape)
        unet.conv_out.weight.copy_((fitted.float() + 0.3 * unet.conv_out.weight).half().float())
        unet.conv_out.bias.copy_(solution[-1].half().float())


def save_unet(folder, seed, prediction, shards=1, **config):
    # Weak residual branches leave the features near the input, so that the noise can be read from them.
    model = randomise(UNet2DConditionModel(out_channels=4, **config), seed, F16, {"conv2": 0.3, "proj_out": 0.3})
    fit_last_convolution(model, prediction, seed)
    tensors = stored(model, F16)
    model.save_config(fixture(folder))
    if shards == 1:
        save_tensors(tensors, fixture(folder, "diffusion_pytorch_model.safetensors"))
        return
    keys, index = sorted(tensors), {}
    for i in range(shards):
        name = f"diffusion_pytorch_model-{i + 1:05}-of-{shards:05}.safetensors"
        part = {k: tensors[k] for k in keys[i::shards]}
        save_tensors(part, fixture(folder, name))
        index |= {k: name for k in part}
    size = sum(t.numel() * 2 for t in tensors.values())
    save_json({"metadata": {"total_size": size}, "weight_map": dict(sorted(index.items()))},
              fixture(folder, "diffusion_pytorch_model.safetensors.index.json"))


def save_index(name, tokenizer, scheduler):
    scheduler.save_config(fixture(name, "scheduler"))
    save_json({
        "_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.42.1",
        "feature_extractor": [None, None], "image_encoder": [None, None], "requires_safety_checker": False,
        "safety_checker": [None, None], "scheduler": ["diffusers", type(scheduler).__name__],
        "text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", tokenizer],
        "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"],
    }, fixture(name, "model_index.json"))


def save_inputs(name, times=1):
    """init.png: shapes on a gradient; mask.png: grey levels too, and edges off the latents' grid. Both of 64 pixels a
    side, each enlarged `times`."""
    image = Image.new("RGB", (64, 64))
    image.putdata([(4 * x, 255 - 3 * y, 128 + x - y) for y in range(64) for x in range(64)])
    pen = ImageDraw.Draw(image)
    pen.ellipse((10, 8, 44, 42), fill=(230, 40, 30))
    pen.rectangle((40, 36, 60, 58), fill=(20, 60, 200))
    _enlarged(image, times).save(fixture(name, "init.png"))
    mask = Image.new("L", (64, 64))
    pen = ImageDraw.Draw(mask)
    pen.rectangle((21, 12, 63, 50), fill=255)
    pen.rectangle((30, 20, 38, 30), fill=100)  # below a half: kept
    pen.rectangle((0, 56, 15, 63), fill=140)  # above a half: repainted
    _enlarged(mask, times).save(fixture(name, "mask.png"))


def _enlarged(image, times):
    return image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST)


SCALED_LINEAR = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000)


def pipeline_a():
    name = "pipeline-a"
    words = spiece_tokenizer(fixture(name, "tokenizer"), 24)
    save_text_encoder(name + "/text_encoder", 31, vocab_size=words, hidden_size=32, intermediate_size=64,
                      num_hidden_layers=3, num_attention_heads=4, max_position_embeddings=24, projection_dim=32,
                      hidden_act="quick_gelu", bos_token_id=None, eos_token_id=1, pad_token_id=0)
    save_vae(name + "/vae", 32, block_out_channels=[8, 8, 16, 16], layers_per_block=1, norm_num_groups=4,
             sample_size=64)
    save_unet(name + "/unet", 33, "epsilon", in_channels=4, sample_size=8, block_out_channels=[24, 32],
              layers_per_block=1, norm_num_groups=8, cross_attention_dim=32, attention_head_dim=4,
              down_block_types=["CrossAttnDownBlock2D", "DownBlock2D"],
              up_block_types=["UpBlock2D", "CrossAttnUpBlock2D"])
    save_index(name, "T5Tokenizer", PNDMScheduler(**SCALED_LINEAR, skip_prk_steps=True, steps_offset=1,
                                                  set_alpha_to_one=False, timestep_spacing="leading"))
    save_inputs(name)

    plain = {"clip_sample": False}
    # name, class, overrides, eta
    samplers = [
        ("pndm", "PNDMScheduler", {}, 0),
        ("pndm-prk", "PNDMScheduler", {"skip_prk_steps": False}, 0),
        ("ddim", "DDIMScheduler", plain, 0),
        ("ddim-eta", "DDIMScheduler", plain, 0.7),
        ("ddpm", "DDPMScheduler", plain, 0),
        ("euler", "EulerDiscreteScheduler", {}, 0),
        ("euler-a", "EulerAncestralDiscreteScheduler", {}, 0),
        ("heun", "HeunDiscreteScheduler", {}, 0),
        ("lms", "LMSDiscreteScheduler", {}, 0),
        ("dpmpp-2m", "DPMSolverMultistepScheduler", {}, 0),
        ("dpmpp-2m-karras", "DPMSolverMultistepScheduler", {"use_karras_sigmas": True}, 0),
        ("unipc", "UniPCMultistepScheduler", {}, 0),
    ]
    base = dict(prompt="a red apple on a green table", negative_prompt="blurry, ugly", width=64, height=64,
                steps=12, guidance_scale=5.0, seed=1)
    runs = []
    for label, scheduler, overrides, eta in samplers:
        runs.append(dict(base, name=label, scheduler=scheduler, overrides=overrides, eta=eta,
                         picture=label in ("pndm", "ddim", "euler-a", "dpmpp-2m-karras")))
    few = {label: (scheduler, overrides) for label, scheduler, overrides, _ in samplers}

    def run(label, sampler, **changes):
        scheduler, overrides = few[sampler]
        runs.append({**base, "name": label, "scheduler": scheduler, "overrides": overrides, **changes})

    run("no-guidance", "ddim", guidance_scale=1.0, seed=2)
    run("no-negative", "euler", negative_prompt="", seed=3)
    run("empty-prompt", "ddim", prompt="", negative_prompt="", seed=4)
    run("long-prompt", "ddim", prompt=" ".join(TEXT.split()[:60]), seed=5)
    run("unknown-characters", "ddim", prompt="ﬁsh ＡＢＣ　ж a 🍎, café", seed=6)
    run("rescale", "ddim", guidance_scale=9.0, guidance_rescale=0.7, seed=7)
    run("clip-skip", "ddim", clip_skip=2, seed=8)
    run("clip-sample", "ddim", overrides={"clip_sample": True, "set_alpha_to_one": True}, seed=9)
    run("wide", "dpmpp-2m", width=80, height=48, seed=10, picture=True)
    run("odd", "ddim", width=56, height=40, seed=11, picture=True)
    run("one-step", "ddim", steps=1, seed=12)
    run("large-seed", "euler-a", steps=5, seed=4_294_967_301)
    run("linspace", "euler", overrides={"timestep_spacing": "linspace"}, seed=13)
    run("linear-trailing", "ddim", overrides={**plain, "timestep_spacing": "trailing", "beta_schedule": "linear"},
        seed=14)
    run("cosine", "dpmpp-2m", overrides={"beta_schedule": "squaredcos_cap_v2"}, seed=15)

    for strength in (0.3, 0.75, 1.0):
        for sampler in ("ddim", "euler-a", "dpmpp-2m"):
            run(f"img2img-{sampler}-{strength}", sampler, mode="img2img", strength=strength, seed=20,
                image="init.png", picture=sampler == "ddim" and strength == 0.75)
    for sampler in ("pndm", "heun", "lms", "unipc", "ddpm", "dpmpp-2m-karras"):
        run(f"img2img-{sampler}-0.6", sampler, mode="img2img", strength=0.6, seed=21, image="init.png")
    for strength in (0.6, 1.0):
        for sampler in ("ddim", "euler-a", "dpmpp-2m"):
            run(f"inpaint-{sampler}-{strength}", sampler, mode="inpaint", strength=strength, seed=22,
                image="init.png", mask="mask.png", picture=sampler == "ddim")
    run("inpaint-ddim-eta", "ddim", mode="inpaint", strength=1.0, eta=0.7, seed=23, image="init.png",
        mask="mask.png")
    draw(fixture(name), fixture(name), runs, prompt_of_check="a red apple on a green table")


def pipeline_b():
    name = "pipeline-b"
    source = os.path.join(FIXTURES, "tokenizers", "clip")
    folder = fixture(name, "tokenizer")
    for file in ("vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json"):
        if os.path.exists(os.path.join(source, file)):
            shutil.copy(os.path.join(source, file), folder)
    from transformers import CLIPTokenizer
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    length = tokenizer.model_max_length
    save_text_encoder(name + "/text_encoder", 41, prefix="", vocab_size=len(tokenizer), hidden_size=40,
                      intermediate_size=80, num_hidden_layers=2, num_attention_heads=5,
                      max_position_embeddings=length, projection_dim=40, hidden_act="gelu",
                      bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
                      pad_token_id=tokenizer.pad_token_id)
    save_vae(name + "/vae", 42, block_out_channels=[8, 12, 16], layers_per_block=1, norm_num_groups=4,
             sample_size=64)
    save_unet(name + "/unet", 43, "v_prediction", shards=2, in_channels=4, sample_size=16,
              block_out_channels=[24, 32], layers_per_block=2, norm_num_groups=8, cross_attention_dim=40,
              attention_head_dim=[3, 2], transformer_layers_per_block=[1, 2], use_linear_projection=True,
              down_block_types=["CrossAttnDownBlock2D", "DownBlock2D"],
              up_block_types=["UpBlock2D", "CrossAttnUpBlock2D"])
    save_index(name, "CLIPTokenizer",
               DDIMScheduler(**SCALED_LINEAR, clip_sample=False, set_alpha_to_one=False, steps_offset=1,
                             prediction_type="v_prediction", timestep_spacing="leading"))
    save_inputs(name)
    base = dict(prompt="a photo of a cat", negative_prompt="", width=64, height=64, steps=10, guidance_scale=5.0,
                scheduler="DDIMScheduler", overrides={})
    zero = {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    runs = [
        dict(base, name="ddim", seed=0, picture=True),
        dict(base, name="zero-snr", seed=1, overrides=zero, guidance_rescale=0.7, picture=True),
        dict(base, name="zero-snr-eta", seed=2, overrides=zero, eta=0.5),
        dict(base, name="zero-snr-euler", seed=3, scheduler="EulerDiscreteScheduler", overrides=zero),
        dict(base, name="ddpm", seed=4, scheduler="DDPMScheduler"),
        dict(base, name="pndm", seed=5, scheduler="PNDMScheduler", overrides={"skip_prk_steps": True}),
        dict(base, name="euler", seed=6, scheduler="EulerDiscreteScheduler"),
        dict(base, name="euler-a", seed=7, scheduler="EulerAncestralDiscreteScheduler"),
        dict(base, name="heun", seed=8, scheduler="HeunDiscreteScheduler"),
        dict(base, name="lms", seed=9, scheduler="LMSDiscreteScheduler"),
        dict(base, name="dpmpp-2m-karras", seed=10, scheduler="DPMSolverMultistepScheduler",
             overrides={"use_karras_sigmas": True}),
        dict(base, name="unipc", seed=11, scheduler="UniPCMultistepScheduler"),
        dict(base, name="tall", seed=12, width=40, height=56, negative_prompt="Blurry, LOW quality!",
             prompt="An OLD cat's photo, naïve 2 cats"),
        dict(base, name="long-prompt", seed=13, prompt="a photo of the cat and " * 30),
        dict(base, name="clip-skip", seed=14, clip_skip=2),
        dict(base, name="img2img", seed=15, mode="img2img", image="init.png", strength=0.5, picture=True),
        dict(base, name="inpaint", seed=16, mode="inpaint", image="init.png", mask="mask.png", strength=1.0),
    ]
    draw(fixture(name), fixture(name), runs, prompt_of_check="a photo of a cat")


def pipeline_inpaint():
    name = "pipeline-inpaint"
    for part in ("tokenizer", "text_encoder", "vae"):
        link = os.path.join(fixture(name), part)
        if not os.path.islink(link):
            os.symlink(os.path.join("..", "pipeline-a", part), link)
    save_unet(name + "/unet", 53, "epsilon", in_channels=9, sample_size=8, block_out_channels=[24, 32],
              layers_per_block=1, norm_num_groups=8, cross_attention_dim=32, attention_head_dim=4,
              down_block_types=["CrossAttnDownBlock2D", "DownBlock2D"],
              up_block_types=["UpBlock2D", "CrossAttnUpBlock2D"])
    save_index(name, "T5Tokenizer", DDIMScheduler(**SCALED_LINEAR, clip_sample=False, set_alpha_to_one=False,
                                                  steps_offset=1, timestep_spacing="leading"))
    save_inputs(name)
    base = dict(prompt="a red apple on a green table", negative_prompt="blurry, ugly", width=64, height=64,
                steps=12, guidance_scale=5.0, mode="inpaint", image="init.png", mask="mask.png",
                scheduler="DDIMScheduler", overrides={})
    draw(fixture(name), fixture(name), [
        dict(base, name="ddim-1.0", seed=0, strength=1.0, picture=True),
        dict(base, name="ddim-0.6", seed=1, strength=0.6),
        dict(base, name="ddim-eta", seed=2, strength=1.0, eta=0.7),
        dict(base, name="no-guidance", seed=3, strength=1.0, guidance_scale=1.0),
        dict(base, name="euler-a", seed=4, strength=1.0, scheduler="EulerAncestralDiscreteScheduler"),
        dict(base, name="dpmpp-2m", seed=5, strength=0.75, scheduler="DPMSolverMultistepScheduler"),
        dict(base, name="pndm", seed=6, strength=1.0, scheduler="PNDMScheduler",
             overrides={"skip_prk_steps": True}),
    ])


if __name__ == "__main__":
    for job in (pipeline_a, pipeline_b, pipeline_inpaint):
        if not sys.argv[1:] or job.__name__ in sys.argv[1:]:
            job()
