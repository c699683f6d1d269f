"""Run a role's edits on a candidate, and say how well it meets the role's criterion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...inversion.base import Inversion
from ...inversion.table import invert
from ...model.backbone import Backbone
from ...trace.record import SCORED
from ...trace.runner import run
from ..cases import Case
from .roles import Role
from .take import Take
from .worlds import World


def audition(net: Backbone, role: Role, case: Case, inversion: Inversion, scores: Any) -> dict[str, Take]:
    """All of a role's edits of one candidate, from one inversion."""
    task, _ = case.task.fit(net.size, net.size)
    path, takes = invert(net, task, inversion), {}
    for name, method in role.methods.items():
        picture = run(net, task, path, method, SCORED).result
        assert picture is not None
        takes[name] = Take(scores(case, task, picture), picture, task.region.numpy())
    return takes


def cast(
    net: Backbone, role: Role, world: World, count: int, inversion: Inversion, first: int = 0
) -> Iterator[tuple[dict[str, Any], dict[str, Take]]]:
    """A row for each candidate, with its margin and each edit's scores, and the edits themselves."""
    scores = world.judge()
    for number in range(first, first + count):
        case = world.candidate(number, role.change, role.complex_scene)
        takes = audition(net, role, case, inversion, scores)
        row = {"number": number, "case": case.name, "target": case.task.target, "margin": round(role.margin(takes), 4)}
        numbers = ("success", "ideal", "structure", "psnr")
        row |= {name: {k: round(float(take.scores[k]), 4) for k in numbers} for name, take in takes.items()}
        yield row, takes


def chosen(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The row with the largest margin. ValueError where no candidate meets the criterion."""
    best = max(rows, key=lambda row: row["margin"])
    if best["margin"] <= 0:
        raise ValueError(
            f"expected a candidate that meets the criterion, got {len(rows)} of which the best misses it by "
            f"{-best['margin']:.3f}; cast more, or change the claim"
        )
    return best
