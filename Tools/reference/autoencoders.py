"""Autoencoders that lie apart from a model: tiny ones (TAESD), and an AutoencoderKL under the names of the original code.

Writes Tests/Fixtures/tiny-a, tiny-b (folders as diffusers has them), tiny-original (tiny-b as its author publishes it),
tiny-runs (pipeline-a with tiny-b as its VAE) and vae-d (a folder, and the same weights with original names). Needs
pipeline-a, which pipelines.py made.
"""

NEEDS = ["diffusers", "pillow", "safetensors", "sentencepiece", "torch", "transformers"]

import common  # first: it puts the path in order
from common import check_every_weight_shows, fixture, generator, randomise, relative, save_json, save_tensors, stored

import json
import os
import shutil
import tempfile

import torch
from diffusers import AutoencoderTiny
from diffusers.loaders import single_file_utils as converters
from diffusers.models import AutoencoderKL
from torch import nn

from models import vae
from originals import original_vae
from runs import draw

F16, F32 = torch.float16, torch.float32


def tiny(name, seed, dtype, image, latents, channels, encoder, decoder, **config):
    model = AutoencoderTiny(
        encoder_block_out_channels=[channels] * len(encoder), decoder_block_out_channels=[channels] * len(decoder),
        num_encoder_blocks=encoder, num_decoder_blocks=decoder, **config)
    # ReLU halves what passes; the decoder's last layer makes 0…1, of which the picture is twice.
    randomise(model, seed, dtype, gains={"conv.4": 0.7, "conv.0": 1.4, "conv.2": 1.4})
    g = generator(seed)
    image = torch.randn(image, generator=g).clamp(-1, 1)
    latents = 2 * torch.randn(latents, generator=g)

    def scale(layers, run):
        with torch.no_grad():
            out = run()
            for p in layers[-1].parameters():
                p.copy_((p / out.std()).to(dtype).float())

    scale(model.encoder.layers, lambda: model.encode(image).latents)
    scale(model.decoder.layers, lambda: model.decode(latents).sample)

    def run():
        with torch.no_grad():
            return model.encode(image).latents, model.decode(latents).sample

    check_every_weight_shows(model, lambda: torch.cat([t.flatten() / t.norm() * 100 for t in run()]))
    save_tensors(stored(model, dtype), fixture(name, "diffusion_pytorch_model.safetensors"))
    model.save_config(fixture(name))
    encoded, decoded = run()
    print(f"  {name}: encoded std {encoded.std():.2f}, decoded std {decoded.std():.2f}")
    save_tensors({"image": image, "encoded": encoded, "latents": latents, "decoded": decoded},
                 fixture(name, "reference.safetensors"))
    again = AutoencoderTiny.from_pretrained(fixture(name), dtype=F32)
    assert torch.equal(again.decode(latents).sample, decoded), name
    return model


class Block(nn.Module):
    """As TAESD's own code names its parts."""

    def __init__(self, n):
        super().__init__()
        def convolution():
            return nn.Conv2d(n, n, 3, padding=1)

        self.conv = nn.Sequential(convolution(), nn.ReLU(), convolution(), nn.ReLU(), convolution())

    def forward(self, x):
        return torch.relu(self.conv(x) + x)


class Clamp(nn.Module):
    def forward(self, x):
        return 3 * torch.tanh(x / 3)


def published(n, latent, encoder_blocks, decoder_blocks):
    """TAESD's encoder and decoder as its author defines them: numbers in a sequence for names, pictures in 0…1."""
    encoder, decoder = [], [Clamp(), nn.Conv2d(latent, n, 3, padding=1), nn.ReLU()]
    for stage, blocks in enumerate(encoder_blocks):
        encoder.append(nn.Conv2d(n, n, 3, padding=1, stride=2, bias=False) if stage else nn.Conv2d(3, n, 3, padding=1))
        encoder += [Block(n) for _ in range(blocks)]
    for stage, blocks in enumerate(decoder_blocks):
        decoder += [Block(n) for _ in range(blocks)]
        if stage < len(decoder_blocks) - 1:
            decoder += [nn.Upsample(scale_factor=2), nn.Conv2d(n, n, 3, padding=1, bias=False)]
    return (nn.Sequential(*encoder, nn.Conv2d(n, latent, 3, padding=1)),
            nn.Sequential(*decoder, nn.Conv2d(n, 3, 3, padding=1)))


def original_files(model, name):
    """The weights under the author's names, proved by running them in a network of his form."""
    config = model.config
    encoder, decoder = published(config.encoder_block_out_channels[0], config.latent_channels,
                                 config.num_encoder_blocks, config.num_decoder_blocks)
    def shifted(key):
        layer, rest = key.split(".", 1)
        return f"{int(layer) + 1}.{rest}"

    states = {"encoder": model.encoder.layers.state_dict(),
              "decoder": {shifted(k): v for k, v in model.decoder.layers.state_dict().items()}}
    encoder.load_state_dict(states["encoder"])
    decoder.load_state_dict(states["decoder"])
    g = generator(9)
    image, latents = torch.randn(1, 3, 32, 24, generator=g), torch.randn(1, config.latent_channels, 5, 4, generator=g)
    with torch.no_grad():
        assert relative(encoder((image + 1) / 2), model.encode(image).latents) < 1e-6
        assert relative(decoder(latents) * 2 - 1, model.decode(latents).sample) < 1e-6
    for half, state in states.items():
        save_tensors(state, fixture(name, f"taesd_{half}.safetensors"))
    combined = {f"taesd_{half}.{k}": v for half, state in states.items() for k, v in state.items()}
    save_tensors(combined | {"vae_scale": torch.tensor(1.0), "vae_shift": torch.tensor(0.0)},
                 fixture(name, "taesd_combined.safetensors"))


def runs_with_tiny():
    source = fixture("pipeline-a")
    with tempfile.TemporaryDirectory() as folder:
        for part in ("tokenizer", "text_encoder", "unet", "scheduler"):
            shutil.copytree(os.path.join(source, part), os.path.join(folder, part))
        os.mkdir(os.path.join(folder, "vae"))
        for file in ("config.json", "diffusion_pytorch_model.safetensors"):
            shutil.copy(fixture("tiny-b", file), os.path.join(folder, "vae"))
        with open(os.path.join(source, "model_index.json")) as file:
            index = json.load(file)
        index["vae"] = ["diffusers", "AutoencoderTiny"]
        save_json(index, os.path.join(folder, "model_index.json"))
        base = dict(prompt="a red apple on a green table", negative_prompt="blurry, ugly", steps=6, guidance_scale=5.0,
                    scheduler="DDIMScheduler", overrides={})
        image = dict(image="../pipeline-a/init.png", strength=0.6)
        draw(folder, fixture("tiny-runs"), [
            {**base, **run} for run in [
                dict(name="text", seed=1, picture=True),
                dict(name="picture", seed=2, mode="img2img", picture=True, **image),
                dict(name="ancestral", seed=3, mode="img2img", scheduler="EulerAncestralDiscreteScheduler", **image),
                dict(name="inpaint", seed=4, mode="inpaint", mask="../pipeline-a/mask.png",
                     scheduler="EulerAncestralDiscreteScheduler", **image),
            ]])


def original_vae_files():
    # As many groups as an original file, which does not say, is taken to have.
    vae("vae-d", 14, F16, image=(1, 3, 40, 24), latents=(1, 4, 4, 6), block_out_channels=[16, 16, 24, 24],
        layers_per_block=1, norm_num_groups=8, latent_channels=4, scaling_factor=0.5)
    model = AutoencoderKL.from_pretrained(fixture("vae-d"), dtype=F32)
    state = stored(model, F16)
    prefixed = original_vae(state, model)
    again = converters.convert_ldm_vae_checkpoint(dict(prefixed), model.config)
    # That leaves the attention's matrices as the convolutions that they are in such a file.
    assert set(again) == set(state) and all(torch.equal(again[k].reshape(v.shape), v) for k, v in state.items())
    prefix = "first_stage_model."
    assert all(k.startswith(prefix) for k in prefixed)
    bare = {k.removeprefix(prefix): v for k, v in prefixed.items()}
    save_tensors(bare | {"loss.logvar": torch.zeros([]), "model_ema.decay": torch.tensor(0.9999)},
                 fixture("vae-d", "bare.safetensors"))


if __name__ == "__main__":
    tiny("tiny-a", 41, F16, image=(2, 3, 20, 28), latents=(2, 3, 7, 5), channels=12, encoder=[1, 0, 2],
         decoder=[2, 1, 1], latent_channels=3, scaling_factor=0.7)
    model = tiny("tiny-b", 42, F32, image=(1, 3, 40, 24), latents=(1, 4, 4, 6), channels=8, encoder=[1, 3, 3, 3],
                 decoder=[3, 3, 3, 1], latent_channels=4)
    original_files(model, "tiny-original")
    runs_with_tiny()
    original_vae_files()
