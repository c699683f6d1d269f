"""What a page needs of a model, as functions of tensors alone: each becomes a graph.

Names of inputs and outputs are the same in all: `z` a latent, `t` its timestep, `text` an embedding, `cross.K` and
`self.K` the probabilities of the K-th site of `Sites`, batch x heads x pixels x tokens. What decides the edit is an
input too: `taken` (1 for each column that takes the source's map), `itself` (1 where self attention does), `factors`
of the columns within `region.HxW`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ..methods.prompt_to_prompt import PromptToPrompt
from ..model.attention import Site
from ..model.backbone import Backbone
from ..model.hooks import Hook, call, chain, recorder
from ..model.unet import UNet
from . import objective

WORDS = 4  # edit words that a nudge can have
NEW = 2  # the example's edit word
Feed = dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Graph:
    """A function of named tensors that gives named tensors, with an example of its inputs."""

    name: str
    call: Callable[..., tuple[Tensor, ...]]
    inputs: Feed
    outputs: tuple[str, ...]

    def __call__(self, feed: Mapping[str, Tensor]) -> Feed:
        return dict(zip(self.outputs, self.call(*(feed[name] for name in self.inputs)), strict=True))


class Sites:
    """The attention sites that an edit injects into or is guided at, in the order in which they run."""

    def __init__(self, net: Backbone) -> None:
        if not isinstance(net.family, UNet) or len(net.readers) != 1:
            kind = type(net.denoiser).__name__
            raise ValueError(f"expected a model of Stable Diffusion 1's or 2's shape, got {kind}; take tabletop")
        self.net, self.z = net, net.empty(net.size // net.factor, net.size // net.factor)
        order, every = net.layout(self.z).order, net.sites(self.z)
        most = PromptToPrompt().self_cells
        self.guided = net.guided(self.z)
        self.last = max((s.name for s in self.guided), key=order.__getitem__)
        injected = [s for s in every if s.cross or s.cells <= most]
        self.cross, self.itself = [s for s in injected if s.cross], [s for s in injected if not s.cross]
        self.end = max((s.name for s in injected), key=order.__getitem__)
        self.order = order

    @cached_property
    def names(self) -> dict[str, Site]:
        """Each site by the name that it has in the graphs."""
        cross = {f"cross.{i}": site for i, site in enumerate(self.cross)}
        return cross | {f"self.{i}": site for i, site in enumerate(self.itself)}

    @cached_property
    def regions(self) -> dict[str, tuple[int, int]]:
        """The sizes of the cross-attention sites, by the name of their mask."""
        return {f"region.{s.height}x{s.width}": (s.height, s.width) for s in self.cross}

    def before(self, until: str | None) -> dict[str, Site]:
        """Those that run up to a site."""
        last = max(self.order.values()) if until is None else self.order[until]
        return {name: site for name, site in self.names.items() if self.order[site.name] <= last}

    def heads(self, site: Site) -> int:
        return self.net.denoiser.get_submodule(site.layer).heads

    def shape(self, site: Site) -> tuple[int, int, int, int]:
        """Of its probabilities."""
        return 1, self.heads(site), site.cells, self.tokens if site.cross else site.cells

    @property
    def tokens(self) -> int:
        """Columns of a cross-attention map."""
        return self.net.tokenizer.model_max_length


def graphs(net: Backbone) -> list[Graph]:
    """All of them: `text`, `encoder`, `decoder`, `unet`, `source`, `target`, `nudge`."""
    sites = Sites(net)
    return [_text(net), _encoder(net), _decoder(net, sites), _unet(sites), _source(sites), _target(sites),
            _nudge(sites)]  # fmt: skip


def _text(net: Backbone) -> Graph:
    """Token ids, padded, to an embedding."""
    (encoder,) = net.family.encoders
    example = torch.ones(1, net.tokenizer.model_max_length, dtype=torch.int64)
    return Graph("text", lambda ids: (encoder(ids)[0],), {"ids": example}, ("text",))


def _encoder(net: Backbone) -> Graph:
    """A picture of 1 x 3 x height x width in -1 to 1, to its latent."""
    scale, shift = net.vae.config.scaling_factor, net.vae.config.get("shift_factor") or 0.0

    def encode(picture: Tensor) -> tuple[Tensor]:
        return ((net.vae.encode(picture).latent_dist.mean - shift) * scale,)

    return Graph("encoder", encode, {"picture": _noise(1, 3, net.size, net.size).tanh()}, ("z",))


def _decoder(net: Backbone, sites: Sites) -> Graph:
    """A latent to its picture in -1 to 1."""
    scale, shift = net.vae.config.scaling_factor, net.vae.config.get("shift_factor") or 0.0

    def decode(z: Tensor) -> tuple[Tensor]:
        return (net.vae.decode(z / scale + shift).sample,)

    return Graph("decoder", decode, {"z": _noise(*sites.z.shape)}, ("picture",))


def _unet(sites: Sites) -> Graph:
    """The denoiser's output with nothing replaced, `out`."""

    def unet(z: Tensor, t: Tensor, text: Tensor) -> tuple[Tensor]:
        return (_forward(sites, z, t, text, {}),)

    return Graph("unet", unet, _pass(sites), ("out",))


def _source(sites: Sites) -> Graph:
    """A source pass up to the last injected site: what the target's sites take, cross attention in the target's
    columns (`mapper`: source columns x target columns), and `heat`, the guided sites' mean in the source's own."""
    every = sites.before(sites.end)

    def source(z: Tensor, t: Tensor, text: Tensor, mapper: Tensor) -> tuple[Tensor, ...]:
        maps: Feed = {}
        hooks = {s.name: recorder(maps, s.name) for s in every.values()}
        _forward(sites, z, t, text, hooks, sites.end)
        injected = [maps[s.name] @ mapper if s.cross else maps[s.name] for s in every.values()]
        return (*injected, _heat(sites, maps))

    feed = _pass(sites) | {"mapper": torch.eye(sites.tokens)}
    return Graph("source", source, feed, (*every, "heat"))


def _target(sites: Sites) -> Graph:
    """The target's conditional pass with all that is injected: the denoiser's output, and `heat`."""
    feed = _pass(sites) | _injected(sites, None)

    def target(*values: Tensor) -> tuple[Tensor, Tensor]:
        given = dict(zip(feed, values, strict=True))
        maps: Feed = {}
        out = _forward(sites, given["z"], given["t"], given["text"], _hooks(sites, given, maps))
        return out, _heat(sites, maps)

    return Graph("target", target, feed, ("out", "heat"))


def _nudge(sites: Sites) -> Graph:
    """One nudge (Eq. 4): the latent after it, the loss before it with each word's own, its gradient, and `heat`.

    word, over, cells: as in `objective`. weights: of Eq. 5. kinds: as in `objective.terms`. lam: of Eq. 2. delta: the
    step size. mask: the latent's cells that may change.
    """
    feed = _pass(sites) | _injected(sites, sites.last) | _guidance(sites)

    @torch.enable_grad()
    def nudge(*values: Tensor) -> tuple[Tensor, ...]:
        given = dict(zip(feed, values, strict=True))
        z = given["z"].detach().requires_grad_(True)
        maps: Feed = {}
        _forward(sites, z, given["t"], given["text"], _hooks(sites, given, maps), sites.last)
        probs = [maps[s.name][0] for s in sites.guided]
        each = objective.terms(probs, *(given[name] for name in ("cells", "word", "over", "lam", "kinds")))
        loss = (each * given["weights"]).sum()
        (gradient,) = torch.autograd.grad(loss, z)
        moved = z - given["mask"] * given["delta"] * gradient
        return moved.detach(), loss.detach()[None], each.detach(), gradient, _heat(sites, maps).detach()

    return Graph("nudge", nudge, feed, ("moved", "loss", "terms", "gradient", "heat"))


def _forward(
    sites: Sites, z: Tensor, t: Tensor, text: Tensor, hooks: Mapping[str, Hook], until: str | None = None
) -> Tensor:
    """What the denoiser itself puts out, nothing (empty) of a forward that ends at a site. `Backbone.predict` would
    look the noise level up by the timestep's value."""
    inputs = {"sample": z, "timestep": t, "encoder_hidden_states": text}  # a timestep that is a tensor
    order = sites.order if until else None
    out = call(sites.net.denoiser, hooks, until=until, order=order, return_dict=False, **inputs)
    return z[:0] if out is None else out[0]


def _hooks(sites: Sites, given: Mapping[str, Tensor], maps: Feed) -> dict[str, Hook]:
    """Prompt-to-Prompt's injection at each site that has an input, and what is put out there, into `maps`."""

    def hook(name: str, site: Site) -> Hook:
        source, own = given[name], recorder(maps, site.name)
        if not site.cross:
            return lambda probs: torch.where(given["itself"] > 0.5, source, probs)
        scale = 1 + (given["factors"] - 1) * given[f"region.{site.height}x{site.width}"].flatten()[:, None]
        return chain(lambda probs: torch.where(given["taken"] > 0.5, source, probs) * scale, own)

    return {site.name: hook(name, site) for name, site in sites.names.items() if name in given}


def _heat(sites: Sites, maps: Feed) -> Tensor:
    """Mean over heads and guided sites, tokens x cells."""
    return torch.stack([maps[s.name][0].mean(0) for s in sites.guided]).mean(0).T


# ---------------------------------------------------------------- examples of inputs


def _noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def _pass(sites: Sites) -> Feed:
    return {
        "z": _noise(*sites.z.shape),
        "t": torch.tensor([501.0]),
        "text": sites.net.embed("a ball on a table").embedding,
    }


def _injected(sites: Sites, until: str | None) -> Feed:
    feed = {name: (3 * _noise(*sites.shape(s))).softmax(-1) for name, s in sites.before(until).items()}
    taken = torch.ones(sites.tokens)
    taken[NEW] = 0  # a column that took the source's map would have no gradient
    feed |= {"taken": taken, "itself": torch.ones(1), "factors": torch.ones(sites.tokens)}
    sizes = {(s.height, s.width) for s in sites.before(until).values() if s.cross}
    return feed | {name: torch.ones(size) for name, size in sites.regions.items() if size in sizes}


def _guidance(sites: Sites) -> Feed:
    site, word = sites.guided[0], torch.zeros(WORDS, sites.tokens)
    word[:, NEW] = 1
    cells = torch.zeros(WORDS, site.cells)
    cells[:, : site.cells // 4] = 1
    return {
        "word": word, "over": torch.ones_like(word), "cells": cells, "weights": torch.full((WORDS,), 1 / WORDS),
        "kinds": torch.tensor([0.4, 0.3, 0.2, 0.1]), "lam": torch.tensor([3.0]), "delta": torch.tensor([1.0]),
        "mask": torch.ones(sites.z.shape[-2:]),
    }  # fmt: skip
