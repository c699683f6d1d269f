"""Attend-and-Excite (Chefer et al. 2023): excite the most neglected of the edit words, wherever that may be."""

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
class AttendAndExcite(Method):
    """In the first half of the steps one update a step, of 20 sqrt(1 ... 0.5); no mask. A word of several tokens is
    excited at each of them.

    thresholds: shares of the steps at which the latent is refined, at most `refinements` times, until each token's
        maximum exceeds the value; the published ones are steps 0, 10 and 20 of 50.
    """

    reference: ClassVar[str] = "Attend-and-Excite (Chefer et al. 2023)"

    base: Method = setting(factory=Plain)
    share: float = setting(0.5, "share of the steps that are guided", least=0, most=1)
    step_size: float = setting(20.0, "how far an update goes", least=0)
    thresholds: tuple[tuple[float, float], ...] = ((0.0, 0.05), (0.2, 0.5), (0.4, 0.8))
    refinements: int = setting(20, "updates at a threshold, at most", least=0)

    def nudges(self, steps: int) -> Sequence[int]:
        refined = self._thresholds(steps)
        last = int(self.share * steps)
        return [1 + self.refinements * (i in refined) if i < last else 0 for i in range(steps)]

    def _thresholds(self, steps: int) -> dict[int, float]:
        return {round(share * steps): value for share, value in self.thresholds}

    def bind(self, run: Run) -> Plan:
        require_start(run, "Attend-and-Excite")
        plan, steps = self.base.bind(run), run.path.steps
        columns = {word: run.columns(word) for word in run.task.words}
        thresholds, sizes = self._thresholds(steps), self.step_size * torch.linspace(1, 0.5, steps).sqrt()
        shape, names = (run.guided[0].height, run.guided[0].width), [s.name for s in run.guided]

        def constraint(now: Now) -> tuple[Tensor, dict[str, Tensor], Maps]:
            maps = attention(now, run.cond, plan, names)
            mean = torch.stack([m[0] for m in maps.values()]).mean(0)
            sharp = {word: [losses.sharpened(mean, *shape, c) for c in own] for word, own in columns.items()}
            terms = {word: losses.attend_and_excite(each) for word, each in sharp.items()}
            return torch.stack(list(terms.values())).max(), terms, maps

        def guide(now: Now) -> Iterator[Nudge]:
            if now.i >= int(self.share * steps):
                return
            size, enough = sizes[now.i].item(), 1 - thresholds.get(now.i, 0.0)
            for count in range(self.refinements if now.i in thresholds else 0):
                step = nudge(now, constraint, size)
                yield step
                now = now.after(step)
                if step.loss <= enough:
                    if count == 0:
                        return  # there was nothing to refine: this was the step's own update
                    break
            yield nudge(now, constraint, size)

        return guiding(plan, guide)
