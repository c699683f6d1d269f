"""The first five minutes: the paper's Figure 1 in miniature, on look-alikes the prompt doesn't tell apart."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .. import plots, scenes
from ..inversion.base import Inversion, Progress
from ..inversion.base import Path as Route
from ..inversion.ddim import Direct
from ..inversion.null_text import NullText
from ..inversion.table import invert
from ..methods.base import Method
from ..methods.mag_edit import MagEdit
from ..methods.prompt_to_prompt import PromptToPrompt
from ..methods.table import METHODS
from ..model.backbone import Backbone
from ..task import Task
from ..trace.folder import holds_run
from ..trace.resuming import noted, path_of, resume
from ..trace.runner import run
from ..trace.trace import Trace

GUIDED = "P2P+MAG-Edit"
VIVID = ("red", "orange", "yellow", "green", "blue", "purple")


@dataclass(frozen=True)
class Demo:
    """The demo's numbers; `stop_step` None guides the first half of the steps.

    inversion: direct, which keeps thin parts, such as handles, better here than null-text, at an eighth of its time.
    null_text: the paper's, for tables. rate: three times the published one: the shipped model's embeddings are small,
    and its pictures come back closer.
    """

    seed: int = scenes.HELD_OUT + 7
    steps: int = 20
    guidance_scale: float = 4.0
    inner: int = 3
    rate: float = 0.03
    loss: str = "token_ratio"
    iterations: int = 3
    stop_step: int | None = None
    step_size: float = 5.0

    @property
    def inversion(self) -> Direct:
        return Direct(self.steps, self.guidance_scale)

    @property
    def null_text(self) -> NullText:
        return NullText(self.steps, self.guidance_scale, self.inner, self.rate)

    @property
    def methods(self) -> dict[str, Method]:
        return {"P2P": PromptToPrompt(), "P2P+Mask": METHODS["p2p+mask"], GUIDED: self.guided}

    @property
    def guided(self) -> MagEdit:
        names = ("loss", "iterations", "stop_step", "step_size")
        return MagEdit(**{name: getattr(self, name) for name in names})


def complex_scene(seed: int) -> scenes.Scene:
    """Three plain objects of different colours, two of them of one kind."""
    return look_alikes(seed)[0]


def complex_task(seed: int) -> Task:
    """One of two look-alikes, which the prompt doesn't tell apart, is to be recoloured."""
    scene, order, new = look_alikes(seed)
    names = [[scene.things[i].kind] for i in order]
    source, target = (
        scenes.sentence(scene, map(scenes.phrase, [[*more, *names[0]], *names[1:]])) for more in ([], [new])
    )
    return Task(scene.image, scene.masks[order[0]], source, target, new)


def ideal(seed: int) -> Image.Image:
    """The perfect edit of `complex_task(seed)`, drawn anew."""
    scene, order, new = look_alikes(seed)
    return scenes.edited(scene, int(order[0]), colour=new).image


def look_alikes(seed: int) -> tuple[scenes.Scene, np.ndarray, str]:
    """A scene, its objects with the two of one kind first, and a colour that nothing in it has."""
    rng = np.random.default_rng([1, seed])
    scene = scenes.sample(seed, count=3)
    kinds = rng.permutation(scenes.KINDS)[[0, 0, 1]]
    colours = rng.permutation(list(scenes.COLOURS))[:3]
    present = {*colours, scene.wall, scene.table}
    new = str(rng.choice([c for c in VIVID if c not in present]))
    things, order = list(scene.things), rng.permutation(3)
    for index, kind, colour in zip(order, kinds, colours, strict=True):
        things[index] = replace(things[index], kind=str(kind), colour=str(colour), texture="plain")
    return replace(scene, things=tuple(things)), order, new


def colour_of(trace: Trace) -> str:
    """The colour word nearest to the result's mean colour well inside the mask."""
    if trace.result is None:
        raise ValueError("expected a finished trace, got one without a result; run it to its last step")
    return scenes.nearest_colour(trace.result, trace.task.region.numpy())


def play(
    net: Backbone, demo: Demo, progress: Progress, out: Path | None = None, again: bool = False
) -> dict[str, Trace]:  # fmt: skip
    """Invert once, edit with each method; `progress(done, of)` counts the steps of all of it.

    out: each method's run grows in a folder of its own in there; an earlier demo's are given up, or, with `again`, gone
    on with: ValueError where they are of other settings.
    """
    task, of = complex_task(demo.seed), demo.steps * (1 + len(demo.methods))

    def after(steps: int) -> Progress:
        return lambda done, _: progress(steps + done, of)

    if out is None:
        path = invert(net, task, demo.inversion, after(0))
        methods = enumerate(demo.methods.items(), 1)
        return {name: run(net, task, path, m, progress=after(i * demo.steps)) for i, (name, m) in methods}
    return _played(net, demo, task, after, out, again)


def _played(
    net: Backbone, demo: Demo, task: Task, after: Callable[[int], Progress], out: Path, again: bool
) -> dict[str, Trace]:  # fmt: skip
    """The same, in folders: the first run has the inversion, whose path the others take."""
    path: Route | Inversion = demo.inversion
    traces = {}
    for i, (name, method) in enumerate(demo.methods.items(), 1):
        folder, steps = out / name, after(i * demo.steps)
        if again and holds_run(folder):
            _require_own(folder, demo)
            traces[name] = resume(folder, net, method, steps, after(0))
        else:
            kept: dict[str, Any] = {"out": folder, "force": True, "notes": vars(demo)}
            traces[name] = run(net, task, path, method, None, steps, inverting=after(0), **kept)
        path = path_of(folder, net)
    return traces


def _require_own(folder: Path, demo: Demo) -> None:
    notes, _ = noted(folder)
    if notes != vars(demo):
        raise ValueError(f"expected the demo with {vars(demo)} in {str(folder)!r}, got {notes}; leave out --resume")


def write(traces: Mapping[str, Trace], out: Path) -> Iterator[tuple[Path, str]]:
    """Write the figures and MAG-Edit's trace into `out`; yields each path with a few words on it."""
    out.mkdir(parents=True, exist_ok=True)
    guided = traces[GUIDED]
    figures = {
        "comparison": (plots.comparison(traces), "the source with its mask, and the three edits"),
        "loss": (plots.loss_curves(guided), "MAG-Edit's loss at every nudge"),
        "attention": (plots.attention_before_after(guided), "the edit word's attention, before and after"),
        "gradient": (plots.gradient_inside_outside(guided), "gradient size inside and outside the mask"),
    }
    for name, (figure, words) in figures.items():
        figure.save(out / f"{name}.png")
        yield out / f"{name}.png", words
    yield guided.save(out / "trace"), "the whole run, for mag.load"
