"""Methods against each other on tasks to tune with, none of which is in the benchmark."""

import runpy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import scenes
from ..inversion.base import Inversion, Progress
from ..inversion.table import invert
from ..methods.base import Method
from ..methods.mag_edit import MagEdit
from ..model.backbone import Backbone
from ..plots.figures import INSIDE, OUTSIDE, TEXT, TITLE, Plot
from ..trace.record import SCORED
from ..trace.runner import run
from . import tabletop
from .cases import Case
from .judges import Judges
from .run import named, summary

FIRST = scenes.HELD_OUT + 1_000  # the first scene; TabletopBench begins at tabletop.FIRST
LOOK_ALIKES = (4, 5)  # the numbers for which tabletop.case changes a colour, or a texture, beside a look-alike


def tasks(count: int = 20) -> list[Case]:
    """Colour and texture edits by turns, in scenes with look-alikes, which need guidance; the ideal edits are known."""
    cases = [tabletop.case(LOOK_ALIKES[i % 2], FIRST + i) for i in range(count)]
    return [replace(case, name=f"tuning-{i:02d}") for i, case in enumerate(cases)]


def measure(
    net: Backbone, entries: Mapping[str, Method], listed: Sequence[Case], inversion: Inversion,
    judges: Judges | None = None, progress: Progress | None = None,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """A row of scores for each case and entry, as `Judges.scores` has them; each case is inverted once."""
    judges, of = judges or Judges.load(), len(listed) * len(entries)
    for place, case in enumerate(listed):
        task, _ = case.task.fit(net.size, net.size)
        path = invert(net, task, inversion)
        for number, (name, method) in enumerate(entries.items(), 1):
            trace = run(net, task, path, method, SCORED)
            assert trace.result is not None
            yield named(case, name) | judges.scores(case, task, trace.result)
            if progress:
                progress(place * len(entries) + number, of)


def entries(folder: str | Path, like: MagEdit) -> dict[str, MagEdit]:
    """An entry for each `.py` file of a folder, by its name: `like` with the file's function `loss(probs, mask, word)`,
    and its `step_size` where it has one; empty where there is no such folder. The files are run.

    ValueError that names the file where it does not run or has no such function.
    """
    methods = {}
    for file in sorted(Path(folder).glob("*.py")):
        try:
            names = runpy.run_path(str(file))
        except Exception as error:  # a student's file may raise anything
            raise ValueError(f"{file.name}: expected a file that runs, got {type(error).__name__}: {error}") from error
        if not callable(names.get("loss")):
            raise ValueError(f"{file.name}: expected a function loss(probs, mask, word), got none; define it")
        step = float(names.get("step_size", like.step_size))
        methods[file.stem] = replace(like, loss=names["loss"], by_sigma=True, step_size=step)
    return methods


def ranked(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The entries' means with 95 % intervals: most successes first, at equal ones the least error to the ideal."""
    return sorted(summary(rows), key=lambda line: (-line["success"][0], line["ideal"][0]))


def text(table: Sequence[Mapping[str, Any]]) -> str:
    """The ranked table as lines of plain text."""
    wide = max([5, *(len(line["setting"]) for line in table)])
    lines = [f"    {'entry':<{wide}}  success           error to ideal    background"]
    for place, line in enumerate(table, 1):
        success, ideal = (_cell(line[column]) for column in ("success", "ideal"))
        lines.append(f"{place:2d}. {line['setting']:<{wide}}  {success}  {ideal}  {line['psnr'][0]:.1f} dB")
    return "\n".join(lines)


def _cell(value: tuple[float, float, float]) -> str:
    mean, low, high = value
    return f"{mean:.2f} [{low:.2f}, {high:.2f}]"


def figure(table: Sequence[Mapping[str, Any]]) -> Plot:
    """Success and error to the ideal edit of each entry with their 95 % intervals, the best on top."""
    if not table:
        raise ValueError("expected at least one entry, got none; measure one first")
    names = [line["setting"] for line in table]
    fig = Plot(figsize=(11.0, 1.6 + 0.55 * len(names)), dpi=110, layout="constrained")
    fig.set_label(f"Leaderboard on {table[0]['cases']} tasks, the best first: {', '.join(names)}")
    looks = (("success", "success ↑", INSIDE), ("ideal", "error to the ideal edit ↓", OUTSIDE))
    for axes, (column, title, colour) in zip(fig.subplots(1, 2, sharey=True), looks, strict=True):
        means, low, high = np.array([line[column] for line in table]).T
        axes.errorbar(means, names, xerr=[means - low, high - means], fmt="o", color=colour, lw=2.4, capsize=5)
        axes.set_xlim(0)
        axes.set_title(title, fontsize=TITLE)
        axes.tick_params(labelsize=TEXT)
        axes.grid(axis="x", color="0.88", lw=0.8)
        axes.spines[["top", "right"]].set_visible(False)
    fig.axes[0].set_ylim(len(names) - 0.5, -0.5)
    return fig
