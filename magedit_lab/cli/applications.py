"""`magedit-lab applications`: an example of each part of the paper's Fig. 9."""

import argparse
from pathlib import Path
from typing import Any

from .. import plots
from ..bench import applications as shown
from ..bench.demo import Demo
from .common import command, load


def add(commands: Any) -> None:
    parser = command(commands, "applications", applications, "the paper's Fig. 9 in miniature, a picture of each")
    parser.add_argument("--model", default="tabletop", help="shipped model or folder")
    parser.add_argument("--out", type=Path, default=Path("out/applications"), help="folder for the pictures")


def applications(arguments: argparse.Namespace) -> None:
    """Run all examples and name the pictures."""
    net, demo = load(arguments.model), Demo()
    for name, traces in shown.examples(net, demo.inversion, demo.guided):
        plots.comparison(traces).save(arguments.out / f"{name}.png")
        print(f"{arguments.out / name}.png: {', '.join(traces)}", flush=True)
