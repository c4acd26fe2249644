"""What the fixture scripts share: seeded weights, files that come out the same each time, and checks."""

import json
import os
import sys

# Python puts this folder first on the path, so that a script here could hide a package of the same name
# ("tokenizers"): move it to the end. Import this module before torch, transformers and diffusers.
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [p for p in sys.path if os.path.abspath(p or ".") != HERE] + [HERE]
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)

REPOSITORY = os.path.dirname(os.path.dirname(HERE))
FIXTURES = os.path.join(REPOSITORY, "Tests", "Fixtures")


def fixture(*parts):
    """The path of something in a fixture folder, whose folder exists afterwards."""
    path = os.path.join(FIXTURES, *parts)
    os.makedirs(path if "." not in os.path.basename(path) else os.path.dirname(path), exist_ok=True)
    return path


def generator(seed):
    return torch.Generator("cpu").manual_seed(seed)


def randomise(model, seed, dtype, gains={}):
    """Draws every weight anew so that each stage's output is of order 1, and rounds it to `dtype`.

    Weights ~ N(0, gain² / fan_in), norms' weights ~ 1 ± 0.2, biases ~ ± 0.1; `gains` maps a part of a name
    to its gain. The model stays float32, so it computes exactly with what is stored.
    """
    g = generator(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=g)
            if p.dim() == 1:
                value = 1 + 0.2 * noise if name.endswith("weight") else 0.1 * noise
            elif "embedding.weight" in name:
                value = 0.7 * noise
            else:
                value = noise / (p[0].numel() ** 0.5)
            for part, gain in {"to_q": 1.4, "to_k": 1.4, "q_proj": 1.4, "k_proj": 1.4, "time_emb_proj": 2.0,
                               **gains}.items():
                if part in name and p.dim() > 1:
                    value = value * gain
            p.copy_(value.to(dtype).float())
    return model.eval()


def stored(model, dtype, rename=lambda key: key):
    """The state as it goes into the file: in `dtype`, which must hold every value exactly."""
    tensors = {}
    for key, value in model.state_dict().items():
        value = value.detach()
        half = value.to(dtype).contiguous()
        assert torch.equal(half.float(), value.float()), key
        tensors[rename(key)] = half
    return tensors


def save_tensors(tensors, path, limit=2_000_000):
    save_file({k: v.detach().contiguous() for k, v in tensors.items()}, path)
    os.chmod(path, 0o644)
    size = os.path.getsize(path)
    assert size < limit, f"{path}: {size} bytes"
    print(f"{os.path.relpath(path, REPOSITORY)}: {size} bytes")


def save_json(value, path):
    with open(path, "w") as file:
        json.dump(value, file, indent=2, ensure_ascii=False)
        file.write("\n")


def relative(a, b):
    return (torch.linalg.vector_norm((a - b).double()) / torch.linalg.vector_norm(b.double())).item()


def check_every_weight_shows(model, output, without_effect=()):
    """Stirring any single weight tensor by a tenth must move the output far beyond the tests' tolerance
    (1e-5), and the attention scores and the time embedding must matter by more than a hundredth."""
    g = generator(0)
    with torch.no_grad():
        before = output()
        assert torch.isfinite(before).all() and 0.2 < before.std() < 5, before.std()
        lowest = (1.0, "")
        for name, p in model.named_parameters():
            if any(name.endswith(end) for end in without_effect):
                continue
            kept = p.clone()
            p += 0.1 * (kept.std() if p.numel() > 1 else kept.abs()) * torch.randn(p.shape, generator=g)
            lowest = min(lowest, (relative(output(), before), name))
            p.copy_(kept)
        assert lowest[0] > 1e-4, lowest
        for part in ["to_q.weight", "q_proj.weight", "query.weight", "time_embedding.linear_1.weight"]:
            kept = {n: p.clone() for n, p in model.named_parameters() if n.endswith(part)}
            for n, p in model.named_parameters():
                if n in kept:
                    p.zero_()
            if kept:
                assert relative(output(), before) > 1e-2, part
            for n, p in model.named_parameters():
                if n in kept:
                    p.copy_(kept[n])
    print(f"  std {before.std():.2f}, weakest weight {lowest[1]} moves it by {lowest[0]:.1e}")
