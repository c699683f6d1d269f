"""Source maps in the place of the target's, and their weights: Prompt-to-Prompt's edits of cross attention."""

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from .. import words
from ..attention import Site
from ..backbone import Backbone
from ..edit import Maps, Now
from ..masks import to_cells
from ..taps import Tap
from ..task import Task

Span = float | tuple[float, float]


class Injection:
    """Which target columns take which source columns, when, and how much they weigh; the settings are those of
    `PromptToPrompt`."""

    def __init__(
        self, net: Backbone, task: Task, mode: str, cross_replace: Span | Mapping[str, Span],
        reweight: Mapping[str, float] | float, inside: bool, own_maps: Sequence[str],
    ) -> None:  # fmt: skip
        columns = partial(net.positions, task.target)
        spans = cross_replace if isinstance(cross_replace, Mapping) else {"default": cross_replace}
        self.default = spans.get("default", 0.8)
        self.own = [(columns(word), span) for word, span in spans.items() if word != "default"]
        factors = reweight if isinstance(reweight, Mapping) else dict.fromkeys(task.words, reweight)
        self.weights = [(columns(word), factor) for word, factor in factors.items()]
        self.region = task.region if inside else None
        build = words.swap if mode == "swap" else _refinement
        self.mapper = build(net.tokenizer, task.source, task.target).to(net.device)
        self.common = self.mapper.sum(0) > 0
        self.common[[column for word in own_maps for column in columns(word)]] = False

    def active(self, now: Now) -> Tensor:
        """Which target columns are within their range at this step."""
        rows = torch.full_like(self.common, now.within(self.default, 1))
        for columns, span in self.own:
            rows[columns] = now.within(span, 1)
        return rows

    def taken(self, now: Now) -> Tensor:
        """Which target columns take a source map at this step."""
        return self.active(now) & self.common

    def weighs(self, now: Now) -> bool:
        return bool(self.weights) and bool(self.active(now).any())

    def tap(self, site: Site, now: Now, seen: Maps) -> Tap:
        """Source maps into the columns that take them, then the weights, as in Prompt-to-Prompt's order."""
        rows, source = self.taken(now), seen.get(site.name)
        scale = self._scale(site, now)

        def inject(probs: Tensor) -> Tensor:
            if source is not None:
                probs = torch.where(rows, source @ self.mapper.to(source.dtype), probs)
            return probs if scale is None else probs * scale.to(probs)

        return inject

    def _scale(self, site: Site, now: Now) -> Tensor | None:
        """Factors of pixels x tokens; a word weighs only within its range, as in the official code."""
        if not self.weighs(now):
            return None
        inside = torch.ones(site.cells)
        if self.region is not None:
            inside = to_cells(self.region, site.height, site.width).flatten()
        scale, active = torch.ones(site.cells, len(self.common)), self.active(now)
        for columns, factor in self.weights:
            for column in columns:
                if active[column]:
                    scale[:, column] = 1 + (factor - 1) * inside
        return scale


def _refinement(tokenizer: PreTrainedTokenizerBase, source: str, target: str) -> Tensor:
    """Refinement's alignment as a matrix: column j has its one where the source token stands that j repeats."""
    found = words.refinement(tokenizer, source, target)
    matrix, common = torch.zeros(len(found), len(found)), (found >= 0).nonzero()[:, 0]
    matrix[found[common], common] = 1.0
    return matrix
