"""RoomBench: 200 edits of rooms that no model was trained on, with exact masks and ideal edits."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from ...prompts import words
from ...scenes.room import (
    COLOURS,
    FINISHES,
    HELD_OUT,
    KINDS,
    Scene,
    Thing,
    edited,
    part_edited,
    phrase,
    removed,
    sample,
    sentence,
)  # fmt: skip
from ...task import Task
from ..cases import Case
from .edit import Edit

CHANGES = ("colour", "finish", "object", "part", "removal")
COUNT = 200
STRIDE = 400  # seeds kept for a case: the first whose scene allows the change
SETS = {"table": HELD_OUT + 1_000_000, "tuning": HELD_OUT + 2_000_000, "ablation": HELD_OUT + 3_000_000}
LEAST = 56  # pixels: 3.5 cells of 16, the side of a square as large as the box around what is edited
LOUD = 12.0  # mean difference of source and ideal there, of 255: an edit must be seen


@dataclass(frozen=True, eq=False)
class RoomCase(Case):
    """A case with the scenes that its judge needs. seed: the scene's."""

    edit: Edit = field(kw_only=True)
    seed: int = field(kw_only=True)


def cases(count: int = COUNT, of: str = "table") -> Iterator[RoomCase]:
    """The first `count` cases of a set (table, tuning, ablation); no scene is in two sets.

    Changes take turns, then simple and complex, then one word and two: multiples of 20 are balanced.
    """
    if of not in SETS:
        raise ValueError(f"no such set of cases: {of!r}; choose from: {', '.join(SETS)}")
    for number in range(count):
        yield case(number, of)


def name(number: int, of: str = "table") -> str:
    """What the case of that number is called."""
    return f"room-{of}-{number:03d}"


def case(number: int, of: str = "table") -> RoomCase:
    """One case: the first of its seeds whose scene allows the change. Raises RuntimeError where none does."""
    first = SETS[of] + number * STRIDE
    change, complex_scene = CHANGES[number % 5], number // 5 % 2 == 1
    for seed in range(first, first + STRIDE):
        rng = np.random.default_rng([16, seed])
        scene = sample(seed)
        for index in map(int, rng.permutation(len(scene.things))):
            twins = sum(t.kind == scene.things[index].kind for t in scene.things)
            if (twins > 1) != complex_scene or not (asked := _asked(rng, scene, index, change, number // 10 % 2 == 1)):
                continue
            edit, prompts, target_words = asked
            if _fits(edit, prompts[1], target_words):
                return _case(name(number, of), edit, prompts, target_words, complex_scene, seed)
    raise RuntimeError(f"no scene of seeds {first} to {first + STRIDE - 1} allows {change}")


Asked = tuple[Edit, tuple[str, str], tuple[str, ...]]


def _asked(rng: np.random.Generator, scene: Scene, index: int, change: str, two: bool) -> Asked | None:
    """An edit of a thing, source and target prompt, and the target's edit words; None where there is none."""
    thing = scene.things[index]
    if change == "removal":
        return _removal(scene, index)
    if change == "part":
        return _part(rng, scene, index)
    taken = {scene.wall, scene.ground, *(t.colour for t in scene.things), *(t.finish for t in scene.things)}
    kinds = {t.kind for t in scene.things}
    free = {
        "colour": [x for x in COLOURS if x not in taken],
        "finish": [x for x in FINISHES if x not in taken and x != "plain"],
        "kind": [x for x in thing.replacements if x not in kinds],
    }
    names = {"colour": ["colour"], "finish": ["finish"], "object": ["kind"]}[change]
    names = ["colour", *names] if two and change != "colour" else names
    if not all(free[name] for name in names):
        return None
    new = {name: str(rng.choice(free[name])) for name in names}
    after = [new[name] for name in ("colour", "finish") if name in new] + [new.get("kind", thing.kind)]
    return Edit(scene, edited(scene, index, **new), index, change), _said(scene, index, after), tuple(new.values())


def _part(rng: np.random.Generator, scene: Scene, index: int) -> Asked | None:
    """`a sofa with a seat` to `a sofa with a yellow seat`."""
    thing = scene.things[index]
    taken = {scene.wall, scene.ground, *(t.colour for t in scene.things)}
    colours, parts = [c for c in COLOURS if c not in taken], [p.name for p in KINDS[thing.kind].parts[1:]]
    if not colours or not parts:
        return None
    part, new = str(rng.choice(parts)), str(rng.choice(colours))
    ways = [phrase([thing.kind, "with", *w]) for w in (_some([part]), _some([new, part]))]
    source, target = (_sentence(scene, index, way) for way in ways)
    return Edit(scene, part_edited(scene, index, part, new), index, "part", part), (source, target), (new,)


def _some(part: list[str]) -> list[str]:
    """`a seat`, but `legs`."""
    return part if part[-1].endswith(("s", "leaves")) else phrase(part).split()


def _removal(scene: Scene, index: int) -> Asked | None:
    """The thing leaves the prompt; the edit word is what was behind or beneath it."""
    thing = scene.things[index]
    if len(scene.things) == 1 or any(t.on == index for t in scene.things):
        return None
    behind = "wall" if thing.place == "wall" else scene.surface
    word = behind if thing.on is None else scene.things[thing.on].kind
    source = _sentence(scene, index, phrase([thing.kind]))
    return Edit(scene, removed(scene, index), index, "removal"), (source, _sentence(scene, index, None)), (word,)


def _said(scene: Scene, index: int, after: list[str]) -> tuple[str, str]:
    kind = phrase([scene.things[index].kind])
    return _sentence(scene, index, kind), _sentence(scene, index, phrase(after))


def _sentence(scene: Scene, index: int, way: str | None) -> str:
    """The edited thing first, then each other by its kind alone: look-alikes are not told apart."""
    rest = [phrase([t.kind]) for i, t in enumerate(scene.things) if i != index]
    return sentence(scene, [way, *rest] if way else rest)


def _fits(edit: Edit, target: str, target_words: tuple[str, ...]) -> bool:
    """Words named once, what is edited large enough, and the ideal edit seen."""
    if any(len(words.occurrences(target, word)) != 1 for word in target_words):
        return False
    rows, columns = np.nonzero(edit.mask >= 0.5)
    if not len(rows) or ((np.ptp(rows) + 1) * (np.ptp(columns) + 1)) ** 0.5 < LEAST or not edit.worn.any():
        return False
    before, after = (np.asarray(s.image, np.float64) for s in (edit.source, edit.ideal))
    return bool(np.abs(before - after)[edit.worn].mean() >= LOUD)


def _case(
    name: str, edit: Edit, prompts: tuple[str, str], target_words: tuple[str, ...], complex_scene: bool, seed: int
) -> RoomCase:
    task = Task(edit.source.image, edit.mask, *prompts, target_words)
    made = _made(edit, target_words)
    return RoomCase(name, task, edit.change, made, complex_scene, edit.ideal.image, edit=edit, seed=seed)


def _made(edit: Edit, target_words: tuple[str, ...]) -> str:
    """The edited thing in words: for a part, its colour and name; after a removal, what is there instead."""
    if edit.change == "removal":
        return phrase(list(target_words))
    if edit.change == "part":
        return phrase([*target_words, edit.part])
    thing: Thing = edit.ideal.things[edit.index]
    return phrase(thing.words)
