"""What MAG-Edit's guidance aims at: one prompt whose words' attention is to fill their masks."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .. import losses, words
from ..attention import guided
from ..backbone import Backbone
from ..edit import Hooks, Maps
from ..inversion import Path
from ..masks import to_cells
from ..task import Task
from .prompt_to_prompt import PromptToPrompt

if TYPE_CHECKING:
    from .mag_edit import MagEdit


class Aim:
    """One prompt whose words' maps enter the loss: the target, or the negative prompt of Eq. 3."""

    def __init__(self, settings: "MagEdit", net: Backbone, task: Task, path: Path, hooks: Hooks) -> None:
        self.settings, self.hooks, self.cond, self.task = settings, hooks, net.embed(task.target), task
        first = guided(net.sites(path.latents))[0]
        prompts = (net.tokenizer, task.source, task.target)
        self.words = [(g, self._find(g.word)(*prompts, g.word)) for g in task.goals]
        self.masks = [to_cells(g.mask, first.height, first.width).flatten().to(net.device) for g in task.goals]
        self.common = words.common(*prompts)

    def _find(self, word: str) -> Callable[..., list[int]]:
        """How a word's columns are found: refinement gives a common word the source's map, which nothing can guide."""
        base = self.settings.base
        refined = isinstance(base, PromptToPrompt) and base.mode == "refine" and word not in base.own_maps
        return words.require_new if refined else words.edited

    def loss(self, maps: Maps, terms: dict[str, Tensor]) -> Tensor:
        """Eq. 5 over the words: each word's constraint, averaged over the sites."""
        found = [m[0].to(self.cond.dtype) for m in maps.values()]
        if not self.settings.per_head:
            found = [torch.stack([m.mean(0) for m in found]).mean(0, keepdim=True)]
        each = []
        for (goal, columns), mask in zip(self.words, self.masks, strict=True):
            each.append(torch.stack([self._constraint(m, mask, columns) for m in found]).mean())
            terms[goal.word] = each[-1]
        return losses.weighted(each, [goal.weight for goal, _ in self.words])

    def _constraint(self, probs: Tensor, mask: Tensor, columns: list[int]) -> Tensor:
        loss = self.settings.loss
        if loss == "spatial_ratio":
            return losses.spatial_ratio(probs, mask, columns, self.settings.lam, self.settings.per_head)
        if loss == "token_ratio":
            over = None if self.settings.all_tokens else self.common
            return losses.token_ratio(probs, mask, columns, over, self.settings.per_head)
        return losses.own(losses.LOSSES[loss] if isinstance(loss, str) else loss, probs, mask, columns)
