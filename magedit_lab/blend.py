"""Latent blending: outside a mask the target takes the source's latent."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from .attention import guided
from .backbone import Backbone, Latent
from .edit import Hooks, Maps, Now, Step
from .inversion import Path
from .masks import dilate, to_cells
from .task import Task

Blend = Callable[[Now, Step], Latent]


@dataclass(frozen=True)
class MaskBlend:
    """Blend with the task's own mask, from the share `start` of the steps on; `grow` dilates it in latent cells.

    Prompt-to-Prompt starts at .2; MAG-Edit's code blends in the last 15 of 50 steps (.7) with a mask grown by 1.
    """

    start: float = 0.2
    grow: int = 0

    def bind(self, net: Backbone, task: Task, path: Path) -> Blend:
        cells = to_cells(task.region, *path.latents.shape[-2:])
        mask = (dilate(cells, self.grow) if self.grow else cells).to(path.latents.device)
        first = round(self.start * path.steps)

        def blend(now: Now, step: Step) -> Latent:
            return step.source + mask * (step.target - step.source) if now.i >= first else step.target

        return blend


@dataclass(frozen=True)
class LocalBlend:
    """Prompt-to-Prompt's blend: the masks are made from the attention of words.

    words: target words, the task's own by default; source_words: what they stand for in the source prompt, else only
        the target's masks count.
    Maps are added up over the steps so far, averaged over heads and guided sites, 3x3 max-pooled, brought to the
    latent's size, divided by their maximum and cut at `threshold`.
    """

    words: tuple[str, ...] = ()
    source_words: tuple[str, ...] = ()
    start: float = 0.2
    threshold: float = 0.3

    def bind(self, net: Backbone, task: Task, path: Path) -> Blend:
        sites = guided(net.sites(path.latents))
        columns = [c for w in self.words or task.words for c in net.positions(task.target, w)]
        source_columns = [c for w in self.source_words for c in net.positions(task.source, w)]
        totals: dict[str, Tensor] = {}  # sums of this run; a new bind starts anew
        first = round(self.start * path.steps)

        def add(branch: str, maps: Maps, positions: list[int]) -> None:
            if positions and maps:
                heat = torch.stack([maps[s.name][0, :, :, positions].sum(-1).mean(0) for s in sites]).mean(0)
                totals[branch] = totals.get(branch, torch.zeros_like(heat)) + heat

        def blend(now: Now, step: Step) -> Latent:
            add("target", step.target_maps, columns)
            add("source", step.source_maps, source_columns)
            if now.i < first:
                return step.target
            masks = [self._mask(heat, sites[0].height, sites[0].width, step.target) for heat in totals.values()]
            mask = torch.stack(masks).amax(0)
            return step.source + mask * (step.target - step.source)

        return blend

    def _mask(self, heat: Tensor, height: int, width: int, z: Latent) -> Tensor:
        pooled = F.max_pool2d(heat.reshape(1, 1, height, width), 3, 1, 1)
        large = F.interpolate(pooled, z.shape[-2:], mode="nearest")
        return (large / large.amax() > self.threshold).to(z)


Blends = str | MaskBlend | LocalBlend | None  # a method's setting: "mask", "attention", or one with numbers of its own
BLENDS = {"mask": MaskBlend, "attention": LocalBlend}


def known(blend: Blends) -> None:
    """ValueError for a name that is none."""
    if isinstance(blend, str) and blend not in BLENDS:
        raise ValueError(f"expected blend {' or '.join(map(repr, BLENDS))} or None, got {blend!r}")


def added(hooks: Hooks, blend: Blends, net: Backbone, task: Task, path: Path) -> Hooks:
    """A method's hooks with its blend, if it has one."""
    made = BLENDS[blend]() if isinstance(blend, str) else blend
    return replace(hooks, blend=made.bind(net, task, path)) if made else hooks


LATE = MaskBlend(start=0.7, grow=1)  # MAG-Edit's own, which the paper gives to its mask-based baselines too
