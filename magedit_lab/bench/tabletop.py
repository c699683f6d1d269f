"""TabletopBench: edits of scenes that are drawn, so that the ideal edit is known."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from .. import scenes
from ..prompts import words
from ..task import Task
from .cases import Case

FIRST = scenes.HELD_OUT + 10_000  # TabletopBench's first scene; seeds below are for tuning
FIRST_TUNING = scenes.HELD_OUT + 2_000
CHANGES = ("colour", "texture", "object", "removal")


def cases(count: int = 200) -> Iterator[Case]:
    """The first `count` of a fixed list, on scenes that no model of ours was trained on.

    Changes take turns, and so do simple and complex scenes: any multiple of 8 is balanced.
    """
    for number in range(count):
        yield case(number, FIRST + number)


def tuning(count: int = 200) -> Iterator[Case]:
    """The same kinds of cases on other scenes, to choose settings by before anything is measured."""
    for number in range(count):
        yield replace(case(number, FIRST_TUNING + number), name=f"tuning-{number:03d}")


def case(number: int, seed: int) -> Case:
    """Three objects; one changes. In complex scenes a second one is of its kind and has the same words."""
    rng = np.random.default_rng([2, seed])
    change, complex_scene = CHANGES[number % 4], number // 4 % 2 == 1
    scene, order = _scene(rng, seed, complex_scene, change)
    chosen = int(order[0])
    thing = scene.things[chosen]
    before, after, goal = _edit(rng, scene, thing, change)
    others = [[scene.things[i].kind] for i in order[1:]]
    if complex_scene:
        others[0] = before  # the look-alike is described alike
    source, target = (scenes.sentence(scene, map(scenes.phrase, [w, *others])) for w in (before, after))
    (new,) = [w for w in after if w not in before]
    return Case(
        f"tabletop-{number:03d}", Task(scene.image, scene.masks[chosen], source, target, _named(target, new)), change,
        scenes.phrase(goal.words), complex_scene, scenes.edited(scene, chosen, **_difference(thing, goal)).image,
        _rivals(goal, change), _negative(scene, thing, change, others),
    )  # fmt: skip


def _scene(rng: np.random.Generator, seed: int, complex_scene: bool, change: str) -> tuple[scenes.Scene, np.ndarray]:
    """Three objects in colours of their own, the one to change first; its texture is what a removal takes away."""
    scene = scenes.sample(seed, count=3)
    kinds = rng.permutation(scenes.KINDS)[[0, 0, 1] if complex_scene else [0, 1, 2]]
    colours, order = rng.permutation(list(scenes.COLOURS))[:3], rng.permutation(3)
    marked = str(rng.choice(scenes.TEXTURES[1:]))
    textures = [marked if change == "removal" else "plain"] * 2 + ["plain"]
    if not complex_scene:
        textures[1] = "plain"
    things = list(scene.things)
    for i, kind, colour, texture in zip(order, kinds, colours, textures, strict=True):
        things[i] = replace(things[i], kind=str(kind), colour=str(colour), texture=texture)
    return replace(scene, things=tuple(things)), order


def _edit(
    rng: np.random.Generator, scene: scenes.Scene, thing: scenes.Thing, change: str
) -> tuple[list[str], list[str], scenes.Thing]:
    """The object's words before and after, and the object that it becomes."""
    if change == "colour":
        present = {scene.wall, scene.table, *(t.colour for t in scene.things)}
        new = str(rng.choice([c for c in scenes.COLOURS if c not in present]))
        return [thing.kind], [new, thing.kind], replace(thing, colour=new)
    if change == "texture":
        new = str(rng.choice(scenes.TEXTURES[1:]))
        return [thing.kind], [new, thing.kind], replace(thing, texture=new)
    if change == "object":
        new = str(rng.choice([k for k in scenes.KINDS if k not in {t.kind for t in scene.things}]))
        return [thing.kind], [new], replace(thing, kind=new)
    return [thing.texture, thing.kind], ["plain", thing.kind], replace(thing, texture="plain")


def _negative(scene: scenes.Scene, thing: scenes.Thing, change: str, others: list[list[str]]) -> tuple[str, str] | None:
    """The old colour or texture, which the source prompt leaves out."""
    if change not in ("colour", "texture"):
        return None
    old = str(getattr(thing, change))
    return scenes.sentence(scene, map(scenes.phrase, [[old, thing.kind], *others])), old


def _named(prompt: str, word: str) -> str:
    """The word, checked to stand in the prompt."""
    words.require(prompt, word)
    return word


def _difference(old: scenes.Thing, new: scenes.Thing) -> dict[str, str]:
    return {k: getattr(new, k) for k in ("colour", "texture", "kind") if getattr(new, k) != getattr(old, k)}


def _rivals(thing: scenes.Thing, change: str) -> tuple[str, ...]:
    """The phrases in which the changed attribute has another value."""
    name, values = {
        "colour": ("colour", tuple(scenes.COLOURS)), "object": ("kind", scenes.KINDS),
    }.get(change, ("texture", scenes.TEXTURES))  # fmt: skip
    others = [replace(thing, **{name: v}) for v in values if v != getattr(thing, name)]  # type: ignore[arg-type]
    return tuple(scenes.phrase(other.words) for other in others)
