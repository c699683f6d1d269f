"""A small loss, early in training only, that ties words to their things; attention itself is never multiplied."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import UNet2DConditionModel
from jaxtyping import Float
from torch import Tensor

from .batches import Batch
from .plan import Plan


class Attending:
    """Attention processors for training: explicit on a CPU, which runs it faster, with cross attention kept if asked.

    maps: n x heads x pixels x tokens of each cross-attention layer that has `pixels` pixels; none where that is 0.
    """

    def __init__(self, unet: UNet2DConditionModel) -> None:
        self.maps: list[Tensor] = []
        self.pixels = 0
        unet.set_attn_processor({name: self._cross if "attn2" in name else self._own for name in unet.attn_processors})

    def _own(self, attn: Any, x: Tensor, *_: Any, **__: Any) -> Tensor:
        return _attended(attn, *_heads(attn, x, x))

    def _cross(self, attn: Any, x: Tensor, encoder_hidden_states: Tensor, *_: Any, **__: Any) -> Tensor:
        q, k, v = _heads(attn, x, encoder_hidden_states)
        if x.shape[1] != self.pixels:
            return _attended(attn, q, k, v)
        probs = _softmax(attn, q, k)
        self.maps.append(probs.float())
        return _projected(attn, probs @ v)


def _heads(attn: Any, x: Tensor, text: Tensor) -> list[Tensor]:
    ends = ((attn.to_q, x), (attn.to_k, text), (attn.to_v, text))
    return [to(y).unflatten(-1, (attn.heads, -1)).transpose(1, 2) for to, y in ends]


def _attended(attn: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    if q.is_cuda:
        return _projected(attn, F.scaled_dot_product_attention(q, k, v, scale=attn.scale))
    return _projected(attn, _softmax(attn, q, k) @ v)


def _softmax(attn: Any, q: Tensor, k: Tensor) -> Tensor:
    return (q @ k.transpose(-1, -2) * attn.scale).softmax(-1)


def _projected(attn: Any, out: Tensor) -> Tensor:
    return attn.to_out[1](attn.to_out[0](out.transpose(1, 2).flatten(2)))


def weight(step: int, plan: Plan) -> float:
    """Of the grounding loss: `plan.grounding`, in a line to 0 at `plan.grounded_steps`, and 0 from there on."""
    return plan.grounding * max(0.0, 1 - step / plan.grounded_steps) if plan.grounded_steps else 0.0


def grounding(
    probs: Float[Tensor, "n pixels tokens"], batch: Batch, visible: Float[Tensor, " n"], enough: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Two log losses that tie words to their things; `visible` is 0 where the noise hides everything.

    inside: the share of a word's attention that falls inside its thing's mask.
    read: the share of a thing's attention that reads the thing's own words.
    Both are 0 once the share is `enough`: attention that is taught to the last per cent is too hard to be moved.
    """
    overlap = torch.einsum("npt,nop,not->not", probs, batch.masks, batch.owner)
    words = batch.owner * visible[:, None, None]
    share = (overlap + 1e-4) / (probs.sum(1)[:, None] * batch.owner + 1e-3)
    inside = ((math.log(enough) - share.log()).clamp(min=0) * words).sum() / words.sum().clamp(min=1)
    reads = overlap.sum(-1) / batch.masks.sum(-1).clamp(min=1e-3)
    owned = (batch.owner.sum(-1) > 0) * (batch.masks.sum(-1) > 1) * visible[:, None]
    read = ((math.log(enough) - (reads + 1e-3).log()).clamp(min=0) * owned).sum() / owned.sum().clamp(min=1)
    return inside, read
