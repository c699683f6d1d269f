"""Paths kept on disk, so that a second edit of the same picture inverts nothing."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path as Folder
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from .. import files
from ..files import reason
from ..model.backbone import Backbone
from ..model.text import Text
from ..task import Task
from .base import Inversion, Path

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
    facts = [SCHEMA, task.source, task.image.size, type(inversion).__qualname__, repr(inversion), net.device.type]
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
    tensors = {"latents": path.latents, "image": path.image}
    for name, text in (("cond", path.cond), ("uncond", path.uncond)):
        tensors[name] = text.embedding
        if text.pooled is not None:
            tensors[f"{name}.pooled"] = text.pooled
    whole = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    facts = {"times": path.times, "pin": path.pin, "guidance_scale": path.guidance_scale}
    files.write(file, lambda beside: save_file(whole, beside, {"path": json.dumps(facts)}))


def read(file: Folder, net: Backbone, inversion: Inversion) -> Path:
    """A path that was kept, on the model's device; ValueError in one line for a file that is none."""
    try:
        with safe_open(file, "pt", device="cpu") as opened:
            facts = json.loads(opened.metadata()["path"])
            tensors = {name: opened.get_tensor(name).to(net.device) for name in opened.keys()}  # noqa: SIM118
        texts = {name: Text(tensors[name], tensors.get(f"{name}.pooled")) for name in ("cond", "uncond")}
        more: dict[str, Any] = {"pin": facts["pin"], "guidance_scale": facts["guidance_scale"]}
        proximal = getattr(inversion, "proximal", None)
        return Path(tensors["latents"], tensors["image"], tuple(facts["times"]), texts["uncond"], texts["cond"],
                    proximal=proximal, **more)  # fmt: skip
    except Exception as error:  # safetensors raises a kind of its own
        raise ValueError(f"expected a path in {str(file)!r}, got {reason(error)}; delete the file") from None
