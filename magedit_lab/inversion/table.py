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
    """
    chosen = named(ALL_INVERSIONS, inversion, "inversion")
    chosen = replace(chosen, **settings) if settings else chosen
    file = kept.place(cache, net, task, chosen) if cache is not None else None
    if file and file.exists():
        return kept.read(file, net, chosen)
    path = chosen(net, net.encode(task.image), net.embed(task.source), progress or (lambda done, of: None))
    if file:
        kept.write(file, path)
    return path
