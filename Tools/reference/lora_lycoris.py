"""LyCORIS (Yeh et al. 2023), which diffusers does not read: LoRAs of its forms, and what the formulas of the paper and
of LyCORIS' `functional` make of pipeline-a's weights with them."""

import common  # first: it puts the path in order
from common import generator

import torch

from lora_common import load, write

LINEAR = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"
SECOND = "down_blocks.0.attentions.0.transformer_blocks.0.ff.net.2"
CONV, ONE = "down_blocks.0.resnets.0.conv1", "down_blocks.0.attentions.0.proj_in"


class Form:
    """A file in the making, with the differences that it stands for."""

    def __init__(self):
        self.unet = {k: v.detach() for k, v in load().unet.state_dict().items()}
        self.generator = generator(706)
        self.tensors, self.deltas = {}, {}

    def draw(self, *shape, size=1.0):
        return size * torch.randn(*shape, generator=self.generator)

    def add(self, name, delta, **parts):
        self.deltas[name + ".weight"] = delta
        self.tensors.update({f"{stem(name)}.{key}": value.contiguous() for key, value in parts.items()})

    def merge(self, case, strength, magnitudes={}):
        """Writes the file, and begins another."""
        merged = {}
        for key, delta in self.deltas.items():
            weight = self.unet[key].double() + strength * delta.reshape(self.unet[key].shape)
            if key in magnitudes:
                m, dims = magnitudes[key]
                weight = m.double() * weight / weight.square().sum(dim=dims, keepdim=True).sqrt()
            change = (weight - self.unet[key]).norm() / self.unet[key].norm()
            assert 0.02 < change < 10, (case, key, change)
            merged["unet." + key] = weight.float()
        write(case, self.tensors, merged, strength, oracle="formula")
        self.tensors, self.deltas = {}, {}


def stem(name):
    return "lora_unet_" + name.replace(".", "_")


def tucker(t, a, b):  # [i, j, …], [i, out], [j, in] → [out, in, …]
    return torch.einsum("ij...,ip,jr->pr...", t.double(), a.double(), b.double()).contiguous()


def product(a, b, shape):
    return (a.double().flatten(1) @ b.double().flatten(1)).reshape(shape)


def core(form):
    """LoCon with a core: lora_mid."""
    out, inputs = form.unet[CONV + ".weight"].shape[:2]
    up, down = form.draw(out, 4, 1, 1, size=0.2), form.draw(3, inputs, 1, 1, size=0.2)
    mid = form.draw(4, 3, 3, 3, size=0.5)
    delta = torch.einsum("mn...,om,ni->oi...", mid.double(), up.double().flatten(1), down.double().flatten(1)) * 2.5 / 3
    form.add(CONV, delta, **{"lora_up.weight": up, "lora_down.weight": down, "lora_mid.weight": mid},
             alpha=torch.tensor(2.5))
    form.merge("locon-core", 0.75)


def loha(form):
    """LoHa: a linear layer, a convolution whose factors are flat, one with cores, a 1×1 convolution."""
    out, inputs = form.unet[CONV + ".weight"].shape[:2]
    for name, rank, alpha in ((LINEAR, 3, 2.0), (ONE, 3, 3.0), ("down_blocks.1.resnets.0.conv2", 2, 1.5)):
        shape = form.unet[name + ".weight"].shape
        columns = shape[1:].numel()
        a, b = form.draw(shape[0], rank, size=0.5), form.draw(rank, columns, size=0.4)
        c, d = form.draw(shape[0], rank, size=0.5), form.draw(rank, columns, size=0.4)
        form.add(name, product(a, b, shape) * product(c, d, shape) * alpha / rank,
                 hada_w1_a=a, hada_w1_b=b, hada_w2_a=c, hada_w2_b=d, alpha=torch.tensor(alpha))
    t1, t2 = form.draw(3, 3, 3, 3, size=0.4), form.draw(3, 3, 3, 3, size=0.4)
    a, b = form.draw(3, out, size=.6), form.draw(3, inputs, size=.6)
    c, d = form.draw(3, out, size=.6), form.draw(3, inputs, size=.6)
    form.add(CONV, tucker(t1, a, b) * tucker(t2, c, d) * 1.0 / 3,
             hada_t1=t1, hada_w1_a=a, hada_w1_b=b, hada_t2=t2, hada_w2_a=c, hada_w2_b=d, alpha=torch.tensor(1.0))
    form.merge("loha", 0.75)


def lokr(form):
    """LoKr: both full; the second of low rank; both of low rank; a convolution full, flat, and with a core."""
    out, inputs = form.unet[CONV + ".weight"].shape[:2]
    rows, columns = form.unet[LINEAR + ".weight"].shape  # 24, 32
    w1, w2 = form.draw(4, 4, size=.3), form.draw(rows // 4, columns // 4, size=.3)
    # With both full, alpha counts for nothing.
    form.add(LINEAR, torch.kron(w1.double(), w2.double()), lokr_w1=w1, lokr_w2=w2, alpha=torch.tensor(7.0))
    rows, columns = form.unet[SECOND + ".weight"].shape  # 24, 96
    w1, a, b = form.draw(4, 8, size=.3), form.draw(rows // 4, 2, size=.4), form.draw(2, columns // 8, size=.4)
    form.add(SECOND, torch.kron(w1.double(), a.double() @ b.double()) * 3 / 2,
             lokr_w1=w1, lokr_w2_a=a, lokr_w2_b=b, alpha=torch.tensor(3.0))
    name = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"  # 24, 24
    w1a, w1b = form.draw(6, 2, size=.5), form.draw(2, 4, size=.5)
    w2a, w2b = form.draw(4, 2, size=.5), form.draw(2, 6, size=.5)
    form.add(name, torch.kron(w1a.double() @ w1b.double(), w2a.double() @ w2b.double()) * 0.5,
             lokr_w1_a=w1a, lokr_w1_b=w1b, lokr_w2_a=w2a, lokr_w2_b=w2b, alpha=torch.tensor(1.0))
    w1, w2 = form.draw(4, 4, size=.2), form.draw(out // 4, inputs // 4, 3, 3, size=.2)
    form.add(CONV, torch.kron(w1.double()[..., None, None], w2.double()), lokr_w1=w1, lokr_w2=w2)
    name = "down_blocks.1.resnets.0.conv1"
    rows, columns = form.unet[name + ".weight"].shape[:2]
    w1, a, b = form.draw(4, 4, size=.3), form.draw(rows // 4, 2, size=.3), form.draw(2, columns // 4, 3, 3, size=.3)
    form.add(name, torch.kron(w1.double()[..., None, None], product(a, b, (rows // 4, columns // 4, 3, 3))) * 2 / 2,
             lokr_w1=w1, lokr_w2_a=a, lokr_w2_b=b, alpha=torch.tensor(2.0))
    name = "down_blocks.1.resnets.0.conv2"
    rows, columns = form.unet[name + ".weight"].shape[:2]
    w1, t = form.draw(4, 4, size=.3), form.draw(2, 2, 3, 3, size=.5)
    a, b = form.draw(2, rows // 4, size=.5), form.draw(2, columns // 4, size=.5)
    form.add(name, torch.kron(w1.double()[..., None, None], tucker(t, a, b)) * 3 / 2,
             lokr_w1=w1, lokr_t2=t, lokr_w2_a=a, lokr_w2_b=b, alpha=torch.tensor(3.0))
    form.merge("lokr", 0.75)


def differences(form):
    """Whole differences, of weights and biases, and of norms."""
    for key, name in ((LINEAR + ".weight", ".diff"), (CONV + ".weight", ".diff"), (CONV + ".bias", ".diff_b"),
                      ("down_blocks.0.resnets.0.norm1.weight", ".w_norm"),
                      ("down_blocks.0.resnets.0.norm1.bias", ".b_norm")):
        delta = 0.3 * form.unet[key].std() * torch.randn(form.unet[key].shape, generator=form.generator)
        form.deltas[key] = delta.double()
        form.tensors[stem(key.rpartition(".")[0]) + name] = delta
    form.merge("differences", 0.75)


def dora(form):
    """DoRA of LyCORIS: one length an output, and (`wd_on_out=False`) one an input, of a convolution too."""
    magnitudes = {}
    for name, per_output in ((LINEAR, True), (SECOND, False), (CONV, False)):
        weight = form.unet[name + ".weight"]
        dims = [d for d in range(weight.dim()) if d != (0 if per_output else 1)]
        a, b = form.draw(weight.shape[0], 3, size=.5), form.draw(3, weight[0].numel(), size=.3)
        c, d = form.draw(weight.shape[0], 3, size=.5), form.draw(3, weight[0].numel(), size=.3)
        m = weight.square().sum(dim=dims, keepdim=True).sqrt()
        m = m * (1 + 0.2 * torch.randn(m.shape, generator=form.generator))
        form.add(name, product(a, b, weight.shape) * product(c, d, weight.shape) * 2 / 3, hada_w1_a=a, hada_w1_b=b,
                 hada_w2_a=c, hada_w2_b=d, alpha=torch.tensor(2.0), dora_scale=m)
        magnitudes[name + ".weight"] = (m, dims)
    form.merge("loha-dora", 1.0, magnitudes)


def lycoris():
    form = Form()
    for make in (core, loha, lokr, differences, dora):
        make(form)
