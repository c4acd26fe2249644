"""Fixtures of `--like`: runs of the webui's and ComfyUI's own samplers with the network of pipeline-a, and of
stable-diffusion.cpp's by its formulas (likeness_sdcpp.py).

    KDIFFUSION=folder WEBUI=folder COMFYUI=folder python Tools/reference/likeness.py

What these folders are, needs.py says. Of WEBUI and COMFYUI these files are read:
modules/{rng,rng_philox,sd_schedulers,sd_samplers_common,sd_samplers_extra,sd_samplers_kdiffusion,
sd_samplers_cfg_denoiser,sd_samplers_timesteps,sd_samplers_timesteps_impl}.py, comfy/{samplers,sample,model_sampling}.py, comfy/k_diffusion/*.py, comfy/ldm/modules/diffusionmodules/util.py. What
they import beyond that is stood in for. Nothing of them is kept here.

Writes Tests/Fixtures/likeness: runs.json says what each run was asked, runs.safetensors has its final latents.
"""

NEEDS = ["diffusers", "numpy", "pillow", "safetensors", "scipy", "torch", "torchsde", "KDIFFUSION", "WEBUI", "COMFYUI"]

import common  # first: it puts the path in order
from common import fixture, save_json, save_tensors

import importlib
import importlib.util
import os
import sys
import types
from types import SimpleNamespace

import numpy as np
import torch
import torchsde

from likeness_network import SCALE, PROMPT, NEGATIVE, SHAPE, COND, UNCOND, CHANGES, MEAN, MASK, unet
from likeness_sdcpp import SDCPP

RANDN = torchsde._brownian.brownian_interval._randn


# Modules that cannot be imported whole: what is not among their files is empty.

class Nothing(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        child = Nothing(self.__name__ + "." + name)
        setattr(self, name, child)
        return child

    def __call__(self, *args, **kwargs):
        return None


def module(name, **values):
    found = sys.modules.setdefault(name, Nothing(name))
    for key, value in values.items():
        setattr(found, key, value)
    if "." in name:
        parent, _, child = name.rpartition(".")
        setattr(module(parent), child, found)
    return found


def read(name, path, package=None):
    """A file as a module of this name."""
    spec = importlib.util.spec_from_file_location(name, path)
    found = importlib.util.module_from_spec(spec)
    sys.modules[name] = found
    spec.loader.exec_module(found)
    if "." in name:
        parent, _, child = name.rpartition(".")
        setattr(sys.modules[parent], child, found)
    return found


def k_diffusion():
    folder = os.path.join(os.environ["KDIFFUSION"], "k_diffusion")
    module("torchdiffeq", odeint=None)
    package = module("k_diffusion")
    package.__path__ = [folder]
    module("k_diffusion.utils", append_dims=lambda x, n: x[(...,) + (None,) * (n - x.ndim)])
    read("k_diffusion.sampling", folder + "/sampling.py")
    read("k_diffusion.external", folder + "/external.py")


class Options(SimpleNamespace):
    """The webui's, as they are when nobody has touched them."""

    def __getattr__(self, name):
        return {"eta_ancestral": 1.0, "s_noise": 1.0, "batch_cond_uncond": True, "live_preview_content": "Combined",
                "beta_dist_alpha": 0.6, "beta_dist_beta": 0.6, "sd_vae_encode_method": "Full"}.get(name, 0)


class WebUI:
    def __init__(self):
        folder = os.path.join(os.environ["WEBUI"], "modules")
        self.opts = Options()
        # float64, as ldm's register_schedule has it
        betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
        self.model = SimpleNamespace(
            parameterization="eps", model=SimpleNamespace(conditioning_key="crossattn"), cond_stage_key="txt",
            is_sdxl=False, alphas_cumprod=torch.cumprod(1 - betas, 0).float(),
            apply_model=lambda x, t, cond: torch.cat([
                unet(x[i:i + 1], t[i], cond["c_crossattn"][0][i:i + 1]) for i in range(len(x))]),
            forge_objects=SimpleNamespace(unet=None))
        module("modules").__path__ = [folder]
        shared = module("modules.shared", opts=self.opts, state=SimpleNamespace(interrupted=False, skipped=False),
                        device=torch.device("cpu"), sd_model=self.model,
                        total_tqdm=SimpleNamespace(update=lambda: None))
        module("modules.devices", device=torch.device("cpu"), cpu=torch.device("cpu"), test_for_nans=lambda *a: None)
        params = type("Params", (), {"__init__": self._keep})
        module("modules.script_callbacks", CFGDenoiserParams=params, CFGDenoisedParams=params,
               AfterCFGCallbackParams=lambda x, *a: SimpleNamespace(x=x))
        def states(schedule, step):
            """reconstruct_cond_batch: the first whose last step this may be."""
            return next((found for last, found in schedule if step <= last), schedule[0][1])
        module("modules.prompt_parser", reconstruct_multicond_batch=lambda c, step: ([[(0, 1.0)]], states(c, step)),
               reconstruct_cond_batch=states)
        module("modules_forge.forge_sampler")
        module("modules.models.diffusion.uni_pc.uni_pc", UniPC=object)
        for name in ["sd_vae_approx", "sd_samplers", "sd_vae_taesd", "sd_models", "images", "extra_networks"]:
            module("modules." + name)
        for name in ["rng_philox", "rng", "sd_samplers_common", "sd_schedulers", "sd_samplers_extra",
                     "sd_samplers_cfg_denoiser", "sd_samplers_kdiffusion", "sd_samplers_timesteps_impl",
                     "sd_samplers_timesteps"]:
            setattr(self, name, read("modules." + name, f"{folder}/{name}.py"))
        self.sd_samplers_common.store_latent = lambda latent: None
        self.sd_samplers_common.apply_refiner = lambda *a: False
        shared.opts = self.opts

    @staticmethod
    def _keep(self, x, image_cond=None, sigma=None, step=0, steps=0, text_cond=None, text_uncond=None, *rest):
        self.x, self.image_cond, self.sigma = x, image_cond, sigma
        self.text_cond, self.text_uncond = text_cond, text_uncond

    def run(self, run):
        webui = run.get("webUI", {})
        self.opts.__dict__.clear()
        self.opts.randn_source = {"cuda": "NV", "torch": "CPU"}[run["rng"]]
        self.opts.eta_noise_seed_delta = webui.get("noiseSeedDelta", 0)
        self.opts.sgm_noise_multiplier = webui.get("usesSGMNoise", False)
        self.opts.always_discard_next_to_last_sigma = webui.get("leavesOutPenultimate", False)
        known = (self.sd_samplers_kdiffusion.samplers_data_k_diffusion
                 + self.sd_samplers_timesteps.samplers_data_timesteps)
        data = next(s for s in known if s.name == run["sampler_name"])
        sampler = data.constructor(self.model)
        sampler.config = data
        p = SimpleNamespace(
            steps=run["steps"], eta=run.get("eta"), scheduler=run["schedule_name"], is_hr_pass=False,
            sampler_noise_scheduler_override=None, cfg_scale=run["guidanceScale"], all_seeds=[run["seed"]], iteration=0,
            batch_size=1, extra_generation_params={}, scripts=None, mask=None, nmask=None, s_churn=0.0, s_tmin=0.0,
            s_tmax=float("inf"), s_noise=1.0, s_min_uncond=0.0, denoising_strength=run.get("strength"),
            rng=self.rng.ImageRNG(SHAPE, [run["seed"]]))
        conditions = ([(0, COND)], [(0, UNCOND)])
        if run.get("changes"):
            # setup_conds: of the steps that are asked for, or twice as many
            total = data.total_steps(run["steps"])
            conditions = ([(int(part * total), CHANGES[text]) for part, text in run.pop("changes")], [(0, UNCOND)])
        if "strength" not in run:
            x = p.rng.next()
            return sampler.sample(p, x, *conditions, image_conditioning=torch.zeros(1, 5, 1, 1))
        latents = MEAN.mode() * SCALE
        if run.get("mask"):
            # processing.py, with a mask blur of 0
            small = np.around(np.array(MASK.convert("RGB").resize(SHAPE[:0:-1]), dtype=np.float32)[..., 0] / 255)
            p.nmask = torch.asarray(np.tile(small[None], (4, 1, 1)))
            p.mask = 1 - p.nmask
            if webui.get("maskedContent") == "latent noise":
                latents = latents * p.mask + self.rng.ImageRNG(SHAPE, [run["seed"]]).next() * p.nmask
            elif webui.get("maskedContent") == "latent nothing":
                latents = latents * p.mask
        x = p.rng.next() * webui.get("noiseMultiplier", 1)
        samples = sampler.sample_img2img(p, latents, x, *conditions, image_conditioning=torch.zeros(1, 5, 1, 1))
        return samples if p.mask is None else samples * p.nmask + latents * p.mask


class ComfyUI:
    def __init__(self, philox):
        self.philox = philox
        folder = os.path.join(os.environ["COMFYUI"], "comfy")
        for name in ["comfy", "comfy.k_diffusion", "comfy.ldm", "comfy.ldm.modules", "comfy.ldm.modules.diffusionmodules"]:
            module(name).__path__ = []
        for name in ["model_management", "sampler_helpers", "model_patcher", "patcher_extension", "hooks", "utils",
                     "context_windows", "memory_management", "extra_samplers", "extra_samplers.uni_pc", "conds", "ldm.util",
                     "nested_tensor"]:
            module("comfy." + name)
        module("comfy.utils", model_trange=lambda *n, **_: range(*n))
        sys.modules["comfy.model_patcher"].set_model_options_post_cfg_function = (
            lambda options, function, **_: {**options, "sampler_post_cfg_function": [function]})
        util = f"{folder}/ldm/modules/diffusionmodules/util.py"
        read("comfy.ldm.modules.diffusionmodules.util", util)
        self.model_sampling = read("comfy.model_sampling", folder + "/model_sampling.py")
        for name in ["utils", "deis", "sa_solver", "sampling"]:
            found = read("comfy.k_diffusion." + name, f"{folder}/k_diffusion/{name}.py")
        self.k = found
        self.samplers = read("comfy.samplers", folder + "/samplers.py")
        self.sample = read("comfy.sample", folder + "/sample.py")
        self.default_noise = self.k.default_noise_sampler

    def run(self, run):
        # The webui has put its own in the place.
        torchsde._brownian.brownian_interval._randn = RANDN
        kinds = (self.model_sampling.ModelSamplingDiscrete, self.model_sampling.EPS)
        sampling = type("ModelSampling", kinds, {})()
        patcher = SimpleNamespace(get_model_object=lambda name: sampling, model_options={})
        place = run.get("place", {"index": 0, "count": 1})
        latents = torch.zeros(place["count"], *SHAPE)
        if run.get("strength") is not None:
            latents = (MEAN.mode() * SCALE).repeat(place["count"], 1, 1, 1)
        # nodes.py's common_ksampler
        noise = self.sample.prepare_noise(latents, run["seed"])
        ksampler = self.samplers.KSampler(
            patcher, run["steps"], "cpu", run["sampler_name"], run["schedule_name"], run.get("strength", 1.0))
        mask = None
        if run.get("mask"):
            mask = torch.from_numpy(np.array(MASK, dtype=np.float32) / 255)[None, None]
            # comfy.utils.reshape_mask
            mask = torch.nn.functional.interpolate(mask, size=SHAPE[1:], mode="bilinear").repeat(1, SHAPE[0], 1, 1)
        inner = SimpleNamespace(
            model_sampling=sampling,
            scale_latent_inpaint=lambda sigma, noise, latent_image, **_: sampling.noise_scaling(
                sigma.reshape([-1] + [1] * (noise.ndim - 1)), noise, latent_image))

        def batch(args):
            x, sigma = args["input"], args["sigma"]
            t = sampling.timestep(sigma).float()
            seen = sampling.calculate_input(sigma, x)
            return [sampling.calculate_denoised(sigma, unet(seen, t[0], states), x) for states in (COND, UNCOND)]

        def wrapped(x, sigma, model_options={}, seed=None):
            options = {**model_options, "sampler_calc_cond_batch_function": batch}
            # Told to predict without a prompt at a scale of 1 as well; the result is the same.
            options["disable_cfg1_optimization"] = True
            return self.samplers.sampling_function(inner, x, sigma, UNCOND, COND, run["guidanceScale"], options, seed)

        class Wrap:
            inner_model = inner
            model_patcher = patcher
            __call__ = staticmethod(wrapped)

        seed = run["seed"]
        if run["rng"] == "cuda":
            # What a GPU draws, by the webui's Philox.
            def default_noise(x, seed=None):
                generator = self.philox.Generator(seed)
                return lambda *_: torch.from_numpy(generator.randn(tuple(x.shape))).float()
            self.k.default_noise_sampler = default_noise
        else:
            # Since the end of 2025 a CPU's noise on the way has the next seed.
            self.k.default_noise_sampler = lambda x, seed=None: self.default_noise(x, seed + 1)
        sampler = self.samplers.sampler_object(run["sampler_name"])
        result = sampler.sample(Wrap(), ksampler.sigmas, {"seed": seed, "model_options": {}}, None, noise, latents, mask, True)
        return result[place["index"]][None]


def runs():
    base = dict(prompt=PROMPT, negativePrompt=NEGATIVE, steps=8, guidanceScale=5.0, rng="cuda")
    found = []

    def add(like, name, sampler_name, schedule_name, sampler, schedule=None, **more):
        found.append({"name": f"{like}-{name}", "like": like, "sampler_name": sampler_name,
                      "schedule_name": schedule_name, "sampler": sampler, "schedule": schedule, "seed": len(found) + 1,
                      **base, **more})

    webui = [("Euler a", "euler_a"), ("Euler", "euler"), ("LMS", "lms"), ("Heun", "heun"), ("DPM2", "dpm2"),
             ("DPM2 a", "dpm2_a"), ("DPM++ 2S a", "dpm++2s_a"), ("DPM++ 2M", "dpm++2m"), ("DPM++ SDE", "dpm++sde"),
             ("DPM++ 2M SDE", "dpm++2m_sde"), ("DPM++ 3M SDE", "dpm++3m_sde"), ("DPM fast", "dpm_fast"),
             ("DPM adaptive", "dpm_adaptive")]
    for label, name in webui:
        # With noise, DPM adaptive's steps hang on the last bits: not even the webui comes to the same end twice.
        add("webui", name, label, "Automatic", name, **({"eta": 0.0} if name == "dpm_adaptive" else {}))
        if name not in ("dpm_fast", "dpm_adaptive"):
            add("webui", name + "-picture", label, "Automatic", name, strength=0.6, steps=10)
    add("webui", "restart", "Restart", "Automatic", "restart", steps=22)
    add("webui", "2m-sde-heun", "DPM++ 2M SDE Heun", "Automatic", "dpm++2m_sde", solverType="heun")
    add("webui", "fast-picture", "DPM fast", "Automatic", "dpm_fast", strength=0.5, steps=12)
    add("webui", "cpu", "Euler a", "Automatic", "euler_a", rng="torch")
    add("webui", "strength-1", "Euler", "Automatic", "euler", strength=1.0)
    add("webui", "strength-0", "Euler", "Automatic", "euler", strength=0.0)
    for label, name in [("Uniform", "normal"), ("SGM Uniform", "sgm_uniform"), ("Polyexponential", "polyexponential"),
                        ("KL Optimal", "kl_optimal"), ("Align Your Steps", "ays"), ("Simple", "simple"),
                        ("DDIM", "ddim_uniform"), ("Beta", "beta"), ("Karras", "karras"), ("Exponential", "exponential")]:
        add("webui", name, "Euler", label, "euler", name)
    add("webui", "ays-11", "DPM++ 2M", "Align Your Steps", "dpm++2m", "ays", steps=11)
    add("webui", "kl-heun-picture", "Heun", "KL Optimal", "heun", "kl_optimal", strength=0.5)
    add("webui", "ensd", "Euler a", "Automatic", "euler_a", webUI={"noiseSeedDelta": 31337})
    add("webui", "sgm", "DPM++ 2M", "Karras", "dpm++2m", "karras", webUI={"usesSGMNoise": True})
    add("webui", "discard", "Euler", "Karras", "euler", "karras", webUI={"leavesOutPenultimate": True})
    add("webui", "multiplier", "Euler", "Automatic", "euler", strength=0.6, webUI={"noiseMultiplier": 0.9})
    add("webui", "eta", "Euler a", "Automatic", "euler_a", eta=0.6)
    for content in [None, "latent noise", "latent nothing"]:
        more = {"webUI": {"maskedContent": content}} if content else {}
        add("webui", "mask-" + (content or "original").replace(" ", "-"), "DPM++ 2M", "Automatic", "dpm++2m",
            strength=0.75, mask="mask.png", **more)
    add("webui", "mask-euler-a", "Euler a", "Automatic", "euler_a", strength=1.0, mask="mask.png")

    first, second = (0.5, "a red apple"), (1, "a green apple")
    add("webui", "changes", "Euler", "Automatic", "euler", prompt="a [red:green:0.5] apple", changes=[first, second])
    add("webui", "changes-heun", "Heun", "Automatic", "heun", prompt="a [red:green:0.4] apple", steps=7,
        changes=[(0.4, "a red apple"), second])
    add("webui", "changes-picture", "Euler a", "Automatic", "euler_a", strength=0.6, steps=10,
        prompt="a [red:green:0.3] apple", changes=[(0.3, "a red apple"), second])
    add("webui", "turns", "DPM2", "Automatic", "dpm2", prompt="a red [apple|pear]", steps=6,
        changes=[(i / 12 + 1e-9, "a red " + ["apple", "pear"][(i - 1) % 2]) for i in range(1, 13)])

    for label, name in [("DDIM", "ddim"), ("PLMS", "plms")]:
        add("webui", name, label, "Automatic", name, steps=9)
        add("webui", name + "-picture", label, "Automatic", name, steps=12, strength=0.6)
        add("webui", name + "-mask", label, "Automatic", name, steps=12, strength=0.8, mask="mask.png")
    add("webui", "ddim-eta", "DDIM", "Automatic", "ddim", eta=0.7)
    add("webui", "ddim-changes", "DDIM", "Automatic", "ddim", prompt="a [red:green:0.5] apple", changes=[first, second])

    comfy = [("euler", "euler"), ("euler_ancestral", "euler_a"), ("heun", "heun"), ("dpm_2", "dpm2"),
             ("dpm_2_ancestral", "dpm2_a"), ("lms", "lms"), ("dpmpp_2s_ancestral", "dpm++2s_a"), ("dpmpp_2m", "dpm++2m"),
             ("dpmpp_sde", "dpm++sde"), ("dpmpp_2m_sde", "dpm++2m_sde"), ("dpmpp_3m_sde", "dpm++3m_sde"),
             ("ddim", "ddim"), ("ipndm", "ipndm"), ("ipndm_v", "ipndm_v"), ("er_sde", "er_sde"),
             ("dpm_fast", "dpm_fast"), ("dpm_adaptive", "dpm_adaptive")]
    for label, name in comfy:
        rng = "torch" if name in ("dpm++sde", "dpm++2m_sde", "dpm++3m_sde") else "cuda"
        add("comfyui", name, label, "normal", name, rng=rng)
        if name not in ("dpm_adaptive", "dpm_fast"):
            add("comfyui", name + "-picture", label, "normal", name, strength=0.6, rng=rng)
    add("comfyui", "cfg-pp", "euler_cfg_pp", "normal", "euler_cfg_pp", guidanceScale=1.5)
    add("comfyui", "cfg-pp-a", "euler_ancestral_cfg_pp", "karras", "euler_a_cfg_pp", "karras", guidanceScale=1.5)
    add("comfyui", "2m-sde-heun", "dpmpp_2m_sde_heun", "normal", "dpm++2m_sde", solverType="heun", rng="torch")
    for name in ["simple", "sgm_uniform", "karras", "exponential", "ddim_uniform", "beta", "linear_quadratic",
                 "kl_optimal"]:
        add("comfyui", name, "euler", name, "euler", name)
    add("comfyui", "karras-picture", "dpmpp_2m", "karras", "dpm++2m", "karras", strength=0.35)
    add("comfyui", "strength-1", "euler", "normal", "euler", strength=1.0)
    add("comfyui", "cpu", "euler_ancestral", "normal", "euler_a", rng="torch")
    add("comfyui", "batch-0", "euler_ancestral", "normal", "euler_a", place={"index": 0, "count": 3})
    add("comfyui", "batch-2", "euler_ancestral", "karras", "euler_a", "karras", place={"index": 2, "count": 3})
    add("comfyui", "batch-cpu", "euler_ancestral", "normal", "euler_a", place={"index": 1, "count": 2}, rng="torch")
    add("comfyui", "batch-sde", "dpmpp_sde", "karras", "dpm++sde", "karras", place={"index": 1, "count": 2}, rng="torch")
    add("comfyui", "mask", "dpmpp_2m", "karras", "dpm++2m", "karras", strength=0.8, mask="mask.png")
    add("comfyui", "mask-euler-a", "euler_ancestral", "normal", "euler_a", strength=1.0, mask="mask.png")
    add("comfyui", "mask-ddim", "ddim", "ddim_uniform", "ddim", "ddim_uniform", strength=0.7, mask="mask.png")

    for name in ["euler", "euler_a", "heun", "dpm2", "dpm++2s_a", "dpm++2m", "dpm++2m_sde"]:
        add("sd.cpp", name, name, "discrete", name)
        add("sd.cpp", name + "-picture", name, "discrete", name, strength=0.7, steps=10)
    for name in ["karras", "simple", "sgm_uniform", "ays"]:
        add("sd.cpp", name, "euler", name, "euler", name)
    add("sd.cpp", "ddim", "euler", "simple", "ddim")
    add("sd.cpp", "cpu", "euler_a", "discrete", "euler_a", rng="torch")
    add("sd.cpp", "mask", "euler_a", "discrete", "euler_a", strength=0.75, mask="mask.png")
    add("sd.cpp", "strength-1", "dpm++2m", "karras", "dpm++2m", "karras", strength=1.0, rng="torch")
    return found


if __name__ == "__main__":
    k_diffusion()
    webui = WebUI()
    programs = {"webui": webui, "comfyui": ComfyUI(webui.rng_philox), "sd.cpp": SDCPP(webui.rng_philox)}
    tensors, written = {}, []
    only = sys.argv[1:]
    for run in runs():
        if only and not any(word in run["name"] for word in only):
            continue
        with torch.no_grad():
            result = programs[run["like"]].run(run)
        assert torch.isfinite(result).all() and result.abs().max() < 100, run["name"]
        tensors[run["name"]] = result.float()
        del run["sampler_name"], run["schedule_name"]
        written.append({key: value for key, value in run.items() if value is not None})
    if not only:
        save_tensors(tensors, fixture("likeness", "runs.safetensors"))
        save_json(written, fixture("likeness", "runs.json"))
    print(len(written), "runs")
