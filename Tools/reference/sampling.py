"""Fixtures for Sampling: whole runs of diffusers' schedulers over a formula instead of a network, and noise.

    python Tools/reference/sampling.py

scipy is for LMS. Writes Tests/Fixtures/sampling/:
    runs.json, runs.f32     the cases, and for each its timesteps followed by its final sample
    noise.json, noise.f32   seeds and counts, and the values drawn
    guidance.json           classifier-free guidance and its rescaling
The .f32 files are little-endian float32 without a header.
"""

NEEDS = ["diffusers", "numpy", "scipy", "torch"]

import json
import math
import os
from pathlib import Path

import diffusers
import numpy as np
import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import rescale_noise_cfg

torch.set_num_threads(1)
diffusers.logging.set_verbosity_error()
HERE = Path(os.environ.get("FIXTURES", "Tests/Fixtures")) / "sampling"
SHAPE = (1, 2, 3, 4)
COUNT = math.prod(SHAPE)

SD = dict(_class_name="DDIMScheduler", beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012,
          num_train_timesteps=1000, steps_offset=1, clip_sample=False, set_alpha_to_one=False)
CLASSES = {
    "ddim": "DDIMScheduler", "ddpm": "DDPMScheduler", "pndm": "PNDMScheduler", "plms": "PNDMScheduler",
    "euler": "EulerDiscreteScheduler", "euler_a": "EulerAncestralDiscreteScheduler",
    "heun": "HeunDiscreteScheduler", "lms": "LMSDiscreteScheduler", "dpm++2m": "DPMSolverMultistepScheduler",
    "dpm++2m_sde": "DPMSolverMultistepScheduler", "unipc": "UniPCMultistepScheduler",
}
IN_NAME = {"plms": dict(skip_prk_steps=True), "dpm++2m": dict(algorithm_type="dpmsolver++"),
           "dpm++2m_sde": dict(algorithm_type="sde-dpmsolver++")}
SPACED = ["euler", "heun", "lms", "dpm++2m", "dpm++2m_sde", "unipc"]


def network(x, t):
    return 0.6 * x + 0.3 * torch.sin(3 * x + float(t) / 300)


def run(case, config):
    """One run as StableDiffusionPipeline, or its img2img or inpainting sibling, goes about it."""
    name = case.get("sampler")
    extra = dict(IN_NAME.get(name, {}))
    if "schedule" in case:
        extra[f"use_{case['schedule']}_sigmas"] = True
    cls = getattr(diffusers, CLASSES[name] if name else config["_class_name"])
    scheduler = cls.from_config(dict(config), **extra)
    scheduler.set_timesteps(**({"sigmas": case["sigmas"]} if "sigmas" in case else
                               {"num_inference_steps": case["steps"]}))
    timesteps = scheduler.timesteps
    generator = torch.Generator("cpu").manual_seed(7)
    noise = torch.randn(SHAPE, generator=generator)
    clean = torch.cos(0.37 * torch.arange(COUNT, dtype=torch.float32)).reshape(SHAPE)
    kept = (torch.arange(COUNT) % 3 == 0).reshape(SHAPE)
    if "strength" in case:
        first = max(case["steps"] - min(int(case["steps"] * case["strength"]), case["steps"]), 0)
        timesteps = timesteps[first * scheduler.order:]
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(first * scheduler.order)
        x = scheduler.add_noise(clean, noise, timesteps[:1])
    else:
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(0)
        x = noise * scheduler.init_noise_sigma
    if hasattr(scheduler, "noise_sampler"):  # instead of a Brownian tree
        scheduler.noise_sampler = lambda *_: torch.randn(SHAPE, generator=generator)
    step = {}
    parameters = scheduler.step.__code__.co_varnames
    if "generator" in parameters:
        step["generator"] = generator
    if "eta" in parameters:
        step["eta"] = case.get("eta", 0.0)
    for i, t in enumerate(timesteps):
        output = network(scheduler.scale_model_input(x, t), t)
        x = scheduler.step(output, t, x, **step).prev_sample
        if case.get("inpaint"):
            original = clean
            if i < len(timesteps) - 1:
                original = scheduler.add_noise(clean, noise, timesteps[i + 1: i + 2])
            x = torch.where(kept, original, x)
    listed = scheduler.timesteps
    if name == "heun" or cls is diffusers.HeunDiscreteScheduler:
        listed = torch.cat([listed[:1], listed[1::2]])
    elif scheduler.order == 2:  # the middles of the steps lie between
        listed = listed[::2]
    case["levels"] = len(listed)
    case["scale"] = float(scheduler.init_noise_sigma)
    return np.concatenate([listed.float().numpy(), x.flatten().numpy()]).astype("<f4")


def cases():
    """(case, configuration) pairs."""
    for name in CLASSES:
        for prediction in ["epsilon", "v_prediction", "sample"]:
            if prediction == "sample" and name in ["pndm", "plms", "euler_a"]:
                continue  # diffusers cannot
            for spacing in ["leading", "trailing", "linspace"]:
                for steps in [1, 2, 5, 20, 50]:
                    if name == "pndm" and steps < 4:
                        continue  # diffusers cannot
                    yield (dict(sampler=name, steps=steps),
                           SD | dict(prediction_type=prediction, timestep_spacing=spacing))

    # What the configuration's own class makes of it, with its own defaults for what is missing.
    for name, cls in CLASSES.items():
        if name in IN_NAME:
            continue
        yield dict(steps=12), dict(_class_name=cls)
        yield dict(steps=12), dict(_class_name=cls, beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction")
        yield dict(steps=7), dict(_class_name=cls, num_train_timesteps=77, beta_start=0.002, beta_end=0.09)
        yield (dict(steps=5), dict(_class_name=cls, num_train_timesteps=40,
                                   trained_betas=[0.001 * (i + 1) for i in range(40)]))
        yield (dict(steps=10), SD | dict(_class_name=cls, rescale_betas_zero_snr=True, timestep_spacing="trailing",
                                         prediction_type="v_prediction"))
    yield dict(steps=10), dict(_class_name="DDPMScheduler", beta_schedule="sigmoid")

    # Noise spaced by formula.
    for name in SPACED:
        for schedule in ["karras", "exponential"]:
            for steps in [1, 6, 20]:
                yield (dict(sampler=name, schedule=schedule, steps=steps),
                       SD | dict(prediction_type="v_prediction"))
            if (name, schedule) != ("heun", "exponential"):  # there a change of 1e-7 in x grows to 1e-2
                yield dict(sampler=name, schedule=schedule, steps=9), SD | dict(beta_schedule="squaredcos_cap_v2")
        yield (dict(sampler=name, steps=9), SD | dict(_class_name=CLASSES[name], use_karras_sigmas=True,
                                                      sigma_min=0.05, sigma_max=9.0) if name != "lms" else SD)

    # Image to image, inpainting, and both.
    for name in CLASSES:
        for steps, strength in [(10, 0.7), (10, 1.0), (20, 0.29), (8, 0.95), (7, 0.15)]:
            yield dict(sampler=name, steps=steps, strength=strength), SD | dict(timestep_spacing="leading")
        yield dict(sampler=name, steps=10, strength=0.6), SD | dict(prediction_type="v_prediction")
        yield dict(sampler=name, steps=10, inpaint=True), SD | dict(timestep_spacing="leading")
        yield dict(sampler=name, steps=9, inpaint=True, strength=0.5), SD | dict(prediction_type="v_prediction")

    # What only some samplers have.
    for eta in [0.3, 1.0]:
        yield dict(sampler="ddim", steps=10, eta=eta), SD
        yield dict(sampler="ddim", steps=10, eta=eta), dict(_class_name="DDIMScheduler", prediction_type="v_prediction")
    for name in ["ddim", "ddpm", "heun"]:
        yield dict(sampler=name, steps=10), SD | dict(clip_sample=True, clip_sample_range=0.4)
    for name in ["ddim", "ddpm", "dpm++2m", "unipc"]:
        yield (dict(sampler=name, steps=10),
               SD | dict(thresholding=True, dynamic_thresholding_ratio=0.8, sample_max_value=1.5,
                         _class_name=CLASSES[name]))
    for name in ["ddim", "pndm", "plms"]:
        yield dict(sampler=name, steps=10), SD | dict(set_alpha_to_one=True)
    for variance in ["fixed_small_log", "fixed_large"]:
        yield dict(sampler="ddpm", steps=10), SD | dict(_class_name="DDPMScheduler", variance_type=variance)
    for name in ["euler", "dpm++2m", "unipc"]:
        for schedule in [{}, dict(schedule="karras")]:
            yield (dict(sampler=name, steps=10) | schedule,
                   SD | dict(_class_name=CLASSES[name], final_sigmas_type="sigma_min"))
    for steps in [10, 20]:
        for order in [1, 2, 3]:
            for solver in ["midpoint", "heun"]:
                config = SD | dict(_class_name="DPMSolverMultistepScheduler", solver_order=order, solver_type=solver)
                yield dict(sampler="dpm++2m", steps=steps), config
                if order < 3:
                    yield dict(sampler="dpm++2m_sde", steps=steps), config
            for solver, end in [("bh1", "sigma_min"), ("bh2", "zero")]:  # bh1 to zero is not finite in diffusers
                yield (dict(sampler="unipc", steps=steps),
                       SD | dict(_class_name="UniPCMultistepScheduler", solver_order=order, solver_type=solver,
                                 final_sigmas_type=end))
    yield (dict(steps=20), SD | dict(_class_name="DPMSolverMultistepScheduler", lower_order_final=False,
                                     euler_at_final=True, lambda_min_clipped=-5.1, timestep_spacing="trailing"))
    yield (dict(steps=10), SD | dict(_class_name="DPMSolverMultistepScheduler", lambda_min_clipped=-5.1,
                                     algorithm_type="sde-dpmsolver++", beta_schedule="squaredcos_cap_v2"))
    yield (dict(steps=10), SD | dict(_class_name="UniPCMultistepScheduler", disable_corrector=[0, 3],
                                     solver_order=3, final_sigmas_type="sigma_min", lower_order_final=False))


def write_runs():
    configs, written, values = [], [], []
    for case, config in cases():
        data = run(case, config)
        if not np.isfinite(data).all():
            raise SystemExit(f"not finite: {case} {config}")
        if config not in configs:
            configs.append(config)
        written.append(case | dict(config=configs.index(config)))
        values.append(data)
    write("runs", configs, written, values)


def write(name, configs, written, values):
    lines = ["  " + json.dumps(item) for item in written]
    tables = ["  " + json.dumps(item) for item in configs]
    (HERE / f"{name}.json").write_text(
        '{"configs": [\n' + ",\n".join(tables) + '\n], "runs": [\n' + ",\n".join(lines) + "\n]}\n")
    np.concatenate(values).tofile(HERE / f"{name}.f32")
    print(f"{len(written)} runs")


def write_noise():
    """Calls one after another on one generator, short and long mixed."""
    draws = [
        (0, [1, 5, 15, 16, 17, 31, 64, 100, 1024]), (1, [4 * 64 * 64]), (42, [15, 1, 16, 1, 3, 40, 1, 1]),
        (2**32 + 1, [16, 1, 16, 5]), (2**63, [33, 7, 2048]), (2**64 - 1, [1, 20]), (123456789, [4 * 8 * 8] * 5),
    ]
    values = []
    for seed, counts in draws:
        generator = torch.Generator("cpu").manual_seed(seed)
        values += [torch.randn(n, generator=generator, dtype=torch.float32).numpy() for n in counts]
    numpy_draws = [(0, [1, 2, 50]), (987654321, [33, 33])]
    for seed, counts in numpy_draws:
        state = np.random.RandomState(seed)
        values += [state.standard_normal(n).astype("<f4") for n in counts]
    np.concatenate(values).astype("<f4").tofile(HERE / "noise.f32")
    listed = [dict(generator="torch", seed=str(s), counts=c) for s, c in draws]
    listed += [dict(generator="numpy", seed=str(s), counts=c) for s, c in numpy_draws]
    (HERE / "noise.json").write_text(json.dumps(listed, indent=1) + "\n")


def write_guidance():
    generator = torch.Generator("cpu").manual_seed(3)
    unconditional, conditional = (torch.randn(SHAPE, generator=generator) for _ in range(2))
    guided = unconditional + 7.5 * (conditional - unconditional)
    rescaled = rescale_noise_cfg(guided, conditional, 0.7)
    listed = dict(unconditional=unconditional, conditional=conditional, guided=guided, rescaled=rescaled)
    (HERE / "guidance.json").write_text(
        json.dumps({key: value.flatten().tolist() for key, value in listed.items()}) + "\n")


if __name__ == "__main__":
    HERE.mkdir(parents=True, exist_ok=True)
    write_runs()
    write_noise()
    write_guidance()
