"""LoRAs of every kind of name and form, and the weights that they make of a model's.

Writes Tests/Fixtures/loras: `<case>.safetensors`, as trainers write it, and `<case>.merged.safetensors`, the float32
weights that diffusers' load_lora_weights and fuse_lora make of pipeline-a's with it, or LyCORIS' formulas where diffusers
has none; cases.json (strengths); and whole runs with pipeline-a under some of them, like those of pipelines.py.
"""

import common  # first: it puts the path in order
from common import FIXTURES, fixture, generator, save_json, save_tensors

import os
import sys
import tempfile

import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline, UNet2DConditionModel
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict

from runs import draw

MODEL = os.path.join(FIXTURES, "pipeline-a")
FOLDER = fixture("loras")
CASES = []


def load():
    pipe = StableDiffusionPipeline.from_pretrained(MODEL, dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def layers(model, *parts):
    """Names of linear and convolution layers that have one of the parts in their name."""
    return {name: module.weight for name, module in model.named_modules()
            if isinstance(module, (torch.nn.Linear, torch.nn.Conv2d)) and any(part in name for part in parts)}


def low_rank(weight, rank, g):
    """down and up, whose product is about a third of the weight's size."""
    out, inputs, *kernel = weight.shape
    down = torch.randn(rank, inputs, *kernel, generator=g) / weight[0].numel() ** 0.5
    up = 0.3 * torch.randn(out, rank, *[1] * len(kernel), generator=g) / rank ** 0.5
    return down.contiguous(), up.contiguous()


def write(case, tensors, merged, strength=1.0, oracle="diffusers", others=()):
    save_tensors(tensors, fixture("loras", case + ".safetensors"))
    save_tensors(merged, fixture("loras", case + ".merged.safetensors"))
    CASES.append({"name": case, "strength": strength, "oracle": oracle, "others": list(others)})


def fused(files, network="unet"):
    """What diffusers makes of pipeline-a's weights with these (file, strength)."""
    pipe = load()
    before = {part: {k: v.clone() for k, v in getattr(pipe, part).state_dict().items()}
              for part in ("unet", "text_encoder")}
    # All at once: loading another one undoes what was fused before.
    names = [f"a{index}" for index in range(len(files))]
    for name, (file, _) in zip(names, files):
        pipe.load_lora_weights(FOLDER, weight_name=file + ".safetensors", adapter_name=name)
    pipe.set_adapters(names, [strength for _, strength in files])
    pipe.fuse_lora(adapter_names=names)
    merged = {}
    for part, tensors in before.items():
        after = getattr(pipe, part).state_dict()
        for key, value in tensors.items():
            # PEFT keeps what it wraps one level down.
            stem, _, last = key.rpartition(".")
            now = after.get(key, after.get(f"{stem}.base_layer.{last}"))
            if not torch.equal(now, value):
                merged[f"{part}.{key}"] = now.detach().float().clone()
    assert merged
    return pipe, merged


def diffusers_case(case, tensors, strength=1.0):
    """Changed weights are those of the modules in the file, and no others."""
    save_tensors(tensors, fixture("loras", case + ".safetensors"))
    _, merged = fused([(case, strength)])
    stems = [k for k in tensors if k.endswith(("down.weight", "lora_A.weight"))]
    assert len([k for k in merged if k.endswith("weight")]) == len(stems), (case, len(merged), len(stems))
    write(case, tensors, merged, strength)


UNET = ("down_blocks.0.attentions.0.transformer_blocks.0", "down_blocks.0.attentions.0.proj_in",
        "down_blocks.0.resnets.0.conv1", "down_blocks.0.resnets.0.time_emb_proj", "down_blocks.0.downsamplers.0.conv",
        "down_blocks.1.resnets.0.conv_shortcut", "time_embedding.linear_1")
TEXT = ("layers.1.self_attn", "layers.1.mlp")


def base_weights(pipe):
    return {f"{part}.{key}": value.detach() for part in ("unet", "text_encoder")
            for key, value in getattr(pipe, part).state_dict().items()}


def kohya():
    """Every kind of layer; half precision, as such files are. Where alphas differ diffusers 0.42 takes the commonest
    for most layers, so that case is computed as kohya does."""
    pipe, g = load(), generator(701)
    tensors = {}
    for prefix, model, parts in (("lora_unet_", pipe.unet, UNET), ("lora_te_text_model_", pipe.text_encoder, TEXT)):
        for index, (name, weight) in enumerate(layers(model, *parts).items()):
            rank = 4 + 2 * (index % 2)
            down, up = low_rank(weight, rank, g)
            stem = prefix + name.removeprefix("text_model.").replace(".", "_")
            tensors[stem + ".lora_down.weight"] = down.half()
            tensors[stem + ".lora_up.weight"] = up.half()
            tensors[stem + ".alpha"] = torch.tensor(3.0).half()
    diffusers_case("kohya", tensors, strength=0.75)
    torch.save(tensors, fixture("loras", "kohya.pt"))

    base, merged = base_weights(pipe), {}
    for index, key in enumerate(k for k in list(tensors) if k.endswith(".alpha")):
        tensors[key] = torch.tensor(float(1 + index % 5)).half()
    for key, weight in base.items():
        part, name = key.removesuffix(".weight").split(".", 1)
        stem = ("lora_unet_" if part == "unet" else "lora_te_text_model_") + name.replace(".", "_")
        if stem + ".alpha" in tensors and key.endswith(".weight"):
            up, down = (tensors[f"{stem}.lora_{side}.weight"].double().flatten(1) for side in ("up", "down"))
            scale = -0.5 * tensors[stem + ".alpha"].double() / len(down)
            merged[key] = (weight + scale * (up @ down).reshape(weight.shape)).float()
    assert len(merged) == len(tensors) // 3
    write("kohya-alphas", tensors, merged, -0.5, oracle="formula")


def peft():
    """As diffusers' own training scripts save it, with ranks and alphas in the file's notes."""
    for case, options, parts in (
            ("peft", dict(r=4, lora_alpha=6, rank_pattern={"attn2.to_k": 2}, alpha_pattern={"attn2.to_k": 5}), UNET),
            ("peft-root", dict(r=9, lora_alpha=3, use_rslora=True), UNET[1:4]),
            ("peft-dora", dict(r=4, lora_alpha=4, use_dora=True), UNET)):
        pipe, g = load(), generator(702)
        # Diffusers 0.42 loses what DoRA has learned of the text encoder.
        networks = [(pipe.unet, parts), (pipe.text_encoder, ("layers.1.self_attn",))][:1 if "use_dora" in options else 2]
        for model, names in networks:
            model.add_adapter(LoraConfig(target_modules=list(layers(model, *names)), **options))
            for name, p in model.named_parameters():
                if "lora_A" in name:
                    p.data = torch.randn(p.shape, generator=g) / p[0].numel() ** 0.5
                elif "lora_B" in name:
                    p.data = 0.3 * torch.randn(p.shape, generator=g) / p.shape[1] ** 0.5
                elif "lora_magnitude" in name:
                    p.data *= 1 + 0.2 * torch.randn(p.shape, generator=g)
        with tempfile.TemporaryDirectory() as temporary:
            layers_and_notes = {}
            for name, (model, _) in zip(("unet", "text_encoder"), networks):
                layers_and_notes[name + "_lora_layers"] = get_peft_model_state_dict(model)
                layers_and_notes[name + "_lora_adapter_metadata"] = metadata(model)
            StableDiffusionPipeline.save_lora_weights(temporary, **layers_and_notes)
            os.replace(os.path.join(temporary, "pytorch_lora_weights.safetensors"),
                       fixture("loras", case + ".safetensors"))
        os.chmod(fixture("loras", case + ".safetensors"), 0o644)
        _, merged = fused([(case, 1.25)])
        save_tensors(merged, fixture("loras", case + ".merged.safetensors"))
        CASES.append({"name": case, "strength": 1.25, "oracle": "diffusers", "others": []})


def metadata(model):
    return {k: v for k, v in model.peft_config["default"].to_dict().items()
            if k in ("r", "lora_alpha", "rank_pattern", "alpha_pattern", "use_rslora", "use_dora")} | {
                "target_modules": sorted(model.peft_config["default"].target_modules)}


def old_diffusers():
    """Diffusers before PEFT: `processor.to_q_lora`, `lora_linear_layer`."""
    pipe, g = load(), generator(703)
    tensors = {}
    for name, weight in layers(pipe.unet, "down_blocks.0.attentions.0.transformer_blocks.0.attn").items():
        down, up = low_rank(weight, 4, g)
        stem, _, last = name.removesuffix(".0").rpartition(".")
        tensors[f"unet.{stem}.processor.{last}_lora.down.weight"] = down
        tensors[f"unet.{stem}.processor.{last}_lora.up.weight"] = up
    for name, weight in layers(pipe.text_encoder, "layers.1.self_attn").items():
        down, up = low_rank(weight, 4, g)
        stem = "text_encoder." + ("" if name.startswith("text_model.") else "text_model.") + name
        tensors[stem + ".lora_linear_layer.down.weight"] = down
        tensors[stem + ".lora_linear_layer.up.weight"] = up
    diffusers_case("old-diffusers", tensors, strength=0.5)


def kohya_dora():
    """Diffusers 0.42 lets `dora_scale` fall, so this is what PEFT computes with the same values."""
    pipe, g = load(), generator(704)
    tensors, merged = {}, {}
    for name, weight in layers(pipe.unet, "down_blocks.0.attentions.0.transformer_blocks.0.attn2",
                               "down_blocks.0.attentions.0.transformer_blocks.0.ff").items():
        down, up = low_rank(weight, 4, g)
        stem = "lora_unet_" + name.replace(".", "_")
        tensors |= {stem + ".lora_down.weight": down, stem + ".lora_up.weight": up, stem + ".alpha": torch.tensor(2.0)}
        lengths = weight.detach().norm(dim=1, keepdim=True)
        tensors[stem + ".dora_scale"] = lengths * (1 + 0.2 * torch.randn(lengths.shape, generator=g))
        sum_ = weight.detach().double() + 0.75 * 2.0 / 4 * up.double() @ down.double()
        merged[f"unet.{name}.weight"] = (tensors[stem + ".dora_scale"] * sum_ / sum_.norm(dim=1, keepdim=True)).float()
    write("kohya-dora", tensors, merged, 0.75, oracle="formula")


def original_names():
    """SDXL LoRAs have the original code's names: a UNet of SDXL's blocks, with every module changed."""
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        in_channels=4, sample_size=8, block_out_channels=[4, 4, 8], layers_per_block=2, norm_num_groups=2,
        cross_attention_dim=8, attention_head_dim=[1, 1, 2], transformer_layers_per_block=[1, 1, 2],
        use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=4,
        projection_class_embeddings_input_dim=32,
        down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"])
    base = {k: v.detach().clone() for k, v in unet.state_dict().items()}
    save_tensors(base, fixture("loras", "original.base.safetensors"))
    g, tensors = generator(705), {}
    for original, _, weight in original_layers(unet):
        down, up = low_rank(weight, 2, g)
        stem = "lora_unet_" + original.replace(".", "_")
        tensors |= {stem + ".lora_down.weight": down, stem + ".lora_up.weight": up, stem + ".alpha": torch.tensor(1.0)}
    save_tensors(tensors, fixture("loras", "original.safetensors"))
    state, alphas = StableDiffusionXLPipeline.lora_state_dict(dict(tensors), unet_config=unet.config)
    StableDiffusionXLPipeline.load_lora_into_unet(state, alphas, unet, adapter_name="a")
    unet.fuse_lora(lora_scale=0.8)
    after = unet.state_dict()
    merged = {}
    for key, value in base.items():
        stem, _, last = key.rpartition(".")
        now = after.get(key, after.get(f"{stem}.base_layer.{last}"))
        if not torch.equal(now, value):
            merged["unet." + key] = now.detach().clone()
    assert len(merged) == len(tensors) // 3, (len(merged), len(tensors) // 3)
    save_tensors(merged, fixture("loras", "original.merged.safetensors"))


def original_layers(unet):
    """(original name, diffusers' name, weight) of every layer, by the numbers of Stability AI's sgm code for SDXL's
    three levels of two resnet blocks."""
    resnet = {"conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "conv2": "out_layers.3",
              "conv_shortcut": "skip_connection"}
    outside = {"conv_in": "input_blocks.0.0", "conv_out": "out.2", "time_embedding.linear_1": "time_embed.0",
               "time_embedding.linear_2": "time_embed.2", "add_embedding.linear_1": "label_emb.0.0",
               "add_embedding.linear_2": "label_emb.0.2"}
    starts = {"down_blocks.0": 1, "down_blocks.1": 4, "down_blocks.2": 7,
              "up_blocks.0": 0, "up_blocks.1": 3, "up_blocks.2": 6}
    samplers = {"down_blocks.0.downsamplers.0.conv": "input_blocks.3.0.op",
                "down_blocks.1.downsamplers.0.conv": "input_blocks.6.0.op",
                "up_blocks.0.upsamplers.0.conv": "output_blocks.2.2.conv",
                "up_blocks.1.upsamplers.0.conv": "output_blocks.5.2.conv"}
    for name, weight in layers(unet, "").items():
        parts = name.split(".")
        if name in outside | samplers:
            yield (outside | samplers)[name], name, weight
        elif parts[0] == "mid_block":
            place = 1 if parts[1] == "attentions" else 2 * int(parts[2])
            inner = ".".join(parts[3:])
            yield f"middle_block.{place}.{resnet.get(inner, inner)}", name, weight
        else:
            side = "input_blocks" if parts[0] == "down_blocks" else "output_blocks"
            inner = ".".join(parts[4:])
            yield (f"{side}.{starts['.'.join(parts[:2])] + int(parts[3])}.{int(parts[2] == 'attentions')}."
                   f"{resnet.get(inner, inner)}"), name, weight


# LyCORIS (Yeh et al. 2023), which diffusers does not read; formulas of the paper and of LyCORIS' `functional`.

def lycoris():
    pipe, g = load(), generator(706)
    unet = {k: v.detach() for k, v in pipe.unet.state_dict().items()}
    linear = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"
    second = "down_blocks.0.attentions.0.transformer_blocks.0.ff.net.2"
    conv, one = "down_blocks.0.resnets.0.conv1", "down_blocks.0.attentions.0.proj_in"

    def draw_(*shape, size=1.0):
        return size * torch.randn(*shape, generator=g)

    def tucker(t, a, b):  # [i, j, …], [i, out], [j, in] → [out, in, …]
        return torch.einsum("ij...,ip,jr->pr...", t.double(), a.double(), b.double()).contiguous()

    def product(a, b, shape):
        return (a.double().flatten(1) @ b.double().flatten(1)).reshape(shape)

    def merge(case, deltas, tensors, strength, magnitudes={}):
        merged = {}
        for key, delta in deltas.items():
            weight = unet[key].double() + strength * delta.reshape(unet[key].shape)
            if key in magnitudes:
                m, dims = magnitudes[key]
                weight = m.double() * weight / weight.square().sum(dim=dims, keepdim=True).sqrt()
            change = (weight - unet[key]).norm() / unet[key].norm()
            assert 0.02 < change < 10, (case, key, change)
            merged["unet." + key] = weight.float()
        write(case, tensors, merged, strength, oracle="formula")

    def stem(name):
        return "lora_unet_" + name.replace(".", "_")

    # LoCon with a core: lora_mid.
    out, inputs = unet[conv + ".weight"].shape[:2]
    up, down, mid = draw_(out, 4, 1, 1, size=0.2), draw_(3, inputs, 1, 1, size=0.2), draw_(4, 3, 3, 3, size=0.5)
    delta = torch.einsum("mn...,om,ni->oi...", mid.double(), up.double().flatten(1), down.double().flatten(1)) * 2.5 / 3
    merge("locon-core", {conv + ".weight": delta},
          {stem(conv) + ".lora_up.weight": up, stem(conv) + ".lora_down.weight": down,
           stem(conv) + ".lora_mid.weight": mid, stem(conv) + ".alpha": torch.tensor(2.5)}, 0.75)

    # LoHa: a linear layer, a convolution whose factors are flat, one with cores, a 1×1 convolution.
    tensors, deltas = {}, {}

    def add(name, delta, **parts):
        deltas[name + ".weight"] = delta
        tensors.update({f"{stem(name)}.{key}": value.contiguous() for key, value in parts.items()})

    for name, rank, alpha in ((linear, 3, 2.0), (one, 3, 3.0), ("down_blocks.1.resnets.0.conv2", 2, 1.5)):
        shape = unet[name + ".weight"].shape
        columns = shape[1:].numel()
        a, b = draw_(shape[0], rank, size=0.5), draw_(rank, columns, size=0.4)
        c, d = draw_(shape[0], rank, size=0.5), draw_(rank, columns, size=0.4)
        add(name, product(a, b, shape) * product(c, d, shape) * alpha / rank,
            hada_w1_a=a, hada_w1_b=b, hada_w2_a=c, hada_w2_b=d, alpha=torch.tensor(alpha))
    t1, t2 = draw_(3, 3, 3, 3, size=0.4), draw_(3, 3, 3, 3, size=0.4)
    a, b, c, d = draw_(3, out, size=.6), draw_(3, inputs, size=.6), draw_(3, out, size=.6), draw_(3, inputs, size=.6)
    add(conv, tucker(t1, a, b) * tucker(t2, c, d) * 1.0 / 3,
        hada_t1=t1, hada_w1_a=a, hada_w1_b=b, hada_t2=t2, hada_w2_a=c, hada_w2_b=d, alpha=torch.tensor(1.0))
    merge("loha", deltas, dict(tensors), 0.75)

    # LoKr: both full; the second of low rank; both of low rank; a convolution full, flat, and with a core.
    tensors.clear(), deltas.clear()
    rows, columns = unet[linear + ".weight"].shape  # 24, 32
    w1, w2 = draw_(4, 4, size=.3), draw_(rows // 4, columns // 4, size=.3)
    # With both full, alpha counts for nothing.
    add(linear, torch.kron(w1.double(), w2.double()), lokr_w1=w1, lokr_w2=w2, alpha=torch.tensor(7.0))
    rows, columns = unet[second + ".weight"].shape  # 24, 96
    w1, a, b = draw_(4, 8, size=.3), draw_(rows // 4, 2, size=.4), draw_(2, columns // 8, size=.4)
    add(second, torch.kron(w1.double(), a.double() @ b.double()) * 3 / 2,
        lokr_w1=w1, lokr_w2_a=a, lokr_w2_b=b, alpha=torch.tensor(3.0))
    name = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"  # 24, 24
    w1a, w1b, w2a, w2b = draw_(6, 2, size=.5), draw_(2, 4, size=.5), draw_(4, 2, size=.5), draw_(2, 6, size=.5)
    add(name, torch.kron(w1a.double() @ w1b.double(), w2a.double() @ w2b.double()) * 0.5,
        lokr_w1_a=w1a, lokr_w1_b=w1b, lokr_w2_a=w2a, lokr_w2_b=w2b, alpha=torch.tensor(1.0))
    w1, w2 = draw_(4, 4, size=.2), draw_(out // 4, inputs // 4, 3, 3, size=.2)
    add(conv, torch.kron(w1.double()[..., None, None], w2.double()), lokr_w1=w1, lokr_w2=w2)
    name = "down_blocks.1.resnets.0.conv1"
    rows, columns = unet[name + ".weight"].shape[:2]
    w1, a, b = draw_(4, 4, size=.3), draw_(rows // 4, 2, size=.3), draw_(2, columns // 4, 3, 3, size=.3)
    add(name, torch.kron(w1.double()[..., None, None], product(a, b, (rows // 4, columns // 4, 3, 3))) * 2 / 2,
        lokr_w1=w1, lokr_w2_a=a, lokr_w2_b=b, alpha=torch.tensor(2.0))
    name = "down_blocks.1.resnets.0.conv2"
    rows, columns = unet[name + ".weight"].shape[:2]
    w1, t = draw_(4, 4, size=.3), draw_(2, 2, 3, 3, size=.5)
    a, b = draw_(2, rows // 4, size=.5), draw_(2, columns // 4, size=.5)
    add(name, torch.kron(w1.double()[..., None, None], tucker(t, a, b)) * 3 / 2,
        lokr_w1=w1, lokr_t2=t, lokr_w2_a=a, lokr_w2_b=b, alpha=torch.tensor(3.0))
    merge("lokr", deltas, dict(tensors), 0.75)

    # Whole differences, of weights and biases, and of norms.
    tensors.clear(), deltas.clear()
    for key, name in ((linear + ".weight", ".diff"), (conv + ".weight", ".diff"), (conv + ".bias", ".diff_b"),
                      ("down_blocks.0.resnets.0.norm1.weight", ".w_norm"),
                      ("down_blocks.0.resnets.0.norm1.bias", ".b_norm")):
        delta = 0.3 * unet[key].std() * torch.randn(unet[key].shape, generator=g)
        deltas[key] = delta.double()
        tensors[stem(key.rpartition(".")[0]) + name] = delta
    merge("differences", deltas, dict(tensors), 0.75)

    # DoRA of LyCORIS: one length an output, and (`wd_on_out=False`) one an input, of a convolution too.
    tensors.clear(), deltas.clear()
    magnitudes = {}
    for name, per_output in ((linear, True), (second, False), (conv, False)):
        weight = unet[name + ".weight"]
        dims = [d for d in range(weight.dim()) if d != (0 if per_output else 1)]
        a, b = draw_(weight.shape[0], 3, size=.5), draw_(3, weight[0].numel(), size=.3)
        c, d = draw_(weight.shape[0], 3, size=.5), draw_(3, weight[0].numel(), size=.3)
        m = weight.square().sum(dim=dims, keepdim=True).sqrt()
        m = m * (1 + 0.2 * torch.randn(m.shape, generator=g))
        add(name, product(a, b, weight.shape) * product(c, d, weight.shape) * 2 / 3, hada_w1_a=a, hada_w1_b=b,
            hada_w2_a=c, hada_w2_b=d, alpha=torch.tensor(2.0), dora_scale=m)
        magnitudes[name + ".weight"] = (m, dims)
    merge("loha-dora", deltas, dict(tensors), 1.0, magnitudes)


def two():
    """Two after each other. The second, a DoRA, takes its norms from the model's own weights."""
    _, merged = fused([("kohya", 0.75), ("peft-dora", 0.5)])
    save_tensors(merged, fixture("loras", "two.merged.safetensors"))
    CASES.append({"name": "two", "strength": 0.5, "oracle": "diffusers", "others": ["kohya", "peft-dora"]})


def runs():
    """Whole runs with pipeline-a under a LoRA."""
    base = dict(prompt="a red apple on a green table", negative_prompt="blurry, ugly", guidance_scale=5.0, seed=3,
                scheduler="DDIMScheduler", steps=8)
    for case, strength in (("kohya", 0.75), ("peft-dora", 1.0)):
        def prepare(pipe):
            pipe.load_lora_weights(FOLDER, weight_name=case + ".safetensors", adapter_name="a")
            pipe.fuse_lora(lora_scale=strength)
            pipe.unload_lora_weights()
        draw(MODEL, fixture("loras", "runs-" + case), [dict(base, name="ddim", picture=True)], prepare=prepare)


def xl():
    """A whole run of SDXL's shape: the original code's names in the UNet, and both text encoders."""
    model = os.path.join(FIXTURES, "pipeline-xl")
    pipe, g, tensors = StableDiffusionXLPipeline.from_pretrained(model, dtype=torch.float32), generator(707), {}

    def add(stem, weight, rank=4, alpha=3.0):
        down, up = low_rank(weight, rank, g)
        stem = stem.replace(".", "_")
        tensors.update({stem + ".lora_down.weight": down.half(), stem + ".lora_up.weight": up.half(),
                        stem + ".alpha": torch.tensor(alpha).half()})

    for name, weight in layers(pipe.unet, "attentions", "resnets").items():
        parts = name.split(".")
        if parts[0] == "mid_block":
            index, inner = 1 if parts[1] == "attentions" else 2 * int(parts[2]), ".".join(parts[3:])
            original = f"middle_block.{index}."
        else:
            place, kind, layer, inner = int(parts[1]), parts[2], int(parts[3]), ".".join(parts[4:])
            # input_blocks: 0 conv_in, 1 the first level's block, 2 its downsampling, 3 the second level's block
            number = 1 + 2 * place + layer if parts[0] == "down_blocks" else 2 * place + layer
            original = (f"{'input' if parts[0] == 'down_blocks' else 'output'}_blocks.{number}."
                        f"{int(kind == 'attentions')}.")
        inner = {"conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "conv2": "out_layers.3",
                 "conv_shortcut": "skip_connection"}.get(inner, inner)
        if "attn" in inner or "ff" in inner or "conv1" in name or "emb" in inner:
            add("lora_unet_" + original + inner, weight)
    for prefix, encoder in (("lora_te1_text_model_", pipe.text_encoder), ("lora_te2_text_model_", pipe.text_encoder_2)):
        for name, weight in layers(encoder, "self_attn", "mlp").items():
            add(prefix + name.removeprefix("text_model."), weight)
    save_tensors(tensors, fixture("loras", "xl.safetensors"))

    def prepare(pipe):
        pipe.load_lora_weights(FOLDER, weight_name="xl.safetensors", adapter_name="a")
        pipe.fuse_lora(lora_scale=0.75)
        pipe.unload_lora_weights()

    draw(model, fixture("loras", "runs-xl"),
         [dict(prompt="a photo of a cat", negative_prompt="blurry", guidance_scale=5.0, seed=3,
               scheduler="EulerDiscreteScheduler", steps=6, name="euler", picture=True)],
         family="xl", prepare=prepare)


if __name__ == "__main__":
    for job in (kohya, peft, old_diffusers, kohya_dora, lycoris, two, original_names, runs, xl):
        if not sys.argv[1:] or job.__name__ in sys.argv[1:]:
            print(job.__name__)
            job()
    if not sys.argv[1:]:
        save_json(CASES, fixture("loras", "cases.json"))
