"""`magedit-lab demo`: the first five minutes."""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .. import files
from ..bench import demo as first
from ..bench.casting import further
from ..inversion.base import Progress
from ..trace.trace import Trace
from .common import Bar, claim, command, load, report


def add(commands: Any, name: str) -> None:
    parser = command(commands, name, demo)
    parser.add_argument("--model", default="tabletop", help="shipped model, folder or hub name")
    parser.add_argument("--seed", type=int, default=first.Demo().seed, help="which scene")
    parser.add_argument(
        "--more", type=int, default=0, help="so many further scenes, as a table; an interrupted run goes on"
    )
    parser.add_argument("--out", type=Path, default=Path("out/demo"), help="folder for figures and trace")
    parser.add_argument("--resume", action="store_true", help="go on with a demo that was broken off, in that folder")


def demo(arguments: argparse.Namespace) -> None:
    """Edit one of two look-alikes with three methods from one inversion, and write what there is to see."""
    claim(arguments.out, further.ROWS, "further.md")
    net, example = load(arguments.model), first.Demo(seed=arguments.seed)
    traces = first.play(net, example, _progress(example.seed), arguments.out / "runs", arguments.resume)
    outputs = list(first.write(traces, arguments.out))
    if arguments.more:
        seeds = range(arguments.seed + 1, arguments.seed + 1 + arguments.more)
        table = further.markdown(list(further.measure(net, example, seeds, arguments.out, _progress)))
        files.write_text(arguments.out / "further.md", table + "\n")
        outputs.append((arguments.out / "further.md", f"{arguments.more} further scenes"))
    print(f"{net.name} on {net.device}, scene {example.seed}: {traces[first.GUIDED].task.target}")
    print("\n".join(_told(traces)))
    report(iter(outputs))
    if arguments.more:
        print(table)


def _progress(seed: int) -> Progress:
    """A bar of the steps of one scene's inversion and edits."""
    bar = Bar(f"scene {seed}: invert and edit")

    def step(done: int, of: int) -> None:
        bar(done, of)
        if done == of:
            bar.close()

    return step


def _told(traces: Mapping[str, Trace]) -> Iterator[str]:
    """What became of the masked object, a line a method."""
    for name, trace in traces.items():
        share, word = trace.share(trace.task.words[0]), trace.task.words[0]
        yield (
            f"{name:>14}: the masked object is now {first.colour_of(trace)}, asked for {word}; "
            f"attention inside the mask {share[0]:.0%} at the first step, {share[len(share) // 2]:.0%} halfway"
        )
