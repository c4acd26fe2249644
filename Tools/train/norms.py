"""Group normalisation whose backward pass is fast on a CPU.

PyTorch's own takes up to 13 times as long in channels-last order (53 ms against 4 ms for 8×32×128×128 in bfloat16 on
two cores), which is 40 % of an autoencoder's training step.
"""

import torch
from torch import nn


class _GroupNorm(torch.autograd.Function):
    """y = x · scale + shift with one scale and shift a channel, so its gradient is three numbers a channel."""

    @staticmethod
    def forward(ctx, x, weight, bias, groups, eps):
        batch, channels, height, width = x.shape
        y, mean, rstd = torch.native_group_norm(
            x, weight.to(x.dtype), bias.to(x.dtype), batch, channels, height * width, groups, eps)
        ctx.save_for_backward(x, weight, mean, rstd)
        ctx.groups = groups
        return y

    @staticmethod
    def backward(ctx, grad):
        x, weight, mean, rstd = ctx.saved_tensors
        batch, channels, height, width = x.shape
        per_group = channels // ctx.groups
        x_rows = x.permute(0, 2, 3, 1).reshape(batch, -1, channels)
        grad_rows = grad.permute(0, 2, 3, 1).reshape(batch, -1, channels)

        sum_grad = grad_rows.sum(1, dtype=torch.float32)                         # [batch, channels]
        sum_grad_x = (grad_rows * x_rows).sum(1, dtype=torch.float32)
        mean = mean.float().repeat_interleave(per_group, 1)
        rstd = rstd.float().repeat_interleave(per_group, 1)
        grad_normal = (sum_grad_x - mean * sum_grad) * rstd                      # Σ grad · (x − mean) · rstd

        def group_mean(values):
            mean = (values * weight.float()).view(batch, ctx.groups, per_group).sum(2) / (per_group * height * width)
            return mean.repeat_interleave(per_group, 1)

        # dx = rstd · (w · grad − ⟨w · grad⟩ − x̂ · ⟨w · grad · x̂⟩), with x̂ = (x − mean) · rstd.
        a = rstd * weight.float()
        b = -rstd * rstd * group_mean(grad_normal)
        c = -rstd * group_mean(sum_grad) - b * mean
        a, b, c = (value.to(x.dtype)[:, None] for value in (a, b, c))
        dx = torch.addcmul(torch.addcmul(c, x_rows, b), grad_rows, a)
        dx = dx.view(batch, height, width, channels).permute(0, 3, 1, 2)
        return dx, grad_normal.sum(0).to(weight.dtype), sum_grad.sum(0).to(weight.dtype), None, None


class FastGroupNorm(nn.GroupNorm):
    def forward(self, x):
        if x.dim() != 4 or not torch.is_grad_enabled():
            return super().forward(x)
        return _GroupNorm.apply(x, self.weight, self.bias, self.num_groups, self.eps)


def use_fast_group_norms(model):
    """Changes the class of the model's norms; names and weights stay as they are."""
    for module in model.modules():
        if type(module) is nn.GroupNorm:
            module.__class__ = FastGroupNorm
    return model
