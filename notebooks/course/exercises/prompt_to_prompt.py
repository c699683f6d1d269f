"""Checks of notebook 04."""

from collections.abc import Mapping

import numpy as np

import magedit_lab as mag

from .verdict import Verdict, number, right, wrong


def check_alignment(answer: object, net: mag.Backbone) -> Verdict:
    """Which source token a target token repeats."""
    origin = int(mag.prompts.alignment.refinement(net.tokenizer, "a ball and a box", "a red ball and a box")[3])
    return number(
        answer, origin, "origin", 0, f"token {origin}: start is 0, a is 1, ball is 2",
        "count in the source, from the start token, which is 0",
        {3: "that is where ball stands in the target; count in the source",
         1: "that is a; or was the start token left out? It is number 0"},
    )  # fmt: skip


def check_outside(answer: object, task: mag.Task, runs: Mapping[str, mag.Trace]) -> Verdict:
    """Background PSNR without and with the mask's blend."""
    if answer is None:
        return wrong("outside is still None; it should be a list of two numbers")
    traces = [runs[name] for name in ("P2P", "blend by mask")]
    expected = [_background(trace) for trace in traces]
    if not isinstance(answer, list | tuple) or len(answer) != 2:
        return wrong("outside should be a list of two numbers, first P2P's")
    try:
        values = [float(a) for a in answer]
    except (TypeError, ValueError):
        return wrong('outside should hold numbers; background gives a dict, take its ["psnr"]')
    if np.allclose(values, expected, atol=0.05):
        return right(
            f"{expected[0]:.1f} dB without and {expected[1]:.1f} dB blended; the rest is the inversion's and decoder's"
        )
    if np.allclose(values, expected[::-1], atol=0.05):
        return wrong("the two have changed places; P2P comes first")
    return wrong(f"expected PSNR outside the mask, got {[round(a, 1) for a in values]}")


def _background(trace: mag.Trace) -> float:
    assert trace.result is not None
    return mag.bench.metrics.background(trace.task.image, trace.result, trace.task.region.numpy())["psnr"]
