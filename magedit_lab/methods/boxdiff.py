"""BoxDiff (Xie et al. 2023): a word's brightest cells inside its box, none outside, its edges at the box's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..runs import Run
from ..settings import setting
from ..steps import Maps, Now, Nudge
from .base import Method, Plain, Plan
from .shared import losses
from .shared.guidance import attention, guiding, nudge, require_start


@dataclass(frozen=True)
class BoxDiff(Method):
    """In the first half of the steps one update a step of 20 sqrt(1 ... 0.5), in Attend-and-Excite's frame, but without
    its refinements at thresholds, which the published settings keep. The mask stands where the box did, for each token
    of a word."""

    reference: ClassVar[str] = "BoxDiff (Xie et al. 2023)"
    reads_mask: ClassVar[bool] = True

    base: Method = setting(factory=Plain)
    share: float = setting(0.5, "share of the steps that are guided", least=0, most=1)
    step_size: float = setting(20.0, "how far an update goes", least=0)
    top: float = setting(0.2, "share of the cells that the inner and the outer constraint look at", least=0, most=1)

    def nudges(self, steps: int) -> Sequence[int]:
        return [int(i < int(self.share * steps)) for i in range(steps)]

    def bind(self, run: Run) -> Plan:
        require_start(run, "BoxDiff")
        plan, steps = self.base.bind(run), run.path.steps
        shape, names = (run.guided[0].height, run.guided[0].width), [s.name for s in run.guided]
        goals = {g.word: (run.columns(g.word), run.cells(g.mask, *shape)) for g in run.task.goals}
        sizes = self.step_size * torch.linspace(1, 0.5, steps).sqrt()

        def constraint(now: Now) -> tuple[Tensor, dict[str, Tensor], Maps]:
            maps = attention(now, run.cond, plan, names)
            mean = torch.stack([m[0] for m in maps.values()]).mean(0)
            terms = {
                word: torch.stack([losses.box(losses.sharpened(mean, *shape, c), mask, self.top) for c in own]).sum()
                for word, (own, mask) in goals.items()
            }
            return torch.stack(list(terms.values())).sum(), terms, maps

        def guide(now: Now) -> Iterator[Nudge]:
            if now.i < int(self.share * steps):
                yield nudge(now, constraint, sizes[now.i].item())

        return guiding(plan, guide)
