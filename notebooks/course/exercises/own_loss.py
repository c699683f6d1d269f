"""Checks of notebook 11."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

import magedit_lab as mag

from .verdict import Verdict, called, right, wrong

WORD = [3]


def check_loss(answer: object) -> Verdict:
    """Whether a function can guide: one number, a gradient, and a way down that leads into the mask."""
    probs, mask = _maps(), torch.zeros(64)
    mask[:16] = 1
    result, failed = called(answer, probs, mask, WORD)
    if failed:
        return failed
    assert callable(answer)
    if not isinstance(result, torch.Tensor):
        return wrong(f"the loss should be a tensor, so that it has a gradient, not {type(result).__name__}")
    if result.ndim:
        return wrong(f"the loss should be one number, got shape {tuple(result.shape)}; average over heads and cells")
    if not result.isfinite():
        return wrong(f"the loss is {result.item()}; is something divided by 0, or a logarithm taken of it?")
    if not result.requires_grad:
        return wrong("no gradient flows from the maps to the loss; leave out .item(), .detach() and torch.tensor(…)")
    if abs(result - mag.methods.losses.token_ratio(probs, mask, WORD)) < 1e-7:
        return wrong("that is still Eq. 1; change it")
    if not answer(_raised(probs, mask), mask, WORD) < result:
        return wrong("more of the word's attention inside the mask should make the loss smaller, and does not")
    (slope,) = torch.autograd.grad(result, probs)
    return right(f"it falls where the word gains attention in the mask; steepest slope {slope.abs().max():.2g}")


def _maps() -> torch.Tensor:
    """Attention of two heads, 64 cells and 6 tokens, on which a gradient can be taken."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 64, 6, generator=generator).softmax(-1).requires_grad_(True)


def _raised(probs: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The same with a fifth more of the word's attention inside the mask; rows sum to one again."""
    more = probs.detach().clone()
    more[..., WORD[0]] *= 1 + 0.2 * mask
    return more / more.sum(-1, keepdim=True)


def check_entry(rows: Sequence[Mapping[str, Any]], name: str, count: int, reference: str) -> Verdict:
    """An own entry on the whole leaderboard, that differs from the reference's."""
    own = [row for row in rows if row["setting"] == name]
    if not own:
        return wrong(f"no row is called {name!r}; run the leaderboard with it")
    if len(own) < count:
        return wrong(f"{len(own)} of {count} tasks were measured; let it run to its end")
    other = {row["case"]: row["ideal"] for row in rows if row["setting"] == reference}
    if all(row["ideal"] == other.get(row["case"]) for row in own):
        return wrong(f"every number equals that of the {reference}, bit for bit: the loss is still the same")
    table = mag.bench.leaderboard.ranked(rows)
    place = [line["setting"] for line in table].index(name) + 1
    return right(f"number {place} of {len(table)} on {count} tasks, {sum(row['success'] for row in own):.0f} solved")
