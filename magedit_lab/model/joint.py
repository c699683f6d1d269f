"""Joint attention, where image and text tokens look at each other in one softmax, with its image rows as hook points.

The block of image rows and text columns is the map that edits read and replace; a site's `image_to_image` block is
what self attention is in a U-Net. A row sums to 1 over both. Replaced blocks are taken as they are, not renormalised,
as Prompt-to-Prompt does within one softmax over tokens.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from diffusers.models.attention_processor import Attention, JointAttnProcessor2_0
from diffusers.models.embeddings import apply_rotary_emb
from diffusers.models.transformers.transformer_flux import FluxAttention, FluxAttnProcessor
from torch import Tensor, nn

from .attention import Site
from .hooks import Listen, listening

CROSS, ITSELF = "image_to_text", "image_to_image"
Pieces = tuple[Tensor, Tensor, Tensor]  # q, k, v: batch x heads x tokens x channels


class Tokens(NamedTuple):
    """Where image and text tokens stand in a sequence."""

    image: slice
    text: slice


class Joint:
    """Stable Diffusion 3's processor: image tokens first. An attention without text (`attn2` of 3.5) has the image
    block alone."""

    stock: type = JointAttnProcessor2_0

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, *args, **more) -> Any:
        _require_no_mask(attention_mask)
        image = _project(hidden_states, attn.heads, (attn.to_q, attn.to_k, attn.to_v), (attn.norm_q, attn.norm_k))
        if encoder_hidden_states is None:
            return _out(attn, _attend(attn, image, Tokens(slice(None), slice(0, 0)), attn.scale))
        added = (attn.add_q_proj, attn.add_k_proj, attn.add_v_proj)
        text = _project(encoder_hidden_states, attn.heads, added, (attn.norm_added_q, attn.norm_added_k))
        q, k, v = (torch.cat(pair, 2) for pair in zip(image, text, strict=True))
        count = hidden_states.shape[1]
        both = _attend(attn, (q, k, v), Tokens(slice(count), slice(count, None)), attn.scale)
        words = both[:, count:]
        return _out(attn, both[:, :count]), words if attn.context_pre_only else attn.to_add_out(words)


class Rotary:
    """FLUX's processor: text tokens first, queries and keys turned by position. The single blocks get one sequence;
    `text_tokens` says how much of it is text."""

    stock: type = FluxAttnProcessor

    def __call__(
        self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, image_rotary_emb=None,
        text_tokens=0,
    ) -> Any:  # fmt: skip
        _require_no_mask(attention_mask)
        q, k, v = _project(hidden_states, attn.heads, (attn.to_q, attn.to_k, attn.to_v), (attn.norm_q, attn.norm_k))
        if encoder_hidden_states is not None:
            added = (attn.add_q_proj, attn.add_k_proj, attn.add_v_proj)
            text = _project(encoder_hidden_states, attn.heads, added, (attn.norm_added_q, attn.norm_added_k))
            q, k, v = (torch.cat(pair, 2) for pair in zip(text, (q, k, v), strict=True))
        q, k = (apply_rotary_emb(x, image_rotary_emb, sequence_dim=2) for x in (q, k))
        both = _attend(attn, (q, k, v), Tokens(slice(text_tokens, None), slice(text_tokens)), None)
        if encoder_hidden_states is None:
            return both
        return _out(attn, both[:, text_tokens:]), attn.to_add_out(both[:, :text_tokens])


def _require_no_mask(mask: Tensor | None) -> None:
    if mask is not None:
        raise ValueError("expected attention without a mask, got attention_mask; such models are not supported")


def _project(x: Tensor, heads: int, to: Sequence[nn.Module], norms: Sequence[nn.Module | None]) -> Pieces:
    """Queries, keys and values; queries and keys normalised where the model does."""
    q, k, v = (project(x).unflatten(-1, (heads, -1)) for project in to)
    q, k = (norm(y) if norm is not None else y for y, norm in zip((q, k), norms, strict=True))
    return q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)


def _attend(attn: Any, pieces: Pieces, tokens: Tokens, scale: float | None) -> Tensor:
    """Attention of all tokens to all: an explicit softmax where somebody listens to a block, fused elsewhere."""
    q, k, v = pieces
    hooks = [listening(point) for _, point in points(attn)]
    active = [hook for hook in hooks if hook]
    if active:
        scores = (q * (scale or q.shape[-1] ** -0.5)) @ k.transpose(-1, -2)
        probs = _through(attn, scores.softmax(-1), tokens)
    if all(isinstance(hook, Listen) for hook in active):
        out = F.scaled_dot_product_attention(q, k, v, scale=scale)
    else:
        out = probs @ v
    return out.transpose(1, 2).flatten(2)


def _through(attn: Any, probs: Tensor, tokens: Tokens) -> Tensor:
    """The probabilities with their image rows passed through the hook points, a block each."""
    rows, words = probs[:, :, tokens.image], probs[:, :, tokens.text]
    cross, itself = rows[..., tokens.text], rows[..., tokens.image]
    for name, point in points(attn):
        if name == CROSS:
            cross = point(cross)
        else:
            itself = point(itself)
    if tokens.image.start:  # text tokens come first
        return torch.cat([words, torch.cat([cross, itself], -1)], 2)
    return torch.cat([torch.cat([itself, cross], -1), words], 2)


def points(attn: Any) -> Iterator[tuple[str, nn.Module]]:
    """An attention layer's hook points by name, in the order in which they run."""
    for name in (CROSS, ITSELF):
        if (point := getattr(attn, name, None)) is not None:
            yield name, point


def _out(attn: Any, x: Tensor) -> Tensor:
    return attn.to_out[1](attn.to_out[0](x))


def layers(transformer: nn.Module) -> list[tuple[str, Any]]:
    """The attention layers of a transformer, by name."""
    return [(name, m) for name, m in transformer.named_modules() if isinstance(m, Attention | FluxAttention)]


def install(transformer: nn.Module, processor: Joint | Rotary) -> None:
    """Give each attention layer its hook points; ValueError for layers whose processors do more than diffusers' own."""
    for name, layer in layers(transformer):
        if type(layer.processor) not in (processor.stock, type(processor)) or getattr(
            layer, "fused_projections", False
        ):
            kind = type(layer.processor).__name__
            raise ValueError(
                f"expected diffusers' own attention processors, got {kind} at {name} (an adapter or fused "
                "projections); take it off first: pipe.unload_ip_adapter() or unfuse_qkv_projections()"
            )
    for name, layer in layers(transformer):
        if not name.endswith("attn2"):
            setattr(layer, CROSS, nn.Identity())
        setattr(layer, ITSELF, nn.Identity())
        layer.set_processor(processor)


def remove(transformer: nn.Module, processors: Mapping[str, Any]) -> None:
    """Take the hook points away and put the former processors back."""
    for name, layer in layers(transformer):
        for point, _ in list(points(layer)):
            delattr(layer, point)
        layer.set_processor(processors[f"{name}.processor"])


def sites(transformer: nn.Module, height: int, width: int, late: Callable[[str], bool]) -> list[Site]:
    """The two blocks of each attention layer as sites; all have the same size."""
    return [
        Site(f"{name}.{point}", point == CROSS, height, width, late(name))
        for name, layer in layers(transformer) for point, _ in points(layer)
    ]  # fmt: skip


def middle(several: Sequence[Site]) -> list[Site]:
    """The maps of the middle third of the blocks that have text and image apart: where edits are guided.

    A U-Net's coarsest maps have no counterpart in a transformer, whose blocks are all of one size. No published choice
    is known to us, and no real weights were at hand; `Backbone.of(pipe, blocks=...)` takes another.
    """
    maps = [s for s in several if s.cross and s.name.startswith("transformer_blocks.")]
    third = len(maps) // 3
    return maps[third : len(maps) - third]


def numbered(several: Sequence[Site], blocks: Sequence[int]) -> list[Site]:
    """The maps of the blocks with these numbers, single blocks counted on after the others; ValueError for a number
    that is none."""
    maps = [s for s in several if s.cross]
    if wrong := [b for b in blocks if not 0 <= b < len(maps)]:
        raise ValueError(f"expected blocks of 0 to {len(maps) - 1}, got {wrong[0]}; leave it out")
    return [maps[b] for b in sorted(set(blocks))]
