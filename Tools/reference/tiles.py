"""What the autoencoders of vae-a, -b and -c make of pictures in tiles.

Writes Tests/Fixtures/vae-*/tiled.safetensors: `tile` [1], the side of a tile in latents; `latents`, `decoded`, and
`moments`, which are what `decoded` is encoded to.
"""

NEEDS = ["diffusers", "safetensors", "torch"]

from common import fixture, generator, relative, save_tensors

import torch
from diffusers import AutoencoderKL


def tiled(name, seed, tile, latents):
    model = AutoencoderKL.from_pretrained(fixture(name), dtype=torch.float32).eval()
    factor = 2 ** (len(model.config.block_out_channels) - 1)
    latents = torch.randn(latents, generator=generator(seed))
    with torch.no_grad():
        whole = model.decode(latents).sample
        model.enable_tiling()
        model.tile_latent_min_size, model.tile_sample_min_size = tile, tile * factor
        decoded = model.decode(latents).sample
        moments = model.encode(decoded).latent_dist.parameters
        assert decoded.shape == whole.shape and moments.shape[2:] == latents.shape[2:]
        # Tiles must show: a run that takes the whole at once has to fail the test.
        assert relative(decoded, whole) > 1e-2, relative(decoded, whole)
    print(f"{name}: tiles move the picture by {relative(decoded, whole):.2f}")
    save_tensors(
        {"tile": torch.tensor([tile]), "latents": latents, "decoded": decoded, "moments": moments},
        fixture(name, "tiled.safetensors"))


if __name__ == "__main__":
    tiled("vae-a", 31, tile=8, latents=(1, 4, 19, 13))  # rows of 8, 8, 7 and 1; columns of 8, 7 and 1
    tiled("vae-b", 32, tile=4, latents=(2, 3, 11, 6))  # rows of 4, 4, 4 and 2; columns of 4 and 3
    tiled("vae-c", 33, tile=12, latents=(1, 4, 5, 27))  # one row of tiles, lower than a tile
