"""What the paper's Fig. 9 shows: words in balance, objects one after another, a region of an object, a part of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from .. import masks, scenes
from ..inversion.base import Inversion, Path
from ..inversion.table import invert
from ..methods.base import Method
from ..model.backbone import Backbone
from ..task import Task
from ..trace.runner import run
from ..trace.trace import Trace

Run = Callable[[Task, Path], Trace]


def balanced(
    net: Backbone, task: Task, path: Path, method: Method, weights: Sequence[Sequence[float]]
) -> dict[str, Trace]:
    """Fig. 9a: the same task under several weightings of its words (the lambdas of Eq. 5), by `word weight, …`."""
    traces = {}
    for row in weights:
        name = ", ".join(f"{word} {weight:g}" for word, weight in zip(task.words, row, strict=True))
        traces[name] = run(net, replace(task, weights=row), path, method)
    return traces


def one_after_another(net: Backbone, tasks: Sequence[Task], inversion: Inversion, method: Method) -> Iterator[Trace]:
    """Fig. 9b: each task edits the result of the one before; its source prompt is the target before.

    Only the first task's image and source prompt are used as given.
    """
    before: Trace | None = None
    for original in tasks:
        task = original
        if before is not None:
            assert before.result is not None
            task = replace(original, image=before.result, source=before.task.target)
        before = run(net, task, invert(net, task, inversion), method)
        yield before


def within(task: Task, left: float, top: float, right: float, bottom: float) -> Task:
    """Fig. 9c and d: the task with its masks cut down to a share of each mask's bounding box, in 0-1.

    The left half is `within(task, 0.0, 0.0, 0.5, 1.0)`, the upper `within(task, 0.0, 0.0, 1.0, 0.5)`.
    ValueError where nothing is left.
    """
    return replace(task, mask=[_cut(goal.mask.numpy(), (left, top, right, bottom)) for goal in task.goals])


def _cut(mask: np.ndarray, share: tuple[float, float, float, float]) -> np.ndarray:
    left, top, right, bottom = share
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise ValueError(f"expected 0 <= left < right <= 1 and 0 <= top < bottom <= 1, got {share}")
    rows, columns = np.nonzero(mask >= 0.5)
    y0, x0, high, wide = rows.min(), columns.min(), np.ptp(rows) + 1, np.ptp(columns) + 1
    part = np.zeros_like(mask)
    window = np.s_[
        round(y0 + top * high) : round(y0 + bottom * high), round(x0 + left * wide) : round(x0 + right * wide)
    ]
    part[window] = mask[window]
    masks.as_mask(part)
    return part


# ---------------------------------------------------------------- an example of each, on the shipped model


def example_balance(seed: int = scenes.HELD_OUT + 60) -> Task:
    """An object that is to get a colour and a texture at once."""
    scene, kind = _alone(seed, "box")
    return _task(scene, kind, ["green", "striped"])


def example_sequence(seed: int = scenes.HELD_OUT + 61) -> list[Task]:
    """Two objects, recoloured one after the other."""
    scene, kind = _alone(seed, "vase")
    first, other = _task(scene, kind, ["red"]), scene.things[1].kind
    source = first.target
    target = source.replace(scenes.phrase([other]), scenes.phrase(["blue", other]))
    return [first, Task(scene.image, scene.masks[1], source, target, "blue")]


def example_region(seed: int = scenes.HELD_OUT + 62) -> Task:
    """Just the left half of a ball."""
    scene, kind = _alone(seed, "ball")
    return within(_task(scene, kind, ["purple"]), 0.0, 0.0, 0.5, 1.0)


def example_part(seed: int = scenes.HELD_OUT + 63) -> Task:
    """The shade of a lamp, and not its stand."""
    scene, kind = _alone(seed, "lamp")
    return within(_task(scene, kind, ["red"]), 0.0, 0.0, 1.0, 0.55)


def _alone(seed: int, kind: str) -> tuple[scenes.Scene, str]:
    """Two objects of different kinds, the first of them of `kind`, both plain and pale."""
    scene = scenes.sample(seed, count=2)
    other = next(k for k in (scene.things[1].kind, *scenes.KINDS) if k != kind)
    things = zip(scene.things, (kind, other), ("yellow", "white"), strict=True)
    return replace(scene, things=tuple(replace(t, kind=k, colour=c, texture="plain") for t, k, c in things)), kind


def _task(scene: scenes.Scene, kind: str, words: Sequence[str]) -> Task:
    names = [[kind], *([t.kind] for t in scene.things[1:])]
    source, target = (scenes.sentence(scene, map(scenes.phrase, [[*new, kind], *names[1:]])) for new in ([], words))
    return Task(scene.image, scene.masks[0], source, target, words)


def examples(net: Backbone, inversion: Inversion, method: Method) -> Iterator[tuple[str, Mapping[str, Trace]]]:
    """Each application's name, and its traces by what they show."""
    task = example_balance()
    path = invert(net, task, inversion)
    yield "balance", balanced(net, task, path, method, [(1.0, 0.0), (0.5, 0.5), (0.0, 1.0)])
    done = one_after_another(net, example_sequence(), inversion, method)
    yield "sequence", {f"{i}. {trace.task.words[0]}": trace for i, trace in enumerate(done, 1)}
    for name, one in (("region", example_region()), ("part", example_part())):
        yield name, {one.words[0]: run(net, one, invert(net, one, inversion), method)}
