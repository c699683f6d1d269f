"""Guidance by attention: one gradient step on the noise latent, and the maps that it needs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ...model.hooks import chain, recorder
from ...model.text import Text
from ...prompts import words
from ...runs import Run
from ...steps import Maps, Now, Nudge
from ..base import Plan

KINDS = ("term ", "map ", "part ")  # of what a nudge gives, by the beginnings of their names
Constraint = Callable[[Now], tuple[Tensor, Mapping[str, Tensor], Maps]]


def guiding(plan: Plan, guide: Callable[[Now], Iterator[Nudge]]) -> Plan:
    """A base's plan with guidance; ValueError where the base has its own, which would be lost."""
    if plan.guide is not Plan.guide:
        raise ValueError("expected a base method without guidance, got one that guides itself; take another base")
    return replace(plan, guide=guide)


def require_start(run: Run, method: str) -> None:
    """ValueError for a model whose text begins with a word, where a method leaves the start token's column out."""
    if not words.starts(run.net.tokenizer):
        kind = type(run.net.denoiser).__name__
        raise ValueError(
            f"{method}: expected a text with a start token, whose column it leaves out, got {kind}, whose T5 has none; "
            "take p2p+mag-edit"
        )


@torch.enable_grad()
def nudge(now: Now, constraint: Constraint, size: float, mask: Tensor | float = 1.0, per_term: bool = False) -> Nudge:
    """z* <- z* - mask size grad L (Eq. 4). The constraint gives the loss, its terms, and the maps that it is made of.

    per_term: also take the gradient of each term by itself, for a backward pass more each.
    """
    tensors = now.captured("nudge", lambda inside, _text: _gradient(inside, constraint, per_term), now.run.cond)
    update = mask * size * tensors["gradient"]
    terms, maps, parts = (_named(tensors, kind) for kind in KINDS)
    numbers = torch.stack([tensors["loss"], *terms.values()])
    latent = now.target.detach() - update
    return Nudge(numbers, tuple(terms), tensors["gradient"], update, size, latent, maps, parts)


def _gradient(now: Now, constraint: Constraint, per_term: bool) -> Maps:
    """The loss, its gradient by the latent, and of each kind in `KINDS` the terms, the maps, each term's gradient."""
    z = now.target.detach().requires_grad_(True)
    loss, terms, maps = constraint(replace(now, target=z, nudge=now.nudge or 0))
    if not loss.requires_grad:
        raise ValueError("expected a loss that depends on the attention maps, got a constant; leave out detach()")
    own = terms if per_term else {}
    net = now.run.net
    parts = {name: net.gradient(term, z, retain=True) for name, term in own.items()}
    tensors = {"loss": loss.detach(), "gradient": net.gradient(loss, z)}
    for kind, several in zip(KINDS, (terms, maps, parts), strict=True):
        tensors |= {f"{kind}{name}": tensor.detach() for name, tensor in several.items()}
    return tensors


def _named(tensors: Maps, kind: str) -> Maps:
    return {name.removeprefix(kind): tensor for name, tensor in tensors.items() if name.startswith(kind)}


def attention(now: Now, cond: Text, plan: Plan, names: Sequence[str]) -> Maps:
    """The maps at the named sites after the base method's injection, with gradient; the denoiser stops at the last."""
    maps: Maps = {}
    hooks = dict(plan.hooks(now))
    hooks |= {name: chain(hooks.get(name), recorder(maps, name)) for name in names}
    now.predict("target", True, cond, hooks, until=names[-1])
    return maps
