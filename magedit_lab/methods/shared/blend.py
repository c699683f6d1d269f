"""Latent blending: outside a mask the target takes the source's latent."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...masks.raster import dilate
from ...model.backbone import Latent
from ...runs import Run
from ...settings import Settings, setting
from ...steps import Maps, Now, Step
from ..base import Method, Plan

Blend = Callable[[Now, Step], Latent]
TOTALS = ("blend.target", "blend.source")  # in a plan's memory: LocalBlend's maps, added up over the steps so far


@dataclass(frozen=True)
class MaskBlend(Settings):
    """Blend with the task's own mask.

    Prompt-to-Prompt starts at .2; MAG-Edit's code blends in the last 15 of 50 steps (.7) with a mask grown by 1.
    """

    start: float = setting(0.2, "share of the steps before blending begins", least=0, most=1)
    grow: int = setting(0, "latent cells by which the mask is dilated", least=0)

    def bind(self, run: Run, memory: dict[str, Tensor] | None = None) -> Blend:
        mask = dilate(run.latent_mask, self.grow) if self.grow else run.latent_mask
        first = int(self.start * run.path.steps)  # as published, not rounded

        def blend(now: Now, step: Step) -> Latent:
            return step.source + mask * (step.target - step.source) if now.i >= first else step.target

        return blend


@dataclass(frozen=True)
class LocalBlend(Settings):
    """Prompt-to-Prompt's blend: the masks are made from the attention of words.

    words: target words, the task's own by default; source_words: what they stand for in the source prompt, else only
        the target's masks count.
    Maps are added up over the steps so far, averaged over heads and guided sites, 3x3 max-pooled, brought to the
    latent's size, divided by their maximum and cut at `threshold`.
    """

    words: tuple[str, ...] = ()
    source_words: tuple[str, ...] = ()
    start: float = setting(0.2, "share of the steps before blending begins", least=0, most=1)
    threshold: float = setting(0.3, "share of the largest attention that counts as inside", least=0, most=1)

    def bind(self, run: Run, memory: dict[str, Tensor] | None = None) -> Blend:
        """memory: the plan's, where the sums over steps are; a new one starts anew."""
        columns = [c for word in self.words or run.task.words for c in run.columns(word)]
        source_columns = [c for word in self.source_words for c in run.source_columns(word)]
        memory = {} if memory is None else memory
        first = int(self.start * run.path.steps)  # as published, not rounded

        def add(branch: str, maps: Maps, positions: list[int]) -> None:
            if positions and maps:
                heat = torch.stack([maps[s.name][0, :, :, positions].sum(-1).mean(0) for s in run.guided]).mean(0)
                memory[f"blend.{branch}"] = memory.get(f"blend.{branch}", torch.zeros_like(heat)) + heat

        def blend(now: Now, step: Step) -> Latent:
            add("target", step.target_maps, columns)
            add("source", step.source_maps, source_columns)
            if now.i < first:
                return step.target
            site = run.guided[0]
            totals = [memory[name] for name in TOTALS if name in memory]
            masks = [self._mask(heat, site.height, site.width, step.target) for heat in totals]
            mask = torch.stack(masks).amax(0)
            return step.source + mask * (step.target - step.source)

        return blend

    def _mask(self, heat: Tensor, height: int, width: int, z: Latent) -> Tensor:
        pooled = F.max_pool2d(heat.reshape(1, 1, height, width), 3, 1, 1)
        large = F.interpolate(pooled, z.shape[-2:], mode="nearest")
        return (large / large.amax() > self.threshold).to(z)


Blends = str | MaskBlend | LocalBlend | None  # a method's setting: "mask", "attention", or one with numbers of its own
BLENDS = {"mask": MaskBlend, "attention": LocalBlend}
LATE = MaskBlend(start=0.7, grow=1)  # MAG-Edit's own, which the paper gives to its mask-based baselines too


def blend_setting(default: Blends = None) -> Any:
    """The field of a method that can blend."""
    about = "keep the source outside the task's mask, or outside masks made from attention"
    return setting(default, about, choices=(None, *BLENDS))


@dataclass(frozen=True)
class Blended(Method):
    """The base of methods with a setting `blend`."""

    @property
    def _blend(self) -> MaskBlend | LocalBlend | None:
        blend = getattr(self, "blend", None)
        return BLENDS[blend]() if isinstance(blend, str) else blend

    @property
    def needs_mask(self) -> bool:
        return isinstance(self._blend, MaskBlend)

    @property
    def keeps_outside(self) -> bool:
        return self._blend is not None


def blended(plan: Plan, blend: Blends, run: Run) -> Plan:
    """A plan with its method's blend, if there is one."""
    chosen = BLENDS[blend]() if isinstance(blend, str) else blend
    return replace(plan, blend=chosen.bind(run, plan.memory)) if chosen else plan
