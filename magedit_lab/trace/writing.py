"""What goes into a run's folder, part by part."""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any

import numpy as np
import torch
from PIL import Image

from ..inversion import cache
from ..inversion.base import Inversion, Path
from ..methods.base import Method
from ..model.backbone import Backbone
from ..model.schedule import Time
from ..steps import Since
from ..task import Task
from . import describe, reader
from .folder import RunFolder
from .record import Keep

Terms = Sequence[Mapping[str, float]]
MOST_PATH = 2**31  # bytes of a path
MOST_INPUTS = 2**30  # bytes of the inputs: pictures of up to 64 megapixels


def meta(net: Backbone, task: Task, path: Path | Inversion, method: Method, keep: Keep) -> dict[str, Any]:
    """run.json of a run: no absolute path, no name of a person."""
    inversion = describe.to_plain(path) if isinstance(path, Inversion) else None
    return {
        **task_meta(task, keep), "model": describe.model(net), "versions": describe.versions(),
        "steps": path.steps, "torch_seed": torch.initial_seed(),
        "inversion": inversion, "method": describe.to_plain(method),
        "sha256": {
            "image": describe.digest(_tensor(task.image)), "masks": [describe.digest(g.mask) for g in task.goals],
        },
    }  # fmt: skip


def task_meta(task: Task, keep: Keep) -> dict[str, Any]:
    """The part of run.json that every trace has."""
    return {
        "keep": {**vars(keep), "sites": list(keep.sites)},
        "task": {"source": task.source, "target": task.target, "words": list(task.words), "negative": task.negative,
                 "weights": [g.weight for g in task.goals], "negative_words": list(task.negative_words)},
    }  # fmt: skip


def put_inputs(folder: RunFolder, task: Task, also: Mapping[str, torch.Tensor] | None = None) -> None:
    """Picture and masks, the state of torch's generator, and more of the caller's own."""
    masks = {f"mask.{i}": goal.mask for i, goal in enumerate(task.goals)}
    own = {"image": _tensor(task.image), "rng": torch.get_rng_state(), **masks}
    folder.put("inputs", {**own, **{f"also.{k}": t for k, t in (also or {}).items()}})


def put_path(folder: RunFolder, path: Path) -> None:
    """What an inversion came to."""
    tensors, facts = cache.packed(path)
    folder.put("path", tensors, {"path": json.dumps({**facts, "proximal": describe.to_plain(path.proximal)})})


def read_path(place: FilePath, device: torch.device) -> Path | None:
    """The path, if the run has it."""
    if not (place / "path.safetensors").exists():
        return None
    texts, tensors = reader.read_tensors(place / "path.safetensors", place.name, MOST_PATH)
    facts = json.loads(texts["path"])
    return cache.unpacked(tensors, facts, device, describe.from_plain(facts["proximal"]))


def put_step(
    folder: RunFolder, i: int, t: Time, terms: Terms, row: Mapping[str, np.ndarray], after: Since | None = None,
    rng: torch.Tensor | None = None,
) -> int:  # fmt: skip
    """A step: what is kept of it, and with `after` what the next one needs; how many bytes that takes.

    rng: the state of torch's generator after it, where the method draws from it.
    """
    tensors = {f"row.{name}": torch.from_numpy(array) for name, array in row.items() if name != "preview"}
    if after:
        tensors |= {"state.source": after.source, "state.target": after.target}
        tensors |= {f"memory.{name}": t for name, t in after.memory.items()}
    if rng is not None:
        tensors["state.rng"] = rng
    size = folder.put(f"step-{i:04}", tensors, {"step": str(i), "t": json.dumps(t), "terms": json.dumps(list(terms))})
    sizes = {name: row[name].tolist() for name in ("loss", "inside", "outside", "moved")}
    folder.line({"step": i, "t": t, **sizes, "terms": list(terms)})
    return size


def read_since(folder: RunFolder, steps: range, device: torch.device) -> tuple[Since | None, torch.Tensor]:
    """Where the run stands after the steps that the folder has, and the state of torch's generator there."""
    rng = folder.read("inputs", MOST_INPUTS)[1]["rng"]
    if not steps:
        return None, rng
    i = steps[-1]
    _, tensors = folder.read(f"step-{i:04}")
    memory = {k.removeprefix("memory."): t.to(device) for k, t in tensors.items() if k.startswith("memory.")}
    source, target = (tensors[f"state.{branch}"].to(device) for branch in ("source", "target"))
    return Since(i + 1, source, target, memory), tensors.get("state.rng", rng)


def put_pictures(folder: RunFolder, pictures: Mapping[str, Image.Image | None]) -> None:
    """Result, reconstruction and previews in one file; the result also as a PNG to look at."""
    folder.put("pictures", {name: _tensor(picture) for name, picture in pictures.items() if picture is not None})
    if result := pictures.get("result"):
        png = io.BytesIO()
        result.save(png, "PNG")
        folder.put_file("result.png", png.getvalue())


def least_size(net: Backbone, path: Path | Inversion, method: Method, keep: Keep) -> int:
    """Bytes that a run takes at least: latents of path and steps, and the gradient of each nudge."""
    cells = (net.size // net.factor) ** 2
    latent = 4 * cells * net.channels  # float32
    gradients = 4 * cells * sum(method.nudges(path.steps)) * keep.gradients
    return latent * path.steps * (4 if keep.previews else 3) + gradients


def _tensor(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(image))
