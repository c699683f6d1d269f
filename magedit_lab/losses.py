"""MAG-Edit's constraints (Eq. 1-3): pure functions of attention maps, a mask and token positions.

`probs` are the cross-attention probabilities of one site after Prompt-to-Prompt's injection, heads x pixels x tokens.
`mask` is 0 or 1 for each pixel of that site. A word of several tokens has several `word` positions.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

Probs = Float[Tensor, "heads pixels tokens"]
Mask = Float[Tensor, " pixels"]


def token_ratio(
    probs: Probs, mask: Mask, word: Sequence[int], over: Sequence[int] | None = None, per_head: bool = True
) -> Float[Tensor, ""]:
    """Eq. 1: (1 - mean over the mask of A_word / sum over tokens of A)^2; 0 where the word takes all attention.

    over: the tokens of the denominator, the paper's edit and common tokens; None takes all columns, with the start
        token and the padding, as the official code does.
    per_head: square for each head and average the squares (official code); else average the heads first (as printed).
    A word of several tokens: the mean of its tokens' ratios, as in the official code.
    """
    if not per_head:
        probs = probs.mean(0, keepdim=True)
    whole = probs.sum(-1) if over is None else probs[..., sorted({*over, *word})].sum(-1)
    ratio = probs[..., list(word)].mean(-1) / whole
    inside = (ratio * mask).sum(-1) / mask.sum()
    return (1 - inside).square().mean()


def spatial_ratio(
    probs: Probs, mask: Mask, word: Sequence[int], lam: float = 3.0, per_head: bool = True
) -> Float[Tensor, ""]:
    """Eq. 2: lam (1 - a) - a, where a is the share of the word's attention that falls inside the mask.

    From lam (nothing inside) down to -1 (all inside). Heads are averaged after the ratio, or before (`per_head` False).
    A word of several tokens: their attention is added up, as in the official code.
    """
    if not per_head:
        probs = probs.mean(0, keepdim=True)
    inside = share_inside(probs, mask, word)
    return (lam * (1 - inside) - inside).mean()


def share_inside(probs: Probs, mask: Mask, word: Sequence[int]) -> Float[Tensor, " heads"]:
    """The share of a word's attention that falls inside the mask, for each head."""
    a = probs[..., list(word)].sum(-1)
    return (a * mask).sum(-1) / a.sum(-1)


def with_negative(
    positive: Float[Tensor, ""], negative: Float[Tensor, ""], lambda_p: float = 1.0, lambda_ng: float = 1.0
) -> Float[Tensor, ""]:
    """Eq. 3: lambda_p L - lambda_ng L_ng. Falling, it lets the words in and drives the negative words out."""
    return lambda_p * positive - lambda_ng * negative


def weighted(losses: Sequence[Float[Tensor, ""]], weights: Sequence[float]) -> Float[Tensor, ""]:
    """Eq. 5: the sum of lambda_i L^i."""
    return torch.stack([weight * loss for weight, loss in zip(weights, losses, strict=True)]).sum()


LOSSES: dict[str, Callable[..., Float[Tensor, ""]]] = {"token_ratio": token_ratio, "spatial_ratio": spatial_ratio}
