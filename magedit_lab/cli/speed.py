"""`magedit-lab bench speed`: what an edit costs on this machine."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from .. import files
from .common import DTYPES, command


def add(which: Any) -> None:
    parser = command(which, "speed", speed, "an edit's seconds, memory and arithmetic against the literal Algorithm 1")
    option = parser.add_argument
    about = "shipped model, folder, hub name, or a published size with random weights: sd1-random, sdxl-random, "
    option("--model", default="tabletop", help=f"{about}sd3-random, flux-random")
    option("--steps", type=int, default=8, help="steps of the edit, of which the first half is guided")
    option("--iterations", type=int, default=15, help="nudges at each guided step")
    option("--dtype", default="float32", choices=DTYPES, help="what the model computes in")
    option("--device", help="cpu, cuda or mps; else a GPU where there is one")
    option("--rounds", type=int, default=3, help="how often each side runs, in turn; the median counts")
    option("--small", action="store_true", help="few channels, of a model with random weights")
    option("--fast", action="store_true", help="with CUDA graphs, TF32 and channels_last (Backbone.compile)")
    option("--no-memory", action="store_true", help="leave out the peak memory, which takes a process for each side")
    option(
        "--gpu-check", action="store_true", help="all that wants a GPU, in under five minutes; --model is sd1-random"
    )
    option("--out", type=Path, help="also write the figures as JSON into this file")


def speed(arguments: argparse.Namespace) -> None:
    """Print the figures; with --out they are kept as JSON too."""
    from ..bench.speed import check, compare

    a = arguments
    if a.rounds < 1:
        raise ValueError(f"expected at least 1 round, got {a.rounds}; raise --rounds")
    if a.gpu_check:
        report = check.run(a.device or "cuda", a.small, _say)
        text = check.markdown(report)
    else:
        work = compare.Work(a.model, a.steps, a.iterations, a.dtype, a.device, a.small, a.fast)
        report = compare.compare(work, a.rounds, not a.no_memory, _say)
        text = compare.markdown(report)
    print(text)
    if a.out:
        files.write_text(a.out, json.dumps(report, indent=1) + "\n")


def _say(what: str) -> None:
    print(f"magedit-lab: {what}", file=sys.stderr, flush=True)
