"""Guidance beyond the classifier-free kind, with the small pipelines and in single formulas.

Writes Tests/Fixtures/guided-{a,b}, pag-{a,xl} and sag-{a,b}: runs.json and runs.safetensors, as pipelines.py does; a
run's "guidance" is what limn is asked for. And sampling/guidance-rules.json: what single formulas give. Needs what
pipelines.py and families.py made, and dynthres_core.py of the webui's extension (DYNTHRES, see needs.py).
"""

NEEDS = ["diffusers", "pillow", "safetensors", "torch", "DYNTHRES"]

import common  # first: it puts the path in order
from common import FIXTURES, fixture, generator

import contextlib
import importlib.util
import json
import math
import os
import sys

import diffusers
import torch
from diffusers.guiders.adaptive_projected_guidance import MomentumBuffer, normalized_guidance
from diffusers.pipelines.deprecated.stable_diffusion_sag.pipeline_stable_diffusion_sag import gaussian_blur_2d

from runs import draw

DDIM, EULER, DPM = "DDIMScheduler", "EulerDiscreteScheduler", "DPMSolverMultistepScheduler"
HEUN = "HeunDiscreteScheduler"
BASE = dict(prompt="a red apple on a green table", negative_prompt="blurry, ugly", steps=10, guidance_scale=5.0,
            overrides=dict(clip_sample=False))
XL = dict(prompt="a photo of a cat", negative_prompt="dark", steps=8, guidance_scale=5.0, scheduler=EULER,
          overrides={})
MIMIC = dict(scale=3.0, percentile=1.0, mode="constant", minimum=0.0, guidanceMode="constant", guidanceMinimum=0.0,
             power=4.0, startpoint="mean", variability="ad", separateChannels=True, phi=1.0)

spec = importlib.util.spec_from_file_location("dynthres_core", os.environ["DYNTHRES"] + "/dynthres_core.py")
dynthres_core = importlib.util.module_from_spec(spec)
spec.loader.exec_module(dynthres_core)


def dynamic_thresholding(of, steps):
    """The extension's object for our settings."""
    modes = {mode.lower().replace(" ", "-"): mode for mode in dynthres_core.DynThresh.Modes}
    return dynthres_core.DynThresh(
        of["scale"], of["percentile"], modes[of["mode"]], of["minimum"], modes[of["guidanceMode"]],
        of["guidanceMinimum"], of["power"], 0, steps, of["separateChannels"], of["startpoint"].upper(),
        of["variability"].upper(), of["phi"])


def thresholded(x0, ratio, bound, maximum):
    """Imagen's (Saharia et al. 2022, section 2.3), for values whose usual range is ±bound."""
    limit = torch.quantile(x0.flatten(1).abs(), ratio, dim=1).clamp(bound, maximum)[:, None, None, None]
    return x0.clamp(-limit, limit) * (bound / limit)


class Guide:
    """What one run's guidance makes of the pair's predictions, evaluation by evaluation."""

    def __init__(self, pipe, run):
        self.run, self.wish, self.scale = run, run["guidance"], run["guidance_scale"]
        self.config, self.cumulative = pipe.scheduler.config, pipe.scheduler.alphas_cumprod
        self.step, self.momentum = 0, None
        if "adaptiveProjection" in self.wish:
            self.momentum = MomentumBuffer(self.wish["adaptiveProjection"]["momentum"])

    def x0(self, x, output, alpha):
        (a, b) = (alpha ** 0.5, (1 - alpha) ** 0.5)
        return a * x - b * output if self.config.prediction_type == "v_prediction" else (x - b * output) / a

    def output(self, x, x0, alpha):
        (a, b) = (alpha ** 0.5, (1 - alpha) ** 0.5)
        return (a * x - x0) / b if self.config.prediction_type == "v_prediction" else (x - a * x0) / b

    def is_guided(self, alpha):
        first = round(self.wish.get("start", 0) * self.run["steps"])
        last = round(self.run.get("guidance_end", 1) * self.run["steps"])
        sigmas = self.wish.get("sigmas", dict(low=0, high=math.inf))
        return first <= self.step < last and sigmas["low"] < ((1 - alpha) / alpha) ** 0.5 <= sigmas["high"]

    def __call__(self, x, t, unconditional, conditional):
        """x has unit variance: the network's own input."""
        alpha, part = self.cumulative[int(t)], self.step / (self.run["steps"] - 1)
        scale = self.scale
        if "curve" in self.wish:
            curve = self.wish["curve"]
            if curve["shape"] == "values":
                place = part * (len(curve["values"]) - 1)
                low = min(int(place), len(curve["values"]) - 2)
                scale = curve["values"][low] + (place - low) * (curve["values"][low + 1] - curve["values"][low])
            else:
                grown = part if curve["shape"] == "linear" else (1 - math.cos(math.pi * part)) / 2
                scale = curve["values"][0] + grown * (scale - curve["values"][0])
        if not self.is_guided(alpha):
            result = conditional
        elif "adaptiveProjection" in self.wish:
            wish = self.wish["adaptiveProjection"]
            x0 = normalized_guidance(
                self.x0(x, conditional, alpha), self.x0(x, unconditional, alpha), scale - 1, self.momentum,
                wish["eta"], wish["threshold"], use_original_formulation=True)
            result = self.output(x, x0, alpha)
        elif "dynamicThresholding" in self.wish:
            rule = dynamic_thresholding(self.wish["dynamicThresholding"], self.run["steps"])
            rule.step = self.step
            x0 = rule.dynthresh(self.x0(x, conditional, alpha), self.x0(x, unconditional, alpha), scale, None)
            result = self.output(x, x0, alpha)
        else:
            result = unconditional + scale * (conditional - unconditional)
        if "threshold" in self.wish and not self.config.get("thresholding"):
            wish = self.wish["threshold"]
            result = self.output(
                x, thresholded(self.x0(x, result, alpha), wish["ratio"], wish["range"], wish["maximum"]), alpha)
        self.step += 1
        return result


@contextlib.contextmanager
def guiding(pipe, run):
    """Puts our guidance into both rows of the pair, so that the pipeline's own leaves it as it is."""
    guide = Guide(pipe, run)

    def exchange(_, inputs, output):
        (x, t), (unconditional, conditional) = inputs[:2], output[0].chunk(2)
        return (torch.cat([guide(x[:1], t, unconditional, conditional)] * 2),)

    hook = pipe.unet.register_forward_hook(exchange)
    yield
    hook.remove()


def guided(letter, runs):
    draw(fixture("pipeline-" + letter), fixture("guided-" + letter), [{**BASE, **run} for run in runs],
         around=guiding)


def perturbed(letter, base, runs, family, pipelines):
    """Perturbed-attention guidance by diffusers' own pipelines."""
    @contextlib.contextmanager
    def layers(pipe, run):
        names = run["guidance"]["perturbedAttention"]["layers"]
        pipe.set_pag_applied_layers([name.replace(".block_", "_blocks.").replace("attentions_", "attentions.")
                                     for name in names])
        yield

    def adjust(call, run):
        wish = run["guidance"]["perturbedAttention"]
        return call | dict(pag_scale=wish["scale"], pag_adaptive_scale=wish["adaptiveScale"])

    draw(fixture("pipeline-" + letter), fixture("pag-" + letter), [{**base, **run} for run in runs],
         family=family, pipelines=pipelines, adjust=adjust, around=layers)


def pag(scale, *layers, adaptive=0.0):
    return dict(perturbedAttention=dict(scale=scale, adaptiveScale=adaptive, layers=list(layers)))


def sag(letter, runs):
    """Self-attention guidance by diffusers' own pipeline."""
    def adjust(call, run):
        del call["guidance_rescale"]
        return call | dict(sag_scale=run["guidance"]["selfAttentionScale"])

    draw(fixture("pipeline-" + letter), fixture("sag-" + letter),
         [{**BASE, **run, "guidance": dict(selfAttentionScale=run["guidance"])} for run in runs],
         pipelines={"txt2img": "StableDiffusionSAGPipeline"}, adjust=adjust)


def runs():
    projected = lambda *of: dict(adaptiveProjection=dict(zip(("eta", "threshold", "momentum"), of)))
    mimic = lambda **of: dict(dynamicThresholding=MIMIC | of)
    threshold = lambda *of: dict(threshold=dict(zip(("ratio", "range", "maximum"), of)))
    curve = lambda shape, *values: dict(curve=dict(shape=shape, values=list(values)))
    guided("a", [
        dict(name="start", scheduler=DDIM, seed=1, guidance_end=0.7, guidance=dict(start=0.3)),
        dict(name="sigmas", scheduler=EULER, seed=2, guidance=dict(sigmas=dict(low=0.5, high=6.0))),
        dict(name="curve-linear", scheduler=DDIM, seed=3, guidance=curve("linear", 0.5)),
        dict(name="curve-cosine", scheduler=DPM, seed=4, guidance=curve("cosine", 9.0)),
        dict(name="curve-values", scheduler=EULER, seed=5, guidance=curve("values", 2.0, 8.0, 1.5)),
        dict(name="apg", scheduler=DDIM, seed=6, guidance=projected(0.0, 2.5, -0.5)),
        dict(name="apg-half", scheduler=EULER, seed=7, guidance=projected(0.5, 0.0, 0.75)),
        dict(name="mimic", scheduler=DDIM, seed=8, guidance=mimic(percentile=0.9)),
        dict(name="mimic-cosine", scheduler=EULER, seed=9, guidance=mimic(
            mode="half-cosine-down", minimum=1.0, guidanceMode="power-up", guidanceMinimum=2.0, power=2.0)),
        dict(name="mimic-std", scheduler=DPM, seed=10, guidance=mimic(
            variability="std", startpoint="zero", separateChannels=False, phi=0.7)),
        dict(name="threshold", scheduler=DDIM, seed=11, guidance=threshold(0.9, 1.5, 4.0)),
        # By diffusers' own scheduler.
        dict(name="threshold-own", scheduler=DPM, seed=12, guidance=threshold(0.9, 1.0, 2.5), overrides=dict(
            thresholding=True, dynamic_thresholding_ratio=0.9, sample_max_value=2.5)),
    ])
    guided("b", [
        dict(name="apg", scheduler=DDIM, seed=1, guidance=projected(0.0, 4.0, -0.75)),
        dict(name="mimic", scheduler=DDIM, seed=2, guidance=mimic(percentile=0.95, mode="cosine-down")),
        dict(name="threshold", scheduler=DDIM, seed=3, guidance=threshold(0.95, 1.0, 10.0)),
    ])
    inputs = os.path.join("..", "pipeline-a", "")
    perturbed("a", BASE, [
        dict(name="mid", scheduler=DDIM, seed=1, guidance=pag(3.0, "mid")),
        dict(name="alone", scheduler=EULER, seed=2, guidance_scale=1.0, guidance=pag(2.0, "down.block_0")),
        dict(name="adaptive", scheduler=DPM, seed=3, guidance=pag(4.0, "up.block_1.attentions_1", adaptive=0.006)),
        dict(name="rescale", scheduler=DDIM, seed=4, guidance_rescale=0.7, guidance=pag(1.5, "mid", "down")),
        dict(name="cache", scheduler=HEUN, seed=5, cache_interval=2, guidance=pag(3.0, "mid", "up.block_1")),
        dict(name="img2img", scheduler=DDIM, seed=6, mode="img2img", strength=0.6, image=inputs + "init.png",
             guidance=pag(3.0, "mid")),
        dict(name="inpaint", scheduler=DDIM, seed=7, mode="inpaint", strength=1.0, image=inputs + "init.png",
             mask=inputs + "mask.png", guidance=pag(3.0, "mid")),
    ], "sd", {"txt2img": "StableDiffusionPAGPipeline", "img2img": "StableDiffusionPAGImg2ImgPipeline",
              "inpaint": "StableDiffusionPAGInpaintPipeline"})
    perturbed("xl", XL, [
        dict(name="mid", seed=1, guidance=pag(3.0, "mid")),
        dict(name="alone", seed=2, guidance_scale=1.0, guidance=pag(2.0, "down.block_1.attentions_0")),
        dict(name="zero-negative", seed=3, negative_prompt="", guidance=pag(3.0, "up.block_0")),
        dict(name="img2img", seed=4, mode="img2img", strength=0.5, image=os.path.join("..", "pipeline-xl", "init.png"),
             guidance=pag(3.0, "mid")),
    ], "xl", {"txt2img": "StableDiffusionXLPAGPipeline", "img2img": "StableDiffusionXLPAGImg2ImgPipeline"})
    # Only of schedulers that keep the variance: for others the pipeline forgets to scale what it degrades.
    sag("a", [
        dict(name="pair", scheduler=DDIM, seed=1, guidance=0.75),
        dict(name="alone", scheduler=DDIM, seed=2, guidance_scale=1.0, guidance=1.0),
        dict(name="wide", scheduler=DPM, seed=3, width=96, height=72, guidance=0.5),
    ])
    sag("b", [dict(name="pair", scheduler=DDIM, seed=1, width=80, height=80, guidance=0.75)])


def rules():
    """Single formulas."""
    g = generator(11)
    pairs = [(torch.randn(1, 4, 5, 6, generator=g), torch.randn(1, 4, 5, 6, generator=g)) for _ in range(3)]
    flat = lambda x: [float(f"{value:.8g}") for value in x.flatten().tolist()]
    written = dict(unconditional=[flat(u) for u, _ in pairs], conditional=[flat(c) for _, c in pairs], projected=[],
                   dynamic=[], scales=[])
    for eta, threshold, momentum in [(0.0, 5.0, -0.5), (1.0, 0.0, 0.0), (0.3, 12.0, 0.8), (0.0, 0.0, 0.5)]:
        buffer = MomentumBuffer(momentum)
        written["projected"].append(dict(eta=eta, threshold=threshold, momentum=momentum, results=[
            flat(normalized_guidance(c, u, 6.0, buffer, eta, threshold, use_original_formulation=True))
            for u, c in pairs]))
    for variability in ("ad", "std"):
        for startpoint in ("mean", "zero"):
            for separate in (True, False):
                of = MIMIC | dict(variability=variability, startpoint=startpoint, separateChannels=separate,
                                  percentile=0.93, phi=1.0 if separate else 0.6)
                rule = dynamic_thresholding(of, 10)
                rule.step = 0
                written["dynamic"].append(dict(settings=of, result=flat(rule.dynthresh(*pairs[0][::-1], 7.5, None))))
    for mode in dynthres_core.DynThresh.Modes:
        for power in (0.5, 3.0):
            of = MIMIC | dict(mode=mode.lower().replace(" ", "-"), power=power)
            rule = dynamic_thresholding(of, 9)
            values = []
            for rule.step in range(9):
                values.append(rule.interpret_scale(7.0, rule.mimic_mode, 1.5))
            written["scales"].append(dict(mode=of["mode"], power=power, values=values))
    image = torch.randn(1, 4, 7, 6, generator=g)
    written["image"], written["blurred"] = flat(image), flat(gaussian_blur_2d(image, 9, 1.0))
    written["thresholded"] = [dict(ratio=r, range=b, maximum=m, result=flat(thresholded(image, r, b, m)))
                              for r, b, m in [(0.9, 1.0, 10.0), (0.99, 1.5, 1.8), (0.5, 2.0, 3.0)]]
    with open(os.path.join(FIXTURES, "sampling", "guidance-rules.json"), "w") as file:
        json.dump(written, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    for job in (runs, rules):
        if not sys.argv[1:] or job.__name__ in sys.argv[1:]:
            job()
