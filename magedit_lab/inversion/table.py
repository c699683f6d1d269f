"""Inversions by name, and the way to call them."""

from dataclasses import replace
from typing import Any

from ..model.backbone import Backbone
from ..settings import named
from ..task import Task
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
ALL_INVERSIONS = INVERSIONS | FLOW_INVERSIONS


def invert(
    net: Backbone, task: Task, inversion: Inversion | str, progress: Progress | None = None, **settings: Any
) -> Path:
    """The path of the task's image under its source prompt; `progress(done, of)` is called as it goes.

    inversion: an Inversion, or a name of ALL_INVERSIONS; settings, such as steps=20, change it.
    """
    chosen = named(ALL_INVERSIONS, inversion, "inversion")
    chosen = replace(chosen, **settings) if settings else chosen
    return chosen(net, net.encode(task.image), net.embed(task.source), progress or (lambda done, of: None))
