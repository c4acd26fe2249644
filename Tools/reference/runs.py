"""Draws a list of runs with a diffusers folder and writes down what was asked and what came out."""

import common  # first: it puts the path in order
from common import generator, relative, save_json, save_tensors

import contextlib
import json
import os

import diffusers
import torch
from PIL import Image

diffusers.utils.logging.set_verbosity_error()
diffusers.utils.logging.disable_progress_bar()

PIPELINES = {
    "sd": {
        "txt2img": "StableDiffusionPipeline", "img2img": "StableDiffusionImg2ImgPipeline",
        "inpaint": "StableDiffusionInpaintPipeline", "edit": "StableDiffusionInstructPix2PixPipeline",
    },
    "xl": {
        "txt2img": "StableDiffusionXLPipeline", "img2img": "StableDiffusionXLImg2ImgPipeline",
        "inpaint": "StableDiffusionXLInpaintPipeline",
    },
    "lcm": {"txt2img": "LatentConsistencyModelPipeline"},
}

# In the order in which they are written; every run carries every key.
DEFAULTS = {
    "name": None, "mode": "txt2img", "prompt": "", "negative_prompt": "", "width": 64, "height": 64, "steps": 12,
    "guidance_scale": 1.0, "guidance_rescale": 0.0, "eta": 0.0, "clip_skip": 1, "strength": None, "seed": 0,
    "image": None, "mask": None, "scheduler": None, "overrides": {}, "scheduler_config": None, "picture": None,
    "call": None,
}

# In the runs that ask for them alone.
SHORTCUTS = ("guidance_end", "cache_interval")
CONDITIONS = ("image_guidance_scale", "original_size", "crops_coords_top_left", "target_size", "aesthetic_score",
              "negative_aesthetic_score")


def arguments(run):
    """The run as the keyword arguments of its diffusers pipeline, files still by name."""
    call = {
        "prompt": run["prompt"], "negative_prompt": run["negative_prompt"], "num_inference_steps": run["steps"],
        "guidance_scale": run["guidance_scale"], "eta": run["eta"],
        # We count as the web UI does: 1 is the last layer.
        "clip_skip": None if run["clip_skip"] == 1 else run["clip_skip"] - 1,
    }
    if run["mode"] == "txt2img":
        call |= {"guidance_rescale": run["guidance_rescale"]}
    else:
        call |= {"image": run["image"], "strength": run["strength"]}
    if run["mode"] == "inpaint":
        call |= {"mask_image": run["mask"]}
    if run["mode"] == "edit":
        del call["strength"], call["clip_skip"]
    call |= {key: run[key] for key in CONDITIONS if key in run}
    if run["mode"] not in ("img2img", "edit"):  # that one takes its size from the picture
        call |= {"width": run["width"], "height": run["height"]}
    return call


def ending_guidance(part):
    """A callback after which steps below the last guided one follow the prompt alone."""
    def callback(pipe, index, _, values):
        timesteps = pipe.scheduler.timesteps[-pipe.num_timesteps:]
        steps = timesteps[::2] if pipe.scheduler.order == 2 else timesteps  # Heun's list has two entries a step
        last = steps[round(part * len(steps)) - 1]
        if index + 1 < len(timesteps) and timesteps[index + 1] < last and pipe.do_classifier_free_guidance:
            pipe._guidance_scale = 1.0
            values["prompt_embeds"] = values["prompt_embeds"][-1:]
        return values

    return callback


@contextlib.contextmanager
def caching(unet, interval):
    """Only every `interval`-th evaluation is whole (Ma et al. 2023, DeepCache). The others are computed as a whole
    here, too, but what the deep layers give to the last two of the last up block is taken from the last whole one."""
    seen = {"batch": 0, "evaluations": 0, "features": None}

    def count(_, inputs):
        batch = len(inputs[0])
        seen["evaluations"] = seen["evaluations"] + 1 if batch == seen["batch"] else 0
        seen["batch"] = batch

    def exchange(_, inputs):
        features, skip = inputs[0].split([inputs[0].shape[1] - channels, channels], dim=1)
        if seen["evaluations"] % interval == 0:
            seen["features"] = features
        return (torch.cat([seen["features"], skip], dim=1), *inputs[1:])

    channels = unet.config.block_out_channels[0]
    hooks = [unet.register_forward_pre_hook(count),
             unet.up_blocks[-1].resnets[-2].register_forward_pre_hook(exchange)]
    yield
    for hook in hooks:
        hook.remove()


def correct(call, family):
    """The same for the pipelines of other families."""
    if family == "xl":
        # No negative prompt, not an empty one, is what makes these pipelines take zeros.
        call["negative_prompt"] = call["negative_prompt"] or None
    if family == "lcm":
        del call["negative_prompt"], call["eta"], call["guidance_rescale"]
    return call


def unscaled(latents, config):
    """As the pipelines give them to the VAE."""
    if config.get("latents_mean") is None:  # tiny autoencoders do not have it
        return latents / config.scaling_factor
    mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (config.latents_mean, config.latents_std))
    return latents * std / config.scaling_factor + mean


def draw(model, folder, runs, prompt_of_check=None, family="sd", prepare=lambda pipe: None,
         pipelines=None, adjust=lambda call, run: call, around=lambda pipe, run: contextlib.nullcontext(), **options):
    """Writes runs.json, runs.safetensors and `<name>.png` into `folder`; pictures named by the runs lie there.
    `prepare` may change the pipeline before; `pipelines` take the place of the family's, `adjust` changes a call of
    theirs, and `around` is entered while they draw. `options` go to the pipelines' constructors."""
    options = {"requires_safety_checker": False, **options} if family != "xl" else options
    base = diffusers.DiffusionPipeline.from_pretrained(model, dtype=torch.float32)
    base.set_progress_bar_config(disable=True)
    prepare(base)
    # diffusers 0.42's clip_skip asks for `text_encoder.text_model`, a level that transformers 5 has taken out.
    if family != "xl" and not hasattr(base.text_encoder, "text_model"):
        base.text_encoder.__dict__["text_model"] = base.text_encoder
    written, tensors = [], {}
    for run in runs:
        run = {**DEFAULTS, **run}
        run["eta"] = float(run["eta"])
        assert not set(run) - {*DEFAULTS, *SHORTCUTS, *CONDITIONS, "guidance", "morph"}, run
        name = (pipelines or PIPELINES[family])[run["mode"]]
        pipe = getattr(diffusers, name)(**base.components, **options)
        pipe.set_progress_bar_config(disable=True)
        # The pipelines' constructors quietly force steps_offset = 1, clip_sample = False (and, for inpainting,
        # skip_prk_steps = True) on what they are given; a scheduler set afterwards is used as it is.
        scheduler = getattr(diffusers, run["scheduler"]).from_config(base.scheduler.config, **run["overrides"])
        pipe.scheduler = scheduler
        call = adjust(correct(arguments(run), family), run)
        values = {k: Image.open(os.path.join(folder, v)).copy() if k in ("image", "mask_image") else v
                  for k, v in call.items()}
        if "guidance_end" in run and "guidance" not in run:
            values |= {"callback_on_step_end": ending_guidance(run["guidance_end"]),
                       "callback_on_step_end_tensor_inputs": ["latents", "prompt_embeds"]}
        with caching(pipe.unet, run.get("cache_interval", 1)), around(pipe, run):
            latents = pipe(**values, generator=generator(run["seed"]), output_type="latent").images
        size = torch.tensor(latents.shape[2:]) * pipe.vae_scale_factor
        assert size.tolist() == [run["height"], run["width"]], run["name"]
        assert torch.isfinite(latents).all(), run["name"]
        print(f"  {run['name']}: std {latents.std():.2f}, largest {latents.abs().max():.1f}")

        tokenizer = base.tokenizer or base.tokenizer_2
        tokens = tokenizer([run["negative_prompt"], run["prompt"]], padding="max_length", truncation=True,
                           max_length=tokenizer.model_max_length, return_tensors="pt").input_ids
        tensors[f"{run['name']}.ids"] = tokens
        tensors[f"{run['name']}.latents"] = latents
        if run["picture"]:
            with torch.no_grad():
                decoded = pipe.vae.decode(unscaled(latents, pipe.vae.config)).sample
            run["picture"] = run["name"] + ".png"
            pipe.image_processor.postprocess(decoded)[0].save(os.path.join(folder, run["picture"]))
        else:
            run["picture"] = None
        run["scheduler_config"] = json.loads(scheduler.to_json_string())
        named = ", ".join(f"{k}={v!r}" for k, v in call.items())
        run["call"] = (f"pipe = {name}.from_pretrained(folder, dtype=torch.float32); "
                       f"pipe.scheduler = {run['scheduler']}.from_config(scheduler_config); "
                       f"pipe({named}, output_type='latent', generator=torch.Generator('cpu').manual_seed({run['seed']}))")
        written.append({key: run[key] for key in (*DEFAULTS, *SHORTCUTS, *CONDITIONS, "guidance", "morph") if key in run})
    save_json(written, os.path.join(folder, "runs.json"))
    save_tensors(tensors, os.path.join(folder, "runs.safetensors"))
    if prompt_of_check:
        check_parts_matter(base, prompt_of_check)


def check_parts_matter(pipe, prompt):
    """Guidance, the prompt and the seed must all change the picture, or the runs would prove little."""
    def latents(text, guidance, seed):
        return pipe(text, num_inference_steps=8, guidance_scale=guidance, generator=generator(seed),
                    output_type="latent").images

    before = latents(prompt, 5.0, 0)
    for what, other in {"prompt": latents("", 5.0, 0), "guidance": latents(prompt, 4.5, 0),
                        "seed": latents(prompt, 5.0, 1)}.items():
        change = relative(other, before)
        print(f"  another {what} changes the latents by {change:.3f}")
        assert change > 0.01, what
