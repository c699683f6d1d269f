"""MAG-Edit's objective: one prompt whose words' attention is to fill their masks (Eq. 5 over Eq. 1 or Eq. 2)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..runs import Run
from ..steps import Maps
from . import losses
from .base import Plan


@dataclass(frozen=True)
class LossSettings:
    """How maps become a loss: the settings of `MagEdit` that have these names."""

    loss: str | losses.Loss
    lam: float
    all_tokens: bool
    per_head: bool


class Objective:
    """One prompt whose words' maps enter the loss: the target, or the negative prompt of Eq. 3.

    plan: of the base method for this prompt, whose injected maps are the ones that count (A-hat).
    needs_new: whether the base method replaces a word's map where the source prompt has the word too.
    """

    def __init__(self, settings: LossSettings, run: Run, plan: Plan, needs_new: Callable[[str], bool]) -> None:
        self.settings, self.run, self.plan = settings, run, plan
        guidable = [run.new_columns if needs_new(w) else run.columns for w in run.task.words]
        self.words = [(g, columns(g.word)) for g, columns in zip(run.task.goals, guidable, strict=True)]
        site = run.guided[0]
        self.masks = [run.cells(g.mask, site.height, site.width).flatten() for g in run.task.goals]
        for goal, mask in zip(run.task.goals, self.masks, strict=True):
            if not mask.any():
                raise ValueError(
                    f"expected a mask with a pixel that is sampled for {site.width}x{site.height} cells, got none for "
                    f"{goal.word!r}; take cells='coverage', or a larger mask"
                )

    def loss(self, maps: Maps) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Eq. 5 over the words, and each word's own constraint, averaged over the sites."""
        probs = [m[0].to(self.run.path.latents.dtype) for m in maps.values()]
        if not self.settings.per_head:
            probs = [torch.stack([m.mean(0) for m in probs]).mean(0, keepdim=True)]
        terms = {
            goal.word: torch.stack([self._constraint(m, mask, columns) for m in probs]).mean()
            for (goal, columns), mask in zip(self.words, self.masks, strict=True)
        }
        return losses.weighted(list(terms.values()), [goal.weight for goal, _ in self.words]), terms

    def _constraint(self, probs: Tensor, mask: Tensor, columns: list[int]) -> Tensor:
        loss = self.settings.loss
        if loss == "spatial_ratio":
            return losses.spatial_ratio(probs, mask, columns, self.settings.lam, self.settings.per_head)
        if loss == "token_ratio":
            over = None if self.settings.all_tokens else self.run.common
            return losses.token_ratio(probs, mask, columns, over, self.settings.per_head)
        return losses.own(losses.LOSSES[loss] if isinstance(loss, str) else loss, probs, mask, columns)
