"""`magedit-lab train`: the shipped models, from nothing or from where they stand."""

import argparse
import os
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from .common import NEEDED, command, load


def add(commands: Any, name: str) -> None:
    parser = command(commands, name, train)
    parser.add_argument("what", choices=("vae", "diffusion", "clip", "all"), help="which part")
    parser.add_argument("--out", type=Path, help="folder for data, checkpoints and the models", **NEEDED)
    parser.add_argument(
        "--preset", choices=("cpu", "gpu"), default="cpu", help="a smaller model, or the shipped one's size"
    )
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop, saved, after so long")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoints in the folder")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="CPU threads")


def train(arguments: argparse.Namespace) -> None:
    """Draw scenes and train on them, a line of metrics every 25 steps; the model card is written at the end."""
    import torch

    from .. import training

    torch.set_flush_denormal(True)
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True
    if arguments.threads < 1:
        raise ValueError(f"expected 1 thread or more, got {arguments.threads}; leave --threads out for all")
    torch.set_num_threads(arguments.threads)
    plan, out = getattr(training.Plan, arguments.preset)(), arguments.out
    parts = [part for part in training.TRAINERS if arguments.what in (part, "all")]
    if not arguments.resume:
        training.require_new(out, parts)
    training.bind(out, plan)
    end = time.monotonic() + 60 * arguments.minutes
    stages: list[Generator[dict[str, Any]]] = [training.draw(out / "data", plan)]
    for stage in stages + [training.TRAINERS[part](out, plan) for part in parts]:
        with closing(stage) as rows:
            if not _train(rows, end):
                print(f"stopped after {arguments.minutes:g} minutes; go on with the same command and --resume")
                return
    training.record(out, plan)
    if arguments.what == "all":
        _judge(out)


def _judge(out: Path) -> None:
    """Measure the bars and write the model cards."""
    from ..bench import metrics, model_bars, model_card

    net, clip = load(str(out / "tabletop")), str(out / "tabletop-clip")
    scores = list(model_bars.measure(model_bars.Held(net, metrics.Clip(clip)), model_bars.BARS, out / "scores"))
    model_card.write_sheet(net, out / "tabletop")
    model_card.write_card(out / "tabletop", out / "tabletop-clip", scores)


def _train(rows: Iterator[dict[str, Any]], end: float) -> bool:
    """Whether the stage came to its end in time."""
    for row in rows:
        if row.get("step", 0) % 25 == 0:
            print("  ".join(f"{k} {float(v):.5g}" for k, v in row.items()), flush=True)
        if time.monotonic() > end:
            return False
    return True
