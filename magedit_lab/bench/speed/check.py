"""All that wants a GPU, in minutes: graphs against eager, seconds, memory and a whole edit, as one JSON."""

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import torch

from ...inversion.ddim import Direct
from ...inversion.null_text import NullText
from ...inversion.table import invert
from ...methods.mag_edit import MagEdit
from ...steps import Step
from . import compare, measure
from .compare import Sides, Work

MODEL = "sd1-random"
DTYPES = ("float32", "bfloat16")
GUIDANCE = 7.5
GOALS = {
    "edit float32": 1.3, "edit bfloat16": 0.9, "whole edit": 5.0, "null-text": 10.0, "ratio": 8.0,
    "peak float32": 5.7, "peak bfloat16": 3.4,
}  # fmt: skip
Say = Callable[[str], object]


def run(device: str, small: bool, say: Say, steps: int = 8, iterations: int = 15, whole: int = 50) -> dict[str, Any]:
    """All figures. steps, iterations: of the short edit; whole: steps of the long one. On a CPU the same calls run with
    small sizes, which is the test of this file; a part that fails is reported in its place and the others go on."""
    began, place = time.perf_counter(), torch.device(device)
    if place.type == "cuda" and not torch.cuda.is_available():
        raise ValueError("expected a GPU with CUDA for --gpu-check, got none; take --device cpu --small to try it")
    works = {d: Work(MODEL, steps, iterations, d, device, small) for d in DTYPES}
    exact, fast = works["float32"], replace(works["float32"], steps=whole, fast=True)
    parts: dict[str, Callable[[], Any]] = {
        "equality": partial(equality, exact),
        **{f"edit {d}": partial(edit, work) for d, work in works.items()},
        "literal": partial(literal, exact),
        "whole edit": partial(whole_edit, fast),
        "null-text": partial(null_text, fast),
    }
    report: dict[str, Any] = {**measure.machine(place), "work": asdict(exact), "goals": GOALS}
    for name, part in parts.items():
        say(name)
        with _exact(place):
            report[name] = _tried(part)
        _let_go(place)
    return report | {"minutes": (time.perf_counter() - began) / 60}


def _tried(part: Callable[[], Any]) -> Any:
    try:
        return part()
    except (RuntimeError, ValueError) as error:  # a lease ends; the other parts are wanted whatever this one says
        return {"failed": " ".join(f"{type(error).__name__}: {error}".split())[:300]}


@contextmanager
def _exact(device: torch.device) -> Iterator[None]:
    """Each part begins with float32 products in float32, and leaves them so."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    matmul.allow_tf32 = cudnn.allow_tf32 = False
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before


def _let_go(device: torch.device) -> None:
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def equality(work: Work) -> dict[str, Any]:
    """Graphs against eager in float32 without TF32: largest differences, relative to the largest value; goal: 0."""
    sides = Sides(replace(work, iterations=3))
    eager = _all(sides)
    again = _all(sides)  # what the device's own kernels differ by from run to run
    sides.net.compile(tf32=False, channels_last=False)
    graphs = _all(sides)
    null_text_ = NullText(2, GUIDANCE, inner=4)
    path = invert(sides.net, sides.task, null_text_)
    sides.net.compile(on=False)
    plain = invert(sides.net, sides.task, null_text_)
    return {
        "graphs": differences(graphs, eager), "eager run twice": differences(again, eager),
        "null-text": apart(path.uncond.embedding, plain.uncond.embedding),
    }  # fmt: skip


def _all(sides: Sides) -> list[Step]:
    from ...loop.single import edit as steps

    return list(steps(sides.net, sides.task, sides.path, sides.work.method))


def differences(some: Sequence[Step], others: Sequence[Step]) -> dict[str, float]:
    """Of latents, gradients and losses of two runs."""
    pairs = list(zip(some, others, strict=True))
    nudges = [(a, b) for s, o in pairs for a, b in zip(s.nudges, o.nudges, strict=True)]
    return {
        "latent": max(apart(a.target, b.target) for a, b in pairs),
        "gradient": max((apart(a.gradient, b.gradient) for a, b in nudges), default=0.0),
        "loss": max((abs(a.loss - b.loss) for a, b in nudges), default=0.0),
    }


def apart(a: torch.Tensor, b: torch.Tensor) -> float:
    """The largest difference, relative to the largest value."""
    return ((a - b).abs().max() / b.abs().max()).item()


def edit(work: Work) -> dict[str, Any]:
    """Seconds of the short edit eagerly and with graphs, alternating on one card, and the peak memory with graphs."""
    slow, quick = Sides(work), Sides(replace(work, fast=True))
    for sides in (slow, quick):
        sides.warm_up()
    works = {"eager": slow.ours, "fast": quick.ours}
    seconds = {name: asdict(t) for name, t in measure.alternating(works, 3, slow.net.device).items()}
    count, rate = measure.flops(slow.ours), measure.matmul_rate(slow.net.device, slow.net.dtype)
    del slow, quick, works, sides
    _let_go(torch.device(work.device or "cpu"))
    peaks = {"fast": compare.alone(replace(work, fast=True), "ours")}
    share = {name: count / s["wall"] / rate for name, s in seconds.items()}
    return {"seconds": seconds, "flops": count, "matmul_rate": rate, "share_of_limit": share, "peak_gib": peaks}


def literal(work: Work) -> dict[str, Any]:
    """Seconds of the literal Algorithm 1, and how far its losses are from the library's."""
    sides = Sides(work)
    theirs = sides.literal()
    sides.net.denoiser.to("cpu")
    results: list[tuple[list[float], list[torch.Tensor]]] = []
    device = theirs.path.latents.device
    seconds = measure.took(lambda: results.append(theirs.run(work.iterations, work.method.step_size)), device)
    sides.net.denoiser.to(device)
    losses = [n.loss for step in _all(sides) for n in step.nudges]
    worst = max(abs(a - b) for a, b in zip(losses, results[0][0], strict=True))
    return {"seconds": asdict(seconds), "largest_difference_of_a_loss": worst}


def whole_edit(work: Work) -> dict[str, Any]:
    """The long edit after inversion, with graphs: the first half of its steps guided."""
    sides = Sides(work)
    sides.warm_up()
    return {"seconds": asdict(measure.took(sides.ours, sides.net.device)), "steps": work.steps}


def null_text(work: Work) -> dict[str, Any]:
    """Null-text inversion with graphs; all of its updates, as random weights give no tolerance to reach."""
    net = work.load()
    task, inversion = compare.picture(net), NullText(work.steps, GUIDANCE, tolerance=0.0, slack=0.0)
    compare.last_of(net, task, invert(net, task, Direct(2, GUIDANCE)), MagEdit(iterations=0))
    return {"seconds": asdict(measure.took(lambda: invert(net, task, inversion), net.device))}


def markdown(report: dict[str, Any]) -> str:
    """What came out, against the goals."""
    lines = [f"{report['device']}, torch {report['torch']}, {report['minutes']:.1f} minutes", ""]
    lines += ["| | measured | goal |", "|---|---|---|"]
    lines += [f"| {name} | {_formatted(value)} | {goal} |" for name, value, goal in _rows(report)]
    failed = [
        f"{name}: {part['failed']}" for name, part in report.items() if isinstance(part, dict) and "failed" in part
    ]
    return "\n".join([*lines, *([""] if failed else []), *failed])


def _rows(report: dict[str, Any]) -> Iterator[tuple[str, float | None, str]]:
    goals = report["goals"]
    yield "graphs from eager, latent", _in(report, "equality", "graphs", "latent"), "0"
    yield "eager from eager, latent", _in(report, "equality", "eager run twice", "latent"), "-"
    yield "null-text, graphs from eager", _in(report, "equality", "null-text"), "0"
    for dtype in DTYPES:
        name = f"edit {dtype}"
        yield f"{name}, fast, s", _in(report, name, "seconds", "fast", "wall"), f"{goals[name]}"
        yield f"{name}, eager, s", _in(report, name, "seconds", "eager", "wall"), "-"
        yield f"{name}, fast, peak GiB", _in(report, name, "peak_gib", "fast"), f"{goals[f'peak {dtype}']}"
        yield f"{name}, fast, share of the matmul rate", _in(report, name, "share_of_limit", "fast"), "-"
    theirs, ours = _in(report, "literal", "seconds", "wall"), _in(report, "edit float32", "seconds", "fast", "wall")
    yield "literal over fast", theirs / ours if theirs and ours else None, f"{goals['ratio']}"
    yield "whole edit, s", _in(report, "whole edit", "seconds", "wall"), f"{goals['whole edit']}"
    yield "null-text, s", _in(report, "null-text", "seconds", "wall"), f"{goals['null-text']}"


def _in(report: Any, *names: str) -> float | None:
    for name in names:
        report = report.get(name) if isinstance(report, dict) else None
    return report


def _formatted(value: float | None) -> str:
    return "failed" if value is None else f"{value:.3g}"
