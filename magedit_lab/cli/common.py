"""What several commands share: loading, progress, and saying what was written."""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..inversion.base import Inversion
from ..inversion.table import INVERSIONS
from ..model.backbone import Backbone
from ..settings import change

NEEDED: dict[str, Any] = {"required": True, "default": argparse.SUPPRESS}


def command(commands: Any, name: str, function: Callable, words: str) -> argparse.ArgumentParser:
    """A subcommand that runs `function`."""
    shown = argparse.ArgumentDefaultsHelpFormatter
    parser = commands.add_parser(name, help=words, description=words, formatter_class=shown)
    parser.set_defaults(run=function)
    return parser


def inversion(arguments: argparse.Namespace) -> Inversion:
    """The inversion of its name, with the settings that were asked for."""
    names = ("steps", "guidance_scale", "fixed_point")
    return change(INVERSIONS[arguments.inversion], {name: getattr(arguments, name) for name in names})


def require_both(arguments: argparse.Namespace) -> None:
    """ValueError for a dataset's format without its folder, and the other way round."""
    if (arguments.format is None) != (arguments.data is None):
        raise ValueError("expected --format and --data together, got one of the two")


def report(written: Iterator[tuple[Path, str]]) -> None:
    for path, words in written:
        print(f"{path}: {words}")


def load(name: str, device: str | None = None) -> Backbone:
    """`Backbone.load` without the libraries' progress bars and notices."""
    return Backbone.load(name, device)


class Bar:
    """A tqdm bar on stderr that is called with (done, of), and is not there before."""

    def __init__(self, words: str) -> None:
        self.words = words
        self.bar: tqdm | None = None

    def __call__(self, done: int, of: int) -> None:
        if self.bar is None:
            self.bar = tqdm(desc=self.words, unit="step", file=sys.stderr, total=of)
        self.bar.total = of
        self.bar.update(done - self.bar.n)

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()
