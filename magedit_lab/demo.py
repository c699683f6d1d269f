"""The first five minutes: the paper's Figure 1 in miniature, on a scene that the prompt doesn't tell apart."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from . import plots, scenes
from .backbone import Backbone
from .edit import Method
from .inversion import NullText, invert
from .methods.mag_edit import MagEdit
from .methods.prompt_to_prompt import PromptToPrompt
from .task import Task
from .trace import Trace, run


def _methods() -> dict[str, Method]:
    return {"P2P": PromptToPrompt(), "P2P+Mask": PromptToPrompt(blend="mask"), "P2P+MAG-Edit": MagEdit()}


@dataclass(frozen=True)
class Demo:
    """The demo's settings."""

    seed: int = scenes.HELD_OUT
    inversion: NullText = field(default_factory=lambda: NullText(steps=20, guidance_scale=4.0, inner=5))
    methods: Mapping[str, Method] = field(default_factory=_methods)


def complex_task(seed: int) -> Task:
    """Two plain objects of one kind that the prompt doesn't tell apart, one to take a new colour, and a third."""
    rng = np.random.default_rng([1, seed])
    scene = scenes.sample(seed, count=3)
    things = [replace(t, texture="plain") for t in scene.things]
    kinds = rng.permutation(scenes.KINDS)
    colours = [str(c) for c in rng.permutation(list(scenes.COLOURS))]
    new = str(rng.choice([c for c in ("red", "orange", "yellow", "green", "blue", "purple") if c not in colours[:3]]))
    order = rng.permutation(3)
    for place, index in enumerate(order):
        things[index] = replace(things[index], kind=str(kinds[max(place - 1, 0)]), colour=colours[place])
    scene = replace(scene, things=tuple(things))
    names = [[things[i].kind] for i in order]
    source = scenes.sentence(scene, map(scenes.phrase, names))
    target = scenes.sentence(scene, map(scenes.phrase, [[new, *names[0]], *names[1:]]))
    return Task(scene.image, scene.masks[order[0]], source, target, new)


def colour_of(trace: Trace) -> str:
    """The colour word nearest to the result's mean colour well inside the mask (Euclidean, RGB)."""
    core = trace.task.region.numpy() > 0.9
    if trace.result is None:
        raise ValueError("expected a finished trace, got one without a result; run it to its last step")
    mean = np.asarray(trace.result)[core].mean(0)
    return min(scenes.COLOURS, key=lambda name: float(np.linalg.norm(np.array(scenes.COLOURS[name]) - mean)))


def play(net: Backbone, demo: Demo, progress) -> dict[str, Trace]:
    """Invert once, edit with each method; `progress(done, of)` counts the steps of all of it."""
    task, steps = complex_task(demo.seed), demo.inversion.steps
    of = steps * (2 + len(demo.methods))
    path = invert(net, task, demo.inversion, lambda done, _: progress(done, of))
    traces = {}
    for i, (name, method) in enumerate(demo.methods.items()):
        traces[name] = run(net, task, path, method, progress=lambda done, _, i=i: progress((2 + i) * steps + done, of))
    return traces


def write(traces: Mapping[str, Trace], out: Path) -> Iterator[tuple[Path, str]]:
    """Write the figures and the last trace into `out`; yields each path with a few words on it."""
    out.mkdir(parents=True, exist_ok=True)
    guided = traces["P2P+MAG-Edit"]
    figures = {
        "comparison": (plots.comparison(traces), "source with its mask, and the three edits"),
        "loss": (plots.loss_curves(guided), "MAG-Edit's loss at every inner iteration"),
        "attention": (plots.attention_before_after(guided), "the edit word's attention before and after guidance"),
        "gradient": (plots.gradients(guided), "gradient size inside and outside the mask"),
    }
    for name, (figure, words) in figures.items():
        figure.savefig(out / f"{name}.png")
        yield out / f"{name}.png", words
    yield guided.save(out / "trace"), "the whole run, for Trace.load"
