"""Fixtures for Sampling's solvers beyond the common ones: whole runs over a formula instead of a network.

    COMFYUI=path/to/ComfyUI python Tools/reference/solvers.py

Of ComfyUI's files (needs.py) only comfy/k_diffusion/sampling.py is read. Writes
Tests/Fixtures/sampling/solvers.json and solvers.f32: the cases, and for each its timesteps followed by its final sample,
as little-endian float32 without a header.
"""

NEEDS = ["diffusers", "numpy", "scipy", "torch", "COMFYUI"]

import importlib.util
import json
import math
import os
import sys
import types
from pathlib import Path

import diffusers
import numpy as np
import torch
from diffusers.schedulers.deprecated.scheduling_sde_vp import ScoreSdeVpScheduler

torch.set_num_threads(1)
diffusers.logging.set_verbosity_error()
HERE = Path(os.environ.get("FIXTURES", "Tests/Fixtures")) / "sampling"
SHAPE = (1, 2, 3, 4)
COUNT = math.prod(SHAPE)
SD = dict(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, num_train_timesteps=1000,
          steps_offset=1, clip_sample=False, set_alpha_to_one=False)
ZERO_SNR = dict(rescale_betas_zero_snr=True, prediction_type="v_prediction", timestep_spacing="trailing")


def network(x, t):
    return 0.6 * x + 0.3 * torch.sin(3 * x + float(t) / 300)


def start():
    generator = torch.Generator("cpu").manual_seed(7)
    noise = torch.randn(SHAPE, generator=generator)
    clean = torch.cos(0.37 * torch.arange(COUNT, dtype=torch.float32)).reshape(SHAPE)
    return generator, noise, clean


def first_step(case):
    steps = case["steps"]
    return max(steps - min(int(steps * case.get("strength", 1)), steps), 0)


def run_diffusers(case, config):
    """As StableDiffusionPipeline, or its img2img sibling, goes about it."""
    scheduler = getattr(diffusers, config["_class_name"]).from_config(dict(config))
    solver = case.get("solver", {})
    if "tau" in solver:
        tau = solver["tau"]
        scheduler.tau_func = lambda t: tau if 200 <= t <= 800 else 0
    scheduler.set_timesteps(case["steps"])
    if config["_class_name"] == "DEISMultistepScheduler" and config.get("beta_schedule") == "squaredcos_cap_v2":
        scheduler.sigmas = scheduler.sigmas.double()  # float32 loses its closed forms from σ = 20 000 on
    generator, noise, clean = start()
    first = first_step(case)
    timesteps = scheduler.timesteps[first:]
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(first)
    x = scheduler.add_noise(clean, noise, timesteps[:1]) if "strength" in case else noise * scheduler.init_noise_sigma
    step = {}
    if "generator" in scheduler.step.__code__.co_varnames:
        step["generator"] = generator
    if "gamma" in solver:
        step["eta"] = solver["gamma"]
    for t in timesteps:
        x = scheduler.step(network(scheduler.scale_model_input(x, t), t), t, x, **step).prev_sample
    return scheduler.timesteps, scheduler.init_noise_sigma, x


def langevin(x, score, snr, alpha, generator):
    """The corrector as ScoreSdeVeScheduler.step_correct has it, with the paper's α for the other SDE."""
    noise = torch.randn(SHAPE, generator=generator)
    step = (snr * noise.norm() / score.norm()) ** 2 * 2 * alpha
    return x + step * score + (step * 2) ** 0.5 * noise


def run_ve(case, config):
    """As ScoreSdeVePipeline goes about it."""
    scheduler = diffusers.ScoreSdeVeScheduler.from_config(dict(config))
    generator, noise, _ = start()
    x = noise * scheduler.init_noise_sigma
    scheduler.set_timesteps(case["steps"])
    scheduler.set_sigmas(case["steps"])

    def score(x, sigma):
        return -(x - network(x, sigma)) / (sigma * sigma + 0.5)

    for i, t in enumerate(scheduler.timesteps):
        sigma = scheduler.sigmas[i]
        for _ in range(scheduler.config.correct_steps):
            x = scheduler.step_correct(score(x, sigma), x, generator=generator).prev_sample
        x, mean = scheduler.step_pred(score(x, sigma), t, x, generator=generator, return_dict=False)
    return scheduler.sigmas, scheduler.init_noise_sigma, mean


def run_vp(case, config):
    """ScoreSdeVpScheduler's predictor after the paper's corrector, with a network that predicts ε."""
    scheduler = ScoreSdeVpScheduler.from_config(dict(config))
    last = config["num_train_timesteps"] - 1
    generator, x, _ = start()
    scheduler.set_timesteps(case["steps"])
    c = scheduler.config
    for t in scheduler.timesteps:
        logarithm = -0.25 * t**2 * (c.beta_max - c.beta_min) - 0.5 * t * c.beta_min
        std = torch.sqrt(1 - torch.exp(2 * logarithm))
        beta = (c.beta_min + t * (c.beta_max - c.beta_min)) / case["steps"]
        for _ in range(case["solver"]["correctorSteps"]):
            score = -network(x, t * last) / std
            x = langevin(x, score, case["solver"]["snr"], max(1 - beta, 0), generator)
        x, mean = scheduler.step_pred(network(x, t * last), x, t, generator=generator)
    return scheduler.timesteps * last, 1.0, mean


def comfyui():
    """ComfyUI's module of samplers, with nothing behind what it imports."""
    def module(name, **content):
        made = types.ModuleType(name)
        vars(made).update(content)
        sys.modules[name] = made
        return made

    comfy = module("comfy")
    comfy.model_patcher = module(
        "comfy.model_patcher",
        set_model_options_post_cfg_function=lambda options, function, **_: options | {"after": function})
    comfy.model_sampling = module("comfy.model_sampling", CONST=type("CONST", (), {}))
    comfy.memory_management = module("comfy.memory_management")
    comfy.utils = module("comfy.utils", model_trange=lambda *n, **_: range(*n))
    module("torchsde")
    package = module("comfy.k_diffusion")
    for name in ["deis", "sa_solver"]:
        setattr(package, name, module(f"comfy.k_diffusion.{name}"))
    package.utils = module("comfy.k_diffusion.utils", append_dims=lambda x, n: x[(...,) + (None,) * (n - x.ndim)])
    path = Path(os.environ["COMFYUI"]) / "comfy/k_diffusion/sampling.py"
    spec = importlib.util.spec_from_file_location("comfy.k_diffusion.sampling", path)
    spec.loader.exec_module(loaded := importlib.util.module_from_spec(spec))
    return loaded


def run_comfyui(case, config, functions):
    """A sampler of ComfyUI over the ladder of diffusers' Euler, told its timesteps."""
    extra = {f"use_{case['schedule']}_sigmas": True} if "schedule" in case else {}
    scheduler = diffusers.EulerDiscreteScheduler.from_config(dict(config), **extra)
    scheduler.set_timesteps(case["steps"])
    first = first_step(case)
    sigmas = scheduler.sigmas[first:]
    generator, noise, clean = start()
    x = clean + noise * sigmas[0] if "strength" in case else noise * scheduler.init_noise_sigma
    told = {float(sigma): t for sigma, t in zip(scheduler.sigmas, scheduler.timesteps)}
    guidance = case.get("guidance")

    def model(x, sigma, model_options={}):
        sigma = sigma[0]
        scaled = x / (sigma * sigma + 1) ** 0.5
        output = network(scaled, told[float(sigma)])
        denoised = x - sigma * output
        if guidance is not None:
            # Without the prompt the network has other eyes.
            without = x - sigma * network(0.9 * scaled + 0.1, told[float(sigma)])
            denoised = without + guidance * (denoised - without)
            model_options["after"](dict(denoised=denoised, uncond_denoised=without))
        return denoised

    sampling = types.SimpleNamespace()
    model_with_parts = type("Model", (), {"__call__": staticmethod(model)})()
    model_with_parts.inner_model = types.SimpleNamespace(
        model_patcher=types.SimpleNamespace(get_model_object=lambda name: sampling))
    options = {}
    order = case.get("solver", {}).get("order")
    if case["sampler"] in ["er_sde", "euler_a_cfg_pp"]:
        options["noise_sampler"] = lambda *_: torch.randn(SHAPE, generator=generator)
    if case["sampler"] == "er_sde" and order:
        options["max_stage"] = order
    elif order:
        options["max_order"] = order
    if "eta" in case:
        options["eta"] = case["eta"]
    name = case["sampler"].replace("euler_a_", "euler_ancestral_")
    x = getattr(functions, f"sample_{name}")(model_with_parts, x, sigmas, **options)
    return scheduler.timesteps, scheduler.init_noise_sigma, x


def cases():
    """(case, configuration) pairs. A case's solver is what a request asks for."""
    def of(cls, **extra):
        return SD | dict(_class_name=cls) | extra

    deis, sa, single, dpm = (
        f"{name}Scheduler" for name in ["DEISMultistep", "SASolver", "DPMSolverSinglestep", "DPMSolverMultistep"])
    for cls in [deis, sa, single]:
        for prediction in ["epsilon", "v_prediction", "sample"]:
            for spacing in ["leading", "trailing", "linspace"]:
                for steps in [1, 2, 7, 20]:
                    yield dict(steps=steps), of(cls, prediction_type=prediction, timestep_spacing=spacing)
        for schedule in ["karras", "exponential"]:
            yield dict(steps=12), of(cls, **{f"use_{schedule}_sigmas": True})
        yield dict(steps=8), of(cls, thresholding=True, dynamic_thresholding_ratio=0.8, sample_max_value=1.5)
        yield dict(steps=9), dict(_class_name=cls)
        yield dict(steps=9), dict(_class_name=cls, beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction")
        yield dict(steps=9), of(cls, **ZERO_SNR)
        for steps, strength in [(10, 0.7), (20, 0.29), (9, 0.95), (7, 0.15)]:
            yield dict(steps=steps, strength=strength), of(cls, timestep_spacing="leading")
            yield dict(steps=steps, strength=strength), of(cls, solver_order=3)
    for order in [1, 2, 3]:
        for steps in [5, 6, 7, 21]:
            yield dict(steps=steps), of(deis, solver_order=order)
            for solver in ["midpoint", "heun"]:
                for end in ["zero", "sigma_min"]:
                    yield dict(steps=steps), of(single, solver_order=order, solver_type=solver, final_sigmas_type=end)
                    yield (dict(steps=steps), of(single, solver_order=order, solver_type=solver, final_sigmas_type=end,
                                                 lower_order_final=True))
                common = dict(solver_order=order, solver_type=solver, final_sigmas_type="sigma_min")
                yield dict(steps=steps), of(single, algorithm_type="dpmsolver", **common)
                yield dict(steps=steps), of(dpm, algorithm_type="dpmsolver", **common)
                if order < 3:
                    yield dict(steps=steps), of(single, algorithm_type="sde-dpmsolver++", **common)
                    yield dict(steps=steps), of(dpm, algorithm_type="sde-dpmsolver", **common)
    for algorithm in ["dpmsolver", "sde-dpmsolver"]:
        common = dict(algorithm_type=algorithm, final_sigmas_type="sigma_min")
        yield dict(steps=10, strength=0.6), of(dpm, **common)
        yield dict(steps=10), of(dpm, prediction_type="v_prediction", **common)
        yield dict(steps=10), of(dpm, use_karras_sigmas=True, **common)
        yield dict(steps=10), of(dpm, thresholding=True, sample_max_value=1.5, **common)
    for predictor in [1, 2, 3, 4]:
        for corrector in [1, 2, 3, 4]:
            for algorithm in ["data_prediction", "noise_prediction"]:
                if algorithm == "noise_prediction" and 4 in (predictor, corrector):
                    continue  # float32 leaves nothing of diffusers' coefficients there
                yield (dict(steps=14), of(sa, predictor_order=predictor, corrector_order=corrector,
                                          algorithm_type=algorithm))
    for tau in [0, 0.4, 1.7]:
        yield dict(steps=16, solver=dict(tau=tau)), of(sa)
        yield dict(steps=16, solver=dict(tau=tau)), of(sa, algorithm_type="noise_prediction", lower_order_final=False)

    for prediction in ["epsilon", "v_prediction", "sample"]:
        for steps in [1, 2, 4, 7, 50]:
            yield dict(steps=steps), of("TCDScheduler", prediction_type=prediction)
    for gamma in [0, 0.5, 1]:
        yield dict(steps=6, solver=dict(gamma=gamma)), of("TCDScheduler")
        yield dict(steps=6, solver=dict(gamma=gamma), strength=0.7), of("TCDScheduler")
    yield dict(steps=3), of("TCDScheduler", original_inference_steps=7)
    for steps in [1, 2, 3, 4, 5, 12, 40]:
        yield dict(steps=steps), dict(_class_name="IPNDMScheduler", num_train_timesteps=1000)

    for name in ["er_sde", "ipndm", "ipndm_v", "euler_cfg_pp", "euler_a_cfg_pp"]:
        guided = dict(guidance=1.6) if "cfg" in name else {}
        for steps in [1, 2, 5, 20]:
            yield dict(sampler=name, steps=steps, **guided), SD
        for schedule in ["karras", "exponential"]:
            yield dict(sampler=name, steps=12, schedule=schedule, **guided), SD | dict(prediction_type="epsilon")
        yield dict(sampler=name, steps=10, strength=0.6, **guided), SD
        if guided:
            yield dict(sampler=name, steps=10, guidance=0.6), SD
        else:
            for order in [2, 3, 4] if "ipndm" in name else [1, 2]:
                yield dict(sampler=name, steps=10, schedule="karras", solver=dict(order=order)), SD
    yield dict(sampler="euler_a_cfg_pp", steps=10, guidance=1.6, eta=0.5), SD

    ve = dict(_class_name="ScoreSdeVeScheduler", num_train_timesteps=2000)
    for steps in [1, 2, 10, 40]:
        yield dict(steps=steps), ve if steps > 1 else ve | dict(sigma_min=1347.9)  # a lone step of diffusers' ends high
    yield dict(steps=12), ve | dict(sigma_min=0.05, sigma_max=50.0, snr=0.3, correct_steps=3, sampling_eps=1e-4)
    yield dict(steps=12), ve | dict(sigma_max=20.0, correct_steps=0)
    vp = dict(_class_name="ScoreSdeVpScheduler", num_train_timesteps=1000)
    for steps in [30, 50]:
        yield dict(steps=steps, solver=dict(snr=0.16, correctorSteps=1)), vp
        yield dict(steps=steps, solver=dict(snr=0.1, correctorSteps=0)), vp | dict(beta_min=0.2, beta_max=8.0)


def write():
    functions = comfyui()
    configs, written, values = [], [], []
    for case, config in cases():
        name = config.get("_class_name")
        if name == "ScoreSdeVeScheduler":
            timesteps, scale, x = run_ve(case, config)
        elif name == "ScoreSdeVpScheduler":
            timesteps, scale, x = run_vp(case, config)
        elif name:
            timesteps, scale, x = run_diffusers(case, config)
        else:
            timesteps, scale, x = run_comfyui(case, config, functions)
        data = np.concatenate([timesteps.float().numpy(), x.flatten().numpy()]).astype("<f4")
        if not np.isfinite(data).all():
            raise SystemExit(f"not finite: {case} {config}")
        if config not in configs:
            configs.append(config)
        written.append(case | dict(config=configs.index(config), levels=len(timesteps), scale=float(scale)))
        values.append(data)
    lines = ["  " + json.dumps(item) for item in written]
    tables = ["  " + json.dumps(item) for item in configs]
    (HERE / "solvers.json").write_text(
        '{"configs": [\n' + ",\n".join(tables) + '\n], "runs": [\n' + ",\n".join(lines) + "\n]}\n")
    np.concatenate(values).tofile(HERE / "solvers.f32")
    print(f"{len(written)} runs")


write()
