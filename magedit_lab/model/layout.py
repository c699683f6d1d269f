"""In which order a denoiser runs its modules, and how large each attention layer's picture is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.models.transformers.transformer_2d import Transformer2DModel

from .attention import Site
from .family import Family


@dataclass(frozen=True)
class Layout:
    """For latents of one size. order: each module's place in a forward, by name. sites: the attention layers in that
    order."""

    order: Mapping[str, int]
    sites: tuple[Site, ...]

    def __repr__(self) -> str:
        return f"Layout({len(self.order)} modules, {len(self.sites)} attention sites)"


@torch.no_grad()
def measure(family: Family, height: int, width: int) -> Layout:
    """The layout for latents of this size, read off a twin without weights (on torch's meta device), so that the model
    itself is not run and gets no hooks."""
    with torch.device("meta"):
        twin = type(family.denoiser).from_config(family.denoiser.config).eval()
        family.install(twin)
        inputs = family.inputs(torch.zeros(1, family.channels, height, width), 0, family.example())
    order: dict[str, int] = {}
    sizes: dict[str, tuple[int, int]] = {}

    def note(name: str, output: Any) -> None:
        order.setdefault(name, len(order))
        if isinstance(twin.get_submodule(name), Transformer2DModel):
            sizes[name] = tuple(output[0].shape[-2:])

    for name, site in twin.named_modules():
        site.register_forward_hook(lambda _site, _inputs, output, name=name: note(name, output))
    twin(**inputs, return_dict=False)
    sites = sorted(family.sites(twin, sizes, height, width), key=lambda site: order[site.layer])
    return Layout(_with_sites(order, sites), tuple(sites))


def _with_sites(order: Mapping[str, int], sites: list[Site]) -> dict[str, int]:
    """Hook points that nobody listens to do not run; they come before their layer's output projection, or its end."""
    before: dict[str, list[str]] = {}
    for site in sites:
        projection = f"{site.layer}.to_out.0"
        before.setdefault(projection if projection in order else site.layer, []).append(site.name)
    names = [n for name in sorted(order, key=order.__getitem__) for n in (*before.get(name, ()), name)]
    return {name: place for place, name in enumerate(names)}
