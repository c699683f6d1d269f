"""`magedit-lab train`: the room's models, from nothing, from another model's weights, or from where they stand."""

import argparse
import os
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .common import NEEDED, claim, command

if TYPE_CHECKING:
    from ..training import Plan

PARTS = ("vae", "decoder", "diffusion", "clip")


def add(commands: Any, name: str) -> None:
    parser = command(commands, name, train)
    parser.add_argument(
        "what", choices=("data", *PARTS, "all", "export"),
        help="which part; a part alone takes the pictures that there are, `data` makes them; "
        "export: the weights' average of a run under way as a model",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, help="folder for data, checkpoints and the models", **NEEDED)
    parser.add_argument(
        "--preset", choices=("cpu", "gpu", "further", "tabletop", "tiny"), default="cpu",
        help="cpu: hours on two cores; gpu: ten minutes of an H100; further: more of --start's room model; "
        "tabletop: that model's decoder (data, then decoder); tiny: seconds, to try the commands",
    )  # fmt: skip
    parser.add_argument("--start", help="a model's folder whose weights training begins with, where shapes allow")
    parser.add_argument("--to", type=Path, help="export: the folder of the model that is written")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop, saved, after so long")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoints in the folder")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="CPU threads")
    parser.add_argument("--workers", type=int, default=0, help="processes that trace rooms; 0: this one")


def train(arguments: argparse.Namespace) -> None:
    """Trace rooms and train on them, a line of metrics every 25 steps on stderr."""
    from .. import training

    _prepare(arguments.threads)
    plan: Plan = getattr(training.Plan, arguments.preset)()
    if arguments.start is not None:
        plan = replace(plan, start=arguments.start)
    if arguments.what == "export":
        return _export(arguments, plan)
    parts = [part for part in PARTS if arguments.what in (part, "all")]
    if not arguments.resume:
        training.require_new(arguments.out, parts)
    claim(arguments.out)
    training.bind(arguments.out, plan)
    end = time.monotonic() + 60 * arguments.minutes
    for stage in _stages(arguments, plan, parts):
        with closing(stage) as rows:
            if not _train(rows, end):
                print(f"stopped after {arguments.minutes:g} minutes; go on with the same command and --resume")
                return None
    training.record(arguments.out, plan)
    return None


def _prepare(threads: int) -> None:
    import torch

    if threads < 1:
        raise ValueError(f"expected 1 thread or more, got {threads}; leave --threads out for all")
    torch.set_flush_denormal(True)
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True
    torch.set_num_threads(threads)


def _stages(arguments: argparse.Namespace, plan: "Plan", parts: list[str]) -> Iterator[Generator[dict[str, Any]]]:
    from .. import training

    if arguments.what in ("data", "all"):
        folder = arguments.out / "data"
        if arguments.preset == "tabletop":
            yield training.draw_tabletop(folder, plan)
        else:
            yield training.draw(folder, plan, arguments.workers)
    for part in parts:
        yield training.TRAINERS[part](arguments.out, plan)


def _export(arguments: argparse.Namespace, plan: "Plan") -> None:
    from .. import training

    if arguments.to is None:
        raise ValueError("expected --to FOLDER with export, got none; name the model's folder")
    step = training.export(arguments.out, plan, arguments.to)
    training.record(arguments.out, plan, arguments.to)
    print(f"{arguments.to}: the average at step {step}")


def _train(rows: Iterator[dict[str, Any]], end: float) -> bool:
    """Whether the stage came to its end in time."""
    for row in rows:
        if row.get("step", 0) % 25 == 0:
            print("  ".join(f"{k} {float(v):.5g}" for k, v in row.items()), file=sys.stderr, flush=True)
        if time.monotonic() > end:
            return False
    return True
