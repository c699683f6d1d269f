"""Layout guidance (Chen et al. 2024), the parent of MAG-Edit's spatial ratio: pull a word's attention into its box."""

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
from .shared.guidance import attention, guiding, nudge


@dataclass(frozen=True)
class LayoutGuidance(Method):
    """In the first fifth of the steps up to 5 updates a step of 30 (1 - alpha_t), until the loss is below .2.

    That step is the published 30 sigma_t^2 of a sampler whose latent is z / sqrt(alpha_t). Each guided step makes at
    least one update; the published code ends guidance for good at the first loss below the threshold.
    Published on the middle block and the first up block; here on the middle block's cross attention, if it has any,
    and the up blocks' guided sites (a transformer's in its later half). The mask stands where the box did.
    """

    reference: ClassVar[str] = "layout guidance (Chen et al. 2024)"
    reads_mask: ClassVar[bool] = True

    base: Method = setting(factory=Plain)
    share: float = setting(0.2, "share of the steps that are guided", least=0, most=1)
    step_size: float = setting(30.0, "how far an update goes, times 1 - alpha", least=0)
    threshold: float = setting(0.2, "a loss below this ends the step's updates", least=0)
    iterations: int = setting(5, "updates a step, at most", least=0)

    def nudges(self, steps: int) -> Sequence[int]:
        return [self.iterations if i < int(self.share * steps) else 0 for i in range(steps)]

    def bind(self, run: Run) -> Plan:
        plan = self.base.bind(run)
        fine = {s.name for s in run.guided if s.late} or {s.name for s in run.guided}
        sites = [s for s in run.sites if s.name in fine or (s.cross and s.name.startswith("mid_block"))]
        names = [s.name for s in sites]

        def word_loss(maps: Maps, columns: list[int], mask: Tensor) -> Tensor:
            cells = [run.cells(mask, s.height, s.width).flatten() for s in sites]
            each = [losses.layout(maps[s.name][0], c, columns) for s, c in zip(sites, cells, strict=True)]
            return torch.stack(each).mean()

        def constraint(now: Now) -> tuple[Tensor, dict[str, Tensor], Maps]:
            maps = attention(now, run.cond, plan, names)
            terms = {g.word: word_loss(maps, run.columns(g.word), g.mask) for g in run.task.goals}
            return torch.stack(list(terms.values())).mean(), terms, maps

        def guide(now: Now) -> Iterator[Nudge]:
            size = self.step_size * now.level.noise.square().item()
            for _ in range(self.iterations if now.i < int(self.share * run.path.steps) else 0):
                step = nudge(now, constraint, size)
                yield step
                now = now.after(step)
                if step.loss < self.threshold:
                    break

        return guiding(plan, guide)
