"""Ideal edits: the same scene in which one thing has another colour, finish or kind, or is gone."""

import math
from dataclasses import replace

from .kinds import KINDS
from .scene import Scene
from .things import CHOICES, COLOURS, Thing


def _checked(scene: Scene, index: int) -> Thing:
    if not 0 <= index < len(scene.things):
        raise IndexError(f"expected a thing from 0 to {len(scene.things) - 1}, got {index}")
    return scene.things[index]


def _with(scene: Scene, index: int, thing: Thing, same_shape: bool) -> Scene:
    """The scene with another thing; the geometry is kept where the shapes are the same."""
    things = tuple(thing if i == index else t for i, t in enumerate(scene.things))
    new = replace(scene, things=things)
    if same_shape and "geometry" in scene.__dict__:
        new.__dict__["geometry"] = scene.geometry
    return new


def edited(scene: Scene, index: int, **change: str) -> Scene:
    """The scene in which thing `index` has another `colour`, `finish` or `kind`.

    A colour or finish changes no shape: every pixel that the thing does not touch stays the same. Another kind stands
    in the thing's place, as large; `Thing.replacements` lists those that can. Raises ValueError for other changes.
    """
    thing = _checked(scene, index)
    for name, value in change.items():
        if name not in CHOICES or value not in CHOICES[name]:
            known = ", ".join(CHOICES.get(name, CHOICES))
            raise ValueError(f"no such change {name}={value!r}; choose from: {known}")
    kind = change.pop("kind", thing.kind)
    if kind != thing.kind and kind not in thing.replacements:
        fits = ", ".join(thing.replacements) or "nothing else"
        raise ValueError(f"a {kind} can't stand in the place of this {thing.kind}; what can: {fits}")
    new = replace(thing, **change)  # type: ignore[arg-type]
    return _with(scene, index, new if kind == thing.kind else _replaced(new, kind), kind == thing.kind)


def _replaced(thing: Thing, kind: str) -> Thing:
    """A thing of another kind in a thing's place: as large across, upright, and as far before what is behind it."""
    old, new = KINDS[thing.kind], KINDS[kind]
    size = thing.size * old.across / new.across * (0.88 if thing.place == "seat" else 1.0)
    forward = max(0.0, (new.deep * size - old.deep * thing.size) / 2) if thing.place == "seat" else 0.0
    x, y, z = thing.at
    at = (x + forward * math.sin(thing.yaw), y, z + forward * math.cos(thing.yaw))
    return replace(thing, kind=kind, at=at, size=size, pitch=thing.pitch if kind == "pillow" else 0.0, part_colours=())


def part_edited(scene: Scene, index: int, part: str, colour: str) -> Scene:
    """The scene in which one part of thing `index` has another colour. Raises ValueError for unknown parts, colours."""
    thing = _checked(scene, index)
    names = [p.name for p in KINDS[thing.kind].parts]
    if part not in names or colour not in COLOURS:
        raise ValueError(
            f"expected a part of a {thing.kind} ({', '.join(names)}) and a colour, got {part!r}, {colour!r}"
        )
    others = tuple(p for p in thing.part_colours if p[0] != part)
    return _with(scene, index, replace(thing, part_colours=(*others, (part, colour))), True)


def removed(scene: Scene, index: int) -> Scene:
    """The scene without thing `index`; raises ValueError where another thing stands on it."""
    thing = _checked(scene, index)
    upon = [t.kind for t in scene.things if t.on == index]
    if upon or len(scene.things) == 1:
        why = f"a {upon[0]} stands on it" if upon else "it is the only thing"
        raise ValueError(f"can't remove the {thing.kind}: {why}; remove another thing")

    def moved(on: int | None) -> int | None:
        return on - 1 if on is not None and on > index else on

    rest = tuple(replace(t, on=moved(t.on)) for i, t in enumerate(scene.things) if i != index)
    return replace(scene, things=rest)
