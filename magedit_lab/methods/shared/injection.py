"""Source maps in the place of the target's, and their weights: Prompt-to-Prompt's edits of cross attention."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ...model.attention import Site
from ...model.hooks import Hook, Replace
from ...runs import Run
from ...steps import Maps, Now, Span


class Injection:
    """Which target columns take which source columns, when, and how much they weigh; the settings are those of
    `PromptToPrompt`."""

    def __init__(
        self, run: Run, mode: str, cross_replace: Span | Mapping[str, Span], reweight: Mapping[str, float] | float,
        inside: bool, own_maps: Sequence[str], padding: str = "end",
    ) -> None:  # fmt: skip
        task, net = run.task, run.net
        spans = cross_replace if isinstance(cross_replace, Mapping) else {"default": cross_replace}
        self.default = spans.get("default", 0.8)
        self.own = [(run.columns(word), span) for word, span in spans.items() if word != "default"]
        factors = reweight if isinstance(reweight, Mapping) else dict.fromkeys(task.words, reweight)
        self.weights = [(run.columns(word), factor) for word, factor in factors.items()]
        self.run, self.inside = run, inside
        mapper = run.swapped(padding) if mode == "swap" else _refinement(run, padding)
        self.common = mapper.sum(0) > 0
        if mode == "swap" and padding == "start":  # as coded: what the counting does not reach has a map of zeros
            self.common[:] = True
        self.common[[column for word in own_maps for column in run.columns(word)]] = False
        self.mapper = mapper.to(net.device)
        self._mapped: tuple[Maps, dict[str, Tensor]] = ({}, {})
        self._rows: dict[tuple[bool, ...], Tensor] = {}

    def active(self, now: Now) -> Tensor:
        """Which target columns are within their range at this step (on the host)."""
        rows = torch.full_like(self.common, now.within(self.default, 1))
        for columns, span in self.own:
            rows[columns] = now.within(span, 1)
        return rows

    def columns(self, now: Now) -> Tensor:
        """Which target columns take a source map at this step (on the host)."""
        return self.active(now) & self.common

    def weighs(self, now: Now) -> bool:
        """Whether any column is re-weighted at this step."""
        return bool(self.weights) and bool(self.active(now).any())

    def hook(self, site: Site, now: Now) -> Hook:
        """Source maps into the columns that take them, then the weights, as in Prompt-to-Prompt's order."""
        rows, scale = self.columns(now), self._scale(site, now)
        source = self._source_map(site.name, now)
        if source is not None and scale is None and rows.all():
            return Replace(source)
        columns = self._sent(rows)

        def inject(probs: Tensor) -> Tensor:
            if source is not None:
                probs = torch.where(columns, source, probs)
            return probs if scale is None else probs * scale.to(probs)

        return inject

    def pattern(self, now: Now) -> tuple[Any, ...]:
        """What the hooks depend on besides the source's maps."""
        return (tuple(self.columns(now).tolist()), tuple(self.active(now).tolist()) if self.weighs(now) else ())

    def _sent(self, rows: Tensor) -> Tensor:
        """Rows on the device, sent there once."""
        key = tuple(rows.tolist())
        if key not in self._rows:
            self._rows[key] = rows.to(self.mapper.device)
        return self._rows[key]

    def _source_map(self, name: str, now: Now) -> Tensor | None:
        """The source's map in the target's columns; computed once a step, however many nudges there are."""
        maps, mapped = self._mapped
        if maps is not now.source_maps:
            maps, mapped = self._mapped = (now.source_maps, {})
        if name not in maps:
            return None
        if name not in mapped:
            mapped[name] = maps[name] @ self.mapper.to(maps[name].dtype)
        return mapped[name]

    def _scale(self, site: Site, now: Now) -> Tensor | None:
        """Factors of pixels x tokens; a word weighs only within its range, as in the official code."""
        if not self.weighs(now):
            return None
        device = self.mapper.device
        inside = torch.ones(site.cells, device=device)
        if self.inside:
            inside = self.run.region(site.height, site.width).flatten().to(inside)
        scale, active = torch.ones(site.cells, len(self.common), device=device), self.active(now)
        for columns, factor in self.weights:
            for column in columns:
                if active[column]:
                    scale[:, column] = 1 + (factor - 1) * inside
        return scale


def _refinement(run: Run, padding: str) -> Tensor:
    """Refinement's alignment as a matrix: column j has its one where the source token stands that j repeats."""
    origin = run.aligned(padding)
    matrix, common = torch.zeros(len(origin), len(origin)), (origin >= 0).nonzero()[:, 0]
    matrix[origin[common], common] = 1.0
    return matrix
