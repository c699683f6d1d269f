"""MAG-Edit (Mao et al., ACM MM 2024): nudge the noise latent until the edit word's attention fills the mask."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from torch import Tensor

from ..runs import Run
from ..settings import setting
from ..steps import Maps, Now, Nudge
from ..task import Task
from .base import Method, Plan
from .prompt_to_prompt import PromptToPrompt
from .shared import losses
from .shared.blend import LATE
from .shared.guidance import Constraint, attention, guiding, nudge
from .shared.objective import LossSettings, Objective


@dataclass(frozen=True)
class MagEdit(Method):
    """Algorithm 1 around a base method: before each early step, `iterations` times z* <- z* - M delta grad L (Eq. 4).

    base: the method that edits; its injected maps enter the loss (A-hat), and its hooks and blend stay as they are.
    loss: "token_ratio" (Eq. 1) keeps structure, "spatial_ratio" (Eq. 2) edits harder; lam is Eq. 2's lambda. Or a
        function of one's own, as those in `losses.py`: of a site's maps, the mask's cells and the word's positions.
    stop_step: steps before this are guided (tau); by default half of them, 25 of 50 as in the paper.
    step_size: delta. With `by_sigma` it is multiplied by sigma_t = sqrt((1 - alpha) / alpha), as the released code
        does for the token ratio; the paper, and the code for the spatial ratio, keep it constant, as other losses do.
    all_tokens: Eq. 1's denominator takes every column (released code); else the edit and common tokens (paper).
    per_head: the loss is computed for each head and averaged (released code); else heads and sites are averaged first.
    lambda_p, lambda_ng: Eq. 3, used when the task has a negative prompt.
    cells: how the mask comes into cells, in loss, update and blend. "coverage" takes the cells that it covers by half,
        and keeps the smallest object; "sampled" (released code) asks one pixel a cell, which a thin rim can decide.
    columns: of a word that the target prompt has more than once, the "new" ones are guided; or "all" (released code),
        also those whose map is the source's and does not change.
    negative_maps: the negative prompt's maps take the source's columns by its "own" alignment with the source prompt,
        or by the "target" prompt's (development code), where another token may stand.
    per_term: each nudge also has the gradient of each word's own loss (`Nudge.parts`), for a backward pass more a word.
        The nudge is the same.

    `released()` is all as the released code has it, `paper()` the printed equations. The defaults are the released
    code's but for cells, columns and negative_maps, and the base's padding and split, where ours are better;
    docs/methods.md says what each changes. All run the source branch once a step (its latent does not change in
    between) and stop the U-Net at the last guided map: same numbers, less work. Word swap takes every map from the
    source, which would leave no gradient, so a swapping base exempts the edit words from injection.
    """

    reference: ClassVar[str] = "MAG-Edit (Mao et al. 2024)"
    reads_mask: ClassVar[bool] = True
    presets: ClassVar[tuple[str, ...]] = ("released", "paper")

    base: Method = setting(factory=lambda: PromptToPrompt(blend=LATE))
    loss: str | losses.Loss = setting(
        "token_ratio", "what a nudge lowers: Eq. 1 keeps structure, Eq. 2 edits harder", choices=losses.LOSSES
    )
    iterations: int = setting(15, "nudges before each guided step (MAX_IT)", least=0)
    stop_step: int | None = setting(None, "steps before this one are guided (tau); empty: half of them", least=0)
    step_size: float = setting(2.5, "how far a nudge goes (delta of Eq. 4)", least=0)
    by_sigma: bool | None = setting(
        None, "multiply the step size by noise over signal; empty: for Eq. 1 only", choices=(None, True, False)
    )
    all_tokens: bool = setting(True, "Eq. 1 divides by all tokens, as coded; else by edit and common ones, as printed")
    per_head: bool = setting(True, "one loss a head, averaged, as coded; else heads are averaged first")
    lam: float = setting(3.0, "how much Eq. 2 pushes attention out of the surroundings (lambda)", least=0)
    lambda_p: float = setting(1.0, "weight of the target prompt in Eq. 3", least=0)
    lambda_ng: float = setting(1.0, "weight of the negative prompt in Eq. 3", least=0)
    per_term: bool = setting(False, "keep each word's own gradient, for a backward pass more a word")
    cells: str = setting(
        "coverage",
        "a mask's cells: those covered by half, or by one pixel each, as coded",
        choices=("coverage", "sampled"),
    )
    columns: str = setting(
        "new", "of a word that stands there twice its new occurrences, or all, as coded", choices=("new", "all")
    )
    negative_maps: str = setting(
        "own", "pair the negative prompt's tokens by itself, or as the target's, as coded", choices=("own", "target")
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.base, MagEdit):
            raise ValueError("expected a base method that is not MagEdit itself")
        if self.base.runs_itself:
            kind = type(self.base).__name__
            raise ValueError(f"expected a base method that runs in the common loop, got {kind}; take PromptToPrompt()")

    @property
    def keeps_outside(self) -> bool:
        return self.base.keeps_outside

    def first_step(self, steps: int) -> int:
        return self.base.first_step(steps)

    def stop(self, steps: int) -> int:
        """The first step that is not guided, in a run of so many steps."""
        return steps // 2 if self.stop_step is None else self.stop_step

    def nudges(self, steps: int) -> Sequence[int]:
        first, stop = self.first_step(steps), self.stop(steps)
        return [self.iterations if first <= i < stop else 0 for i in range(steps)]

    def preset(self, name: str) -> "MagEdit":
        """`released` or `paper`; a base other than Prompt-to-Prompt stays as it is."""
        method = super().preset(name)
        assert isinstance(method, MagEdit)
        return method if isinstance(self.base, PromptToPrompt) else replace(method, base=self.base)

    @classmethod
    def released(cls, **settings: Any) -> "MagEdit":
        """The released code: 15 nudges of 2.5 sigma_t in the first 25 of 50 steps, square per head, all columns,
        blending in the last 15 with a mask grown by a cell; masks sampled at a pixel a cell, all occurrences of a word,
        split at spaces, padding paired from the start."""
        coded: dict[str, Any] = {
            "iterations": 15, "step_size": 2.5, "by_sigma": None, "all_tokens": True, "per_head": True,
            "cells": "sampled", "columns": "all", "negative_maps": "target",
            "base": PromptToPrompt(blend=LATE, padding="start", split="spaces"),
        }  # fmt: skip
        return cls(**coded | settings)

    @classmethod
    def paper(cls, **settings: Any) -> "MagEdit":
        """The printed equations: constant delta (the paper gives no value; 2.5 as in the code), maps averaged over
        heads and sites, denominators over edit and common tokens, blending as in Prompt-to-Prompt."""
        printed: dict[str, Any] = {
            "by_sigma": False,
            "all_tokens": False,
            "per_head": False,
            "base": PromptToPrompt(blend="mask"),
        }
        return cls(**printed | settings)

    def read(self, run: Run) -> Run:
        return self.base.read(run).read(by=self.cells, occurrences=self.columns)

    def bind(self, run: Run) -> Plan:
        run = self.read(run)
        base = self.base.without_injection(run.task.words)
        plan, stop, steps = base.bind(run), self.stop(run.path.steps), run.path.steps
        if not 0 <= stop <= steps:
            raise ValueError(f"expected a stop step of 0 to {steps}, got {stop}; the path has {steps} steps")
        constraint = self._constraint([self._objective(run, plan), *self._against(run, plan)])

        named = isinstance(self.loss, str)  # a function of the caller's may read what it likes, so it isn't recorded

        def guide(now: Now) -> Iterator[Nudge]:
            for _ in range(self.iterations if now.i < stop else 0):
                step = nudge(
                    now if named else replace(now, pattern=None),
                    constraint,
                    self.delta(now),
                    run.latent_mask,
                    self.per_term,
                )
                yield step
                now = now.after(step)

        return guiding(plan, guide)

    def _objective(self, run: Run, plan: Plan) -> Objective:
        settings = LossSettings(self.loss, self.lam, self.all_tokens, self.per_head)
        return Objective(settings, run, plan, self.base.replaces_common)

    def _against(self, run: Run, plan: Plan) -> list[Objective]:
        """The negative prompt's objective (Eq. 3), if the task has one; the base may name words that it lacks."""
        if run.task.negative is None:
            return []
        other = self.read(Run(run.net, negated(run.task), run.path))
        if self.negative_maps == "target":
            return [self._objective(other, plan)]
        base = self.base.without_injection(other.task.words).for_prompt(other.task.target)
        return [self._objective(other, base.bind(other))]

    def _constraint(self, objectives: list[Objective]) -> Constraint:
        """Eq. 5 for the target, and with a negative prompt Eq. 3, as a function of where the run stands."""

        def constraint(now: Now) -> tuple[Tensor, dict[str, Tensor], Maps]:
            names = [s.name for s in now.run.guided]
            maps = [attention(now, o.run.cond, o.plan, names) for o in objectives]
            totals, terms = zip(*(o.loss(m) for o, m in zip(objectives, maps, strict=True)), strict=True)
            every = {word: term for each in terms for word, term in each.items()}
            if len(totals) == 1:
                return totals[0], every, maps[0]
            return losses.with_negative(totals[0], totals[1], self.lambda_p, self.lambda_ng), every, maps[0]

        return constraint

    def delta(self, now: Now) -> float:
        """The step size at this step."""
        by_sigma = self.loss == "token_ratio" if self.by_sigma is None else self.by_sigma
        return self.step_size * (now.run.net.schedule.sigma(now.t) if by_sigma else 1.0)


def negated(task: Task) -> Task:
    """The task of a negative prompt: its words over the whole region."""
    assert task.negative is not None
    return replace(
        task, target=task.negative, words=task.negative_words, negative=None, negative_words=(), mask=task.region,
        weights=None,
    )  # fmt: skip
