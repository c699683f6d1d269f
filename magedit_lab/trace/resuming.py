"""A run's folder read, and its run taken up again."""

from pathlib import Path as FilePath
from typing import Any

import torch
from torch import Tensor

from .. import files
from ..inversion.base import Path
from ..methods.base import Method
from ..model.backbone import Backbone
from . import describe, reader, storage, writing
from .folder import RunFolder
from .runner import Progress, run_into
from .trace import Trace


def load(folder: str | FilePath, net: Backbone | None = None) -> Trace:
    """The trace of a folder: of a run that is done, stopped, killed or still going, all of its whole steps.

    Previews of a run that did not come to its end are latents; they are decoded by `net`, where one is given.
    """
    return Trace.load(folder, net)


def resume(
    folder: str | FilePath, net: Backbone | None = None, method: Method | None = None,
    progress: Progress | None = None, inverting: Progress | None = None,
) -> Trace:  # fmt: skip
    """Go on with a run from its last whole step, of the inversion too; a run that is done is read.

    On a CPU the result has the bits of a run that was never broken off.

    net: by default the model of the name in run.json; ValueError where its weights are others. method: for one with
    parts of your own (a function as its loss), which a file can't hold.
    """
    root = FilePath(folder)
    trace = Trace.load(root, net)
    if trace.ended == "done":
        return trace
    meta, _ = storage.read_run(root)
    if "model" not in meta:
        raise ValueError(f"expected a run in {str(root)!r}, got a trace that was saved; run it with out= to resume it")
    net = net or _named(meta)
    _require_same(net, meta, root)
    method = method or describe.from_plain(meta["method"])
    with RunFolder.reopen(root) as opened, torch.random.fork_rng(devices=[]):
        trace = Trace.load(root, net)  # with what another writer may have added
        since, rng = writing.read_since(opened, storage.step_numbers(opened.place), net.device)
        torch.set_rng_state(rng)
        path = writing.read_path(opened.place, net.device) or describe.from_plain(meta["inversion"])
        return run_into(opened, trace, net, path, method, progress, inverting, since)


def noted(folder: str | FilePath) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The `notes` and `also` that a run was given; ValueError in one line where its folder can't be read."""
    try:
        meta, place = storage.read_run(FilePath(folder))
        _, tensors = reader.read_tensors(place / "inputs.safetensors", place.name, writing.MOST_INPUTS)
    except Exception as error:  # a harmed file fails in many ways
        raise ValueError(f"cannot read a run from {str(folder)!r}: {files.reason(error)}") from None
    return meta.get("notes", {}), {k.removeprefix("also."): t for k, t in tensors.items() if k.startswith("also.")}


def facts_of(folder: str | FilePath) -> dict[str, Any]:
    """run.json: all that a run was made with; ValueError in one line where there is none."""
    return storage.read_run(FilePath(folder))[0]


def method_of(folder: str | FilePath) -> Method:
    """The method of a run; ValueError for one with parts of the caller's own, which a file can't hold."""
    return describe.from_plain(facts_of(folder)["method"])


def path_of(folder: str | FilePath, net: Backbone) -> Path:
    """The path of a run whose inversion is done, for other runs."""
    _, place = storage.read_run(FilePath(folder))
    path = writing.read_path(place, net.device)
    if path is None:
        raise ValueError(f"expected a run in {str(folder)!r} whose inversion is done, got none; resume it first")
    return path


def _named(meta: dict) -> Backbone:
    """The model that a run names."""
    name, dtype = meta["model"]["name"], meta["model"]["dtype"]
    if meta["model"]["local"]:
        raise ValueError(
            f"expected the model of this run, a folder called {name!r}; pass net=mag.Backbone.load(folder)"
        )
    return Backbone.load(name, dtype=getattr(torch, dtype))


def _require_same(net: Backbone, meta: dict, root: FilePath) -> None:
    own = describe.model(net)
    for what in ("weights", "dtype"):
        begun, here = meta["model"][what][:16], own[what][:16]
        if own[what] != meta["model"][what]:
            raise ValueError(
                f"expected the model that {str(root)!r} was begun with, {what} {begun}, got one with {here}; load that "
                "one, or run anew"
            )
