"""stable-diffusion.cpp's runs for likeness.py, by its formulas."""

import math

import numpy as np
import torch

from likeness_network import SCALE, SHAPE, COND, UNCOND, MEAN, MASK, unet


class SDCPP:
    """stable-diffusion.cpp's denoiser.hpp and its way through stable-diffusion.cpp, in float32."""

    def __init__(self, philox):
        self.philox = philox
        product, alphas = np.float32(1), []
        start, end = np.sqrt(np.float32(0.00085)), np.sqrt(np.float32(0.0120))
        for i in range(1000):
            product *= np.float32(1) - (start + (end - start) * np.float32(i) / np.float32(999)) ** 2
            alphas.append(product)
        alphas = np.array(alphas, dtype=np.float32)
        self.logs = np.log(np.sqrt((1 - alphas) / alphas))

    def sigma(self, t):
        low, high = math.floor(t), math.ceil(t)
        w = np.float32(t) - np.float32(low)
        return float(np.exp((1 - w) * self.logs[low] + w * self.logs[high]))

    def timestep(self, sigma):
        log = np.log(np.float32(sigma))
        low = min(max(int((log >= self.logs).sum()) - 1, 0), 998)
        w = min(max((self.logs[low] - log) / (self.logs[low] - self.logs[low + 1]), 0), 1)
        return float((1 - w) * low + w * (low + 1))

    def sigmas(self, n, schedule):
        ends = (self.sigma(999), self.sigma(0))
        if schedule == "discrete":
            places = [999 - 999 / (n - 1) * i for i in range(n)] if n > 1 else [999]
            return [self.sigma(t) for t in places] + [0]
        if schedule == "karras":
            high, low = (end ** (1 / 7) for end in ends)
            return [(high + i / (n - 1) * (low - high)) ** 7 for i in range(n)] + [0]
        if schedule == "simple":
            return [self.sigma(max(999 - int(i * 1000 / n), 0)) for i in range(n)] + [0]
        if schedule == "sgm_uniform":
            return [self.sigma(999 - 999 / n * i) for i in range(n)] + [0]
        if schedule == "ays":
            table = [14.6146412293, 6.4745760956, 3.8636745985, 2.6946151520, 1.8841921177, 1.3943805092, 0.9642583904,
                     0.6523686016, 0.3977456272, 0.1515232662, 0.0291671582]
            places = np.linspace(0, 1, n + 1)
            return list(np.exp(np.interp(places, np.linspace(0, 1, 11), np.log(table))))[:n] + [0]
        raise ValueError(schedule)

    def generator(self, rng, seed):
        if rng == "cuda":
            generator = self.philox.Generator(seed)
            return lambda: torch.from_numpy(generator.randn((1, *SHAPE))).float()
        generator = torch.Generator().manual_seed(seed)
        return lambda: torch.randn((1, *SHAPE), generator=generator)

    def run(self, run):
        steps, latents, mask = run["steps"], torch.zeros(1, *SHAPE), None
        sigmas = self.sigmas(steps, run["schedule_name"])
        if run.get("strength") is not None:
            encoded = int(np.float32(steps) * np.float32(run["strength"])) if run["strength"] < 1 else steps - 1
            encoded = min(encoded, steps - 1)
            sigmas = sigmas[steps - encoded - 1:]
            draw = self.generator(run["rng"], run["seed"])
            latents = (MEAN.mean + MEAN.std * draw()) * SCALE
        if run.get("mask"):
            # NearestMax, by a factor of eight
            mask = torch.from_numpy(np.array(MASK, dtype=np.float32) / 255)[None, None]
            mask = torch.nn.functional.max_pool2d(mask, 8)
        draw = self.generator(run["rng"], run["seed"])
        x = latents + draw() * sigmas[0]

        def model(x, sigma):
            seen, t = x / (sigma**2 + 1) ** 0.5, torch.tensor(self.timestep(sigma))
            cond, uncond = (unet(seen, t, states) for states in (COND, UNCOND))
            denoised = x - sigma * (uncond + run["guidanceScale"] * (cond - uncond))
            return denoised if mask is None else denoised * mask + latents * (1 - mask)

        old = None
        for i, (sigma, to) in enumerate(zip(sigmas, sigmas[1:])):
            denoised = model(x, sigma)
            d = (x - denoised) / sigma
            name = run["sampler_name"]
            if name in ("euler_a", "dpm++2s_a"):
                up = min(to, (to**2 * (sigma**2 - to**2) / sigma**2) ** 0.5)
                down = (to**2 - up**2) ** 0.5
                if down == 0:
                    x = denoised
                elif name == "euler_a":
                    x = down / sigma * x + (1 - down / sigma) * denoised
                else:
                    middle = (sigma * down) ** 0.5
                    halfway = middle / sigma * x + (1 - middle / sigma) * denoised
                    x = down / sigma * x + (1 - down / sigma) * model(halfway, middle)
                if to > 0:
                    x = x + draw() * up
            elif name == "heun" and to > 0:
                there = x + d * (to - sigma)
                x = x + (d + (there - model(there, to)) / to) / 2 * (to - sigma)
            elif name == "dpm2" and to > 0:
                middle = math.exp(0.5 * (math.log(sigma) + math.log(to)))
                there = x + d * (middle - sigma)
                x = x + (there - model(there, middle)) / middle * (to - sigma)
            elif name == "dpm++2m":
                ratio = to / sigma
                if old is None or to == 0:
                    x = ratio * x + (1 - ratio) * denoised
                else:
                    r = math.log(sigmas[i - 1] / sigma) / math.log(sigma / to)
                    x = ratio * x + (1 - ratio) * ((1 + 1 / (2 * r)) * denoised - 1 / (2 * r) * old)
                old = denoised
            elif name == "dpm++2m_sde":
                if to == 0:
                    x = denoised
                else:
                    h = math.log(sigma / to)
                    x = to / sigma * math.exp(-h) * x - math.expm1(-2 * h) * denoised
                    if old is not None:
                        r = math.log(sigmas[i - 1] / sigma) / h
                        x = x - 0.5 * math.expm1(-2 * h) / r * (denoised - old)
                    x = x + draw() * to * (-math.expm1(-2 * h)) ** 0.5
                old = denoised
            else:
                x = x + d * (to - sigma)
        return x
