"""In which order a denoiser runs its modules, and how large each attention layer's picture is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from torch import nn

from .attention import Site


@dataclass(frozen=True)
class Layout:
    """For latents of one size. order: each module's place in a forward, by name. sites: the attention layers in that
    order."""

    order: Mapping[str, int]
    sites: tuple[Site, ...]

    def __repr__(self) -> str:
        return f"Layout({len(self.order)} modules, {len(self.sites)} attention sites)"


def measure(unet: UNet2DConditionModel, height: int, width: int) -> Layout:
    """The layout for latents of this size, read off a twin without weights (on torch's meta device), so that the model
    itself is not run and gets no hooks."""
    with torch.device("meta"):
        twin = UNet2DConditionModel.from_config(unet.config).eval()
        z, text = torch.zeros(1, twin.config.in_channels, height, width), torch.zeros(1, 1, _width(twin))
        time = torch.zeros((), dtype=torch.long)
    order: dict[str, int] = {}
    sizes: dict[str, tuple[int, int]] = {}

    def note(name: str, output: Any) -> None:
        order.setdefault(name, len(order))
        if isinstance(twin.get_submodule(name), Transformer2DModel):
            sizes[name] = tuple(output[0].shape[-2:])

    for name, site in twin.named_modules():
        site.register_forward_hook(lambda _site, _inputs, output, name=name: note(name, output))
    with torch.no_grad():
        twin(z, time, text, return_dict=False)
    return Layout(_with_probs(twin, order), tuple(_sites(twin, order, sizes)))


def _width(unet: UNet2DConditionModel) -> int:
    width = unet.config.cross_attention_dim
    return width[0] if isinstance(width, tuple | list) else width


def _with_probs(twin: nn.Module, order: Mapping[str, int]) -> dict[str, int]:
    """The twin has no `probs`; they come just before their layer's output projection."""
    layers = {name for name, m in twin.named_modules() if isinstance(m, Attention)}
    names: list[str] = []
    for name in sorted(order, key=order.__getitem__):
        if name.endswith(".to_out.0") and name.removesuffix(".to_out.0") in layers:
            names.append(name.removesuffix("to_out.0") + "probs")
        names.append(name)
    return {name: place for place, name in enumerate(names)}


def _sites(twin: nn.Module, order: Mapping[str, int], sizes: Mapping[str, tuple[int, int]]) -> list[Site]:
    layers = [(n, m) for n, m in twin.named_modules() if isinstance(m, Attention)]
    found = []
    for name, layer in sorted(layers, key=lambda pair: order[pair[0]]):
        block = next(b for b in sizes if name.startswith(f"{b}."))
        found.append(Site(f"{name}.probs", layer.is_cross_attention, *sizes[block]))
    return found
