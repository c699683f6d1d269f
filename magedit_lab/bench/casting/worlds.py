"""Where scenes to choose from come from. A new world is one entry: its candidates, and how they are judged."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image

from ... import scenes
from ...task import Task
from .. import tabletop
from ..cases import Case
from ..judges import Judges
from .roles import ROLES

Scores = Mapping[str, Any]
FIRST = scenes.HELD_OUT + 4_000  # the first scene to choose from; tuning and TabletopBench have others


@dataclass(frozen=True)
class World:
    """candidate: the case of a number, a change (colour, texture, ...), and whether it has look-alikes.

    judge: gives a function of a case, its fitted task and a picture; its scores have at least `success` (0 or 1),
    `ideal` (error to the ideal edit) and `structure`, as `Judges.scores` has them.
    """

    candidate: Callable[[int, str, bool], Case]
    judge: Callable[[], Callable[[Case, Task, Image.Image], Scores]]


def of_tabletop(number: int, change: str, complex_scene: bool) -> Case:
    """A case of the tabletop that is neither in the benchmark nor in what settings were chosen by."""
    place = tabletop.CHANGES.index(change) + 4 * complex_scene
    case = tabletop.case(place, FIRST + number)
    return replace(case, name=f"cast-{change}-{'complex' if complex_scene else 'simple'}-{number:03d}")


WORLDS: dict[str, World] = {"tabletop": World(of_tabletop, lambda: Judges.load().scores)}

# What `magedit-lab bench cast` chose, by world and role: the candidate's number. docs/casting.md has the table.
CAST: dict[str, dict[str, int]] = {"tabletop": {"keep": 1, "loss": 0}}


def hero(role: str, world: str = "tabletop") -> Case:
    """The case that was chosen for a role. ValueError for a role without one."""
    if role not in ROLES or role not in CAST[world]:
        raise ValueError(f"expected a role that is cast: {', '.join(CAST[world])}; got {role!r}")
    return WORLDS[world].candidate(CAST[world][role], ROLES[role].change, ROLES[role].complex_scene)
