"""What every stage of training shares: the device, the clock, the running average of weights, and checkpoints."""

import math
import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import torch

from attention import use_plain_attention
from norms import use_fast_group_norms

SAVE_SECONDS = 180
CORES = os.cpu_count()


def device():
    return "cuda" if torch.cuda.is_available() else "cpu"


def half_is_fast():
    """Whether products in bfloat16 are the machine's own. A CPU that has none takes 60 times as long as in float32."""
    return device() == "cuda" or torch.cpu._is_avx512_bf16_supported()


def autocast():
    return torch.autocast(device(), dtype=torch.bfloat16, enabled=half_is_fast())


def _orthogonal(gradient, coefficients, steps, eps):
    """PyTorch's Newton-Schulz iteration for Muon, but in float32."""
    a, b, c = coefficients
    tall = gradient.shape[0] > gradient.shape[1]
    x = gradient.T if tall else gradient
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        square = x @ x.T
        x = torch.addmm(x, torch.addmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


if not half_is_fast():
    torch.optim._muon._zeropower_via_newtonschulz = _orthogonal


def prepared(model):
    """On the device, channels last; with norms and attention of our own where PyTorch's are slow."""
    model = model.to(device()).to(memory_format=torch.channels_last)
    return model if device() == "cuda" else use_plain_attention(use_fast_group_norms(model))


def compiled(function):
    """torch.compile on a GPU. On a CPU it takes minutes, and has been wrong without a word (README.md)."""
    return torch.compile(function) if device() == "cuda" else function


class Average:
    """Exponential moving average of a module's weights, younger at the start than later."""

    def __init__(self, module, decay):
        self.decay, self.steps = decay, 0
        self.weights = {name: weight.detach().clone() for name, weight in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module):
        self.steps += 1
        share = 1 - min(self.decay, (1 + self.steps) / (10 + self.steps))
        ours, theirs = [], []
        for name, weight in module.state_dict().items():
            if weight.is_floating_point():
                ours.append(self.weights[name])
                theirs.append(weight)
        torch._foreach_lerp_(ours, theirs, share)


class Run:
    """A stage's weights, optimiser and counters, saved every few minutes and resumed where they were left.

    Only time spent in steps counts, so a process that was paused, or starved, loses nothing but that time.
    """

    def __init__(self, name, folder, module, rate, decay, minutes, cooldown=False, slow=(), memory=(),
                 memory_share=1.0):
        """`slow`: parameters that learn at a tenth of the rate.

        `memory`: matrices and kernels that Muon trains, all others being Adam's: it learns faster what is shown
        rarely. `memory_share`: of the rate, at which it does.
        """
        self.name, self.module, self.rate, self.cooldown = name, module, rate, cooldown
        self.path = os.path.join(folder, name + ".pt")
        self.seconds_allowed = minutes * 60
        slow, memory = set(slow), set(memory)
        groups = [{"params": [p for p in module.parameters() if (p in slow) == late and p not in memory],
                   "share": 0.1 if late else 1.0} for late in (False, True)]
        self.optimisers = [torch.optim.AdamW([group for group in groups if group["params"]], lr=rate,
                                             betas=(0.9, 0.99), weight_decay=1e-2, fused=True)]
        # In the module's order, by which a resumed run finds each one's momentum; a set has none.
        self.matrices = [(p, torch.nn.Parameter(_as_matrix(p.detach()))) for p in module.parameters() if p in memory]
        if any(matrix.data_ptr() != weight.data_ptr() for weight, matrix in self.matrices):
            raise ValueError("kernels that Muon trains must be channels last")
        # An optimiser each, so that they can work side by side.
        self.optimisers += [torch.optim.Muon([{"params": [matrix], "share": memory_share}], lr=rate, weight_decay=1e-2,
                                             adjust_lr_fn="match_rms_adamw") for _, matrix in self.matrices]
        self.average = Average(module, decay)
        self.steps = self.samples = 0
        self.seconds = self.seconds_before = 0.0
        self.figures, self.reported = None, 0
        self.workers = None if device() == "cuda" else ThreadPoolExecutor(CORES, initializer=torch.set_num_threads,
                                                                          initargs=(1,))
        os.makedirs(folder, exist_ok=True)
        if os.path.exists(self.path):
            self._load()

    def rng(self):
        """The step's own random numbers: a resumed run draws what it would have drawn."""
        torch.manual_seed(self.steps)
        return random.Random(f"{self.name} {self.steps}")

    def batches(self):
        """Yields once a step until the minutes are spent, or the process is asked to end; saves and reports meanwhile.

        On a CPU a second counts that all cores have worked: beside other work, steps take longer than they count.
        """
        saved = self.seconds
        fastest = math.inf
        told = []
        signal.signal(signal.SIGTERM, lambda *_: told.append(True))
        while self.seconds - self.seconds_before < self.seconds_allowed and not told:
            start, worked = time.perf_counter(), time.process_time()
            yield self.rng()
            # A process that was stopped and continued shows as a step that takes far longer: it is not counted.
            took = time.perf_counter() - start
            if self.workers:
                took = min(took, (time.process_time() - worked) / CORES)
            fastest = min(fastest, took)
            self.seconds += min(took, 10 * fastest)
            self.steps += 1
            if self.seconds - saved > SAVE_SECONDS:
                self.save()
                saved = self.seconds
        self.save()

    def step(self, function, *batch):
        """One step down the loss that `function` gives for a batch, with figures to report; returns their means.

        On a CPU every core takes its part of the batch in a thread of its own. Kernels that share one batch wait for
        each other, in oneDNN by spinning, which is ten times slower as soon as something else wants a core.
        """
        parameters = [p for p in self.module.parameters() if p.requires_grad]

        def part(tensors):
            with autocast():
                loss, figures = function(*tensors)
            return torch.autograd.grad(loss, parameters, allow_unused=True), torch.stack([loss, *figures]).detach()

        if self.workers:
            # The first step compiles, for a thread's one core, which must not happen in two threads at once.
            parts = zip(*(tensor.chunk(CORES) for tensor in batch))
            results = [self.workers.submit(part, tensors) for tensors in parts] if self.reported else \
                [_finished(self.workers.submit(part, tensors)) for tensors in parts]
            gradients, figures = zip(*(result.result() for result in results))
        else:
            gradients, figures = zip(part(batch))
        for parameter, *shares in zip(parameters, *gradients):
            parameter.grad = None if shares[0] is None else sum(shares) / len(shares)
        if not self.reported:
            _expect_gradients(parameters)
        self._descend()
        self.samples += len(batch[0])
        return sum(figures) / len(figures)

    def _descend(self):
        progress = (self.seconds - self.seconds_before) / self.seconds_allowed
        rate = self.rate * min(1, (self.steps + 1) / 200) * (1 - 0.95 * progress if self.cooldown else 1)
        torch.nn.utils.clip_grad_norm_(self.module.parameters(), 1.0)
        for weight, matrix in self.matrices:
            matrix.grad = _as_matrix(weight.grad)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate * group["share"]
        each = self.workers.map if self.workers else map
        list(each(lambda optimiser: optimiser.step(), self.optimisers))
        self.average.update(self.module)

    def report(self, *names, figures, every=50):
        """A line every so many steps: the figures of `step`, smoothed, the loss first."""
        share = max(0.02, 1 / (1 + self.reported))
        self.figures = figures if self.figures is None else self.figures.lerp(figures, share)
        self.reported += 1
        if self.steps % every != every - 1:
            return
        rate = self.samples / max(self.seconds, 1e-9)
        told = "  ".join(f"{name} {value:.4f}" for name, value in zip(("loss", *names), self.figures.tolist()))
        print(f"{self.name} step {self.steps + 1}  {told}  {rate:.1f} samples/s  {self.samples} samples  "
              f"{self.seconds / 60:.1f} min", flush=True)

    @torch.no_grad()
    def take(self, weights):
        """These in place of its own of the same names, and of their averages."""
        for name, weight in self.module.state_dict().items():
            if name in weights:
                weight.copy_(weights[name])
                self.average.weights[name].copy_(weights[name])

    def save(self):
        state = {"module": self.module.state_dict(), "average": self.average.weights,
                 "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
                 "steps": self.steps, "samples": self.samples, "seconds": self.seconds, "written": time.time()}
        write_atomically(state, self.path)

    def _load(self):
        state = torch.load(self.path, map_location=device(), weights_only=True)
        self.module.load_state_dict(state["module"])
        for optimiser, kept in zip(self.optimisers, state["optimisers"]):
            optimiser.load_state_dict(kept)
        self.average.weights = state["average"]
        self.average.steps = self.steps = state["steps"]
        self.samples, self.seconds = state["samples"], state["seconds"]
        self.seconds_before = self.seconds
        print(f"{self.name}: resumed at step {self.steps}, after {self.seconds / 60:.1f} minutes", flush=True)


def _as_matrix(weight):
    """A row for each output; of a kernel that is channels last, a view."""
    return weight if weight.ndim == 2 else weight.permute(0, 2, 3, 1).flatten(1)


def _expect_gradients(parameters):
    """Stops where a compiler loses gradients, as torch.compile did on a CPU: all but the outermost blocks' were 0."""
    still = sum(parameter.grad is None or not parameter.grad.any() for parameter in parameters)
    if still > len(parameters) / 10:
        raise SystemExit(f"{still} of {len(parameters)} parameters get no gradient, so they would not be trained; "
                         "if the network is compiled (torch.compile), try without")


def _finished(future):
    future.result()
    return future


def write_atomically(state, path):
    torch.save(state, path + ".part")
    os.replace(path + ".part", path)


def averaged_weights(name, folder):
    return torch.load(os.path.join(folder, name + ".pt"), map_location=device(), weights_only=True)["average"]


def newer(name, other, folder):
    """Whether a stage's checkpoint was written after another's, or is the only one. A copied file's own time may lie."""
    one, two = (_kept(name, folder) for name in (name, other))
    return one is not None and (two is None or one["written"] > two["written"])


def minutes_spent(name, folder):
    kept = _kept(name, folder)
    return kept["seconds"] / 60 if kept else 0.0


def _kept(name, folder):
    """A stage's checkpoint, whose weights stay in the file; None if there is none."""
    path = os.path.join(folder, name + ".pt")
    return torch.load(path, map_location="cpu", weights_only=True, mmap=True) if os.path.exists(path) else None
