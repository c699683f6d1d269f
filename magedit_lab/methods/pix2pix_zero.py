"""pix2pix-zero (Parmar et al. 2023): stay near the source's cross-attention maps by gradient, not by injection."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from ..runs import Run
from ..settings import setting
from ..steps import Maps, Now, Nudge
from .base import Method, Plain, Plan
from .shared import losses
from .shared.guidance import attention, guiding, nudge


@dataclass(frozen=True)
class Pix2PixZero(Method):
    """One update at every step, of `step_size` times the gradient of the maps' squared difference at all sites.

    Published with a learnt edit direction, so that both prompts have the same tokens; here the prompts differ, and the
    tokens that they share are compared. The published code moves a copy of the latent for each pass, compares both
    passes with the source's, and goes on from the unconditional one's copy; here there is one latent, and the
    conditional pass is compared. Its mean runs over the heads of both passes, so that its .1 is half as much as .1
    here. Its regularised inversion is left out.
    """

    reference: ClassVar[str] = "pix2pix-zero (Parmar et al. 2023)"

    base: Method = setting(factory=Plain)
    step_size: float = setting(0.1, "how far an update goes", least=0)

    def nudges(self, steps: int) -> Sequence[int]:
        return [1] * steps

    def bind(self, run: Run) -> Plan:
        plan = self.base.bind(run)
        names = [s.name for s in run.sites if s.cross]
        aligned = run.aligned()
        common = (aligned >= 0).nonzero()[:, 0].to(run.net.device)
        origin = aligned[aligned >= 0].to(run.net.device)

        def constraint(now: Now) -> tuple[Tensor, dict[str, Tensor], Maps]:
            maps = attention(now, run.cond, plan, names)
            pairs = [(m[0, ..., common], now.source_maps[n][0, ..., origin]) for n, m in maps.items()]
            loss = torch.stack([losses.same_attention(a, b) for a, b in pairs]).sum()
            return loss, {"maps": loss}, maps

        def guide(now: Now) -> Iterator[Nudge]:
            yield nudge(now, constraint, self.step_size)

        with_maps = replace(plan, record=lambda now: plan.record(now) | frozenset(names))
        return guiding(with_maps, guide)
