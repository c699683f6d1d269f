"""`magedit-lab methods`: what there is to edit with, and the settings of each."""

import argparse
from collections.abc import Sequence
from typing import Any

from ..methods.base import Method
from ..methods.table import METHODS
from ..settings import Field, table
from .common import command

STEPS = 50  # of the run for which nudges are counted
HEAD = ("method", "after", "needs the mask", "keeps the outside", f"nudges in {STEPS} steps")
SETTINGS_HEAD = ("setting", "value", "may be", "what it does")
Rows = list[tuple[str, ...]]


def add(commands: Any, name: str) -> None:
    parser = command(commands, name, methods)
    parser.add_argument("name", nargs="?", choices=METHODS, help="a method, whose settings are listed")
    parser.add_argument("--markdown", action="store_true", help="as a Markdown table, like the one in docs/methods.md")


def methods(arguments: argparse.Namespace) -> None:
    """Print the table."""
    head, rows = (SETTINGS_HEAD, describe(METHODS[arguments.name])) if arguments.name else (HEAD, overview())
    print(markdown(head, rows) if arguments.markdown else aligned(head, rows))


def overview() -> Rows:
    """A row for each method: its name, its paper, whether it needs the mask, what it keeps, and its planned nudges."""
    return [
        (name, m.reference, _spoken(m.needs_mask), _spoken(m.keeps_outside), f"{sum(m.nudges(STEPS))}")
        for name, m in METHODS.items()
    ]


def describe(method: Method) -> Rows:
    """A row for each setting of a method: its name, its value, what else it may be, and its help."""
    return [(row.name, _spoken(row.value), _range(row), row.help) for row in table(method)]


def aligned(head: Sequence[str], rows: Rows) -> str:
    """Columns for a terminal."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = (zip(row, widths, strict=True) for row in (head, *rows))
    return "\n".join("  ".join(cell.ljust(width) for cell, width in line).rstrip() for line in lines)


def markdown(head: Sequence[str], rows: Rows) -> str:
    """A Markdown table, the first column as code."""
    body = [[f"`{first}`", *rest] for first, *rest in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *body))


def _range(row: Field) -> str:
    if row.kind == "yes":
        return "yes, no"
    if row.kind == "choice":
        return ", ".join(map(_spoken, row.choices))
    number = (
        "a number" if row.kind == "number" else "a whole number" + (" or none" if row.kind == "maybe-whole" else "")
    )
    if row.most is not None:
        return f"{number}, {row.least:g} to {row.most:g}"
    return number if row.least is None else f"{number}, {row.least:g} or more"


def _spoken(value: Any) -> str:
    """A value as `--set` takes it."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)
