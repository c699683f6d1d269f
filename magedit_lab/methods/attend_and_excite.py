"""Attend-and-Excite (Chefer et al. 2023): excite the most neglected of the edit words, wherever that may be."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from .. import losses
from ..attention import guided
from ..backbone import Backbone
from ..edit import Hooks, Maps, Method, Now, Nudge
from ..inversion import Path
from ..task import Task
from .guidance import attention, guiding, nudge
from .plain import Plain


@dataclass(frozen=True)
class AttendAndExcite:
    """In the first half of the steps one update a step, of 20 sqrt(1 ... 0.5); no mask.

    thresholds: shares of the steps at which the latent is refined, at most `refinements` times, until each word's
        maximum exceeds the value; the published ones are steps 0, 10 and 20 of 50.
    """

    base: Method = field(default_factory=Plain)
    share: float = 0.5
    step_size: float = 20.0
    thresholds: tuple[tuple[float, float], ...] = ((0.0, 0.05), (0.2, 0.5), (0.4, 0.8))
    refinements: int = 20

    def bind(self, net: Backbone, task: Task, path: Path) -> Hooks:
        hooks, cond, sites = self.base.bind(net, task, path), net.embed(task.target), guided(net.sites(path.latents))
        columns = {word: net.positions(task.target, word) for word in task.words}
        aims = {round(share * path.steps): value for share, value in self.thresholds}
        sizes = self.step_size * torch.linspace(1, 0.5, path.steps).sqrt()
        shape, names = (sites[0].height, sites[0].width), [s.name for s in sites]

        def guide(now: Now, seen: Maps) -> Iterator[Nudge]:
            def constraint(at: Now) -> tuple[Tensor, dict[str, Tensor], Maps]:
                maps = attention(at, cond, hooks, seen, names)
                mean = torch.stack([m[0] for m in maps.values()]).mean(0)
                seen_words = {w: losses.sharpened(mean, *shape, c) for w, c in columns.items()}
                terms = {w: 1 - m.max() for w, m in seen_words.items()}
                return losses.attend_and_excite(list(seen_words.values())), terms, maps

            if now.i >= int(self.share * path.steps):
                return
            size, enough = sizes[now.i].item(), 1 - aims.get(now.i, 0.0)
            for count in range(self.refinements if now.i in aims else 0):
                step = nudge(now, constraint, size)
                yield step
                now = replace(now, target=step.latent)
                if step.loss <= enough:
                    if count == 0:
                        return  # there was nothing to refine: this was the step's own update
                    break
            yield nudge(now, constraint, size)

        return guiding(hooks, guide)
