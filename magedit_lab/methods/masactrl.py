"""MasaCtrl (Cao et al. 2023): the target asks, the source answers; self attention takes the source's k and v."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from ..model.attention import Site
from ..model.hooks import Hook, Hooks, Replace
from ..runs import Run
from ..settings import setting
from ..steps import Maps, Now
from .base import Plan
from .shared.blend import Blended, Blends, blend_setting, blended


@dataclass(frozen=True)
class MasaCtrl(Blended):
    """From `start` (step 4 of 50), in the up blocks that are finer than the guided cross attention.

    A model without self attention there uses all that its up blocks have, and a transformer the later half of its
    blocks, those in which image and text have keys of their own. The conditional and the unconditional pass
    each take from the source's own.
    """

    reference: ClassVar[str] = "MasaCtrl (Cao et al. 2023)"

    start: float = setting(0.08, "share of the steps before it begins", least=0, most=1)
    masked: bool = setting(False, "cells inside the mask look at the source inside it, cells outside look outside")
    blend: Blends = blend_setting()

    @property
    def needs_mask(self) -> bool:
        return self.masked or super().needs_mask

    def bind(self, run: Run) -> Plan:
        decoder = [s for s in run.sites if s.late and not s.cross]
        chosen = [s for s in decoder if s.cells > run.guided[0].cells] or decoder
        first = int(self.start * run.path.steps)
        names = frozenset(f"{s.layer}.{part}" for s in chosen for part in ("to_k", "to_v"))
        own_side = {s.name: _keep(_sides(run, s)) for s in chosen} if self.masked else {}

        def record(now: Now) -> frozenset[str]:
            return names if now.i >= first else frozenset()

        def hooks(now: Now, maps: Maps) -> Hooks:
            return {name: Replace(maps[name]) for name in names} | own_side if now.i >= first else {}

        plan = Plan(record, record, lambda now: hooks(now, now.source_maps), lambda now: hooks(now, now.uncond_maps))
        plan.pattern = lambda now: now.i >= first
        return blended(plan, self.blend, run)


def _sides(run: Run, site: Site) -> Float[Tensor, "pixels pixels"]:
    """1 where two cells lie on the same side of the mask."""
    inside = run.region(site.height, site.width).flatten()
    return (inside[:, None] == inside[None]).float()


def _keep(sides: Float[Tensor, "pixels pixels"]) -> Hook:
    """Attention to the own side only; the same as a softmax over just those cells."""

    def keep(probs: Tensor) -> Tensor:
        own = probs * sides.to(probs)
        return own / own.sum(-1, keepdim=True).clamp(min=torch.finfo(probs.dtype).tiny)

    return keep
