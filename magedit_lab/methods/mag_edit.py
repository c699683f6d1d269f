"""MAG-Edit (Mao et al., ACM MM 2024): nudge the noise latent until the edit word's attention fills the mask."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from torch import Tensor

from ..runs import Run
from ..settings import setting
from ..steps import Maps, Now, Nudge
from ..task import Task
from . import losses
from .base import Method, Plan
from .blend import LATE
from .guidance import Constraint, attention, guiding, nudge
from .objective import Objective
from .prompt_to_prompt import PromptToPrompt


@dataclass(frozen=True)
class MagEdit(Method):
    """Algorithm 1 around a base method: before each early step, `iterations` times z* <- z* - M delta grad L (Eq. 4).

    base: the method that edits; its injected maps enter the loss (A-hat), and its hooks and blend stay as they are.
    loss: "token_ratio" (Eq. 1) keeps structure, "spatial_ratio" (Eq. 2) edits harder; lam is Eq. 2's lambda. Or a
        function of one's own, as those in `losses.py`: of a site's maps, the mask's cells and the word's positions.
    stop_step: steps before this are guided (tau); by default half of them, 25 of 50 as in the paper.
    step_size: delta. With `by_sigma` it is multiplied by sigma_t = sqrt((1 - alpha) / alpha), as the official code
        does for the token ratio; the paper, and the code for the spatial ratio, keep it constant, as other losses do.
    all_tokens: Eq. 1's denominator takes every column (official code); else the edit and common tokens (paper).
    per_head: the loss is computed for each head and averaged (official code); else heads and sites are averaged first.
    lambda_p, lambda_ng: Eq. 3, used when the task has a negative prompt.
    per_term: each nudge also has the gradient of each word's own loss (`Nudge.parts`), for a backward pass more a word.
        The nudge is the same.

    The defaults are `official()`, the released code; `paper()` is the printed equations. Both run the source branch
    once a step (its latent does not change in between) and stop the U-Net at the last guided map: same numbers, less
    work. Word swap takes every map from the source, which would leave no gradient, so a swapping base exempts the
    edit words from injection.
    """

    reference: ClassVar[str] = "MAG-Edit (Mao et al. 2024)"
    reads_mask: ClassVar[bool] = True
    presets: ClassVar[tuple[str, ...]] = ("official", "paper")

    base: Method = setting(factory=lambda: PromptToPrompt(blend=LATE))
    loss: str | losses.Loss = setting(
        "token_ratio", "what a nudge lowers: Eq. 1 keeps structure, Eq. 2 edits harder", choices=tuple(losses.LOSSES)
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
        """`official` or `paper`; a base other than Prompt-to-Prompt stays as it is."""
        made = super().preset(name)
        assert isinstance(made, MagEdit)
        return made if isinstance(self.base, PromptToPrompt) else replace(made, base=self.base)

    @classmethod
    def official(cls, **settings: Any) -> "MagEdit":
        """The released code: delta = 2.5 sigma_t, square per head, all columns, blending in the last 15 of 50 steps."""
        return cls(**settings)

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

    def bind(self, run: Run) -> Plan:
        base = self.base.without_injection(run.task.words)
        plan, stop, steps = base.bind(run), self.stop(run.path.steps), run.path.steps
        if not 0 <= stop <= steps:
            raise ValueError(f"expected a stop step of 0 to {steps}, got {stop}; the path has {steps} steps")
        constraint = self._constraint([Objective(self, run, plan), *self._against(run)])

        def guide(now: Now) -> Iterator[Nudge]:
            for _ in range(self.iterations if now.i < stop else 0):
                step = nudge(now, constraint, self.delta(now), run.latent_mask, self.per_term)
                yield step
                now = now.after(step)

        return guiding(plan, guide)

    def _against(self, run: Run) -> list[Objective]:
        """The negative prompt's objective (Eq. 3), if the task has one; the base may name words that it lacks."""
        if run.task.negative is None:
            return []
        other = Run(run.net, negated(run.task), run.path)
        base = self.base.without_injection(other.task.words).for_prompt(other.task.target)
        return [Objective(self, other, base.bind(other))]

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
