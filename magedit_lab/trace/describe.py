"""What a run's folder says of where it comes from: settings as JSON and back, versions, digests."""

import hashlib
import os
import platform
from collections.abc import Mapping
from dataclasses import fields
from importlib import metadata
from pathlib import Path as FilePath
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from ..model.backbone import Backbone
from ..settings import Settings

PACKAGES = ("magedit-lab", "torch", "diffusers", "transformers", "safetensors", "numpy", "pillow")
Plain = Any  # what JSON can say

_digests: "WeakKeyDictionary[Backbone, tuple[tuple[int, ...], str]]" = WeakKeyDictionary()


def described(value: Any) -> Plain:
    """A setting as JSON. Settings within settings are named by their class; a function by its name, which can't be read
    back."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Settings):
        own = {f.name: described(getattr(value, f.name)) for f in fields(value)}  # type: ignore[arg-type]
        return {"class": type(value).__name__, "settings": own}
    if isinstance(value, tuple | list):
        return {type(value).__name__: [described(part) for part in value]}
    if isinstance(value, Mapping):
        return {"dict": [[described(k), described(v)] for k, v in value.items()]}
    name = getattr(value, "__qualname__", type(value).__qualname__)
    return {"python": name}


def restored(plain: Plain) -> Any:
    """The setting that `described` said; ValueError in one line for what can't be made again from its name."""
    if not isinstance(plain, dict):
        return plain
    if "class" in plain:
        own = {name: restored(value) for name, value in plain["settings"].items()}
        return _class(plain["class"])(**own)
    for kind in (tuple, list):
        if kind.__name__ in plain:
            return kind(restored(part) for part in plain[kind.__name__])
    if "dict" in plain:
        return {restored(k): restored(v) for k, v in plain["dict"]}
    raise ValueError(f"expected settings that can be read back, got {plain.get('python')!r} of your own; pass method=")


def _class(name: str) -> type:
    known: dict[str, list[type]] = {}
    todo: list[type] = [Settings]
    while todo:
        kind = todo.pop()
        below: list[type] = kind.__subclasses__()
        for found in below:
            todo.append(found)
            known.setdefault(found.__name__, []).append(found)
    if len(known.get(name, [])) != 1:
        count = len(known.get(name, []))
        raise ValueError(f"expected one class of settings {name!r}, got {count}; import it, or pass method=")
    return known[name][0]


def versions() -> dict[str, str]:
    """Python's and the packages' versions."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def model(net: Backbone) -> dict[str, Plain]:
    """Name, digest, device and dtype of a model. Of a local folder the last part of its path alone is said."""
    local = os.path.isabs(net.name) or FilePath(net.name).exists()
    device = torch.cuda.get_device_name(net.device) if net.device.type == "cuda" else net.device.type
    return {
        "name": FilePath(net.name).name if local else net.name, "local": local, "weights": weights(net),
        "device": device, "dtype": str(net.dtype).removeprefix("torch."), "threads": torch.get_num_threads(),
    }  # fmt: skip


def weights(net: Backbone) -> str:
    """SHA-256 of all weights, by their names; computed once a model, and anew where a weight was changed in place."""
    parts = {"denoiser": net.denoiser, "vae": net.vae, "text_encoder": net.text_encoder}
    state = {f"{part}.{k}": v for part, m in parts.items() for k, v in m.state_dict().items()}
    stamp = tuple(hash((v.data_ptr(), v._version)) for v in state.values())
    if _digests.get(net, ((), ""))[0] != stamp:
        digest = hashlib.sha256()
        for name in sorted(state):
            digest.update(f"{name} {tuple(state[name].shape)} {state[name].dtype}\n".encode())
            digest.update(_bytes(state[name]))
        _digests[net] = (stamp, digest.hexdigest())
    return _digests[net][1]


def digest(tensor: Tensor) -> str:
    """SHA-256 of a tensor's values."""
    return hashlib.sha256(_bytes(tensor)).hexdigest()


def _bytes(tensor: Tensor) -> Any:
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy()
