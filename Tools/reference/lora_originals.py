"""LoRAs whose layers have the original code's names, as SDXL's have."""

import common  # first: it puts the path in order
from common import FIXTURES, fixture, generator, save_tensors

import os

import torch
from diffusers import StableDiffusionXLPipeline, UNet2DConditionModel

from lora_common import FOLDER, layers, low_rank
from runs import draw


def original_names():
    """SDXL LoRAs have the original code's names: a UNet of SDXL's blocks, with every module changed."""
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        in_channels=4, sample_size=8, block_out_channels=[4, 4, 8], layers_per_block=2, norm_num_groups=2,
        cross_attention_dim=8, attention_head_dim=[1, 1, 2], transformer_layers_per_block=[1, 1, 2],
        use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=4,
        projection_class_embeddings_input_dim=32,
        down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"])
    base = {k: v.detach().clone() for k, v in unet.state_dict().items()}
    save_tensors(base, fixture("loras", "original.base.safetensors"))
    g, tensors = generator(705), {}
    for original, _, weight in original_layers(unet):
        down, up = low_rank(weight, 2, g)
        stem = "lora_unet_" + original.replace(".", "_")
        tensors |= {stem + ".lora_down.weight": down, stem + ".lora_up.weight": up, stem + ".alpha": torch.tensor(1.0)}
    save_tensors(tensors, fixture("loras", "original.safetensors"))
    state, alphas = StableDiffusionXLPipeline.lora_state_dict(dict(tensors), unet_config=unet.config)
    StableDiffusionXLPipeline.load_lora_into_unet(state, alphas, unet, adapter_name="a")
    unet.fuse_lora(lora_scale=0.8)
    after = unet.state_dict()
    merged = {}
    for key, value in base.items():
        stem, _, last = key.rpartition(".")
        now = after.get(key, after.get(f"{stem}.base_layer.{last}"))
        if not torch.equal(now, value):
            merged["unet." + key] = now.detach().clone()
    assert len(merged) == len(tensors) // 3, (len(merged), len(tensors) // 3)
    save_tensors(merged, fixture("loras", "original.merged.safetensors"))


def original_layers(unet):
    """(original name, diffusers' name, weight) of every layer, by the numbers of Stability AI's sgm code for SDXL's
    three levels of two resnet blocks."""
    resnet = {"conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "conv2": "out_layers.3",
              "conv_shortcut": "skip_connection"}
    outside = {"conv_in": "input_blocks.0.0", "conv_out": "out.2", "time_embedding.linear_1": "time_embed.0",
               "time_embedding.linear_2": "time_embed.2", "add_embedding.linear_1": "label_emb.0.0",
               "add_embedding.linear_2": "label_emb.0.2"}
    starts = {"down_blocks.0": 1, "down_blocks.1": 4, "down_blocks.2": 7,
              "up_blocks.0": 0, "up_blocks.1": 3, "up_blocks.2": 6}
    samplers = {"down_blocks.0.downsamplers.0.conv": "input_blocks.3.0.op",
                "down_blocks.1.downsamplers.0.conv": "input_blocks.6.0.op",
                "up_blocks.0.upsamplers.0.conv": "output_blocks.2.2.conv",
                "up_blocks.1.upsamplers.0.conv": "output_blocks.5.2.conv"}
    for name, weight in layers(unet, "").items():
        parts = name.split(".")
        if name in outside | samplers:
            yield (outside | samplers)[name], name, weight
        elif parts[0] == "mid_block":
            place = 1 if parts[1] == "attentions" else 2 * int(parts[2])
            inner = ".".join(parts[3:])
            yield f"middle_block.{place}.{resnet.get(inner, inner)}", name, weight
        else:
            side = "input_blocks" if parts[0] == "down_blocks" else "output_blocks"
            inner = ".".join(parts[4:])
            yield (f"{side}.{starts['.'.join(parts[:2])] + int(parts[3])}.{int(parts[2] == 'attentions')}."
                   f"{resnet.get(inner, inner)}"), name, weight


def xl():
    """A whole run of SDXL's shape: the original code's names in the UNet, and both text encoders."""
    model = os.path.join(FIXTURES, "pipeline-xl")
    pipe, g, tensors = StableDiffusionXLPipeline.from_pretrained(model, dtype=torch.float32), generator(707), {}

    def add(stem, weight, rank=4, alpha=3.0):
        down, up = low_rank(weight, rank, g)
        stem = stem.replace(".", "_")
        tensors.update({stem + ".lora_down.weight": down.half(), stem + ".lora_up.weight": up.half(),
                        stem + ".alpha": torch.tensor(alpha).half()})

    for name, weight in layers(pipe.unet, "attentions", "resnets").items():
        parts = name.split(".")
        if parts[0] == "mid_block":
            index, inner = 1 if parts[1] == "attentions" else 2 * int(parts[2]), ".".join(parts[3:])
            original = f"middle_block.{index}."
        else:
            place, kind, layer, inner = int(parts[1]), parts[2], int(parts[3]), ".".join(parts[4:])
            # input_blocks: 0 conv_in, 1 the first level's block, 2 its downsampling, 3 the second level's block
            number = 1 + 2 * place + layer if parts[0] == "down_blocks" else 2 * place + layer
            original = (f"{'input' if parts[0] == 'down_blocks' else 'output'}_blocks.{number}."
                        f"{int(kind == 'attentions')}.")
        inner = {"conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "conv2": "out_layers.3",
                 "conv_shortcut": "skip_connection"}.get(inner, inner)
        if "attn" in inner or "ff" in inner or "conv1" in name or "emb" in inner:
            add("lora_unet_" + original + inner, weight)
    for prefix, encoder in (("lora_te1_text_model_", pipe.text_encoder), ("lora_te2_text_model_", pipe.text_encoder_2)):
        for name, weight in layers(encoder, "self_attn", "mlp").items():
            add(prefix + name.removeprefix("text_model."), weight)
    save_tensors(tensors, fixture("loras", "xl.safetensors"))

    def prepare(pipe):
        pipe.load_lora_weights(FOLDER, weight_name="xl.safetensors", adapter_name="a")
        pipe.fuse_lora(lora_scale=0.75)
        pipe.unload_lora_weights()

    draw(model, fixture("loras", "runs-xl"),
         [dict(prompt="a photo of a cat", negative_prompt="blurry", guidance_scale=5.0, seed=3,
               scheduler="EulerDiscreteScheduler", steps=6, name="euler", picture=True)],
         family="xl", prepare=prepare)
