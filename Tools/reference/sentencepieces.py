"""Whole runs of small random pipelines whose tokenizers are SentencePiece models and whose text encoders are not all
CLIP's: AltDiffusion, Japanese Stable Diffusion, and a UNet that listens to T5.

Writes Tests/Fixtures/pipeline-{alt,japanese,t5}, like pipelines.py.
"""

NEEDS = ["diffusers", "pillow", "safetensors", "sentencepiece", "tokenizers", "torch", "transformers"]

import common  # first: it puts the path in order
from common import fixture, generator, randomise, save_json, save_tensors, stored

import json
import os
import sys

import diffusers
import sentencepiece
import torch
from diffusers import (AltDiffusionPipeline, AutoencoderKL, DDIMScheduler, DPMSolverMultistepScheduler,
                       StableDiffusionPipeline, UNet2DConditionModel)
from diffusers.pipelines.deprecated.alt_diffusion.modeling_roberta_series import (
    RobertaSeriesConfig, RobertaSeriesModelWithTransformation)
from transformers import CLIPTextConfig, CLIPTextModel, T5Config, T5EncoderModel, T5Tokenizer, XLMRobertaTokenizer

from lowercasing import LowerCasingTokenizer
from pipelines import F16, SCALED_LINEAR, fit_last_convolution, save_vae
from runs import DEFAULTS

TEXT = """a red apple on a green table
a photo of a cat by the sea, oil painting
ein kleiner roter Apfel auf dem Tisch
une pomme rouge sur la table
un gato negro en una casa blanca
чёрная кошка в белом доме
赤いりんごと緑のテーブル
海辺の猫の写真、油絵
サラリーマンの油絵、猫と犬
夜の東京の街、富士山と桜
红色的苹果在桌子上
一只黑猫在白色的房子里
검은 고양이와 하얀 집
قطة سوداء في بيت أبيض
blurry, ugly, low quality, watermark
"""
SMALL_UNET = dict(in_channels=4, sample_size=8, block_out_channels=[16, 24], layers_per_block=1, norm_num_groups=8,
                  attention_head_dim=4, down_block_types=["CrossAttnDownBlock2D", "DownBlock2D"],
                  up_block_types=["UpBlock2D", "CrossAttnUpBlock2D"])
SMALL_VAE = dict(block_out_channels=[8, 8, 8, 16], layers_per_block=1, norm_num_groups=4, sample_size=64)


def spiece(folder, file, vocabulary, **options):
    folder = fixture(folder)
    # From memory, so that no path gets into the model's file.
    with open(os.path.join(folder, file), "wb") as model:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(TEXT.splitlines()), model_writer=model, vocab_size=vocabulary,
            hard_vocab_limit=False, model_type="unigram", num_threads=1, minloglevel=2, **options)
    return folder


def xlmr_tokenizer(name, length):
    folder = spiece(name, "sentencepiece.bpe.model", 260, normalization_rule_name="identity")
    save_json({"tokenizer_class": "XLMRobertaTokenizer", "model_max_length": length, "bos_token": "<s>",
               "eos_token": "</s>", "sep_token": "</s>", "cls_token": "<s>", "unk_token": "<unk>", "pad_token": "<pad>",
               "mask_token": {"__type": "AddedToken", "content": "<mask>", "lstrip": True, "normalized": True,
                              "rstrip": False, "single_word": False}},
              os.path.join(folder, "tokenizer_config.json"))
    return XLMRobertaTokenizer.from_pretrained(folder)


def t5_tokenizer(name, length, **config):
    """rinna's layout: <unk> 0, <s> 1, </s> 2 in the model, and T5Tokenizer's own rules; or T5's own."""
    layout = config.pop("layout")
    folder = spiece(name, "spiece.model", 260, normalization_rule_name="identity", **layout)
    save_json({"tokenizer_class": "T5Tokenizer", "model_max_length": length, **config},
              os.path.join(folder, "tokenizer_config.json"))
    if config.get("do_lower_case"):
        return LowerCasingTokenizer.load(folder)
    return T5Tokenizer.from_pretrained(folder)


def save_encoder(model, folder, seed, gains={}, drop=()):
    randomise(model.float(), seed, F16, gains)
    tensors = {k: v for k, v in stored(model, F16).items() if not k.endswith(drop)}
    save_tensors(tensors, fixture(folder, "model.safetensors"))
    model.config.to_json_file(fixture(folder, "config.json"))
    return model.eval()


def save_network(folder, seed, width, **config):
    """A UNet that listens to states of this width."""
    config = SMALL_UNET | config
    model = UNet2DConditionModel(out_channels=4, **config)
    randomise(model, seed, F16, {"conv2": 0.3, "proj_out": 0.3})
    # The last convolution is fitted with random texts, which are as wide as the text encoder's states.
    fit_last_convolution(model, "epsilon", seed, width)
    save_tensors(stored(model, F16), fixture(folder, "diffusion_pytorch_model.safetensors"))
    model.save_config(fixture(folder))
    return model


def save_index(name, pipeline, tokenizer, encoder, scheduler):
    scheduler.save_config(fixture(name, "scheduler"))
    save_json({
        "_class_name": pipeline, "_diffusers_version": "0.42.1", "feature_extractor": [None, None],
        "image_encoder": [None, None], "requires_safety_checker": False, "safety_checker": [None, None],
        "scheduler": ["diffusers", type(scheduler).__name__], "text_encoder": encoder,
        "tokenizer": ["transformers", tokenizer], "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }, fixture(name, "model_index.json"))


def draw(name, pipeline, runs, tokenizer, encoder, folder=None, prepare=lambda pipe: None):
    """As runs.draw does, with the parts in hand: AltDiffusion's own class, and encoders that diffusers finds no name for."""
    folder = folder or name
    vae = AutoencoderKL.from_pretrained(fixture(name, "vae"), dtype=torch.float32)
    unet = UNet2DConditionModel.from_pretrained(fixture(name, "unet"), dtype=torch.float32)
    pipe = pipeline(vae=vae, text_encoder=encoder, tokenizer=tokenizer, unet=unet,
                    scheduler=DDIMScheduler.from_pretrained(fixture(name, "scheduler")), safety_checker=None,
                    feature_extractor=None, requires_safety_checker=False)
    pipe.set_progress_bar_config(disable=True)
    prepare(pipe)
    folder_scheduler = DDIMScheduler.from_pretrained(fixture(name, "scheduler"))
    written, tensors = [], {}
    for run in runs:
        run = {**DEFAULTS, **run}
        run["eta"] = float(run["eta"])
        pipe.scheduler = getattr(diffusers, run["scheduler"]).from_config(folder_scheduler.config, **run["overrides"])
        call = {"prompt": run["prompt"], "negative_prompt": run["negative_prompt"],
                "num_inference_steps": run["steps"], "guidance_scale": run["guidance_scale"], "eta": run["eta"],
                "width": run["width"], "height": run["height"]}
        latents = pipe(**call, generator=generator(run["seed"]), output_type="latent").images
        assert torch.isfinite(latents).all(), run["name"]
        print(f"  {run['name']}: std {latents.std():.2f}, largest {latents.abs().max():.1f}")
        tensors[f"{run['name']}.ids"] = tokenizer(
            [run["negative_prompt"], run["prompt"]], padding="max_length", truncation=True,
            max_length=tokenizer.model_max_length, return_tensors="pt").input_ids
        tensors[f"{run['name']}.latents"] = latents
        if run["picture"]:
            with torch.no_grad():
                decoded = vae.decode(latents / vae.config.scaling_factor).sample
            run["picture"] = run["name"] + ".png"
            pipe.image_processor.postprocess(decoded)[0].save(fixture(folder, run["picture"]))
        else:
            run["picture"] = None
        run["scheduler_config"] = json.loads(pipe.scheduler.to_json_string())
        named = ", ".join(f"{k}={v!r}" for k, v in call.items())
        run["call"] = f"{pipeline.__name__}(…)({named}, generator=torch.Generator('cpu').manual_seed({run['seed']}))"
        written.append({key: run[key] for key in DEFAULTS if key in run})
    save_json(written, fixture(folder, "runs.json"))
    save_tensors(tensors, fixture(folder, "runs.safetensors"))

    def latents(prompt, negative):
        return pipe(prompt, negative_prompt=negative, num_inference_steps=8, guidance_scale=5.0, generator=generator(0),
                    output_type="latent").images

    before = latents(runs[0]["prompt"], "")
    for other in (latents(runs[1]["prompt"], ""), latents(runs[0]["prompt"], "blurry")):
        change = common.relative(other, before)
        print(f"  another text changes the latents by {change:.3f}")
        assert change > 0.01


SCHEDULER = dict(SCALED_LINEAR, clip_sample=False, set_alpha_to_one=False, steps_offset=1, timestep_spacing="leading")
BASE = dict(width=64, height=64, steps=10, guidance_scale=5.0, scheduler="DDIMScheduler", overrides={})


def numbered(runs):
    return [dict(BASE, seed=i, **run) for i, run in enumerate(runs)]


def pipeline_alt():
    name = "pipeline-alt"
    tokenizer = xlmr_tokenizer(name + "/tokenizer", 77)
    config = RobertaSeriesConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=80, type_vocab_size=1, layer_norm_eps=1e-5, project_dim=24, pooler_fn="cls",
        learn_encoder=False, use_attention_mask=True, dtype="float16",
        architectures=["RobertaSeriesModelWithTransformation"])
    config._attn_implementation = "eager"
    encoder = save_encoder(RobertaSeriesModelWithTransformation(config), name + "/text_encoder", 71,
                           {"embeddings.weight": 5.0}, drop=("position_ids", "token_type_ids"))
    save_vae(name + "/vae", 72, **SMALL_VAE)
    save_network(name + "/unet", 73, 24, cross_attention_dim=24)
    save_index(name, "AltDiffusionPipeline", "XLMRobertaTokenizer",
               ["alt_diffusion", "RobertaSeriesModelWithTransformation"], DDIMScheduler(**SCHEDULER))
    draw(name, AltDiffusionPipeline, numbered([
        dict(name="english", prompt="a red apple on a green table", negative_prompt="blurry, ugly", picture=True),
        dict(name="chinese", prompt="一只黑猫在白色的房子里"),
        dict(name="russian", prompt="чёрная кошка в белом доме", negative_prompt="low quality",
             scheduler="DPMSolverMultistepScheduler"),
        dict(name="japanese", prompt="赤いりんごと緑のテーブル", eta=0.5),
        dict(name="arabic", prompt="قطة سوداء في بيت أبيض", scheduler="EulerDiscreteScheduler"),
        dict(name="korean", prompt="검은 고양이와 하얀 집 🍎", negative_prompt="watermark"),
        dict(name="long", prompt="un gato negro en una casa blanca " * 12, negative_prompt="ein Haus"),
        dict(name="no-guidance", prompt="une pomme rouge", guidance_scale=1.0),
        dict(name="empty", prompt="", negative_prompt=""),
    ]), tokenizer, encoder)


def pipeline_japanese():
    name = "pipeline-japanese"
    # As rinna's tokenizers: three specials at the front of the model's file, "[PAD]" and its like written behind.
    tokenizer = t5_tokenizer(
        name + "/tokenizer", 77, do_lower_case=True, extra_ids=0, bos_token="<s>", eos_token="</s>", unk_token="<unk>",
        pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]", additional_special_tokens=[],
        layout=dict(control_symbols=["[PAD]", "[CLS]", "[SEP]", "[MASK]"]))
    config = CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=77, projection_dim=32, hidden_act="quick_gelu", eos_token_id=2, dtype="float16",
        architectures=["CLIPTextModel"])
    encoder = save_encoder(CLIPTextModel(config), name + "/text_encoder", 81, drop=("position_ids",))
    save_vae(name + "/vae", 82, **SMALL_VAE)
    save_network(name + "/unet", 83, 32, cross_attention_dim=32)
    save_index(name, "StableDiffusionPipeline", "T5Tokenizer", ["transformers", "CLIPTextModel"],
               DDIMScheduler(**SCHEDULER))
    draw(name, StableDiffusionPipeline, numbered([
        dict(name="salaryman", prompt="サラリーマンの油絵、猫と犬", picture=True),
        dict(name="tokyo", prompt="夜の東京の街、富士山と桜", negative_prompt="blurry"),
        dict(name="upper-case", prompt="A Photo of a CAT by the SEA, OIL Painting", negative_prompt="UGLY"),
        dict(name="mixed", prompt="海辺の猫の写真、Ａｐｐｌｅ ÀÉÎ ŞΣ", scheduler="EulerDiscreteScheduler"),
        dict(name="specials", prompt="[PAD] 猫 </s> [MASK] <S> [SEP]x", scheduler="DPMSolverMultistepScheduler"),
        dict(name="long", prompt="赤いりんごと緑のテーブル、" * 12),
        dict(name="no-guidance", prompt="猫", guidance_scale=1.0),
    ]), tokenizer, encoder)


def pipeline_t5():
    name = "pipeline-t5"
    tokenizer = t5_tokenizer(
        name + "/tokenizer", 40, extra_ids=4, bos_token=None, eos_token="</s>", unk_token="<unk>", pad_token="<pad>",
        layout=dict(pad_id=0, eos_id=1, unk_id=2, bos_id=-1, pad_piece="<pad>"))
    config = T5Config(
        vocab_size=len(tokenizer) + 3, d_model=40, d_kv=8, d_ff=72, num_layers=2, num_heads=6,
        feed_forward_proj="gated-gelu", dropout_rate=0.0, is_encoder_decoder=False, dtype="float16",
        architectures=["T5EncoderModel"])
    config._attn_implementation = "eager"
    config.use_attention_mask = True  # diffusers' pipeline asks for this key and hands the mask over
    encoder = save_encoder(T5EncoderModel(config), name + "/text_encoder", 91,
                           {"shared": 4.0, "SelfAttention.q": 0.6, "SelfAttention.k": 0.6,
                            "relative_attention_bias": 3.0}, drop=("embed_tokens.weight",))
    save_vae(name + "/vae", 92, **SMALL_VAE)
    save_network(name + "/unet", 93, 40, cross_attention_dim=24, encoder_hid_dim=40, encoder_hid_dim_type="text_proj")
    save_index(name, "StableDiffusionPipeline", "T5Tokenizer", ["transformers", "T5EncoderModel"],
               DDIMScheduler(**SCHEDULER))
    draw(name, StableDiffusionPipeline, numbered([
        dict(name="english", prompt="a red apple on a green table", negative_prompt="blurry, ugly", picture=True),
        dict(name="german", prompt="ein kleiner roter Apfel", negative_prompt="ein Haus, low quality"),
        dict(name="sentinels", prompt="a <extra_id_0> cat</s> <pad> by the sea", scheduler="EulerDiscreteScheduler"),
        dict(name="long", prompt="a photo of a cat by the sea, " * 9, scheduler="DPMSolverMultistepScheduler"),
        dict(name="empty", prompt=""),
        dict(name="no-guidance", prompt="a cat", guidance_scale=1.0),
        dict(name="eta", prompt="赤いりんご", eta=0.7),
    ]), tokenizer, encoder)


if __name__ == "__main__":
    for job in (pipeline_alt, pipeline_japanese, pipeline_t5):
        if not sys.argv[1:] or job.__name__ in sys.argv[1:]:
            job()
