"""Inversions by name, and the way to call them."""

from dataclasses import replace
from typing import Any

from ..model.backbone import Backbone
from ..settings import named
from ..stopped import Stopped
from ..task import Task
from .base import Inversion, Path, Progress
from .ddim import DDIM, Direct, NegativePrompt
from .null_text import NullText
from .proximal import Proximal

INVERSIONS: dict[str, Inversion] = {
    "null-text": NullText(),
    "ddim": DDIM(),
    "negative-prompt": NegativePrompt(),
    "direct": Direct(),
    "proximal": NegativePrompt(proximal=Proximal()),
}


def invert(
    net: Backbone, task: Task, inversion: Inversion | str, progress: Progress | None = None, **settings: Any
) -> Path:
    """The path of the task's image under its source prompt; `progress(done, of)` is called as it goes.

    inversion: an Inversion, or a name of INVERSIONS; settings, such as steps=20, change it. A KeyboardInterrupt becomes
    `Stopped`, one line of where it was.
    """
    chosen = named(INVERSIONS, inversion, "inversion")
    chosen = replace(chosen, **settings) if settings else chosen
    far = (0, 0)

    def told(done: int, of: int) -> None:
        nonlocal far
        far = (done, of)
        if progress:
            progress(done, of)

    try:
        return chosen(net, net.encode(task.image), net.embed(task.source), told)
    except KeyboardInterrupt:
        raise Stopped(f"stopped while inverting, at {far[0]} of {far[1]} steps") from None
