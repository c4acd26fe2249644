"""Draws a list of runs with a diffusers folder and writes down what was asked and what came out."""

import common  # first: it puts the path in order
from common import generator, relative, save_json, save_tensors

import json
import os

import diffusers
import torch
from PIL import Image

diffusers.utils.logging.set_verbosity_error()
diffusers.utils.logging.disable_progress_bar()

PIPELINES = {
    "txt2img": "StableDiffusionPipeline",
    "img2img": "StableDiffusionImg2ImgPipeline",
    "inpaint": "StableDiffusionInpaintPipeline",
}

# In the order in which they are written; every run carries every key.
DEFAULTS = {
    "name": None, "mode": "txt2img", "prompt": "", "negative_prompt": "", "width": 64, "height": 64, "steps": 12,
    "guidance_scale": 1.0, "guidance_rescale": 0.0, "eta": 0.0, "clip_skip": 1, "strength": None, "seed": 0,
    "image": None, "mask": None, "scheduler": None, "overrides": {}, "scheduler_config": None, "picture": None,
    "call": None,
}


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
    if run["mode"] != "img2img":  # that one takes its size from the picture
        call |= {"width": run["width"], "height": run["height"]}
    return call


def draw(model, folder, runs, prompt_of_check=None):
    """Writes runs.json, runs.safetensors and `<name>.png` into `folder`; pictures named by the runs lie there."""
    base = diffusers.StableDiffusionPipeline.from_pretrained(model, dtype=torch.float32)
    base.set_progress_bar_config(disable=True)
    # diffusers 0.42's clip_skip asks for `text_encoder.text_model`, a level that transformers 5 has taken out.
    if not hasattr(base.text_encoder, "text_model"):
        base.text_encoder.__dict__["text_model"] = base.text_encoder
    written, tensors = [], {}
    for run in runs:
        run = {**DEFAULTS, **run}
        run["eta"] = float(run["eta"])
        assert not set(run) - set(DEFAULTS), run
        pipe = getattr(diffusers, PIPELINES[run["mode"]])(**base.components, requires_safety_checker=False)
        pipe.set_progress_bar_config(disable=True)
        # The pipelines' constructors quietly force steps_offset = 1, clip_sample = False (and, for inpainting,
        # skip_prk_steps = True) on what they are given; a scheduler set afterwards is used as it is.
        scheduler = getattr(diffusers, run["scheduler"]).from_config(base.scheduler.config, **run["overrides"])
        pipe.scheduler = scheduler
        call = arguments(run)
        values = {k: Image.open(os.path.join(folder, v)).copy() if k in ("image", "mask_image") else v
                  for k, v in call.items()}
        latents = pipe(**values, generator=generator(run["seed"]), output_type="latent").images
        size = torch.tensor(latents.shape[2:]) * pipe.vae_scale_factor
        assert size.tolist() == [run["height"], run["width"]], run["name"]
        assert torch.isfinite(latents).all(), run["name"]
        print(f"  {run['name']}: std {latents.std():.2f}, largest {latents.abs().max():.1f}")

        tokens = base.tokenizer([run["negative_prompt"], run["prompt"]], padding="max_length", truncation=True,
                                max_length=base.tokenizer.model_max_length, return_tensors="pt").input_ids
        tensors[f"{run['name']}.ids"] = tokens
        tensors[f"{run['name']}.latents"] = latents
        if run["picture"]:
            with torch.no_grad():
                decoded = pipe.vae.decode(latents / pipe.vae.config.scaling_factor).sample
            run["picture"] = run["name"] + ".png"
            pipe.image_processor.postprocess(decoded)[0].save(os.path.join(folder, run["picture"]))
        else:
            run["picture"] = None
        run["scheduler_config"] = json.loads(scheduler.to_json_string())
        named = ", ".join(f"{k}={v!r}" for k, v in call.items())
        run["call"] = (f"pipe = {PIPELINES[run['mode']]}.from_pretrained(folder, dtype=torch.float32); "
                       f"pipe.scheduler = {run['scheduler']}.from_config(scheduler_config); "
                       f"pipe({named}, output_type='latent', generator=torch.Generator('cpu').manual_seed({run['seed']}))")
        written.append({key: run[key] for key in DEFAULTS})
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
