"""Where a run comes from, as its folder says it: settings as JSON and back, versions, digests."""

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


def to_plain(value: Any) -> Plain:
    """A setting as JSON. Settings within settings are named by their class; a function by its name, which can't be read
    back."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Settings):
        own = {f.name: to_plain(getattr(value, f.name)) for f in fields(value)}  # type: ignore[arg-type]
        return {"class": type(value).__name__, "settings": own}
    if isinstance(value, tuple | list):
        return {type(value).__name__: [to_plain(part) for part in value]}
    if isinstance(value, Mapping):
        return {"dict": [[to_plain(k), to_plain(v)] for k, v in value.items()]}
    return {"python": getattr(value, "__qualname__", type(value).__qualname__)}


def from_plain(plain: Plain) -> Any:
    """The setting that `to_plain` wrote; ValueError in one line for what can't be built again from its name."""
    if not isinstance(plain, dict):
        return plain
    if "class" in plain:
        own = {name: from_plain(value) for name, value in plain["settings"].items()}
        return _class(plain["class"])(**own)
    for kind in (tuple, list):
        if kind.__name__ in plain:
            return kind(from_plain(part) for part in plain[kind.__name__])
    if "dict" in plain:
        return {from_plain(k): from_plain(v) for k, v in plain["dict"]}
    raise ValueError(f"expected settings that can be read back, got {plain.get('python')!r} of your own; pass method=")


def _class(name: str) -> type:
    """The one class of settings with this name that is imported."""
    known = [kind for kind in _subclasses(Settings) if kind.__name__ == name]
    if len(known) != 1:
        raise ValueError(f"expected one class of settings {name!r}, got {len(known)}; import it, or pass method=")
    return known[0]


def _subclasses(kind: type) -> set[type]:
    below: set[type] = set(kind.__subclasses__())
    return below.union(*map(_subclasses, below))


def versions() -> dict[str, str]:
    """Python's and the packages' versions."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def version(package: str) -> str:
    """A package's version, or that it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


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
    state = {f"{i}.{name}": v for i, part in enumerate(net.parts) for name, v in part.state_dict().items()}
    stamp = tuple(hash((v.data_ptr(), v._version)) for v in state.values())
    if _digests.get(net, ((), ""))[0] != stamp:
        sha = hashlib.sha256()
        for name in sorted(state):
            sha.update(f"{name} {tuple(state[name].shape)} {state[name].dtype}\n".encode())
            sha.update(_bytes(state[name]))
        _digests[net] = (stamp, sha.hexdigest())
    return _digests[net][1]


def digest(tensor: Tensor) -> str:
    """SHA-256 of a tensor's values."""
    return hashlib.sha256(_bytes(tensor)).hexdigest()


def _bytes(tensor: Tensor) -> Any:
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
