"""Prompt-to-Prompt (Hertz et al. 2023): the target looks where the source looked."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from .. import words
from ..attention import Site
from ..backbone import Backbone
from ..blend import LocalBlend, MaskBlend
from ..edit import Hooks, Maps, Now
from ..inversion import Path
from ..masks import to_cells
from ..taps import Tap, Taps, instead
from ..task import Task

Span = float | tuple[float, float]


@dataclass(frozen=True)
class PromptToPrompt:
    """Attention injection from the source branch.

    mode: "refine" keeps the maps of common tokens (any prompts); "swap" takes over the map of each word in its place
        (equally many words).
    cross_replace: share of the steps, or (start, end), in which cross attention is injected; a dict gives words of
        the target prompt a range of their own, "default" the others'. A word with range 0 keeps its own map.
    self_replace: the same for self attention, at sites of at most `self_cells` cells (32x32, as null-text and MAG-Edit
        use; 16x16 in Prompt-to-Prompt's first notebook).
    reweight: factors for target words' columns, after injection and not renormalised; one number is for the task's
        edit words. With `reweight_inside` they act inside the task's mask only.
    blend: "mask" keeps the source outside the task's mask, "attention" outside masks made from attention
        (LocalBlend); or a MaskBlend or LocalBlend with settings of its own.
    """

    mode: str = "refine"
    cross_replace: Span | Mapping[str, Span] = 0.8
    self_replace: Span = 0.5
    self_cells: int = 32 * 32
    reweight: Mapping[str, float] | float = field(default_factory=dict)
    reweight_inside: bool = False
    blend: str | MaskBlend | LocalBlend | None = None

    def __post_init__(self) -> None:
        if self.mode not in ("refine", "swap"):
            raise ValueError(f"expected mode 'refine' or 'swap', got {self.mode!r}")
        if isinstance(self.blend, str) and self.blend not in _BLENDS:
            raise ValueError(f"expected blend {' or '.join(map(repr, _BLENDS))} or None, got {self.blend!r}")

    def bind(self, net: Backbone, task: Task, path: Path) -> Hooks:
        sites = net.sites(path.latents)
        inject = _Injection(self, net, task)
        blend = _BLENDS[self.blend]() if isinstance(self.blend, str) else self.blend

        def wanted(now: Now) -> frozenset[str]:
            cross = inject.taken(now).any().item() or (isinstance(blend, LocalBlend) and blend.source_words)
            itself = now.within(self.self_replace)
            return frozenset(s.name for s in sites if (cross if s.cross else itself and s.cells <= self.self_cells))

        def taps(now: Now, seen: Maps) -> Taps:
            names = wanted(now)
            found = {
                s.name: inject.tap(s, now, seen) if s.cross else instead(seen, s.name) for s in sites if s.name in names
            }
            if inject.weighs(now):
                found |= {s.name: inject.tap(s, now, seen) for s in sites if s.cross}
            return found

        hooks = Hooks(source_sites=wanted, taps=taps)
        return replace(hooks, blend=blend.bind(net, task, path)) if blend else hooks


_BLENDS = {"mask": MaskBlend, "attention": LocalBlend}


class _Injection:
    """Which target columns take which source columns, when, and how much they weigh."""

    def __init__(self, settings: PromptToPrompt, net: Backbone, task: Task) -> None:
        columns = partial(net.positions, task.target)
        spans = (
            settings.cross_replace
            if isinstance(settings.cross_replace, Mapping)
            else {"default": settings.cross_replace}
        )
        self.default = spans.get("default", 0.8)
        self.own = [(columns(word), span) for word, span in spans.items() if word != "default"]
        factors = settings.reweight
        factors = factors if isinstance(factors, Mapping) else dict.fromkeys(task.words, factors)
        self.weights = [(columns(word), factor) for word, factor in factors.items()]
        self.region = task.region if settings.reweight_inside else None
        build = words.swap if settings.mode == "swap" else _refinement
        self.mapper = build(net.tokenizer, task.source, task.target).to(net.device)
        self.common = self.mapper.sum(0) > 0

    def active(self, now: Now) -> Tensor:
        """Which target columns are within their range at this step."""
        rows = torch.full_like(self.common, now.within(self.default))
        for columns, span in self.own:
            rows[columns] = now.within(span)
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
