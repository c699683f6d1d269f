"""Guidance by attention: one gradient step on the noise latent, and the maps that it needs."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from ..backbone import Text
from ..edit import Hooks, Maps, Now, Nudge
from ..taps import chain, recorder

Constraint = Callable[[Now], tuple[Tensor, Mapping[str, Tensor], Maps]]


def guiding(hooks: Hooks, guide: Callable[[Now, Maps], Iterator[Nudge]]) -> Hooks:
    """A base's hooks with guidance; ValueError where the base has its own, which would be lost."""
    if hooks.guide is not Hooks.guide:
        raise ValueError("expected a base method without guidance, got one that guides itself; take another base")
    return replace(hooks, guide=guide)


@torch.enable_grad()
def nudge(now: Now, constraint: Constraint, size: float, mask: Tensor | float = 1.0, per_term: bool = False) -> Nudge:
    """z* <- z* - mask size grad L (Eq. 4). The constraint gives the loss, its terms, and the maps that it saw.

    per_term: also take the gradient of each term by itself, for a backward pass more each.
    """
    z = now.target.detach().requires_grad_(True)
    loss, terms, maps = constraint(replace(now, target=z))
    if not loss.requires_grad:
        raise ValueError("expected a loss that depends on the attention maps, got a constant; leave out detach()")
    own = terms if per_term else {}
    parts = {name: torch.autograd.grad(term, z, retain_graph=True)[0] for name, term in own.items()}
    (gradient,) = torch.autograd.grad(loss, z)
    update = mask * size * gradient
    seen = {name: probs.detach() for name, probs in maps.items()}
    said = {name: term.item() for name, term in terms.items()}
    return Nudge(loss.item(), said, gradient, update, size, (z - update).detach(), seen, parts)


def attention(now: Now, cond: Text, hooks: Hooks, seen: Maps, names: list[str]) -> Maps:
    """The maps at the named sites after the base method's injection, with gradient; the U-Net stops at the last."""
    maps: Maps = {}
    taps = hooks.taps(now, seen)
    heard = {n: chain(taps.get(n), recorder(maps, n)) for n in names}
    now.net.predict(now.target, now.t, cond, {**taps, **heard}, until=names[-1])
    return maps
