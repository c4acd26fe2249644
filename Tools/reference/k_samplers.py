"""Fixtures for Sampling: samplers and schedules of k-diffusion, ComfyUI and the webui, and what diffusers has of them.

    KDIFFUSION=folder COMFYUI=folder WEBUI=folder python Tools/reference/k_samplers.py

Of ComfyUI's and the webui's files (needs.py), comfy/samplers.py and modules/sd_samplers_extra.py are read. Writes Tests/Fixtures/sampling/:
    k-samplers.json, .f32   the cases, and for each its final sample
    k-runs.json, .f32       runs of diffusers' classes, as in runs.json
    schedules.json          σ of each schedule for several numbers of steps
"""

NEEDS = ["diffusers", "numpy", "scipy", "torch", "torchsde", "KDIFFUSION", "COMFYUI", "WEBUI"]

import ast
import importlib
import json
import math
import os
import sys
import types
from pathlib import Path

import diffusers
import numpy as np
import scipy.stats
import torch
from diffusers.schedulers import AysSchedules

import sampling
from sampling import COUNT, HERE, SD, SHAPE, network

# The packages beside sampling.py and utils.py want libraries that nothing here needs.
FOLDER = Path(os.environ["KDIFFUSION"]) / "k_diffusion"
package = types.ModuleType("k_diffusion")
package.__path__ = [str(FOLDER)]
utils = types.ModuleType("k_diffusion.utils")
utils.append_dims = lambda x, n: x[(...,) + (None,) * (n - x.ndim)]
sys.modules["torchdiffeq"] = types.ModuleType("torchdiffeq")
sys.modules["torchdiffeq"].odeint = None
sys.modules |= {"k_diffusion": package, "k_diffusion.utils": utils}
package.utils = utils
K = importlib.import_module("k_diffusion.sampling")
package.sampling = K


def functions(path, names, known):
    """Functions of a file that cannot be imported as a whole."""
    tree = ast.parse(Path(path).read_text())
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in names]
    exec(compile(tree, path, "exec"), known)
    return [known[name] for name in names]


SCHEDULES = ["simple_scheduler", "ddim_scheduler", "normal_scheduler", "beta_scheduler", "linear_quadratic_schedule",
             "kl_optimal_scheduler"]
COMFY = dict(zip(SCHEDULES, functions(
    os.environ["COMFYUI"] + "/comfy/samplers.py", SCHEDULES,
    {"torch": torch, "math": math, "numpy": np, "scipy": scipy})))
RESTART = functions(
    os.environ["WEBUI"] + "/modules/sd_samplers_extra.py", ["restart_sampler"],
    {"torch": torch, "k_diffusion": package, "tqdm": importlib.import_module("tqdm")})[0]


class Noise:
    """The noise of Stable Diffusion's training, with what ComfyUI's schedules ask of a model's."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float32) ** 2
    alphas = torch.cumprod(1 - betas, 0)
    sigmas = ((1 - alphas) / alphas) ** 0.5
    sigma_min, sigma_max = sigmas[0], sigmas[-1]

    def timestep(self, sigma):
        return (sigma.log() - self.sigmas.log()).abs().argmin()

    def sigma(self, t):
        t = torch.clamp(t.float(), 0, len(self.sigmas) - 1)
        low, high, w = t.floor().long(), t.ceil().long(), t.frac()
        return ((1 - w) * self.sigmas.log()[low] + w * self.sigmas.log()[high]).exp()

    def continuous(self, sigma):
        """k-diffusion's sigma_to_t."""
        logs, log = self.sigmas.log().double().numpy(), math.log(max(float(sigma), 1e-10))
        low = min(max(int((logs <= log).sum()) - 1, 0), len(logs) - 2)
        w = min(max((logs[low] - log) / (logs[low] - logs[low + 1]), 0), 1)
        return (1 - w) * low + w * (low + 1)


NOISE = Noise()


def mixing(x, t):
    """Two layers that mix all values, told the time: what stands in for a UNet here."""
    i = torch.arange(COUNT, dtype=torch.float64)
    inner = (torch.sin(1.7 * i[:, None] + 0.9 * i[None, :] ** 1.5) / COUNT**0.5).float()
    outer = (torch.cos(0.6 * i[:, None] ** 1.5 + 1.1 * i[None, :]) / COUNT**0.5).float()
    hidden = torch.tanh(inner @ x.flatten() + float(t) / 1000)
    return (0.5 * x.flatten() + outer @ hidden).reshape(x.shape)


def model(kind):
    def denoised(x, sigma):
        sigma = sigma.flatten()[0]
        if kind == "gaussian":  # the exact answer for data of mean cos(i) and standard deviation 0.6
            mean = torch.cos(torch.arange(COUNT, dtype=torch.float32)).reshape(SHAPE)
            return (0.36 * x + sigma**2 * mean) / (0.36 + sigma**2)
        net = {"sine": network, "mixing": mixing}[kind]
        return x - sigma * net(x / (sigma**2 + 1) ** 0.5, NOISE.continuous(sigma))
    return denoised


STEPPED = {
    "euler": K.sample_euler, "euler_a": K.sample_euler_ancestral, "heun": K.sample_heun, "lms": K.sample_lms,
    "dpm2": K.sample_dpm_2, "dpm2_a": K.sample_dpm_2_ancestral, "dpm++2s_a": K.sample_dpmpp_2s_ancestral,
    "dpm++sde": K.sample_dpmpp_sde, "dpm++2m": K.sample_dpmpp_2m, "dpm++2m_sde": K.sample_dpmpp_2m_sde,
    "dpm++3m_sde": K.sample_dpmpp_3m_sde, "restart": RESTART,
}
TREES = ["dpm++sde", "dpm++2m_sde", "dpm++3m_sde"]
OPTIONS = {"eta": "eta", "noise": "s_noise", "churn": "s_churn", "lowest": "s_tmin", "highest": "s_tmax",
           "relative": "rtol", "absolute": "atol"}


def noise_sampler(case, x, sigmas):
    """Values drawn anew, or a Brownian path as the webui and ComfyUI make it."""
    if "path" not in case:
        return lambda *_: torch.randn(SHAPE)
    return K.BrownianTreeNoiseSampler(x, sigmas[sigmas > 0].min(), sigmas.max(), seed=int(case["path"]))


def run(case):
    torch.manual_seed(7)
    x = torch.randn(SHAPE)
    options = {OPTIONS[key]: value for key, value in case.items() if key in OPTIONS}
    denoised = model(case["network"])
    name = case["sampler"]
    low, high = float(NOISE.sigma_min), float(NOISE.sigma_max)
    if name == "dpm_fast":
        x = K.sample_dpm_fast(denoised, x * high, low, high, case["steps"], disable=True, **options)
    elif name == "dpm_adaptive":
        x = K.sample_dpm_adaptive(denoised, x * high, low, high, disable=True, **options)
    else:
        sigmas = torch.tensor(case["sigmas"])
        if name in TREES:
            options["noise_sampler"] = noise_sampler(case, x, sigmas)
        x = STEPPED[name](denoised, x * sigmas[0], sigmas, disable=True, **options)
    if not torch.isfinite(x).all():
        raise SystemExit(f"not finite: {case}")
    return x.flatten().numpy().astype("<f4")


def listed(sigmas):
    return [float(np.float32(s)) for s in sigmas]


def cases():
    low, high = float(NOISE.sigma_min), float(NOISE.sigma_max)
    karras = {n: listed(K.get_sigmas_karras(n, low, high)) for n in [1, 2, 3, 8, 20]}
    normal = {n: listed(COMFY["normal_scheduler"](NOISE, n)) for n in [6, 15]}
    for name in STEPPED:
        for kind in ["sine", "mixing", "gaussian"]:
            for sigmas in [*karras.values(), *normal.values()]:
                if name == "restart" and len(sigmas) > 20:
                    continue
                if name.startswith(("dpm++2m", "dpm++3m")) and len(sigmas) < 3:
                    continue  # k-diffusion's fail, or take the last step otherwise
                yield dict(sampler=name, network=kind, sigmas=sigmas)
    for name in ["euler_a", "dpm2_a", "dpm++2s_a", "dpm++sde", "dpm++3m_sde"]:
        for eta, noise in [(0.0, 1.0), (0.5, 1.0), (1.0, 1.1), (0.7, 0.9)]:
            if name == "dpm2_a" and eta == 0:
                continue  # k-diffusion asks an int for its logarithm
            yield dict(sampler=name, network="mixing", sigmas=karras[8], eta=eta, noise=noise)
    for name in ["euler", "heun", "dpm2"]:
        for more in [dict(churn=4.0), dict(churn=40.0, noise=1.01), dict(churn=2.0, lowest=0.5, highest=8.0)]:
            yield dict(sampler=name, network="mixing", sigmas=karras[8]) | more
            yield dict(sampler=name, network="gaussian", sigmas=karras[20]) | more
    for steps in [20, 25, 36, 40]:
        for kind in ["mixing", "gaussian"]:
            yield dict(sampler="restart", network=kind, sigmas=listed(K.get_sigmas_exponential(steps, low, high)))
    yield dict(sampler="restart", network="mixing", sigmas=listed(K.get_sigmas_karras(24, low, high)), noise=1.02)
    for kind in ["sine", "mixing", "gaussian"]:
        for steps in [1, 2, 3, 4, 5, 6, 9, 20]:
            yield dict(sampler="dpm_fast", network=kind, steps=steps)
        yield dict(sampler="dpm_fast", network=kind, steps=12, eta=1.0)
        yield dict(sampler="dpm_fast", network=kind, steps=10, eta=0.4, noise=1.05)
        yield dict(sampler="dpm_adaptive", network=kind)
        yield dict(sampler="dpm_adaptive", network=kind, relative=0.01, absolute=0.001)
        yield dict(sampler="dpm_adaptive", network=kind, eta=0.6)
    for name in TREES:
        for seed in ["0", "7", "5000000000", "18446744073709551615"]:
            yield dict(sampler=name, network="mixing", sigmas=karras[20], path=seed)
        yield dict(sampler=name, network="gaussian", sigmas=karras[8], path="3", eta=0.5, noise=1.05)
        yield dict(sampler=name, network="mixing", sigmas=karras[3], path="3")
        # A run from the middle has a path of its own.
        yield dict(sampler=name, network="gaussian", sigmas=karras[20][13:], path="12")
    for eta in [0.0, 0.5]:
        yield dict(sampler="dpm++2m_sde", network="mixing", sigmas=karras[20], eta=eta)


def write_samplers():
    written = list(cases())
    np.concatenate([run(case) for case in written]).tofile(HERE / "k-samplers.f32")
    lists = []  # of σ, which cases share
    for case in written:
        if "sigmas" in case:
            if case["sigmas"] not in lists:
                lists.append(case["sigmas"])
            case["sigmas"] = lists.index(case["sigmas"])
    lines = ["  " + json.dumps(case) for case in written]
    tables = ["  " + json.dumps(sigmas) for sigmas in lists]
    (HERE / "k-samplers.json").write_text(
        '{"sigmas": [\n' + ",\n".join(tables) + '\n], "cases": [\n' + ",\n".join(lines) + "\n]}\n")
    print(f"{len(written)} cases")


NEW = {"dpm2": "KDPM2DiscreteScheduler", "dpm2_a": "KDPM2AncestralDiscreteScheduler",
       "dpm++sde": "DPMSolverSDEScheduler"}
SPACED = ["euler", "heun", "lms", "dpm++2m", "dpm++2m_sde", "unipc", *NEW]


def diffusers_cases():
    for name, cls in NEW.items():
        for prediction in ["epsilon", "v_prediction"]:
            for spacing in ["leading", "trailing", "linspace"]:
                for steps in [1, 2, 5, 20]:
                    yield (dict(sampler=name, steps=steps),
                           SD | dict(prediction_type=prediction, timestep_spacing=spacing))
        yield dict(steps=12), dict(_class_name=cls)
        yield dict(steps=7), dict(_class_name=cls, num_train_timesteps=77, beta_start=0.002, beta_end=0.09)
        for schedule in ["karras", "exponential"]:
            for steps in [1, 6, 20]:
                yield (dict(sampler=name, schedule=schedule, steps=steps),
                       SD | dict(prediction_type="v_prediction"))
        yield dict(steps=9), SD | dict(_class_name=cls, use_karras_sigmas=True)
        for steps, strength in [(10, 0.7), (20, 0.29)]:
            yield dict(sampler=name, steps=steps, strength=strength), SD
    for name in SPACED:
        for steps in [1, 2, 7, 20]:
            yield dict(sampler=name, schedule="beta", steps=steps), SD | dict(prediction_type="v_prediction")
        own = sampling.CLASSES[name]
        if name != "dpm++2m_sde":
            yield dict(steps=8), SD | dict(_class_name=own, use_beta_sigmas=True)
    for sigmas in [[14.6, 7.0, 3.0, 1.0, 0.0], [40.0, 0.5, 0.0], [0.7, 0.01, 0.0]]:
        for prediction in ["epsilon", "v_prediction"]:
            yield dict(sampler="euler", sigmas=sigmas, steps=len(sigmas) - 1), SD | dict(prediction_type=prediction)


def preconditioned_cases():
    """Networks as Karras et al. 2022 have them."""
    for cls in ["EDMEulerScheduler", "EDMDPMSolverMultistepScheduler"]:
        for prediction in ["epsilon", "v_prediction"]:
            for steps in [1, 2, 6, 20]:
                yield dict(steps=steps), dict(_class_name=cls, prediction_type=prediction)
        yield dict(steps=10), dict(_class_name=cls, sigma_schedule="exponential")
        yield (dict(steps=10), dict(_class_name=cls, sigma_min=0.01, sigma_max=120.0, sigma_data=1.0,
                                    final_sigmas_type="sigma_min"))
        for steps, strength in [(10, 0.7), (20, 0.29)]:
            yield dict(steps=steps, strength=strength), dict(_class_name=cls)
    for options in [dict(algorithm_type="sde-dpmsolver++"), dict(solver_order=3), dict(solver_type="heun"),
                    dict(thresholding=True), dict(lower_order_final=False), dict(euler_at_final=True)]:
        for steps in [7, 18]:
            yield dict(steps=steps), dict(_class_name="EDMDPMSolverMultistepScheduler") | options


def write_runs():
    configs, written, values = [], [], []
    for case, config in [*diffusers_cases(), *preconditioned_cases()]:
        data = sampling.run(case, config)
        if not np.isfinite(data).all():
            raise SystemExit(f"not finite: {case} {config}")
        if config not in configs:
            configs.append(config)
        written.append(case | dict(config=configs.index(config)))
        values.append(data)
    sampling.write("k-runs", configs, written, values)


def write_schedules():
    low, high = float(NOISE.sigma_min), float(NOISE.sigma_max)
    counts = [1, 2, 3, 7, 10, 20, 30, 64]

    def aligned(table, n):
        """As ComfyUI reads NVIDIA's tables."""
        levels = np.linspace(0, 1, n + 1)
        return np.exp(np.interp(levels, np.linspace(0, 1, 11), np.log([*table[:-1], 0.029])))[:-1]

    makers = {
        "karras": lambda n: K.get_sigmas_karras(n, low, high),
        "exponential": lambda n: K.get_sigmas_exponential(n, low, high),
        "polyexponential": lambda n: K.get_sigmas_polyexponential(n, low, high),
        "normal": lambda n: COMFY["normal_scheduler"](NOISE, n),
        "sgm_uniform": lambda n: COMFY["normal_scheduler"](NOISE, n, sgm=True),
        "simple": lambda n: COMFY["simple_scheduler"](NOISE, n),
        "ddim_uniform": lambda n: COMFY["ddim_scheduler"](NOISE, n),
        "beta_timesteps": lambda n: COMFY["beta_scheduler"](NOISE, n),
        "kl_optimal": lambda n: COMFY["kl_optimal_scheduler"](n, low, high) if n > 1 else torch.tensor([high, 0]),
        "linear_quadratic": lambda n: COMFY["linear_quadratic_schedule"](NOISE, n),
        "ays": lambda n: [*aligned(AysSchedules["StableDiffusionSigmas"], n), 0],
        "ays_xl": lambda n: [*aligned(AysSchedules["StableDiffusionXLSigmas"], n), 0],
    }
    written = {name: {n: listed(make(n))[:-1] for n in counts} for name, make in makers.items()}
    quantiles = [0.5 / 997, 0.003, 0.1, 0.25, 0.5, 0.77, 0.999, 1 - 1e-7]
    written["quantiles"] = {
        f"{a} {b}": [[q, float(scipy.stats.beta.ppf(q, a, b))] for q in quantiles]
        for a, b in [(0.6, 0.6), (2.0, 0.5), (1.0, 1.0), (5.0, 3.0)]}
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in written.items()]
    (HERE / "schedules.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


sampling.CLASSES |= NEW
write_samplers()
write_runs()
write_schedules()
