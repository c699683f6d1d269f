"""The `probs` hook point: attention probabilities under a name, which diffusers does not give them."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from torch import Tensor, nn


class Probs:
    """An attention processor with an explicit softmax where somebody listens to `probs`; fused attention elsewhere.

    `probs` passes batch x heads x pixels x tokens. The result is diffusers' own; the tests compare the two.
    """

    def __call__(
        self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, temb=None, **kwargs
    ) -> Tensor:
        if attention_mask is not None:
            raise ValueError("expected attention without a mask, got attention_mask; such models are not supported")
        text = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        q, k, v = (
            to(x).unflatten(-1, (attn.heads, -1)).transpose(1, 2)
            for to, x in ((attn.to_q, hidden_states), (attn.to_k, text), (attn.to_v, text))
        )
        if attn.probs._forward_hooks:
            out = attn.probs(_softmax(attn, q, k)) @ v
        else:
            out = F.scaled_dot_product_attention(q, k, v, scale=attn.scale)
        return attn.to_out[1](attn.to_out[0](out.transpose(1, 2).flatten(2)))


def _softmax(attn: Attention, q: Tensor, k: Tensor) -> Tensor:
    dtype = q.dtype
    if attn.upcast_attention:
        q, k = q.float(), k.float()
    scores = (q * attn.scale) @ k.transpose(-1, -2)
    return (scores.float() if attn.upcast_softmax else scores).softmax(-1).to(dtype)


def install(unet: UNet2DConditionModel) -> None:
    """Give each attention layer of a U-Net its `probs`; ValueError for layers that this cannot serve."""
    for name, layer in unet.named_modules():
        if not isinstance(layer, Attention):
            continue
        plain = layer.added_kv_proj_dim is None and not layer.residual_connection and layer.rescale_output_factor == 1
        norms = (layer.group_norm, layer.spatial_norm, layer.norm_q, layer.norm_k, layer.norm_cross)
        if not plain or any(n is not None and n is not False for n in norms):
            raise ValueError(f"expected plain attention as in Stable Diffusion, got another kind at {name}")
        layer.probs = nn.Identity()
        layer.set_processor(Probs())


@dataclass(frozen=True)
class Site:
    """An attention layer's probabilities: its module name, what it looks at, and its size in cells."""

    name: str
    cross: bool
    height: int
    width: int

    @property
    def cells(self) -> int:
        return self.height * self.width


def sites(unet: UNet2DConditionModel, height: int, width: int) -> list[Site]:
    """All sites in the order in which a latent of this size meets them, found by a dry run."""
    found: list[Site] = []
    names = {m: n for n, m in unet.named_modules() if isinstance(m, Transformer2DModel)}

    def note(block: nn.Module, inputs: tuple, kwargs: dict) -> None:
        x = inputs[0] if inputs else kwargs["hidden_states"]
        for name, layer in block.named_modules():
            if isinstance(layer, Attention):
                found.append(Site(f"{names[block]}.{name}.probs", layer.is_cross_attention, *x.shape[-2:]))

    handles = [block.register_forward_pre_hook(note, with_kwargs=True) for block in names]
    try:
        p = next(unet.parameters())
        z = torch.zeros(1, unet.config.in_channels, height, width, device=p.device, dtype=p.dtype)
        with torch.no_grad():
            unet(z, 0, z.new_zeros(1, 1, unet.config.cross_attention_dim))
    finally:
        for handle in handles:
            handle.remove()
    return found


def guided(all_sites: list[Site]) -> list[Site]:
    """Where edits are guided: the coarsest cross attention outside the middle block.

    In Stable Diffusion 1 these are the five 16x16 sites of the paper (24x24 in SD 2.1 at 768 pixels).
    """
    outer = [s for s in all_sites if s.cross and not s.name.startswith("mid_block")]
    if not outer:
        raise ValueError("expected cross attention in a down or up block, found none")
    least = min(s.cells for s in outer)
    return [s for s in outer if s.cells == least]
