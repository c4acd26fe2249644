"""Small random text encoders, autoencoders and UNets, and what transformers and diffusers compute with them.

Writes Tests/Fixtures/{text,vae,unet}-*: config.json, weights, reference.safetensors.
"""

NEEDS = ["diffusers", "safetensors", "torch", "transformers"]

import common  # first: it puts the path in order
from common import check_every_weight_shows, fixture, generator, randomise, save_json, save_tensors, stored

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

F16, BF16, F32 = torch.float16, torch.bfloat16, torch.float32


def text(name, seed, dtype, length, prefix, position_ids=False, **config):
    words = config["vocab_size"]
    config = CLIPTextConfig(**config, bos_token_id=words - 2, eos_token_id=words - 1,
                            dtype=str(dtype).removeprefix("torch."), architectures=["CLIPTextModel"])
    config._attn_implementation = "eager"
    model = randomise(CLIPTextModel(config), seed, dtype)
    ids = torch.randint(0, config.vocab_size, (3, length), generator=generator(seed))
    ids[1, 4:] = ids[1, 4]  # a short prompt: one word repeated as padding

    def run():
        with torch.no_grad():
            return model(ids, output_hidden_states=True)

    check_every_weight_shows(model, lambda: run().last_hidden_state, without_effect=["k_proj.bias"])
    inner = getattr(model, "text_model", model)
    tensors = stored(model, dtype, lambda k: prefix + k.removeprefix("text_model."))
    tensors = {k: v for k, v in tensors.items() if not k.endswith("position_ids")}
    if position_ids:  # older files carry this buffer
        tensors[prefix + "embeddings.position_ids"] = torch.arange(config.max_position_embeddings)[None]
    save_tensors(tensors, fixture(name, "model.safetensors"))
    config.to_json_file(fixture(name, "config.json"), use_diff=False)
    out = run()
    save_tensors(
        {
            "ids": ids,
            "last_hidden_state": out.last_hidden_state,
            "clip_skip_2": inner.final_layer_norm(out.hidden_states[-2]),
        },
        fixture(name, "reference.safetensors"),
    )
    again = CLIPTextModel.from_pretrained(fixture(name), dtype=torch.float32, attn_implementation="eager")
    assert torch.equal(again(ids).last_hidden_state, out.last_hidden_state), name


def projected_text(name, seed, dtype, length, end, **config):
    """A text encoder with a pooled and projected state, as SDXL's second. `end` is `eos_token_id`: with 2 the largest id
    of a text stands for it, otherwise the first such id does."""
    config = CLIPTextConfig(**config, bos_token_id=0, eos_token_id=end, dtype=str(dtype).removeprefix("torch."),
                            architectures=["CLIPTextModelWithProjection"])
    config._attn_implementation = "eager"
    model = randomise(CLIPTextModelWithProjection(config).float(), seed, dtype)
    ids = torch.randint(3, config.vocab_size - 2, (4, length), generator=generator(seed))
    largest, token = config.vocab_size - 1, 2 if end == 2 else end
    ids[0, 5:], ids[1, 3], ids[2, length - 1] = token, token, token  # the first of many; one; the last
    ids[0, 9], ids[1, 6:8], ids[2, 2] = largest, largest, largest
    # The last text has the token nowhere, and the largest id at its end.

    def run():
        with torch.no_grad():
            return model(ids, output_hidden_states=True)

    # A loss of both outputs, each of order 1.
    check_every_weight_shows(model, lambda: torch.cat([run().text_embeds.flatten(), run().last_hidden_state.flatten()]),
                             without_effect=["k_proj.bias"])
    tensors = {k: v for k, v in stored(model, dtype).items() if not k.endswith("position_ids")}
    save_tensors(tensors, fixture(name, "model.safetensors"))
    config.to_json_file(fixture(name, "config.json"), use_diff=False)
    out = run()
    save_tensors(
        {
            "ids": ids,
            "last_hidden_state": out.last_hidden_state,
            "penultimate": out.hidden_states[-2],
            "antepenultimate": out.hidden_states[-3],
            "text_embeds": out.text_embeds,
        },
        fixture(name, "reference.safetensors"),
    )
    again = CLIPTextModelWithProjection.from_pretrained(fixture(name), dtype=torch.float32, attn_implementation="eager")
    assert torch.equal(again(ids).text_embeds, out.text_embeds), name


OLD_ATTENTION = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}


def old_attention(key):
    for new, old in OLD_ATTENTION.items():
        key = key.replace(f"attentions.0.{new}.", f"attentions.0.{old}.")
    return key


def vae(name, seed, dtype, image, latents, rename=lambda k: k, **config):
    levels = len(config["block_out_channels"])
    model = AutoencoderKL(
        down_block_types=["DownEncoderBlock2D"] * levels, up_block_types=["UpDecoderBlock2D"] * levels, **config)
    randomise(model, seed, dtype)
    g = generator(seed)
    # A picture with both broad shapes and grain.
    image = torch.nn.functional.interpolate(
        torch.randn(image[0], 3, 3, 4, generator=g), image[2:], mode="bilinear", align_corners=True
    ) + 0.2 * torch.randn(image, generator=g)
    image = image.clamp(-1, 1)
    latents = torch.randn(latents, generator=g)

    def run():
        with torch.no_grad():
            return model.encode(image).latent_dist.parameters, model.decode(latents).sample

    check_every_weight_shows(model, lambda: torch.cat([t.flatten() / t.norm() * 100 for t in run()]),
                             without_effect=["to_k.bias"])
    save_tensors(stored(model, dtype, rename), fixture(name, "diffusion_pytorch_model.safetensors"))
    model.save_config(fixture(name))
    moments, decoded = run()
    print(f"  moments std {moments.std():.2f}, decoded std {decoded.std():.2f}")
    save_tensors({"image": image, "moments": moments, "latents": latents, "decoded": decoded},
                 fixture(name, "reference.safetensors"))
    again = AutoencoderKL.from_pretrained(fixture(name), dtype=torch.float32)
    assert torch.equal(again.decode(latents).sample, decoded), name


def unet(name, seed, dtype, cases, **config):
    """`cases`: (batch, height, width, tokens, timestep)."""
    model = randomise(UNet2DConditionModel(**config), seed, dtype)
    g = generator(seed)
    calls = []
    for batch, height, width, tokens, timestep in cases:
        call = {
            "sample": torch.randn(batch, config["in_channels"], height, width, generator=g),
            "timestep": torch.tensor([timestep], dtype=F32),
            "encoder_hidden_states": torch.randn(
                batch, tokens, config.get("encoder_hid_dim", config["cross_attention_dim"]), generator=g),
        }
        if config.get("addition_embed_type") == "text_time":
            pooled = config["projection_class_embeddings_input_dim"] - 6 * config["addition_time_embed_dim"]
            call["text_embeds"] = torch.randn(batch, pooled, generator=g)
            # original height, width, crop top, left, target height, width
            call["time_ids"] = torch.randint(0, 1025, (batch, 6), generator=g).float()
        calls.append(call)

    def run(call):
        added = {k: call[k] for k in ("text_embeds", "time_ids") if k in call}
        with torch.no_grad():
            return model(call["sample"], call["timestep"], call["encoder_hidden_states"],
                         added_cond_kwargs=added or None).sample

    # A softmax does not see what is added to all keys alike.
    check_every_weight_shows(model, lambda: run(calls[0]), without_effect=["k_proj.bias"])
    save_tensors(stored(model, dtype), fixture(name, "diffusion_pytorch_model.safetensors"))
    model.save_config(fixture(name))
    reference = {}
    for i, call in enumerate(calls):
        reference |= {f"{i}.{key}": value for key, value in call.items()}
        reference[f"{i}.output"] = run(call)
    save_tensors(reference, fixture(name, "reference.safetensors"))
    again = UNet2DConditionModel.from_pretrained(fixture(name), dtype=F32)
    model = again
    assert torch.equal(run(calls[0]), reference["0.output"]), name


def texts():
    text("text-a", 1, F16, length=77, prefix="text_model.", position_ids=True, vocab_size=500, hidden_size=32,
         intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=77,
         hidden_act="quick_gelu")
    text("text-b", 2, F32, length=21, prefix="", vocab_size=301, hidden_size=42, intermediate_size=90,
         num_hidden_layers=3, num_attention_heads=3, max_position_embeddings=33, hidden_act="gelu",
         layer_norm_eps=1e-6)
    text("text-c", 3, BF16, length=13, prefix="text_model.", vocab_size=97, hidden_size=40, intermediate_size=60,
         num_hidden_layers=1, num_attention_heads=5, max_position_embeddings=13, hidden_act="quick_gelu")
    projected_text("text-d", 4, F16, length=21, end=2, vocab_size=120, hidden_size=40, intermediate_size=96,
                   num_hidden_layers=3, num_attention_heads=4, max_position_embeddings=77, projection_dim=28,
                   hidden_act="gelu")
    projected_text("text-e", 5, F32, length=13, end=77, vocab_size=90, hidden_size=32, intermediate_size=80,
                   num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=20, projection_dim=48,
                   hidden_act="quick_gelu")


def vaes():
    vae("vae-a", 11, F16, image=(1, 3, 24, 40), latents=(1, 4, 5, 3), rename=old_attention,
        block_out_channels=[8, 16, 16, 32], layers_per_block=2, norm_num_groups=4, latent_channels=4)
    vae("vae-b", 12, F32, image=(2, 3, 20, 28), latents=(2, 3, 6, 9), block_out_channels=[10, 15, 20],
        layers_per_block=1, norm_num_groups=5, latent_channels=3, use_quant_conv=False, use_post_quant_conv=False,
        scaling_factor=0.3, shift_factor=0.1)
    vae("vae-c", 13, BF16, image=(1, 3, 36, 12), latents=(1, 4, 7, 11), block_out_channels=[16, 24, 24],
        layers_per_block=2, norm_num_groups=4, latent_channels=4, mid_block_add_attention=False,
        scaling_factor=1.0)


def unets():
    # Stable Diffusion 1: convolutions around the transformer; attention_head_dim is the number of heads.
    unet("unet-a", 21, F16, [(2, 8, 12, 5, 999), (1, 5, 7, 77, 0), (1, 9, 16, 5, 499.5), (3, 8, 8, 9, 1),
                             (1, 16, 16, 77, 500)],
         in_channels=4, out_channels=4, sample_size=16, block_out_channels=[16, 24, 32], layers_per_block=2,
         norm_num_groups=8, cross_attention_dim=32, attention_head_dim=4,
         down_block_types=["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
         up_block_types=["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"])
    # Stable Diffusion 2: linear layers around the transformer, heads and depth by level.
    unet("unet-b", 22, F16, [(2, 8, 12, 5, 500), (1, 5, 7, 77, 999), (1, 16, 9, 7, 0), (3, 6, 10, 5, 1)],
         in_channels=4, out_channels=4, sample_size=16, block_out_channels=[16, 24, 40], layers_per_block=1,
         norm_num_groups=8, cross_attention_dim=48, attention_head_dim=[2, 3, 4],
         transformer_layers_per_block=[1, 2, 1], use_linear_projection=True, upcast_attention=True,
         down_block_types=["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
         up_block_types=["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"])
    # An inpainting checkpoint's nine channels, odd sizes throughout, the other time-embedding variants.
    unet("unet-c", 23, F32, [(2, 8, 12, 5, 500), (1, 5, 7, 77, 999), (1, 9, 16, 6, 0), (3, 4, 6, 5, 12.25)],
         in_channels=9, out_channels=4, sample_size=16, block_out_channels=[10, 20], layers_per_block=1,
         norm_num_groups=5, cross_attention_dim=27, attention_head_dim=2, flip_sin_to_cos=False, freq_shift=1,
         resnet_time_scale_shift="scale_shift", norm_eps=1e-6,
         down_block_types=["CrossAttnDownBlock2D", "DownBlock2D"],
         up_block_types=["UpBlock2D", "CrossAttnUpBlock2D"])
    # Supported oddities: no middle block, only cross-attention on one level, 1x1 and 5x5 edge convolutions.
    unet("unet-d", 24, BF16, [(2, 8, 12, 5, 500), (1, 5, 7, 77, 999), (1, 9, 16, 6, 0), (3, 4, 6, 5, 1)],
         in_channels=4, out_channels=4, sample_size=16, block_out_channels=[24, 32], layers_per_block=[1, 2],
         norm_num_groups=4, cross_attention_dim=20, attention_head_dim=[3, 4], mid_block_type=None,
         only_cross_attention=[True, False], time_embedding_dim=50, conv_in_kernel=5, conv_out_kernel=1,
         down_block_types=["CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
         up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D"])
    # Stable Diffusion XL: a plain first level, pooled text and picture sizes added to the time embedding.
    unet("unet-e", 25, F16, [(2, 8, 12, 5, 500), (1, 5, 7, 77, 999), (1, 9, 16, 6, 0), (3, 4, 6, 5, 1)],
         in_channels=4, out_channels=4, sample_size=16, block_out_channels=[16, 24, 32], layers_per_block=1,
         norm_num_groups=4, cross_attention_dim=36, attention_head_dim=[1, 2, 4],
         transformer_layers_per_block=[1, 1, 2], use_linear_projection=True, addition_embed_type="text_time",
         addition_time_embed_dim=8, projection_class_embeddings_input_dim=72,
         down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
         up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"])
    # The text as a whole added to the time embedding, as in DeepFloyd IF, and text states that are projected first.
    unet("unet-f", 26, F16, [(2, 8, 12, 5, 500), (1, 5, 7, 77, 999), (1, 9, 16, 6, 0), (3, 4, 6, 1, 1)],
         in_channels=4, out_channels=4, sample_size=16, block_out_channels=[16, 24], layers_per_block=1,
         norm_num_groups=4, cross_attention_dim=36, encoder_hid_dim=28, attention_head_dim=[2, 4],
         addition_embed_type="text", addition_embed_type_num_heads=4, resnet_time_scale_shift="scale_shift",
         down_block_types=["DownBlock2D", "CrossAttnDownBlock2D"],
         up_block_types=["CrossAttnUpBlock2D", "UpBlock2D"])


if __name__ == "__main__":
    texts()
    vaes()
    unets()
