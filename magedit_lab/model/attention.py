"""The `probs` hook point: attention probabilities under a name, which diffusers does not give them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention, AttnProcessor, AttnProcessor2_0
from torch import Tensor, nn

from .hooks import Listen, Replace, listening

STOCK = (AttnProcessor, AttnProcessor2_0)  # what `Probs` stands in for; others do something of their own


class Probs:
    """An attention processor with an explicit softmax where somebody listens to `probs`; fused attention elsewhere.

    `probs` passes batch x heads x pixels x tokens. The result is diffusers' own; the tests compare the two. Where the
    probabilities are replaced by known ones, none are computed.
    """

    def __call__(
        self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, temb=None, **kwargs
    ) -> Tensor:
        if attention_mask is not None:
            raise ValueError("expected attention without a mask, got attention_mask; such models are not supported")
        text = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        hook = listening(attn.probs)
        if isinstance(hook, Replace):
            out = attn.probs(hook.value) @ _heads(attn, attn.to_v, text)
        else:
            q, k, v = (
                _heads(attn, *pair) for pair in ((attn.to_q, hidden_states), (attn.to_k, text), (attn.to_v, text))
            )
            probs = attn.probs(_softmax(attn, q, k)) if hook else None
            if probs is None or isinstance(hook, Listen):
                out = F.scaled_dot_product_attention(q, k, v, scale=attn.scale)
            else:
                out = probs @ v
        return attn.to_out[1](attn.to_out[0](out.transpose(1, 2).flatten(2)))


def _heads(attn: Attention, to: nn.Module, x: Tensor) -> Tensor:
    return to(x).unflatten(-1, (attn.heads, -1)).transpose(1, 2)


def _softmax(attn: Attention, q: Tensor, k: Tensor) -> Tensor:
    dtype = q.dtype
    if attn.upcast_attention:
        q, k = q.float(), k.float()
    scores = (q * attn.scale) @ k.transpose(-1, -2)
    half = scores.dtype == torch.float16  # whose exponentials overflow
    return (scores.float() if attn.upcast_softmax or half else scores).softmax(-1).to(dtype)


def install(unet: UNet2DConditionModel) -> None:
    """Give each attention layer of a U-Net its `probs`; ValueError for layers that this cannot serve."""
    layers = [(name, layer) for name, layer in unet.named_modules() if isinstance(layer, Attention)]
    for name, layer in layers:
        _require_plain(name, layer)
    for _, layer in layers:
        layer.probs = nn.Identity()
        layer.set_processor(Probs())


def _require_plain(name: str, layer: Attention) -> None:
    plain = layer.added_kv_proj_dim is None and not layer.residual_connection and layer.rescale_output_factor == 1
    norms = (layer.group_norm, layer.spatial_norm, layer.norm_q, layer.norm_k, layer.norm_cross)
    if not plain or any(n is not None and n is not False for n in norms):
        raise ValueError(f"expected plain attention as in Stable Diffusion, got another kind at {name}")
    if type(layer.processor) not in (*STOCK, Probs) or getattr(layer, "fused_projections", False):
        kind = type(layer.processor).__name__
        raise ValueError(
            f"expected diffusers' own attention processors, got {kind} at {name} (an adapter, attention slicing or "
            "fused projections); take it off first: pipe.unload_ip_adapter(), pipe.disable_attention_slicing() or "
            "pipe.unfuse_qkv_projections()"
        )


def remove(unet: nn.Module, processors: dict[str, Any]) -> None:
    """Take `probs` away and put the former processors back."""
    for name, layer in unet.named_modules():
        if isinstance(layer, Attention) and hasattr(layer, "probs"):
            del layer.probs
            layer.set_processor(processors[f"{name}.processor"])


@dataclass(frozen=True)
class Site:
    """An attention layer's probabilities: the hook point's name, what it looks at, and its size in cells.

    late: whether it is in the part of the denoiser that leads out (a U-Net's up blocks, a transformer's later half).
    """

    name: str
    cross: bool
    height: int
    width: int
    late: bool = False

    @property
    def cells(self) -> int:
        return self.height * self.width

    @property
    def layer(self) -> str:
        """The attention layer's name."""
        return self.name.rpartition(".")[0]


def guided(all_sites: Sequence[Site]) -> list[Site]:
    """Where edits are guided: the coarsest cross attention outside the middle block.

    In Stable Diffusion 1 these are the five 16x16 sites of the paper (24x24 in SD 2.1 at 768 pixels).
    """
    outer = [s for s in all_sites if s.cross and not s.name.startswith("mid_block")]
    if not outer:
        raise ValueError("expected cross attention in a down or up block, found none")
    least = min(s.cells for s in outer)
    return [s for s in outer if s.cells == least]
