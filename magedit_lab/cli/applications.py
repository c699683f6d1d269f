"""`magedit-lab applications`: an example of each part of the paper's Fig. 9."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .. import plots
from ..bench import applications as shown
from ..bench.demo import Demo
from .common import claim, command, load, report


def add(commands: Any, name: str) -> None:
    parser = command(commands, name, applications)
    parser.add_argument("--model", default="tabletop", help="shipped model or folder")
    parser.add_argument("--out", type=Path, default=Path("out/applications"), help="folder for the pictures")


def applications(arguments: argparse.Namespace) -> None:
    """Run all examples, and then name the pictures."""
    claim(arguments.out)
    net, demo = load(arguments.model), Demo()

    def written() -> Iterator[tuple[Path, str]]:
        for name, traces in shown.examples(net, demo.inversion, demo.guided):
            path = arguments.out / f"{name}.png"
            plots.comparison(traces).save(path)
            yield path, ", ".join(traces)

    report(written())
