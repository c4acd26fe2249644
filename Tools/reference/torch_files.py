"""Checkpoints in every form that torch.save has had: Tests/Fixtures/Checkpoints/torch.

All files have the same weights (but for the oldest form, which knew fewer types); expected.safetensors has them too,
as torch reads them. Beside the weights lies what trainings leave in checkpoints.
Run from the repository's root: python Tools/reference/torch_files.py
"""

NEEDS = ["numpy", "safetensors", "torch"]

import collections
import io
import os
import pickle
import struct
import sys
import tarfile
import types
import zipfile

import numpy
import torch
from safetensors.torch import save_file

FOLDER = "Tests/Fixtures/Checkpoints/torch"
torch.manual_seed(2)


def weights():
    base = torch.randn(6, 5)
    shared = torch.randn(40)
    tensors = collections.OrderedDict()
    tensors["model.f32.weight"] = base
    tensors["model.f16.weight"] = torch.randn(3, 2, 2).half()
    tensors["model.bf16.weight"] = torch.randn(7).bfloat16()
    tensors["model.f64"] = torch.randn(3, dtype=torch.float64)
    for dtype in [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8]:
        tensors[f"model.{dtype}"] = torch.tensor([0, 1, 2, 127], dtype=dtype)
    tensors["model.bool"] = torch.tensor([True, False, True])
    tensors["model.scalar"] = torch.tensor(2.5)
    tensors["model.empty"] = torch.zeros(4, 0, 3)
    # One storage under several names, in pieces, and in another order.
    tensors["shared.whole"] = shared
    tensors["shared.piece"] = shared[10:22].view(3, 4)
    tensors["shared.again"] = shared
    tensors["strided.transposed"] = base.t()
    tensors["strided.columns"] = base[1:5, ::2]
    tensors["strided.expanded"] = torch.randn(3, 1).expand(3, 4)
    tensors["strided.permuted"] = torch.randn(2, 3, 4, 5).half().permute(3, 1, 0, 2)
    tensors["parameter"] = torch.nn.Parameter(torch.randn(4, 4))
    return tensors


def eight_bit():
    codes = torch.arange(0, 256, 5, dtype=torch.uint8)
    return {"f8.e4m3": codes.view(torch.float8_e4m3fn), "f8.e5m2": codes.view(torch.float8_e5m2)}


def checkpoint(tensors):
    """Weights as PyTorch Lightning saves them, with all that it adds."""
    lightning = types.ModuleType("pytorch_lightning.callbacks.model_checkpoint")

    class ModelCheckpoint:
        pass

    ModelCheckpoint.__module__ = lightning.__name__
    ModelCheckpoint.__qualname__ = "ModelCheckpoint"
    lightning.ModelCheckpoint = ModelCheckpoint
    for name in ["pytorch_lightning", "pytorch_lightning.callbacks", lightning.__name__]:
        sys.modules[name] = lightning if name == lightning.__name__ else types.ModuleType(name)
    state = collections.OrderedDict(tensors)
    # As Module.state_dict() has it: an attribute of the dictionary.
    state._metadata = collections.OrderedDict([("", {"version": 1})])
    return {
        "epoch": 3, "global_step": 470_000, "pytorch-lightning_version": "1.4.2", "state_dict": state,
        "callbacks": {ModelCheckpoint: {"best_model_score": numpy.float32(0.25), "best_model_path": "é/last.ckpt",
                                        "current_score": torch.tensor(1.0)}},
        "optimizer_states": [{"state": {0: {"step": 10, "exp_avg": torch.randn(6, 5)}},
                              "param_groups": [{"lr": 1e-4, "betas": (0.9, 0.999), "params": [0]}]}],
        "lr_schedulers": [{"last_epoch": 10, "lr_lambdas": [None], "_last_lr": [1e-4], "big": 1 << 90,
                           "ends": (float("inf"), -1, True, None), "some": {1, 2}, "array": numpy.arange(3)}],
    }


def write_tar(path, tensors):
    """The form before PyTorch 0.1.10, which no version writes any more."""
    storages, views, described = io.BytesIO(), [], io.BytesIO()
    keys = {name: 100 + index for index, name in enumerate(tensors)}
    by_data = {}
    for tensor in tensors.values():
        by_data.setdefault(tensor.untyped_storage().data_ptr(), (1000 + len(by_data), tensor))
    pickle.dump(len(by_data), storages, protocol=2)
    for number, tensor in by_data.values():
        kind = getattr(torch, tensor.storage()._pickle_storage_type())
        pickle.dump((number, "cpu", kind), storages, protocol=2)
        data = tensor.untyped_storage()
        storages.write(struct.pack("<q", data.nbytes() // tensor.element_size()) + bytes(data.tolist()))
    # A view of a part of a storage, from its fifth value on.
    first, tensor = next(iter(by_data.values()))
    views.append((5000, first, 5, tensor.untyped_storage().nbytes() // tensor.element_size() - 5))
    pickle.dump(views, storages, protocol=2)
    pickle.dump(len(tensors), described, protocol=2)
    for name, tensor in tensors.items():
        number, offset = by_data[tensor.untyped_storage().data_ptr()][0], tensor.storage_offset()
        if number == first and offset >= 5:
            number, offset = 5000, offset - 5
        pickle.dump((keys[name], number, torch.FloatTensor), described, protocol=2)
        described.write(struct.pack("<ii", tensor.dim(), 0))
        described.write(struct.pack(f"<{2 * tensor.dim() + 1}q", *tensor.shape, *tensor.stride(), offset))

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            return keys[value.name] if isinstance(value, Named) else None

    class Named:
        def __init__(self, name):
            self.name = name

    root = io.BytesIO()
    Pickler(root, protocol=2).dump(collections.OrderedDict((name, Named(name)) for name in tensors))
    with tarfile.open(path, "w:", format=tarfile.PAX_FORMAT) as tar:
        for name, data in [("sys_info", pickle.dumps({}, protocol=2)), ("pickle", root.getvalue()),
                           ("tensors", described.getvalue()), ("storages", storages.getvalue())]:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    loaded = torch.load(path, weights_only=False)
    for name, tensor in tensors.items():
        assert torch.equal(loaded[name], tensor), name


def write_zip64(source, path):
    """The same entries with every size, place and count in 64 bits, as in files beyond 4 GB."""
    limits = zipfile.ZIP64_LIMIT, zipfile.ZIP_FILECOUNT_LIMIT
    zipfile.ZIP64_LIMIT = zipfile.ZIP_FILECOUNT_LIMIT = 0
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        for info in old.infolist():
            with new.open(zipfile.ZipInfo(info.filename), "w", force_zip64=True) as entry:
                entry.write(old.read(info))
    zipfile.ZIP64_LIMIT, zipfile.ZIP_FILECOUNT_LIMIT = limits
    with open(path, "rb") as file:
        data = file.read()
    assert b"PK\x06\x06" in data and b"PK\x06\x07" in data
    loaded, expected = torch.load(path), torch.load(source)
    assert all(torch.equal(value.float().nan_to_num(7), loaded[name].float().nan_to_num(7))
               for name, value in expected.items())


def main():
    os.makedirs(FOLDER, exist_ok=True)
    tensors = weights()
    everything = {**tensors, **eight_bit()}
    save_file({name: tensor.detach().clone().contiguous() for name, tensor in everything.items()},
              f"{FOLDER}/expected.safetensors")
    torch.save(checkpoint(everything), f"{FOLDER}/lightning.ckpt")
    for protocol in [3, 4, 5]:
        torch.save(everything, f"{FOLDER}/zip-{protocol}.bin", pickle_protocol=protocol)
    # What 1.6 wrote: no byteorder.
    torch.save(everything, f"{FOLDER}/zip-2.bin", _disable_byteorder_record=True)
    write_zip64(f"{FOLDER}/zip-2.bin", f"{FOLDER}/zip64.bin")
    for protocol in [1, 2, 4]:
        torch.save(checkpoint(tensors), f"{FOLDER}/stream-{protocol}.ckpt", pickle_protocol=protocol,
                   _use_new_zipfile_serialization=False)
    plain = {name: tensor.detach() for name, tensor in tensors.items() if tensor.numel() > 0}
    write_tar(f"{FOLDER}/tar.pt", plain)
    # webui's form of an embedding.
    words = torch.nn.ParameterDict({"*": torch.nn.Parameter(torch.randn(2, 8))})
    torch.save({"string_to_token": {"*": torch.tensor(265)}, "string_to_param": words, "name": "a-style", "step": 500,
                "sd_checkpoint": None}, f"{FOLDER}/embedding.pt")
    save_file({"*": words["*"].detach().clone()}, f"{FOLDER}/embedding.safetensors")
    # Whole modules, which loaders cannot run without the program that wrote them.
    torch.save(torch.nn.Linear(2, 2), f"{FOLDER}/module.pt")


if __name__ == "__main__":
    main()
