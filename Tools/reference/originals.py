"""Small models in single files with the names of the original code of Stable Diffusion, and what diffusers makes of
them.

Writes Tests/Fixtures/originals:
- `sd1`, `sd2`, `xl`, `refiner` `.safetensors`: whole models, written with the names of CompVis's and Stability's code;
- `<name>.json`: every tensor as diffusers' own converter takes it from the file (part → key → type, shape, CRC-32 of the
  bytes), and what diffusers draws with it (`<name>.latents.safetensors`);
- `names-sd1.txt`, `names-xl.txt`: the true sizes of Stable Diffusion 1.5 and XL, without values: the file's keys and
  shapes, an empty line, then diffusers' as "part key shape".

The names are put together here once more, and independently of limn's tables, from how the original code builds its
modules; that diffusers' converter reads them back is asserted.
"""

NEEDS = ["diffusers", "pillow", "safetensors", "sentencepiece", "torch", "transformers"]

import common  # first: it puts the path in order
from common import fixture, generator, randomise, relative, save_json, save_tensors, stored

import zlib

import diffusers
import torch
from diffusers import (AutoencoderKL, DDIMScheduler, EulerDiscreteScheduler, PNDMScheduler, StableDiffusionPipeline,
                       StableDiffusionXLPipeline, UNet2DConditionModel)
from diffusers.loaders import single_file_utils as converters
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from pipelines import fit_last_convolution

diffusers.utils.logging.set_verbosity_error()
F16, F32 = torch.float16, torch.float32

RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
          "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}


def original_unet(state, model):
    """The keys of `openaimodel.UNetModel`, in the order in which its constructor appends blocks."""
    config, modules = model.config, {}
    levels = len(config.block_out_channels)
    layers = config.layers_per_block
    modules |= {"time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
                "add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2",
                "conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2"}

    def resnet(ours, theirs):
        modules.update({f"{ours}.{a}": f"{theirs}.{b}" for a, b in RESNET.items()})

    number = 1
    for level, kind in enumerate(config.down_block_types):
        for layer in range(layers):
            resnet(f"down_blocks.{level}.resnets.{layer}", f"input_blocks.{number}.0")
            if kind.startswith("CrossAttn"):
                modules[f"down_blocks.{level}.attentions.{layer}"] = f"input_blocks.{number}.1"
            number += 1
        if level < levels - 1:
            modules[f"down_blocks.{level}.downsamplers.0.conv"] = f"input_blocks.{number}.0.op"
            number += 1
    resnet("mid_block.resnets.0", "middle_block.0")
    modules["mid_block.attentions.0"] = "middle_block.1"
    resnet("mid_block.resnets.1", "middle_block.2")
    number = 0
    for level, kind in enumerate(config.up_block_types):
        attention = kind.startswith("CrossAttn")
        for layer in range(layers + 1):
            resnet(f"up_blocks.{level}.resnets.{layer}", f"output_blocks.{number}.0")
            if attention:
                modules[f"up_blocks.{level}.attentions.{layer}"] = f"output_blocks.{number}.1"
            if layer == layers and level < levels - 1:
                place = 2 if attention else 1
                modules[f"up_blocks.{level}.upsamplers.0.conv"] = f"output_blocks.{number}.{place}.conv"
            number += 1
    return renamed(state, modules, "model.diffusion_model.")


def original_vae(state, model):
    levels = len(model.config.block_out_channels)
    modules = {"quant_conv": "quant_conv", "post_quant_conv": "post_quant_conv"}
    for half in ("encoder", "decoder"):
        modules |= {f"{half}.conv_in": f"{half}.conv_in", f"{half}.conv_out": f"{half}.conv_out",
                    f"{half}.conv_norm_out": f"{half}.norm_out", f"{half}.mid_block.resnets.0": f"{half}.mid.block_1",
                    f"{half}.mid_block.resnets.1": f"{half}.mid.block_2"}
        attention = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
        modules |= {f"{half}.mid_block.attentions.0.{a}": f"{half}.mid.attn_1.{b}" for a, b in attention.items()}
    for level in range(levels):
        for layer in range(model.config.layers_per_block + 1):
            for ours, theirs in [(f"encoder.down_blocks.{level}", f"encoder.down.{level}"),
                                 (f"decoder.up_blocks.{level}", f"decoder.up.{levels - 1 - level}")]:
                modules[f"{ours}.resnets.{layer}.conv_shortcut"] = f"{theirs}.block.{layer}.nin_shortcut"
                modules[f"{ours}.resnets.{layer}"] = f"{theirs}.block.{layer}"
        modules[f"encoder.down_blocks.{level}.downsamplers.0.conv"] = f"encoder.down.{level}.downsample.conv"
        modules[f"decoder.up_blocks.{level}.upsamplers.0.conv"] = f"decoder.up.{levels - 1 - level}.upsample.conv"
    result = renamed(state, modules, "first_stage_model.")
    for key in result:
        if ".mid.attn_1." in key and key.endswith("weight") and ".norm." not in key:
            result[key] = result[key][:, :, None, None]
    return result


def renamed(state, modules, prefix):
    result = {}
    for key, value in state.items():
        module = key
        while module not in modules:
            module = module.rpartition(".")[0]
            assert module, key
        result[prefix + modules[module] + key[len(module):]] = value
    return result


def original_clip(state, prefix):
    return {prefix + ("" if k.startswith("text_projection") else "text_model.") + k.removeprefix("text_model."): v
            for k, v in state.items()}


def original_open_clip(state, prefix):
    state = {k.removeprefix("text_model."): v for k, v in state.items()}
    result = {}
    for key, value in state.items():
        parts = key.split(".")
        if key == "text_projection.weight":
            result[prefix + "text_projection"] = value.T.contiguous()
        elif key == "embeddings.position_embedding.weight":
            result[prefix + "positional_embedding"] = value
        elif parts[0] == "embeddings":
            result[prefix + "token_embedding.weight"] = value
        elif parts[0] == "final_layer_norm":
            result[prefix + "ln_final." + parts[-1]] = value
        else:
            block, inside = f"{prefix}transformer.resblocks.{parts[2]}.", ".".join(parts[3:-1])
            if inside == "self_attn.q_proj":
                name = ".".join(parts[:-2])
                result[f"{block}attn.in_proj_{parts[-1]}"] = torch.cat(
                    [state[f"{name}.{p}_proj.{parts[-1]}"] for p in "qkv"])
            elif not inside.startswith("self_attn.") or inside == "self_attn.out_proj":
                other = {"self_attn.out_proj": "attn.out_proj", "layer_norm1": "ln_1", "layer_norm2": "ln_2",
                         "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj"}[inside]
                result[f"{block}{other}.{parts[-1]}"] = value
    return result


def nested(state):
    """With the `text_model` level, which transformers 5.6 took out of `CLIPTextModel`."""
    return {k if k.startswith(("text_model.", "text_projection")) else "text_model." + k: v for k, v in state.items()}


def converted(checkpoint, parts):
    """What diffusers' converters make of the file."""
    result = {}
    for part, model in parts.items():
        if part == "unet":
            result[part] = converters.convert_ldm_unet_checkpoint(checkpoint, model.config)
        elif part == "vae":
            result[part] = converters.convert_ldm_vae_checkpoint(checkpoint, model.config)
        else:
            open_clip = [p for p in ("cond_stage_model.model.", "conditioner.embedders.1.model.",
                                     "conditioner.embedders.0.model.") if any(k.startswith(p) for k in checkpoint)]
            if part == "text_encoder_2" or "cond_stage_model.model." in open_clip:
                found = converters.convert_open_clip_checkpoint(model, checkpoint, prefix=open_clip[0])
            else:
                found = converters.convert_ldm_clip_checkpoint(checkpoint)
            # The true files' last layer is known by its number; a small model's is left over.
            keys = nested(model.state_dict())
            result[part] = {k: v for k, v in found.items() if k in keys}
    for part, model in parts.items():
        state = model.state_dict() if part in ("unet", "vae") else nested(model.state_dict())
        assert result[part].keys() == state.keys(), result[part].keys() ^ state.keys()
        assert all(result[part][k].shape == v.shape for k, v in state.items()), part
    return result


def write(name, checkpoint, parts, run):
    found = converted(checkpoint, parts)
    table = {}
    for part, model in parts.items():
        state = model.state_dict() if part in ("unet", "vae") else nested(model.state_dict())
        for key, value in found[part].items():
            assert torch.equal(value.float(), state[key].float()), (part, key)
        table[part] = {key: [str(value.dtype).removeprefix("torch."), list(value.shape),
                             zlib.crc32(value.contiguous().numpy().tobytes())] for key, value in found[part].items()}
    save_tensors(checkpoint, fixture("originals", f"{name}.safetensors"))
    latents = run() if run else None
    save_json({"parts": table, "run": RUN if run else None}, fixture("originals", f"{name}.json"))
    if run:
        save_tensors({"latents": latents}, fixture("originals", f"{name}.latents.safetensors"))


# What is drawn; the tokenizer is that of pipeline-b.
RUN = {"prompt": "a red apple", "negative_prompt": "blurry", "num_inference_steps": 8, "guidance_scale": 4.0, "width": 32,
       "height": 24}


def latents(pipe):
    pipe.set_progress_bar_config(disable=True)

    def draw(seed):
        return pipe(**RUN, generator=generator(seed), output_type="latent").images

    result = draw(3)
    assert torch.isfinite(result).all() and relative(draw(4), result) > 0.01
    print(f"  latents std {result.std():.2f}")
    return result


def tokenizer(pad):
    return CLIPTokenizer.from_pretrained(fixture("pipeline-b", "tokenizer"), pad_token=pad)


def text(seed, kind=CLIPTextModel, **config):
    words = len(tokenizer("<|endoftext|>"))
    config = CLIPTextConfig(vocab_size=words, max_position_embeddings=77, num_attention_heads=1, bos_token_id=0,
                            eos_token_id=2, pad_token_id=1, **config)
    return randomise(kind(config), seed, F16)


def vae(seed, channels, **config):
    model = AutoencoderKL(down_block_types=["DownEncoderBlock2D"] * 2, up_block_types=["UpDecoderBlock2D"] * 2,
                          block_out_channels=channels, layers_per_block=1, norm_num_groups=16, latent_channels=4,
                          **config)
    return randomise(model, seed, F16)


def unet(seed, prediction=None, **config):
    model = randomise(UNet2DConditionModel(norm_num_groups=16, sample_size=64, **config), seed, F16,
                      {"conv2": 0.3, "proj_out": 0.3})
    if prediction:
        fit_last_convolution(model, prediction, seed)
    return model


SD_SCHEDULE = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000,
                   steps_offset=1, set_alpha_to_one=False)
ATTENTION = dict(down_block_types=["CrossAttnDownBlock2D", "DownBlock2D"],
                 up_block_types=["UpBlock2D", "CrossAttnUpBlock2D"])


def harmless(count=1000):
    """What pytorch-lightning's checkpoints carry besides."""
    betas = torch.linspace(0.00085 ** 0.5, 0.012 ** 0.5, count) ** 2
    products = torch.cumprod(1 - betas, 0)
    return {"betas": betas, "alphas_cumprod": products, "sqrt_alphas_cumprod": products.sqrt(),
            "model_ema.decay": torch.tensor(0.9999), "model_ema.num_updates": torch.tensor(100, dtype=torch.int32)}


def sd1():
    encoder = text(81, hidden_size=16, intermediate_size=64, num_hidden_layers=2, projection_dim=16,
                   hidden_act="quick_gelu")
    parts = {"text_encoder": encoder, "vae": vae(82, [16, 32]),
             "unet": unet(83, "epsilon", block_out_channels=[16, 32], layers_per_block=1, cross_attention_dim=16,
                          attention_head_dim=8, **ATTENTION)}
    states = {part: stored(model, F16) for part, model in parts.items()}
    checkpoint = (original_unet(states["unet"], parts["unet"]) | original_vae(states["vae"], parts["vae"])
                  | original_clip(states["text_encoder"], "cond_stage_model.transformer.") | harmless(100))
    checkpoint["cond_stage_model.transformer.text_model.embeddings.position_ids"] = torch.arange(77)[None]
    # Averaged weights of the UNet, doubled so that they are told from the others.
    checkpoint |= {"model_ema." + k.removeprefix("model.").replace(".", ""): v * 2
                   for k, v in original_unet(states["unet"], parts["unet"]).items()}
    pipe = StableDiffusionPipeline(
        parts["vae"], encoder, tokenizer("<|endoftext|>"), parts["unet"],
        PNDMScheduler(**SD_SCHEDULE, skip_prk_steps=True), None, None, requires_safety_checker=False)
    write("sd1", checkpoint, parts, lambda: latents(pipe))


def sd2():
    encoder = text(84, hidden_size=32, intermediate_size=96, num_hidden_layers=2, projection_dim=32, hidden_act="gelu")
    parts = {"text_encoder": encoder, "vae": vae(85, [16, 32]),
             "unet": unet(86, "v_prediction", block_out_channels=[16, 32], layers_per_block=1, cross_attention_dim=32,
                          attention_head_dim=1, use_linear_projection=True, **ATTENTION)}
    with torch.no_grad():  # large in the published v-prediction models, small in the others
        parts["unet"].up_blocks[-1].attentions[-1].transformer_blocks[0].norm1.bias.mul_(4)
    states = {part: stored(model, F16) for part, model in parts.items()}
    prefix = "cond_stage_model.model."
    checkpoint = (original_unet(states["unet"], parts["unet"]) | original_vae(states["vae"], parts["vae"])
                  | original_open_clip(states["text_encoder"], prefix) | harmless(100))
    # OpenCLIP's last layer, which nothing reads, its projection and its temperature.
    last = {k.replace("resblocks.1.", "resblocks.2."): v * 3 for k, v in checkpoint.items() if ".resblocks.1." in k}
    checkpoint |= last | {prefix + "text_projection": torch.randn(32, 32, generator=generator(1)).half(),
                          prefix + "logit_scale": torch.tensor(4.6)}
    pipe = StableDiffusionPipeline(
        parts["vae"], encoder, tokenizer("!"), parts["unet"],
        DDIMScheduler(**SD_SCHEDULE, prediction_type="v_prediction", clip_sample=False), None, None,
        requires_safety_checker=False)
    write("sd2", checkpoint, parts, lambda: latents(pipe))


def xl():
    first = text(87, hidden_size=16, intermediate_size=64, num_hidden_layers=2, projection_dim=16,
                 hidden_act="quick_gelu")
    second = text(88, CLIPTextModelWithProjection, hidden_size=32, intermediate_size=96, num_hidden_layers=3,
                  projection_dim=24, hidden_act="gelu")
    parts = {"text_encoder": first, "text_encoder_2": second, "vae": vae(89, [16, 32], scaling_factor=0.13025),
             "unet": unet(90, block_out_channels=[16, 32], layers_per_block=1, cross_attention_dim=48,
                          attention_head_dim=1, use_linear_projection=True, transformer_layers_per_block=[1, 2],
                          addition_embed_type="text_time", addition_time_embed_dim=8,
                          projection_class_embeddings_input_dim=24 + 6 * 8,
                          down_block_types=["DownBlock2D", "CrossAttnDownBlock2D"],
                          up_block_types=["CrossAttnUpBlock2D", "UpBlock2D"])}
    states = {part: stored(model, F16) for part, model in parts.items()}
    checkpoint = (original_unet(states["unet"], parts["unet"]) | original_vae(states["vae"], parts["vae"])
                  | original_clip(states["text_encoder"], "conditioner.embedders.0.transformer.")
                  | original_open_clip(states["text_encoder_2"], "conditioner.embedders.1.model."))
    checkpoint |= {"conditioner.embedders.1.model.logit_scale": torch.tensor(4.6),
                   "denoiser.sigmas": torch.rand(100, generator=generator(92)),
                   "conditioner.embedders.0.transformer.text_model.embeddings.position_ids": torch.arange(77)[None]}
    pipe = StableDiffusionXLPipeline(
        parts["vae"], first, second, tokenizer("<|endoftext|>"), tokenizer("!"), parts["unet"],
        EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1,
                               timestep_spacing="leading"),
        force_zeros_for_empty_prompt=True, add_watermarker=False)
    write("xl", checkpoint, parts, lambda: latents(pipe))


def refiner():
    second = text(91, CLIPTextModelWithProjection, hidden_size=32, intermediate_size=96, num_hidden_layers=2,
                  projection_dim=24, hidden_act="gelu")
    parts = {"text_encoder_2": second, "vae": vae(92, [16, 16], scaling_factor=0.13025),
             "unet": unet(93, block_out_channels=[16, 16], layers_per_block=1, cross_attention_dim=32,
                          attention_head_dim=1, use_linear_projection=True, transformer_layers_per_block=2,
                          addition_embed_type="text_time", addition_time_embed_dim=8,
                          projection_class_embeddings_input_dim=24 + 5 * 8,
                          down_block_types=["CrossAttnDownBlock2D", "DownBlock2D"],
                          up_block_types=["UpBlock2D", "CrossAttnUpBlock2D"])}
    states = {part: stored(model, F16) for part, model in parts.items()}
    checkpoint = (original_unet(states["unet"], parts["unet"]) | original_vae(states["vae"], parts["vae"])
                  | original_open_clip(states["text_encoder_2"], "conditioner.embedders.0.model."))
    write("refiner", checkpoint, parts, None)


def names(name, checkpoint, parts):
    found = converted(checkpoint, parts)
    with open(fixture("originals", f"names-{name}.txt"), "w") as file:
        for key, value in sorted(checkpoint.items()):
            file.write(f"{key} {','.join(map(str, value.shape))}\n")
        file.write("\n")
        for part, tensors in found.items():
            for key, value in sorted(tensors.items()):
                file.write(f"{part} {key} {','.join(map(str, value.shape))}\n")


def true_sizes():
    """Published configurations, without memory for values."""
    autoencoder = dict(block_out_channels=[128, 256, 512, 512], layers_per_block=2, latent_channels=4,
                       down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4)
    clip = dict(vocab_size=49408, hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
                projection_dim=768)
    big_g = dict(vocab_size=49408, hidden_size=1280, intermediate_size=5120, num_hidden_layers=32,
                 num_attention_heads=20, projection_dim=1280, hidden_act="gelu")
    with torch.device("meta"):
        sd1 = {"text_encoder": CLIPTextModel(CLIPTextConfig(**clip)), "vae": AutoencoderKL(**autoencoder),
               "unet": UNet2DConditionModel(cross_attention_dim=768)}
        xl = {"text_encoder": CLIPTextModel(CLIPTextConfig(**clip)),
              "text_encoder_2": CLIPTextModelWithProjection(CLIPTextConfig(**big_g)),
              "vae": AutoencoderKL(**autoencoder),
              "unet": UNet2DConditionModel(
                  block_out_channels=[320, 640, 1280], cross_attention_dim=2048, attention_head_dim=[5, 10, 20],
                  use_linear_projection=True, transformer_layers_per_block=[1, 2, 10], addition_embed_type="text_time",
                  addition_time_embed_dim=256, projection_class_embeddings_input_dim=2816,
                  down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
                  up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"])}
    states = {part: model.state_dict() for part, model in sd1.items()}
    names("sd1", original_unet(states["unet"], sd1["unet"]) | original_vae(states["vae"], sd1["vae"])
          | original_clip(states["text_encoder"], "cond_stage_model.transformer."), sd1)
    states = {part: model.state_dict() for part, model in xl.items()}
    names("xl", original_unet(states["unet"], xl["unet"]) | original_vae(states["vae"], xl["vae"])
          | original_clip(states["text_encoder"], "conditioner.embedders.0.transformer.")
          | original_open_clip(states["text_encoder_2"], "conditioner.embedders.1.model."), xl)


if __name__ == "__main__":
    sd1()
    sd2()
    xl()
    refiner()
    true_sizes()
