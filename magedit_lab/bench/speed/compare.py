"""One MAG-Edit by the library and by Algorithm 1 as printed: what both cost, and how near the hardware's limit."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch

from ...inversion.base import Path
from ...inversion.ddim import Direct
from ...inversion.table import invert
from ...loop.single import edit
from ...methods.mag_edit import MagEdit
from ...model.backbone import Backbone
from ...model.unet import UNet
from ...steps import Step
from ...task import Task
from .. import demo
from . import measure, models
from .literal import Literal

LOSS = "token_ratio"
TINY = 2  # steps of the run that warms up


@dataclass(frozen=True)
class Work:
    """What is measured. The first half of the steps has `iterations` nudges each.

    small: few channels, for a model with random weights. fast: with `Backbone.compile()`.
    """

    model: str = "tabletop"
    steps: int = 50
    iterations: int = 15
    dtype: str = "float32"
    device: str | None = None
    small: bool = False
    fast: bool = False

    def load(self) -> Backbone:
        net = models.load(self.model, self.device, getattr(torch, self.dtype), self.small)
        return net.compile() if self.fast else net

    @property
    def method(self) -> MagEdit:
        return MagEdit(iterations=self.iterations, loss=LOSS)


class Sides:
    """The two sides of the comparison on one model, picture and path."""

    def __init__(self, work: Work) -> None:
        self.work, self.net = work, work.load()
        self.task = picture(self.net)
        self.path = invert(self.net, self.task, Direct(work.steps, 7.5))
        self.has_literal = type(self.net.family) is UNet and self.net.dtype.itemsize >= torch.float32.itemsize

    def ours(self) -> list[Step]:
        """The library's edit, all of its steps."""
        return last_of(self.net, self.task, self.path, self.work.method)

    def literal(self) -> Literal:
        """Algorithm 1 as printed, on a copy of the denoiser; ValueError for a model that it can't run."""
        if not self.has_literal:
            raise ValueError(
                f"expected Stable Diffusion 1 or 2 in float32, got {self.net}: the literal loop runs no other"
            )
        return Literal.of(self.net, self.task, self.path, LOSS)

    def warm_up(self) -> None:
        """So that what is done once in a process is not counted."""
        path = invert(self.net, self.task, Direct(TINY, 7.5))
        last_of(self.net, self.task, path, MagEdit(iterations=1))


def picture(net: Backbone) -> Task:
    """The demo's scene at the model's size."""
    task, _ = demo.complex_task(demo.Demo().seed).fit(net.size, net.size)
    return task


def last_of(net: Backbone, task: Task, path: Path, method: MagEdit) -> list[Step]:
    """The last step of an edit, in a list; those before are let go, as in a run of which the result alone is kept."""
    last: list[Step] = []
    for step in edit(net, task, path, method):
        last[:] = [step]
    return last


def compare(work: Work, rounds: int, memory: bool, say: Callable[[str], object]) -> dict[str, Any]:
    """All figures as JSON has them; `say` is told what is measured next."""
    sides = Sides(work)
    device = sides.net.device
    say("warm up")
    sides.warm_up()
    works: dict[str, Callable[[], object]] = {"ours": sides.ours}
    if sides.has_literal:
        literal = sides.literal()
        works["literal"] = lambda: literal.run(work.iterations, work.method.step_size)
    say(f"{' and '.join(works)}, {rounds} rounds")
    seconds = measure.alternating(works, rounds, device)
    say("arithmetic")
    report: dict[str, Any] = {
        "work": asdict(work),
        "model": str(sides.net),
        **measure.machine(device),
        "rounds": rounds,
    }
    count = 0 if work.fast else measure.flops(sides.ours)  # a graph's kernels can't be counted
    rate = measure.matmul_rate(device, sides.net.dtype)
    report |= {"flops": count, "matmul_rate": rate, "seconds": {name: asdict(t) for name, t in seconds.items()}}
    report["share_of_limit"] = count / seconds["ours"].wall / rate
    if len(works) == 2:
        report["ratio"] = {kind: getattr(seconds["literal"], kind) / getattr(seconds["ours"], kind) for kind in KINDS}
    if memory:
        say("memory, each in a process of its own")
        report["peak_gib"] = {name: alone(work, name) for name in works}
    return report


KINDS = ("wall", "cpu")


def alone(work: Work, name: str) -> float:
    """Peak memory in GiB of one side, in a process of its own; RuntimeError with its last line where it fails."""
    code = "import sys; from magedit_lab.bench.speed import compare; compare.tell(*sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(asdict(work)), name], capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        raise RuntimeError(f"expected the peak memory of {name}, got a process that failed: {last}")
    return float(done.stdout.splitlines()[-1])


def tell(work: str, name: str) -> None:
    """Print the peak memory of one side: what `alone` runs."""
    sides = Sides(Work(**json.loads(work)))
    if name == "ours":
        run: Callable[[], object] = sides.ours
    else:
        literal = sides.literal()
        sides.net.denoiser.to("cpu")  # the literal loop has a copy of its own
        run = lambda: literal.run(sides.work.iterations, sides.work.method.step_size)  # noqa: E731
    print(measure.peak_memory(run, literal.path.latents.device if name != "ours" else sides.net.device))


def markdown(report: dict[str, Any]) -> str:
    """The figures as a table, and a line on the limit."""
    rows = ["| | wall s | CPU s | peak GiB |", "|---|---|---|---|"]
    for name, seconds in report["seconds"].items():
        peak = report.get("peak_gib", {}).get(name)
        rows.append(
            f"| {name} | {seconds['wall']:.2f} | {seconds['cpu']:.2f} | {'-' if peak is None else f'{peak:.2f}'} |"
        )
    lines = [f"{report['model']}", f"{report['device']}, torch {report['torch']}, {report['runs on']}", "", *rows, ""]
    if "ratio" in report:
        lines.append(
            f"literal over ours: {report['ratio']['wall']:.2f} by the clock, {report['ratio']['cpu']:.2f} by CPU time"
        )
    if report["flops"]:
        lines.append(
            f"{report['flops'] / 1e12:.3g} TFLOP; the machine multiplies matrices at "
            f"{report['matmul_rate'] / 1e12:.3g} TFLOP/s, of which ours used {report['share_of_limit']:.1%}"
        )
    return "\n".join(lines)
