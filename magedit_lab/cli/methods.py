"""`magedit-lab methods`: what there is to edit with, and what can be set."""

import argparse
from typing import Any

from ..methods.base import Method
from ..methods.table import METHODS
from ..settings import Field, table
from .common import command


def add(commands: Any, name: str) -> None:
    parser = command(commands, name, methods)
    parser.add_argument("method", nargs="?", choices=METHODS, metavar="METHOD", help="one of them; else all are listed")


def methods(arguments: argparse.Namespace) -> None:
    """A line for each method, or for each setting of one."""
    if arguments.method:
        _print([(row.name, _value(row), row.help) for row in table(METHODS[arguments.method])])
    else:
        _print([(name, _mask(method), method.reference) for name, method in METHODS.items()])


def _mask(method: Method) -> str:
    return "reads the mask" if method.needs_mask else ""


def _value(row: Field) -> str:
    """The default, and what else may be."""
    if row.choices:
        return f"{row.value} of {', '.join(map(str, row.choices))}"
    return f"{row.value}"


def _print(rows: list[tuple[str, str, str]]) -> None:
    widths = [max((len(row[i]) for row in rows), default=0) for i in (0, 1)]
    for name, value, words in rows:
        print(f"{name:{widths[0]}}  {value:{widths[1]}}  {words}".rstrip())
