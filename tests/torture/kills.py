"""Writers that are killed before their k-th file operation, and what the next one makes of it."""

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import world

import magedit_lab as mag

HERE = Path(__file__).parent
KILLED = -signal.SIGKILL


class Child:
    """`child.py`, and the exit status of each writer that it forks."""

    def __enter__(self):
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "child.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        while (line := self.process.stdout.readline().strip()) != "ready":
            assert line or self.process.poll() is None, "the child ended"
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def write(self, folder: Path, kill: int = 0, resume: bool = False, **more) -> int:
        order = {"folder": str(folder), "kill": kill, "resume": resume, **more}
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


def whole(child: Child, folder: Path) -> mag.Trace:
    """The run that nobody kills."""
    assert child.write(folder) == 0
    return mag.load(folder)


def kill_and_resume(child: Child, folder: Path, kills: list[int], straight: mag.Trace) -> Counter:
    """A run that is killed before the file operations of `kills`, one after the other, each time taken up again, and at
    last left alone: what happened, and whether every bit is that of the straight run."""
    found: Counter = Counter()
    for kill in kills:
        begun = (folder / "run.json").exists()
        before = len(mag.load(folder).times) if begun else 0
        status = child.write(folder, kill, resume=begun)
        if status == 0:
            break
        found["kills"] += 1
        found["killed otherwise"] += status != KILLED
        if (folder / "run.json").exists():
            trace = mag.load(folder)
            found["whole steps lost"] += max(0, before - len(trace.times))
            found["steps with other bits"] += sum(
                not np.array_equal(a[name], b[name]) for a, b in zip(trace._rows, straight._rows, strict=False)
                for name in a.keys() - {"preview"}
            )  # fmt: skip
    last = child.write(folder, resume=(folder / "run.json").exists())
    found["not finished by the next"] += last != 0
    found["not equal to the straight run"] += last == 0 and not world.same(mag.load(folder), straight)
    found["leftovers"] += len([p for p in folder.rglob(".*-*")]) + len([p for p in folder.iterdir() if p.is_dir()]) - 1
    return found


def kill_while_replacing(child: Child, folder: Path, kill: int, old: mag.Trace, new: mag.Trace, saves: Path) -> Counter:
    """`Trace.save` over another run, killed: the folder has the old run or the new one, and nothing between."""
    status = child.write(folder, kill, saves=str(saves))
    trace = mag.load(folder)
    either = world.same(trace, old) or world.same(trace, new)
    return Counter({"kills": status == KILLED, "neither the old run nor the new one": not either})


def kills(net, folder: Path, rng: np.random.Generator, straight: mag.Trace) -> Iterator[Counter]:
    """Runs that are killed up to three times, then left alone."""
    with Child() as child:
        for i in range(10**9):
            found = kill_and_resume(child, folder / f"kill-{i}", rng.integers(1, 60, 3).tolist(), straight)
            yield Counter({"faults": found.pop("kills")}) + found


def disks(net, folder: Path, rng: np.random.Generator, straight: mag.Trace) -> Iterator[Counter]:
    """A disk that is full from some write on, or that takes no file above a size; the rest is done with room again."""
    with Child() as child:
        for i in range(10**9):
            out = folder / f"disk-{i}"
            fault = {"full": int(rng.integers(1, 80))} if i % 2 else {"limit": int(rng.integers(1_000, 60_000))}
            status = child.write(out, **fault)
            found = Counter({"faults": int(status != 0), "not one line": int(status not in (0, 2))})
            begun = (out / "run.json").exists()
            found["does not go on"] += child.write(out, resume=begun) != 0
            found["not equal to the straight run"] += not world.same(mag.load(out), straight)
            yield found
