"""Checks of notebook 02."""

import torch

import magedit_lab as mag

from .verdict import Verdict, number, right, wrong

AXES = ("heads", "cells", "tokens")


def check_sum(answer: object, probs: torch.Tensor) -> Verdict:
    """Attention sums to one over the tokens."""
    if answer is None:
        return wrong("axis is still None; try probs.sum(0), probs.sum(1) and probs.sum(2)")
    if not isinstance(answer, int) or not -3 <= answer <= 2:
        return wrong(f"axis should be 0, 1 or 2, not {answer!r}")
    sums, name = probs.sum(answer), AXES[answer]
    if name == "tokens":
        return right(f"over tokens the sums run from {sums.min():.3f} to {sums.max():.3f}: each cell shares out one")
    return wrong(f"over {name} the sums run from {sums.min():.2f} to {sums.max():.2f}")


def check_share(answer: object, trace: mag.Trace, step: int) -> Verdict:
    """The share of the edit word's attention inside the mask."""
    share, heat = trace.share(trace.task.words[0])[step], trace.attention(trace.task.words[0])[step]
    cells = mag.masks.to_cells(trace.task.region, *heat.shape).numpy()
    return number(
        answer, share, "inside", 0.005, f"{share:.1%}, as trace.share says",
        "divide what lies inside by the sum of the whole map",
        {(heat * cells).sum(): "that is how much lies inside; a share is divided by the whole",
         (heat * cells).sum() / cells.sum(): "that is the mean inside the mask; divide by the sum of the whole map",
         cells.mean(): "that is the mask's share of the picture; multiply it with the map first"},
    )  # fmt: skip
