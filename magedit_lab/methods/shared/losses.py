"""Constraints on attention: MAG-Edit's (Eq. 1-3) and its relatives'. Pure functions of maps, a mask and positions.

`probs` are the cross-attention probabilities of one site after Prompt-to-Prompt's injection, heads x pixels x tokens.
`mask` is 0 or 1 for each pixel of that site. A word of several tokens has several `word` positions.
"""

from collections.abc import Callable, Sequence
from functools import cache

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

Probs = Float[Tensor, "heads pixels tokens"]
Mask = Float[Tensor, " pixels"]


def token_ratio(
    probs: Probs, mask: Mask, word: Sequence[int], over: Sequence[int] | None = None, per_head: bool = True
) -> Float[Tensor, ""]:
    """Eq. 1: (1 - mean over the mask of A_word / sum over tokens of A)^2; 0 where a word of one token takes
    all attention, (1 - 1/k)^2 for one of k.

    over: the tokens of the denominator, the paper's edit and common tokens; None takes all columns, with the start
        token and the padding, as the official code does.
    per_head: square for each head and average the squares (official code); else average the heads first (as printed).
    A word of several tokens: the mean of its tokens' ratios, as in the official code.

    >>> probs = torch.tensor([[[0.2, 0.8], [0.6, 0.4]]])  # one head, two cells, two tokens
    >>> token_ratio(probs, mask=torch.tensor([1.0, 0.0]), word=[1])  # (1 - .8)^2
    tensor(0.0400)
    """
    if not per_head:
        probs = probs.mean(0, keepdim=True)
    whole = probs.sum(-1) if over is None else columns(probs, sorted({*over, *word})).sum(-1)
    ratio = columns(probs, word).mean(-1) / whole
    inside = (ratio * mask).sum(-1) / mask.sum()
    return (1 - inside).square().mean()


def spatial_ratio(
    probs: Probs, mask: Mask, word: Sequence[int], lam: float = 3.0, per_head: bool = True
) -> Float[Tensor, ""]:
    """Eq. 2: lam (1 - a) - a, where a is the share of the word's attention that falls inside the mask.

    From lam (nothing inside) down to -1 (all inside). Heads are averaged after the ratio, or before (`per_head` False).
    A word of several tokens: their attention is added up, as in the official code.

    >>> probs = torch.tensor([[[0.2, 0.6], [0.8, 0.2]]])  # the second token has .6 of .8 in the first cell
    >>> spatial_ratio(probs, mask=torch.tensor([1.0, 0.0]), word=[1])  # 3 * .25 - .75
    tensor(0.)
    """
    if not per_head:
        probs = probs.mean(0, keepdim=True)
    inside = share_inside(probs, mask, word)
    return (lam * (1 - inside) - inside).mean()


def share_inside(probs: Probs, mask: Mask, word: Sequence[int]) -> Float[Tensor, " heads"]:
    """The share of a word's attention that falls inside the mask, for each head."""
    a = columns(probs, word).sum(-1)
    return (a * mask).sum(-1) / a.sum(-1)


def columns(probs: Float[Tensor, "*more tokens"], positions: Sequence[int]) -> Float[Tensor, "*more columns"]:
    """Some columns. Their numbers are sent to the device once: a list would be sent at every call."""
    return probs.index_select(-1, _sent(tuple(positions), probs.device))


@cache
def _sent(positions: tuple[int, ...], device: torch.device) -> Tensor:
    return torch.tensor(positions, device=device)


def with_negative(
    positive: Float[Tensor, ""], negative: Float[Tensor, ""], lambda_p: float = 1.0, lambda_ng: float = 1.0
) -> Float[Tensor, ""]:
    """Eq. 3: lambda_p L - lambda_ng L_ng. Falling, it lets the words in and drives the negative words out."""
    return lambda_p * positive - lambda_ng * negative


def weighted(losses: Sequence[Float[Tensor, ""]], weights: Sequence[float]) -> Float[Tensor, ""]:
    """Eq. 5: the sum of lambda_i L^i."""
    return torch.stack([weight * loss for weight, loss in zip(weights, losses, strict=True)]).sum()


# ---------------------------------------------------------------- relatives


def layout(probs: Probs, mask: Mask, word: Sequence[int]) -> Float[Tensor, ""]:
    """Layout guidance (Chen et al. 2024): (1 - share of a token's attention inside the box)^2, mean over heads and over
    the word's tokens."""
    return torch.stack([(1 - share_inside(probs, mask, [token])).square().mean() for token in word]).mean()


def sharpened(probs: Probs, height: int, width: int, token: int) -> Float[Tensor, "height width"]:
    """The map of one token that Attend-and-Excite looks at: heads averaged, softmax of 100 A over all but the start and
    the last token, smoothed by a 3x3 Gaussian with reflected border: that of the published class, exp(-(x / 2 sigma)^2)
    with sigma .5."""
    contrast = (100 * probs.mean(0)[:, 1:-1]).softmax(-1)[:, token - 1]
    edge = torch.exp(torch.tensor([-1.0, 0.0, -1.0], dtype=probs.dtype, device=probs.device))
    kernel = torch.outer(edge, edge) / edge.sum() ** 2
    image = F.pad(contrast.reshape(1, 1, height, width), (1, 1, 1, 1), mode="reflect")
    return F.conv2d(image, kernel[None, None])[0, 0]


def attend_and_excite(maps: Sequence[Float[Tensor, "h w"]]) -> Float[Tensor, ""]:
    """Attend-and-Excite (Chefer et al. 2023): 1 - the maximum of the most neglected token's `sharpened` map."""
    return torch.stack([1 - m.max() for m in maps]).max().clamp(min=0)


def box(map_: Float[Tensor, "h w"], mask: Float[Tensor, "h w"], share: float = 0.2) -> Float[Tensor, ""]:
    """BoxDiff (Xie et al. 2023): inner + outer + corner constraint on one token's `sharpened` map.

    inner: 1 - mean of the largest `share` of cells in the box, one at least; outer: that mean outside it, 0 where the
    box leaves no cell out; corner: the map's maximum along each row and column against the box's own, at the box's
    borders, averaged over all rows and columns.
    """
    inner, outer = (_brightest(map_[side], share) for side in (mask > 0.5, mask <= 0.5))
    corners = [_at_borders(map_.amax(axis), mask.amax(axis)) for axis in (0, 1)]
    return 1 - inner + outer + torch.stack(corners).sum()


def _brightest(cells: Float[Tensor, " n"], share: float) -> Float[Tensor, ""]:
    """The mean of the largest share of the cells, one at least; 0 of none."""
    return cells.topk(max(1, int(share * len(cells)))).values.mean() if len(cells) else cells.sum()


def _at_borders(profile: Float[Tensor, " n"], mask_profile: Float[Tensor, " n"]) -> Float[Tensor, ""]:
    """The absolute difference at a cell's distance from where the box begins and ends, the end being outside it."""
    places = mask_profile.nonzero()[:, 0]
    edges = int(places.min()), int(places.max()) + 1
    near = sorted({i for edge in edges for i in (edge - 1, edge, edge + 1) if 0 <= i < len(mask_profile)})
    return (profile[near] - mask_profile[near]).abs().sum() / len(mask_profile)


def same_attention(probs: Probs, reference: Probs) -> Float[Tensor, ""]:
    """pix2pix-zero (Parmar et al. 2023): squared difference of maps, summed over pixels and tokens, mean over heads."""
    return (probs - reference).square().sum((1, 2)).mean()


def own(loss: "Loss", probs: Probs, mask: Mask, word: Sequence[int]) -> Float[Tensor, ""]:
    """What a function of the caller's gives for one site; ValueError in one line where that is no loss."""
    value = loss(probs, mask, word)
    if isinstance(value, Tensor) and value.ndim == 0:
        return value
    kind = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
    raise ValueError(f"expected a loss that returns one number as a tensor, got {kind}; average over heads and cells")


Loss = Callable[..., Float[Tensor, ""]]
LOSSES: dict[str, Loss] = {"token_ratio": token_ratio, "spatial_ratio": spatial_ratio}
