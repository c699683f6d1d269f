"""`magedit-lab study` and `study-report`: blind votes of a class on a benchmark's pictures."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from .. import masks
from ..bench import datasets, run, tabletop
from ..bench.cases import Case
from ..bench.pages import study as votes
from ..bench.pages.report import fitted
from .common import claim, command, require_both


def add(commands: Any, name: str) -> None:
    if name == "study-report":
        _add_report(command(commands, name, report).add_argument)
    else:
        _add_study(command(commands, name, study).add_argument)


def _add_study(add: Callable) -> None:
    add("folder", type=Path, help="the --out of `bench table1`")
    add("--ours", default="p2p+mag-edit", help="the method that is compared with every other")
    add("--pairs", type=int, default=20, help="comparisons on the page, each with three questions")
    add("--seed", type=int, default=0, help="of order and sides")
    add("--format", choices=datasets.FORMATS, help="the dataset that was measured, in place of TabletopBench")
    add("--data", type=Path, help="the dataset's folder")


def _add_report(add: Callable) -> None:
    add("votes", type=Path, nargs="+", help="votes.json of one or more voters")
    add("--ours", default="p2p+mag-edit", help="the method that is compared with every other")


def study(arguments: argparse.Namespace) -> None:
    """Write `study.html` into the folder."""
    require_both(arguments)
    if arguments.pairs < 1:
        raise ValueError(f"expected at least one pair, got {arguments.pairs}")
    if not (arguments.folder / "rows.jsonl").exists():
        raise ValueError(f"expected the --out of a bench table1, got {str(arguments.folder)!r}, which has no rows")
    claim(arguments.folder, "study.html", room=0)
    rows = run.load(arguments.folder)
    names = {row["case"] for row in rows}
    every = datasets.FORMATS[arguments.format](arguments.data) if arguments.format else tabletop.cases()
    known = {case.name: case for case in every if case.name in names}
    rows = [row for row in rows if row["case"] in known]
    prompts = {name: case.task.target for name, case in known.items()}
    chosen = votes.pairs(rows, prompts, arguments.ours, arguments.seed)[: arguments.pairs]
    pictures = arguments.folder / "pictures"
    sources = {pair.case: _source(known[pair.case], pair.ours, pictures) for pair in chosen}
    path = arguments.folder / "study.html"
    votes.write(chosen, sources, pictures, path)
    print(
        f"{path}: {len(chosen)} comparisons; open it in a browser, vote, save, then magedit-lab study-report votes.json"
    )


def _source(case: Case, setting: str, pictures: Path) -> Image.Image:
    return fitted(case, masks.open_image(pictures / f"{case.name}.{setting}.png")).image


def report(arguments: argparse.Namespace) -> None:
    """Print the shares as a Markdown table."""
    print(votes.markdown(votes.shares(votes.votes(arguments.votes), arguments.ours), arguments.ours))
