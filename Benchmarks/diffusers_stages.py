"""Times the stages that `limn bench sd15 --json` times, with diffusers and PyTorch on this machine's CPU.

    python Benchmarks/diffusers_stages.py [--dtype f32|bf16] [--repeat 3] [--size 512]

Random weights of the SD 1.5 shape; prints one JSON object with the same keys as limn's.
"""
import argparse
import json
import resource
import time

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

arguments = argparse.ArgumentParser()
arguments.add_argument("--dtype", choices=["f32", "bf16"], default="f32")
arguments.add_argument("--repeat", type=int, default=3)
arguments.add_argument("--size", type=int, default=512)
arguments.add_argument("--threads", type=int, default=2)
arguments.add_argument("--only-unet", action="store_true")
arguments = arguments.parse_args()
torch.set_num_threads(arguments.threads)
dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[arguments.dtype]


def best(body):
    seconds = []
    for _ in range(arguments.repeat):
        start = time.perf_counter()
        body()
        seconds.append(time.perf_counter() - start)
    return round(min(seconds), 4)


with torch.inference_mode():
    side = arguments.size // 8
    unet = UNet2DConditionModel(cross_attention_dim=768).to(dtype).eval().to(memory_format=torch.channels_last)
    latents = torch.randn(2, 4, side, side, dtype=dtype).to(memory_format=torch.channels_last)
    text = torch.randn(2, 77, 768, dtype=dtype)
    result = {
        "shape": "sd15", "precision": arguments.dtype, "threads": arguments.threads,
        "unet_s": best(lambda: unet(latents, 500, encoder_hidden_states=text)),
    }
    if not arguments.only_unet:
        del unet
        config = CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12)
        encoder = CLIPTextModel(config).to(dtype).eval()
        ids = torch.ones(2, 77, dtype=torch.long)
        result["text_encoder_s"] = best(lambda: encoder(ids))
        vae = AutoencoderKL(
            block_out_channels=(128, 256, 512, 512), layers_per_block=2,
            down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        ).to(dtype).eval().to(memory_format=torch.channels_last)
        picture = torch.randn(1, 3, arguments.size, arguments.size, dtype=dtype)
        result["vae_encode_s"] = best(lambda: vae.encode(picture))
        result["vae_decode_s"] = best(lambda: vae.decode(latents[:1]))
    result["peak_memory_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps(result))
