"""Trains the default model, a stage at a time. Every stage resumes where it was left.

    python Tools/train/train.py all --minutes 60           # what is due, then the export

Stages: `vae` the autoencoder; `text` the text encoder's first lessons; `unet` the UNet with the text encoder; `decoder`
more of the autoencoder, with latents as they are; `export` the diffusers folder. `all` spends its minutes on the first
of vae, text and unet that has not had its share, then on the next.
"""

import argparse
import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")      # before torch: threads that wait leave the core to others

import torch

import emoji
import export
import released
import train_text
import train_unet
import train_vae
import vocabulary
from pictures import Painter
from scenes import KINDS, Scenes
from training import device, minutes_spent

# On a CPU and on a GPU: pictures a step, the learning rate, the minutes after which the next stage is due, and for the
# UNet's stage the scenes kept as latents, and the new ones a step; and which scenes are shown.
BATCH = {"vae": (8, 64), "decoder": (8, 64), "text": (64, 1024), "unet": (48, 1024)}
RATE = {"vae": (1e-3, 1e-3), "decoder": (5e-4, 5e-4), "text": (1e-3, 2e-3), "unet": (6e-4, 1e-3)}
SHARE = {"vae": (90, 8), "text": (110, 8), "unet": (float("inf"), float("inf"))}
POOL = (40_000, 400_000)
FRESH = (2, 64)
CURRICULUM = "first", "full"


class Data:
    """What all stages train on."""

    def __init__(self, folder, curriculum):
        os.makedirs(folder, exist_ok=True)
        self.emojis = emoji.load()
        self.scenes = Scenes(self.emojis, curriculum)
        self.sprites = emoji.sprites(self.emojis)
        self.painter = Painter(self.sprites, device())
        self.vocabulary = vocabulary.load(self, folder)


def main():
    arguments = parsed()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    folder = arguments.folder
    begins = arguments.begin and nothing_trained(folder)
    if begins:
        released.copy_tokenizer(arguments.begin, folder)
    data = Data(folder, arguments.curriculum or CURRICULUM[device() == "cuda"])
    if begins:
        minutes = {stage: shares[device() == "cuda"] for stage, shares in SHARE.items()}
        released.write_checkpoints(arguments.begin, data, folder, {**minutes, "unet": 0})
    if arguments.stage not in ("all", "export"):
        train(arguments.stage, data, arguments, arguments.minutes, arguments.cooldown)
    if arguments.stage == "all":
        left = arguments.minutes
        for stage, shares in SHARE.items():
            due = shares[device() == "cuda"] - minutes_spent(stage, folder)
            if min(due, left) > 0:
                # The learning rate falls when a stage comes to its end in this run.
                train(stage, data, arguments, min(due, left), arguments.cooldown or due <= left)
            left -= max(0, min(due, left))
    if arguments.stage == "export" or os.path.exists(os.path.join(folder, "unet.pt")):
        export.export(data, folder, arguments.target)


def nothing_trained(folder):
    """Whether there are no checkpoints. With some, but none of the UNet, a release would take the place of others."""
    held = [stage for stage in SHARE if os.path.exists(os.path.join(folder, stage + ".pt"))]
    if held and "unet" not in held:
        raise SystemExit(f"{folder} holds checkpoints ({', '.join(held)}) that --begin would write over; give another "
                         "--folder, or go on without --begin")
    return not held


def train(stage, data, arguments, minutes, cooldown):
    gpu = device() == "cuda"
    batch, rate = arguments.batch or BATCH[stage][gpu], arguments.rate or RATE[stage][gpu]
    settings = data, arguments.folder, minutes, batch, rate, cooldown
    if stage in ("vae", "decoder"):
        train_vae.train(*settings, stage)
    elif stage == "text":
        train_text.train(*settings)
    else:
        train_unet.train(*settings, arguments.pool or POOL[gpu], FRESH[gpu])


def parsed():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=("all", *SHARE, "decoder", "export"))
    parser.add_argument("--minutes", type=float, default=60, help="time to spend in training steps (60)")
    parser.add_argument("--folder", default="training", help="where checkpoints and sheets go (training)")
    parser.add_argument("--target", default="training/export", help="where the model goes (training/export)")
    parser.add_argument("--begin", metavar="MODEL", help="a released model's folder, to begin with if --folder has none")
    parser.add_argument("--batch", type=int, help="pictures a step")
    parser.add_argument("--rate", type=float, help="the learning rate")
    parser.add_argument("--pool", type=int, help="scenes that the UNet's stage keeps as latents")
    parser.add_argument("--curriculum", choices=tuple(KINDS), help="which scenes are shown (scenes.py)")
    parser.add_argument("--cooldown", action="store_true", help="let the learning rate fall during these minutes")
    return parser.parse_args()


if __name__ == "__main__":
    main()
