"""Layout guidance (Chen et al. 2024), the parent of MAG-Edit's spatial ratio: pull a word's attention into its box."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

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
class LayoutGuidance:
    """In the first fifth of the steps up to 5 updates a step of 30 (1 - alpha_t), until the loss is below .2.

    That step is the published 30 sigma_t^2 of a sampler whose latent is z / sqrt(alpha_t). Each guided step makes at
    least one update; the published code ends guidance for good at the first loss below the threshold.
    Published on the middle block and the first up block; here on the middle block's cross attention, if it has any,
    and the up blocks' guided sites. The mask stands where the box did.
    """

    base: Method = field(default_factory=Plain)
    share: float = 0.2
    step_size: float = 30.0
    threshold: float = 0.2
    iterations: int = 5

    def bind(self, net: Backbone, task: Task, path: Path) -> Hooks:
        hooks, cond, every = self.base.bind(net, task, path), net.embed(task.target), net.sites(path.latents)
        fine = {s.name for s in guided(every) if s.name.startswith("up_blocks")}
        sites = [s for s in every if s.name in fine or (s.cross and s.name.startswith("mid_block"))]
        aims = {g.word: (net.positions(task.target, g.word), g.mask) for g in task.goals}

        def constraint(at: Now, seen: Maps) -> tuple[Tensor, dict[str, Tensor], Maps]:
            maps = attention(at, cond, hooks, seen, [s.name for s in sites])
            each = {}
            for word, (columns, mask) in aims.items():
                cells = {s.name: to_cells(mask, s.height, s.width).flatten().to(net.device) for s in sites}
                each[word] = torch.stack([losses.layout(m[0], cells[n], columns) for n, m in maps.items()]).mean()
            loss = torch.stack(list(each.values())).mean()
            return loss, each, maps

        def guide(now: Now, seen: Maps) -> Iterator[Nudge]:
            size = self.step_size * (1 - net.alpha(now.t)).item()
            for _ in range(self.iterations if now.i < int(self.share * path.steps) else 0):
                step = nudge(now, lambda at: constraint(at, seen), size)
                yield step
                now = replace(now, target=step.latent)
                if step.loss < self.threshold:
                    break

        return guiding(hooks, guide)
