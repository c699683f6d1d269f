"""`magedit-lab demo`: the first five minutes."""

import argparse
from pathlib import Path
from typing import Any

from ..bench import demo as first
from ..model.backbone import Backbone
from ..trace.trace import Trace
from .common import Bar, claim, command, load, report


def add(commands: Any, name: str) -> None:
    parser = command(commands, name, demo)
    parser.add_argument("--model", default="tabletop", help="shipped model, folder or hub name")
    parser.add_argument("--seed", type=int, default=first.Demo().seed, help="which scene")
    parser.add_argument("--more", type=int, default=0, help="so many further scenes, as a count of successes only")
    parser.add_argument("--out", type=Path, default=Path("out/demo"), help="folder for figures and trace")
    parser.add_argument("--resume", action="store_true", help="go on with a demo that was broken off, in that folder")


def demo(arguments: argparse.Namespace) -> None:
    """Edit one of two look-alikes with three methods from one inversion, and write what there is to see."""
    claim(arguments.out)
    net = load(arguments.model)
<<<<<<< HEAD
    traces = _play(net, arguments.seed)
    outputs = list(first.write(traces, arguments.out))
=======
    traces = _play(net, arguments.seed, arguments.out / "runs", arguments.resume)
    written = list(first.write(traces, arguments.out))
>>>>>>> main
    _tell(net, arguments.seed, traces)
    report(iter(outputs))
    hits = dict.fromkeys(traces, 0)
    for seed in range(arguments.seed + 1, arguments.seed + 1 + arguments.more):
        more = _play(net, seed)
        _tell(net, seed, more)
        for name, trace in more.items():
            hits[name] += first.colour_of(trace) == trace.task.words[0]
    if arguments.more:
        print(f"of {arguments.more} further scenes the masked object took its colour in: {hits}")


def _play(net: Backbone, seed: int, out: Path | None = None, again: bool = False) -> dict[str, Trace]:
    """Run the demo on one scene, in folders if one is given."""
    with Bar(f"scene {seed}: invert and edit") as bar:
        return first.play(net, first.Demo(seed=seed), bar, out, again)


def _tell(net: Backbone, seed: int, traces: dict[str, Trace]) -> None:
    """Say what became of the masked object."""
    print(f"{net.name} on {net.device}, scene {seed}: {first.complex_task(seed).target}")
    for name, trace in traces.items():
        share, word = trace.share(trace.task.words[0]), trace.task.words[0]
        print(
            f"{name:>14}: the masked object is now {first.colour_of(trace)}, asked for {word}; "
            f"attention inside the mask {share[0]:.0%} at the first step, {share[len(share) // 2]:.0%} halfway"
        )
