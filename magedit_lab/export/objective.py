"""MAG-Edit's objective with words, masks and weights as tensors, so that a graph can have them as inputs.

The formulas are those of `methods.shared.losses`, for several words at once: `word` and `over` have a row of ones and
zeros for each word, over the columns; `cells` a row for each word, over the cells of a site.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

Probs = Float[Tensor, "heads pixels tokens"]
Rows = Float[Tensor, "words tokens"]
Cells = Float[Tensor, "words pixels"]


def token_ratios(probs: Probs, cells: Cells, word: Rows, over: Rows) -> Float[Tensor, " words"]:
    """Eq. 1 of each word, mean over heads: `losses.token_ratio`."""
    whole = probs @ over.T
    ratio = (probs @ word.T) / word.sum(-1) / whole
    inside = (ratio * cells.T).sum(1) / cells.sum(-1)
    return (1 - inside).square().mean(0)


def spatial_ratios(probs: Probs, cells: Cells, word: Rows, lam: Float[Tensor, "1"]) -> Float[Tensor, " words"]:
    """Eq. 2 of each word, mean over heads: `losses.spatial_ratio`."""
    attention = probs @ word.T
    inside = (attention * cells.T).sum(1) / attention.sum(1)
    return (lam * (1 - inside) - inside).mean(0)


def terms(
    probs: Sequence[Probs], cells: Cells, word: Rows, over: Rows, lam: Float[Tensor, "1"], kinds: Float[Tensor, "4"]
) -> Float[Tensor, " words"]:
    """Each word's constraint. kinds: weights of Eq. 1 and Eq. 2 for each head and site, averaged afterwards; and of
    both for the mean over heads and sites."""
    mean = torch.stack([m.mean(0) for m in probs]).mean(0, keepdim=True)
    each = [
        torch.stack([token_ratios(m, cells, word, over) for m in probs]).mean(0),
        torch.stack([spatial_ratios(m, cells, word, lam) for m in probs]).mean(0),
        token_ratios(mean, cells, word, over),
        spatial_ratios(mean, cells, word, lam),
    ]
    return (torch.stack(each) * kinds[:, None]).sum(0)
