"""BoxDiff (Xie et al. 2023): a word's brightest cells inside its box, none outside, its edges at the box's."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .. import losses
from ..attention import guided
from ..backbone import Backbone
from ..edit import Hooks, Maps, Method, Now, Nudge
from ..inversion import Path
from ..masks import to_cells
from ..task import Task
from .guidance import attention, guiding, nudge
from .plain import Plain


@dataclass(frozen=True)
class BoxDiff:
    """In the first half of the steps one update a step of 20 sqrt(1 ... 0.5), in Attend-and-Excite's frame, but without
    its refinements at thresholds, which the published settings keep.

    top: the share of cells that the inner and the outer constraint look at. The mask stands where the box did.
    """

    base: Method = field(default_factory=Plain)
    share: float = 0.5
    step_size: float = 20.0
    top: float = 0.2

    def bind(self, net: Backbone, task: Task, path: Path) -> Hooks:
        hooks, cond, sites = self.base.bind(net, task, path), net.embed(task.target), guided(net.sites(path.latents))
        shape, names = (sites[0].height, sites[0].width), [s.name for s in sites]
        aims = {
            g.word: (net.positions(task.target, g.word), to_cells(g.mask, *shape).to(net.device)) for g in task.goals
        }
        sizes = self.step_size * torch.linspace(1, 0.5, path.steps).sqrt()

        def guide(now: Now, seen: Maps) -> Iterator[Nudge]:
            def constraint(at: Now) -> tuple[Tensor, dict[str, Tensor], Maps]:
                maps = attention(at, cond, hooks, seen, names)
                mean = torch.stack([m[0] for m in maps.values()]).mean(0)
                each = {
                    w: losses.box(losses.sharpened(mean, *shape, c), mask, self.top) for w, (c, mask) in aims.items()
                }
                return torch.stack(list(each.values())).sum(), each, maps

            if now.i < int(self.share * path.steps):
                yield nudge(now, constraint, sizes[now.i].item())

        return guiding(hooks, guide)
