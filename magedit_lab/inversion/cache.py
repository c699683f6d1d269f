"""Paths kept on disk, so that a second edit of the same picture inverts nothing."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path as Folder
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from .. import files
from ..files import reason
from ..model.backbone import Backbone
from ..model.text import Text
from ..settings import described
from ..task import Task
from .base import Inversion, Path
from .proximal import Proximal

SCHEMA = 1  # of a file; others have names of their own


def place(folder: Folder | str, net: Backbone, task: Task, inversion: Inversion) -> Folder:
    """The file of a path: its name is a digest of all that the path depends on, which are the picture, the source
    prompt, every weight of the model, its noise schedule, where it computes, and the inversion's settings."""
    digest = hashlib.blake2b(digest_size=16)
    for part in _what_counts(net, task, inversion):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return Folder(folder).expanduser() / f"{digest.hexdigest()}.safetensors"


def _what_counts(net: Backbone, task: Task, inversion: Inversion) -> Iterator[bytes]:
    facts = [SCHEMA, task.source, task.image.size, type(inversion).__qualname__, described(inversion), net.device.type]
    facts += [str(net.dtype), type(net.denoiser).__name__, net.schedule.prediction]
    yield repr(facts).encode()
    yield task.image.tobytes()
    z = net.empty(task.image.height // net.factor, task.image.width // net.factor)
    levels = [(t, *(x.item() for x in net.level(t)[:2])) for t in (*net.timesteps(inversion.steps, z), -1)]
    yield repr(levels).encode()
    for part in net.parts:
        for name, weight in part.state_dict().items():
            yield name.encode()
            yield memoryview(weight.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())  # type: ignore[misc]


def write(file: Folder, path: Path) -> None:
    """Keep a path; the file is whole at any moment."""
    whole, facts = packed(path)
    files.write(file, lambda beside: save_file(whole, beside, {"path": json.dumps(facts)}))


def packed(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """A path's tensors, and the rest of it as JSON, but for its proximal guidance."""
    tensors = {"latents": path.latents, "image": path.image}
    for name, text in (("cond", path.cond), ("uncond", path.uncond)):
        tensors[name] = text.embedding
        if text.pooled is not None:
            tensors[f"{name}.pooled"] = text.pooled
    whole = {name: _once(tensor).detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    return whole, {"times": path.times, "pin": path.pin, "guidance_scale": path.guidance_scale}


def read(file: Folder, net: Backbone, inversion: Inversion) -> Path:
    """A path that was kept, on the model's device; ValueError in one line for a file that is none."""
    try:
        with safe_open(file, "pt", device="cpu") as opened:
            facts = json.loads(opened.metadata()["path"])
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        return unpacked(tensors, facts, net.device, getattr(inversion, "proximal", None))
    except Exception as error:  # safetensors raises a kind of its own
        raise ValueError(f"expected a path in {str(file)!r}, got {reason(error)}; delete the file") from None


def _once(tensor: torch.Tensor) -> torch.Tensor:
    """One row of a tensor that repeats it: the empty prompt of all steps."""
    return tensor[:1] if len(tensor) > 1 and tensor.stride(0) == 0 else tensor


def unpacked(
    tensors: Mapping[str, torch.Tensor], facts: Mapping[str, Any], device: torch.device, proximal: Proximal | None
) -> Path:
    """What `packed` gave, as a path on a device."""
    own = {name: tensor.to(device) for name, tensor in tensors.items()}
    cond, uncond = (Text(own[name], own.get(f"{name}.pooled")) for name in ("cond", "uncond"))
    uncond = uncond if len(uncond) == len(facts["times"]) else uncond.expand(len(facts["times"]))
    return Path(
        own["latents"], own["image"], tuple(facts["times"]), uncond, cond, facts["pin"],
        facts["guidance_scale"], proximal,
    )  # fmt: skip
