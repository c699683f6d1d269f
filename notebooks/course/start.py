"""What every notebook starts with: the model, the number of steps that this machine can afford, and progress."""

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from IPython.display import Pretty, display

import magedit_lab as mag

PROFILES = ("lesson", "ci")
PATHS = ".paths"  # where inversions are kept for the notebooks after, in the folder that they run in
GONE = "THIS CLAIM IS GONE"


@dataclass(frozen=True)
class Lab:
    """A loaded model and the profile: `lesson`, or `ci` with fewer steps and every cell still run."""

    net: mag.Backbone
    profile: str

    def steps(self, count: int) -> int:
        """`count` steps in a lesson; at most 6 in `ci`."""
        return count if self.profile == "lesson" else min(count, 6)

    @contextmanager
    def progress(self, words: str) -> Iterator[Callable[[int, int], None]]:
        """A line that counts up while something runs, and then says how long it took; nothing outside a notebook."""
        line, start = display(Pretty(words), display_id=True), time.monotonic()
        printed = [0.0]

        def say(more: str) -> None:
            if line:
                line.update(Pretty(f"{words}: {more}"))

        def after(done: int, of: int) -> None:
            if time.monotonic() - printed[0] > 0.2 or done == of:
                say(f"step {done} of {of}")
                printed[0] = time.monotonic()

        yield after
        say(f"done in {time.monotonic() - start:.0f} s")

    def claim(self, words: str, value: float, least: float = -math.inf, most: float = math.inf, unit: str = "") -> None:
        """Print a claim with its number and its bounds. In a lesson a number outside of them is marked, and
        `make notebooks` fails; in `ci`, whose runs are short, it is printed only."""
        bounds = [f"at least {least:g}{unit}"] * (least > -math.inf) + [f"at most {most:g}{unit}"] * (most < math.inf)
        if not bounds:
            raise ValueError("expected least or most, got neither; a claim needs a number to be compared with")
        held = least <= float(value) <= most
        mark = "not compared in a short run" if self.profile == "ci" else "holds" if held else GONE
        print(f"Claim: {words}. {float(value):.3g}{unit}, expected {' and '.join(bounds)}: {mark}")

    def fit(self, task: mag.Task) -> mag.Task:
        """The task at the model's size: as it is where it fits, else cut around its mask and resized."""
        size = (self.net.size, self.net.size)
        return task if task.image.size == size else task.fit(*size)[0]

    def invert(self, task: mag.Task, inversion: mag.Inversion | str) -> mag.Path:
        """`mag.invert` at the model's size, with a line of progress; an earlier one in this folder is read."""
        with self.progress(f"{_called(inversion)} inversion") as after:
            return mag.invert(self.net, self.fit(task), inversion, after, cache=PATHS)

    def run(self, task: mag.Task, path: mag.Path, method: mag.Method | str, keep: mag.Keep | None = None) -> mag.Trace:
        """`mag.run` at the model's size, with a line of progress; previews are kept only where `keep` asks for them."""
        with self.progress(_called(method)) as after:
            return mag.run(self.net, self.fit(task), path, method, keep or mag.Keep(previews=False), after)


def _called(what: object) -> str:
    """A method or inversion as a line of progress names it."""
    return what if isinstance(what, str) else type(what).__name__


def start(model: str | None = None) -> Lab:
    """Load a model, by default the shipped one, and say where things run.

    MAGEDIT_LAB_MODEL names another; MAGEDIT_LAB_PROFILE=ci shortens every run.
    """
    profile = os.environ.get("MAGEDIT_LAB_PROFILE", "lesson")
    if profile not in PROFILES:
        raise ValueError(f"expected MAGEDIT_LAB_PROFILE to be {' or '.join(PROFILES)}, got {profile!r}; unset it")
    net = mag.Backbone.load(model or os.environ.get("MAGEDIT_LAB_MODEL", "tabletop"))
    print(f"{Path(net.name).name} on {net.device}, profile {profile}")
    return Lab(net, profile)
