"""Learnt words (textual inversion) in the forms that people have, and runs with them, as diffusers draws them.

Writes Tests/Fixtures/embeddings-{a,b,alt,xl}: embeddings for pipeline-a, -b, -alt and -xl, and runs of those models.
"""

NEEDS = ["diffusers", "pillow", "safetensors", "sentencepiece", "tokenizers", "torch", "transformers"]

import common  # first: it puts the path in order
from common import FIXTURES, fixture, generator, save_tensors

import os

import diffusers
import torch
from diffusers import AltDiffusionPipeline
from diffusers.pipelines.deprecated.alt_diffusion.modeling_roberta_series import RobertaSeriesModelWithTransformation
from safetensors.torch import load_file
from transformers import XLMRobertaTokenizer

import runs
import sentencepieces


def vectors(shape, seed):
    # As large as the models' own.
    return 0.7 * torch.randn(shape, generator=generator(seed))


def webui(path, name, tensor):
    """What AUTOMATIC1111's web UI saves."""
    torch.save({"string_to_token": {"*": 265}, "string_to_param": {"*": tensor}, "name": name, "step": 500,
                "sd_checkpoint": None, "sd_checkpoint_name": None}, path)


def draw(model, folder, words, prompts):
    """Runs with words, each a file and the token to give it, or None."""
    def prepare(pipe):
        for path, token in words:
            pipe.load_textual_inversion(path, token=token)

    base = dict(width=64, height=64, steps=8, guidance_scale=5.0, scheduler="DDIMScheduler", overrides={})
    runs.draw(os.path.join(FIXTURES, model), fixture(folder), [
        dict(base, name=name, seed=i, prompt=prompt, negative_prompt=negative)
        for i, (name, prompt, negative) in enumerate(prompts)], prepare=prepare)


def clip():
    name = "embeddings-b"
    toy, style = fixture(name, "learned_embeds.safetensors"), fixture(name, "style.pt")
    save_tensors({"<Cat-Toy>": vectors([40], 1).half()}, toy)
    webui(style, "my-style", vectors([3, 40], 2))
    save_tensors({"emb_params": vectors([3, 40], 2)}, fixture(name, "my-style.safetensors"))  # its newer form
    save_tensors({"clip_l": vectors([2, 40], 3), "clip_g": vectors([2, 24], 4)}, fixture(name, "xl-word.safetensors"))
    draw("pipeline-b", name, [(toy, None), (style, None)], [
        ("one", "a photo of a <Cat-Toy> on a table", ""),
        ("both", "a <Cat-Toy>, my-style", "my-style"),
        ("inside", "x<Cat-Toy>y my-styles", "blurry <Cat-Toy>"),
        ("without", "a photo of a cat", ""),
        ("cut", "a photo of the cat and " * 15 + " my-style", "<Cat-Toy> " * 90),
    ])


def t5():
    name = "embeddings-a"
    leaf = fixture(name, "Leaf.safetensors")
    save_tensors({"emb_params": vectors([2, 32], 5)}, leaf)
    draw("pipeline-a", name, [(leaf, "Leaf")], [
        ("word", "a red Leaf on a green table", "blurry, ugly"),
        ("inside", "redLeaf,Leafs", "Leaf"),
    ])


def xlmr():
    name = "embeddings-alt"
    word = fixture(name, "learned_embeds.bin")
    torch.save({"<猫猫>": vectors([2, 32], 6).half()}, word)
    save_tensors({"<猫猫>": vectors([2, 32], 6).half()}, fixture(name, "learned_embeds.safetensors"))
    folder = os.path.join(FIXTURES, "pipeline-alt")
    tokenizer = XLMRobertaTokenizer.from_pretrained(os.path.join(folder, "tokenizer"))
    encoder = RobertaSeriesModelWithTransformation.from_pretrained(
        os.path.join(folder, "text_encoder"), dtype=torch.float32, attn_implementation="eager")
    sentencepieces.draw("pipeline-alt", AltDiffusionPipeline, sentencepieces.numbered([
        dict(name="chinese", prompt="一只<猫猫>在白色的房子里", negative_prompt="low quality"),
        dict(name="english", prompt="a photo of <猫猫> by the sea", negative_prompt="<猫猫>"),
    ]), tokenizer, encoder, folder=name, prepare=lambda pipe: pipe.load_textual_inversion(word))


def xl():
    name = "embeddings-xl"
    word = fixture(name, "ink-style.safetensors")
    save_tensors({"clip_l": vectors([2, 24], 7).half(), "clip_g": vectors([2, 32], 8).half()}, word)

    def prepare(pipe):
        # As diffusers' documentation has it: each encoder is given its own.
        own = load_file(word)
        for key, encoder, tokenizer in [("clip_l", pipe.text_encoder, pipe.tokenizer),
                                        ("clip_g", pipe.text_encoder_2, pipe.tokenizer_2)]:
            pipe.load_textual_inversion(own[key], token="ink-style", text_encoder=encoder, tokenizer=tokenizer)
        # With an `eos_token_id` of 2, as in the published configuration, transformers takes the largest id for a text's
        # end, which a learnt word's is: it says of itself that this cannot work with new tokens.
        for module in pipe.text_encoder_2.modules():
            if hasattr(module, "eos_token_id"):
                module.eos_token_id = pipe.tokenizer_2.eos_token_id

    base = dict(width=64, height=64, steps=6, guidance_scale=5.0, scheduler="EulerDiscreteScheduler", overrides={})
    runs.draw(os.path.join(FIXTURES, "pipeline-xl"), fixture(name), [
        dict(base, name="word", seed=0, prompt="a photo of a cat, ink-style", negative_prompt="dark"),
        dict(base, name="negative", seed=1, prompt="a house", negative_prompt="ink-style, dark"),
    ], family="xl", prepare=prepare)


if __name__ == "__main__":
    clip()
    t5()
    xlmr()
    xl()
