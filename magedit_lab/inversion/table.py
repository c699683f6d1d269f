"""Inversions by name, and the way to call them."""

from collections import ChainMap
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path as Folder
from typing import Any

from ..model.backbone import Backbone
from ..settings import named
from ..task import Task
from . import cache as kept
from .base import Inversion, Path, Progress
from .ddim import DDIM, Direct, NegativePrompt
from .null_text import NullText
from .proximal import Proximal
from .rf_inversion import Noised, RFInversion
from .stopped import Stopped

INVERSIONS: dict[str, Inversion] = {
    "null-text": NullText(),
    "ddim": DDIM(),
    "negative-prompt": NegativePrompt(),
    "direct": Direct(),
    "proximal": NegativePrompt(proximal=Proximal()),
}

FLOW_INVERSIONS: dict[str, Inversion] = {"rf-inversion": RFInversion(), "none": Noised()}
ALL_INVERSIONS: Mapping[str, Inversion] = ChainMap(INVERSIONS, FLOW_INVERSIONS)  # a view of both


def invert(
    net: Backbone, task: Task, inversion: Inversion | str, progress: Progress | None = None, *,
    cache: Folder | str | None = None, **settings: Any,
) -> Path:  # fmt: skip
    """The path of the task's image under its source prompt; `progress(done, of)` is called as it goes.

    inversion: an Inversion, or a name of ALL_INVERSIONS; settings, such as steps=20, change it.
    cache: a folder where paths are kept: what was inverted once is read and calls no model.

    A KeyboardInterrupt comes as `Stopped`, which says in one line how far it was.
    """
    chosen = named(ALL_INVERSIONS, inversion, "inversion")
    chosen = replace(chosen, **settings) if settings else chosen
    file = kept.place(cache, net, task, chosen) if cache is not None else None
    if file and file.exists():
        return kept.read(file, net, chosen)
    path = _stoppable(chosen, net, task, progress or (lambda done, of: None))
    if file:
        kept.write(file, path)
    return path


def _stoppable(inversion: Inversion, net: Backbone, task: Task, progress: Progress) -> Path:
    last = (0, 0)

    def counted(done: int, of: int) -> None:
        nonlocal last
        last = (done, of)
        progress(done, of)

    try:
        return inversion(net, net.encode(task.image), net.embed(task.source), counted)
    except KeyboardInterrupt:
        raise Stopped(f"stopped while inverting, at {last[0]} of {last[1]} steps") from None
