"""What several commands share: loading, progress, and saying what was written."""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..backbone import Backbone, quiet
from ..inversion import DDIM, INVERSIONS, NullText

NEEDED: dict[str, Any] = {"required": True, "default": argparse.SUPPRESS}


def command(commands: Any, name: str, function: Callable, words: str) -> argparse.ArgumentParser:
    """A subcommand that runs `function`."""
    shown = argparse.ArgumentDefaultsHelpFormatter
    parser = commands.add_parser(name, help=words, description=words, formatter_class=shown)
    parser.set_defaults(run=function)
    return parser


def inversion(arguments: argparse.Namespace) -> DDIM | NullText:
    """The inversion of its name, with the settings that were asked for."""
    a = arguments
    usual = INVERSIONS[a.inversion]
    return replace(usual, steps=a.steps, guidance_scale=a.guidance_scale, fixed_point=a.fixed_point)


def require_both(arguments: argparse.Namespace) -> None:
    """ValueError for a dataset's format without its folder, and the other way round."""
    if (arguments.format is None) != (arguments.data is None):
        raise ValueError("expected --format and --data together, got one of the two")


def report(written: Iterator[tuple[Path, str]]) -> None:
    for path, words in written:
        print(f"{path}: {words}")


def load(name: str, device: str | None = None) -> Backbone:
    """`Backbone.load` without the libraries' progress bars and notices."""
    quiet()
    return Backbone.load(name, device)


class Bar:
    """A tqdm bar on stderr that is called with (done, of)."""

    def __init__(self, words: str) -> None:
        self.bar = tqdm(desc=words, unit="step", file=sys.stderr)

    def __call__(self, done: int, of: int) -> None:
        self.bar.total = of
        self.bar.update(done - self.bar.n)

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()
