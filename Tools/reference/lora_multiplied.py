"""LyCORIS' methods that multiply a model's weight instead of only adding to it: GLoRA, (IA)³, OFT and BOFT, as its own
modules write them and merge them into pipeline-a's weights."""

import common  # first: it puts the path in order
from common import generator

import torch
from lycoris.modules.boft import ButterflyOFTModule
from lycoris.modules.diag_oft import DiagOFTModule
from lycoris.modules.glora import GLoRAModule
from lycoris.modules.ia3 import IA3Module

from lora_common import load, write
from lora_lycoris import CONV, LINEAR, ONE, SECOND, Form, stem

SQUARE = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"


def module(kind, unet, name, g, sizes, strength, **options):
    """One of LyCORIS' modules over a layer, its parameters drawn anew: its tensors, and what it makes of the weight."""
    layer = unet.get_submodule(name)
    own = kind(stem(name), layer, 1.0, **options)
    with torch.no_grad():
        for key, parameter in sorted(own.named_parameters()):
            noise = torch.randn(parameter.shape, generator=g) * next(v for k, v in sizes.items() if k in key)
            parameter.copy_(1 + noise if "rescale" in key else noise)
        merged = own.get_merged_weight(strength)[0].reshape(layer.weight.shape).float()
    change = (merged - layer.weight).norm() / layer.weight.norm()
    assert 0.02 < change < 3, (name, float(change))
    state = own.custom_state_dict() if kind is GLoRAModule else own.state_dict()
    tensors = {f"{stem(name)}.{key}": value.detach().clone().contiguous() for key, value in state.items()
               if not key.startswith("org_module")}
    return tensors, merged.detach().clone()


def case(name, kind, layers, sizes, strength=0.75, seed=709):
    unet, g = load().unet, generator(seed)
    tensors, merged = {}, {}
    for layer, options in layers.items():
        part, merged["unet." + layer + ".weight"] = module(kind, unet, layer, g, sizes, strength, **options)
        tensors |= part
    write(name, tensors, merged, strength, oracle="LyCORIS")


def first_glora():
    """GLoRA's first files have the factors the other way round, and so the webui has its formula."""
    form = Form()
    for name in (LINEAR, SQUARE, ONE):
        weight = form.unet[name + ".weight"].double()
        out, inputs = weight.shape[:2]
        a1, a2 = form.draw(3, inputs, size=.4), form.draw(inputs, 3, size=.4)
        b1, b2 = form.draw(3, inputs, size=.4), form.draw(out, 3, size=.4)
        delta = (b2.double() @ b1.double() + weight.flatten(1) @ a2.double() @ a1.double()) * 2 / 3
        form.add(name, delta, alpha=torch.tensor(2.0),
                 **{"a1.weight": a1, "a2.weight": a2, "b1.weight": b1, "b2.weight": b2})
    form.merge("glora-first", 0.75)


def multiplied():
    case("glora", GLoRAModule, {LINEAR: dict(lora_dim=3, alpha=2), SQUARE: dict(lora_dim=4, alpha=4),
                                CONV: dict(lora_dim=3, alpha=1.5), ONE: dict(lora_dim=2, alpha=2)}, {"weight": 0.4})
    first_glora()
    case("ia3", IA3Module, {LINEAR: {}, SECOND: dict(train_on_input=True), CONV: {},
                            "down_blocks.1.resnets.0.conv1": dict(train_on_input=True)}, {"weight": 0.5})
    sizes = {"oft_blocks": 0.3, "rescale": 0.2}
    case("oft", DiagOFTModule, {LINEAR: dict(lora_dim=4), SQUARE: dict(lora_dim=8, constraint=0.04),
                                SECOND: dict(lora_dim=2, rescaled=True),
                                CONV: dict(lora_dim=6, constraint=10, rescaled=True)}, sizes)
    case("boft", ButterflyOFTModule, {LINEAR: dict(lora_dim=6), SQUARE: dict(lora_dim=12, constraint=0.04),
                                      CONV: dict(lora_dim=6, rescaled=True)}, sizes)
