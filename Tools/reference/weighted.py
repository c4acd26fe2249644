"""Prompts with weights, in chunks, put together and changing on the way: what text encoders' states become, by the
webui's and ComfyUI's formulas, and runs with them.

Writes Tests/Fixtures/prompts/states.safetensors and runs.safetensors. How texts are taken apart is said here piece by
piece; that limn takes them apart so is what prompts.py is for.
"""

NEEDS = ["diffusers", "safetensors", "torch", "transformers"]

import common  # first: it puts the path in order
from common import FIXTURES, fixture, generator, save_tensors

import os

import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline, StableDiffusionXLPipeline
from diffusers.pipelines.deprecated.alt_diffusion.modeling_roberta_series import RobertaSeriesModelWithTransformation
from transformers import T5EncoderModel, T5Tokenizer, XLMRobertaTokenizer

# Chunks of stretches. The second prompt is cut where a chunk is full: it has no commas.
SHORT = [[("a ", 1.0), ("red", 1.3), (" apple, ", 1.0), ("green", 1 / 1.1), (" table", 1.0)], [("oil painting", 1.1 * 1.1)]]
SHORT_TEXT = "a (red:1.3) apple, [green] table BREAK ((oil painting))"
LONG_TEXT = "(a photo of a cat:1.2)" + " by the sea a red apple on a green table" * 5
LONG = [[("a photo of a cat", 1.2), (" by the sea a red apple on a green table" * 5, 1.0)]]


class Reader:
    def __init__(self, tokenizer, encode, prefix):
        self.tokenizer, self.encode, self.prefix = tokenizer, encode, prefix
        self.length = tokenizer.model_max_length
        self.room = self.length - len(prefix) - 1

    def ids(self, text):
        return self.tokenizer([text], truncation=False, add_special_tokens=False)["input_ids"][0]

    def chunks(self, given):
        result = []
        for stretches in given:
            tokens = [(i, weight) for text, weight in stretches for i in self.ids(text)]
            result += [tokens[i:i + self.room] for i in range(0, len(tokens), self.room)] or [[]]
        return result

    def framed(self, tokens):
        own = self.prefix + [i for i, _ in tokens] + [self.tokenizer.eos_token_id]
        pad = self.length - len(own)
        ids = torch.tensor([own + [self.tokenizer.pad_token_id] * pad])
        mask = torch.tensor([[1] * len(own) + [0] * pad])
        weights = torch.tensor([1.0] * len(self.prefix) + [w for _, w in tokens] + [1.0] * (pad + 1))
        return ids, mask, weights.reshape(1, -1, 1)

    def states(self, given, emphasis):
        """[1, tokens, channels], and the first chunk's pooled vector."""
        result, first = [], None
        empty, _ = self.encode(*self.framed([])[:2])
        for chunk in self.chunks(given):
            ids, mask, weights = self.framed(chunk)
            z, pooled = self.encode(ids, mask)
            first = pooled if first is None else first
            if emphasis == "comfyui":
                z = (z - empty) * weights + empty
            elif emphasis != "ignore":
                mean = z.mean()
                z = z * weights
                if emphasis == "original":
                    z = z * (mean / z.mean())
            result.append(z)
        return torch.cat(result, dim=1), first


def clip(tokenizer, model):
    return Reader(tokenizer, lambda ids, mask: (model(ids).last_hidden_state, None), [tokenizer.bos_token_id])


def xl(tokenizer, model):
    def encode(ids, mask):
        output = model(ids, output_hidden_states=True)
        return output.hidden_states[-2], getattr(output, "text_embeds", None)
    return Reader(tokenizer, encode, [tokenizer.bos_token_id])


def load(folder, kind=StableDiffusionPipeline):
    return kind.from_pretrained(os.path.join(FIXTURES, folder), dtype=torch.float32)


def readers():
    a, b, big = load("pipeline-a"), load("pipeline-b"), load("pipeline-xl", StableDiffusionXLPipeline)
    # T5's layout has no start token.
    yield "pipeline-a", [Reader(a.tokenizer, lambda ids, mask: (a.text_encoder(ids).last_hidden_state, None), [])]
    yield "pipeline-b", [clip(b.tokenizer, b.text_encoder)]
    yield "pipeline-xl", [xl(big.tokenizer, big.text_encoder), xl(big.tokenizer_2, big.text_encoder_2)]
    folder = os.path.join(FIXTURES, "pipeline-alt")
    tokenizer = XLMRobertaTokenizer.from_pretrained(os.path.join(folder, "tokenizer"))
    alt = RobertaSeriesModelWithTransformation.from_pretrained(
        os.path.join(folder, "text_encoder"), dtype=torch.float32, attn_implementation="eager").eval()
    yield "pipeline-alt", [Reader(
        tokenizer, lambda ids, mask: (alt(ids, attention_mask=mask).projection_state, None), [tokenizer.bos_token_id])]
    folder = os.path.join(FIXTURES, "pipeline-t5")
    tokenizer = T5Tokenizer.from_pretrained(os.path.join(folder, "tokenizer"))
    t5 = T5EncoderModel.from_pretrained(os.path.join(folder, "text_encoder"), dtype=torch.float32).eval()
    hides = getattr(t5.config, "use_attention_mask", False)
    yield "pipeline-t5", [Reader(
        tokenizer, lambda ids, mask: (t5(ids, attention_mask=mask if hides else None).last_hidden_state, None), [])]


def states():
    tensors = {}
    for name, encoders in readers():
        cases = [("short", "original", SHORT)]
        if name in ["pipeline-b", "pipeline-xl"]:
            cases += [("short", "no-norm", SHORT), ("short", "comfyui", SHORT), ("long", "original", LONG)]
        for case, emphasis, given in cases:
            read = [encoder.states(given, emphasis) for encoder in encoders]
            tensors[f"{name}.{case}.{emphasis}"] = torch.cat([z for z, _ in read], dim=-1)
            if read[-1][1] is not None:
                tensors[f"{name}.{case}.{emphasis}.pooled"] = read[-1][1]
        print(f"  {name}: " + ", ".join(f"{encoder.room}" for encoder in encoders))
    save_tensors(tensors, fixture("prompts", "states.safetensors"))


def draw(pipe, steps, scale, seed, told):
    """DDIM; `told(step)`, from 1, gives the negative prompt's states and [(states, weight)]."""
    scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
    scheduler.set_timesteps(steps)
    side = 64 // pipe.vae_scale_factor
    x = torch.randn([1, 4, side, side], generator=generator(seed)) * scheduler.init_noise_sigma
    for index, t in enumerate(scheduler.timesteps):
        negative, positives = told(index + 1)
        base = pipe.unet(x, t, encoder_hidden_states=negative).sample
        output = base
        for text, weight in positives:
            output = output + scale * weight * (pipe.unet(x, t, encoder_hidden_states=text).sample - base)
        x = scheduler.step(output, t, x, eta=0.0).prev_sample
    return x


def runs():
    pipe = load("pipeline-b")
    reader = clip(pipe.tokenizer, pipe.text_encoder)

    def read(*stretches):
        return reader.states([list(stretches)], "original")[0]

    weighted, longer = reader.states(SHORT, "original")[0], reader.states(LONG, "original")[0]
    blurry = read(("blurry", 1.1))
    cat, dog = read(("a cat", 1.0)), read((" a ", 1.0), ("dog", 1.2))
    red, green = read(("a red apple", 1.0)), read(("a green apple", 1.0))
    # Six steps; 0.5 of them are three.
    tensors = {
        "weighted": draw(pipe, 6, 5.0, 1, lambda step: (blurry, [(weighted, 1.0)])),
        "long": draw(pipe, 6, 5.0, 2, lambda step: (blurry, [(longer, 1.0)])),
        "composed": draw(pipe, 6, 4.0, 3, lambda step: (blurry, [(cat, 1.2), (dog, -0.3)])),
        "scheduled": draw(pipe, 6, 5.0, 4, lambda step: (blurry, [(red if step <= 3 else green, 1.0)])),
        "alternating": draw(pipe, 6, 5.0, 5, lambda step: (blurry, [(red if step % 2 else green, 1.0)])),
        "together": draw(pipe, 6, 5.0, 6, lambda step: (
            red if step <= 2 else blurry, [(cat, 0.7), (red if step <= 4 else green, 0.5)])),
    }
    for name, latents in tensors.items():
        assert torch.isfinite(latents).all(), name
        print(f"  {name}: std {latents.std():.2f}, largest {latents.abs().max():.1f}")
    save_tensors(tensors, fixture("prompts", "runs.safetensors"))


if __name__ == "__main__":
    with torch.no_grad():
        states()
        runs()
