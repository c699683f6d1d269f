"""`make torture`: faults of every kind for so many minutes, and the table of docs/reliability.md."""

import argparse
import logging
import platform
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import fuzz
import interrupts
import kills
import numpy as np
import pairs
import torch
import world

import magedit_lab as mag

DOC = Path(__file__).parents[2] / "docs" / "reliability.md"
START, END = "<!-- torture -->", "<!-- /torture -->"
KINDS = {
    "kills (-9) of a run into a folder, resumed": kills.kills,
    "full disks, resumed": kills.disks,
    "interrupts at any bytecode of the library": interrupts.interrupts,
    "out of memory in any module": interrupts.memory,
    "streams of steps closed or thrown into": interrupts.closed,
    "pairs of edits on one model": pairs.pairs,
    "mutated run folders": fuzz.fuzz,
    "hostile prompts and pictures": fuzz.hostile,
}
NOTES = ("faults", "loaded", "refused", "accepted")  # counts that are no failures


def suffer(kind, net, straight: mag.Trace, seconds: float, seed: int) -> Counter:
    """Faults of one kind for so many seconds, one at least."""
    total: Counter = Counter()
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        faults = kind(net, Path(folder), np.random.default_rng(seed), straight)
        for found in faults:
            worst = {name: max(total[name], found.pop(name)) for name in list(found) if name.startswith("max ")}
            total.update(found)
            total |= worst
            if time.monotonic() - began > seconds:
                break
        faults.close()
    return total


def failures(total: Counter) -> dict[str, int]:
    return {name: count for name, count in total.items() if count and name not in NOTES and not name.startswith("max ")}


def line(name: str, total: Counter) -> str:
    wrong = failures(total)
    notes = [f"{total[note]} {note}" for note in NOTES[1:] if total[note]]
    notes += [f"at most {total[n]} {n.removeprefix('max ')}" for n in total if n.startswith("max ")]
    broken = "; ".join(f"{count} x {what}" for what, count in wrong.items()) or "0"
    return f"| {name} | {total['faults']} | {broken} | {', '.join(notes)} |"


def write(lines: list[str], minutes: float, seed: int) -> None:
    """The table between its two marks in the document."""
    where = f"Python {platform.python_version()}, torch {torch.__version__}, {torch.get_num_threads()} thread"
    table = [
        START, f"Written by `make torture MINUTES={minutes:g}`, seed {seed} ({where}).", "",
        "| fault | faults | failures | notes |", "|---|---|---|---|", *lines, END,
    ]  # fmt: skip
    head, rest = DOC.read_text(encoding="utf-8").split(START)
    DOC.write_text(head + "\n".join(table) + rest.split(END)[1], encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="of all kinds together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", help="only kinds whose name has this in it; the document stays as it is")
    parser.add_argument("--no-doc", action="store_true", help="print the table alone")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    chosen = {name: kind for name, kind in KINDS.items() if not given.kind or given.kind in name}
    net = world.model()
    straight = mag.run(net, world.task(), world.INVERSION, world.METHOD)
    lines, wrong = [], 0
    for name, kind in chosen.items():
        total = suffer(kind, net, straight, 60 * given.minutes / len(chosen), given.seed)
        lines.append(line(name, total))
        wrong += bool(failures(total))
        print(lines[-1], flush=True)
    if not given.kind and not given.no_doc:
        write(lines, given.minutes, given.seed)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
