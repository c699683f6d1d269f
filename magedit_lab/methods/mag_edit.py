"""MAG-Edit (Mao et al., ACM MM 2024): nudge the noise latent until the edit word's attention fills the mask."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from .. import ddim, losses
from ..attention import guided
from ..backbone import Backbone
from ..blend import LATE
from ..edit import Hooks, Maps, Method, Now, Nudge
from ..inversion import Path
from ..masks import to_cells
from ..task import Task
from .aim import Aim
from .guidance import Constraint, attention, guiding, nudge
from .prompt_to_prompt import PromptToPrompt


@dataclass(frozen=True)
class MagEdit:
    """Algorithm 1 around a base method: before each early step, `iterations` times z* <- z* - M delta grad L (Eq. 4).

    base: the method that edits; its injected maps enter the loss (A-hat), and its taps and blend stay as they are.
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

    base: Method = field(default_factory=lambda: PromptToPrompt(blend=LATE))
    loss: str | losses.Loss = "token_ratio"
    iterations: int = 15
    stop_step: int | None = None
    step_size: float = 2.5
    by_sigma: bool | None = None
    all_tokens: bool = True
    per_head: bool = True
    lam: float = 3.0
    lambda_p: float = 1.0
    lambda_ng: float = 1.0
    per_term: bool = False

    def __post_init__(self) -> None:
        if not callable(self.loss) and self.loss not in losses.LOSSES:
            known = ", ".join(map(repr, losses.LOSSES))
            raise ValueError(f"expected loss {known} or a function, got {self.loss!r}")
        if self.iterations < 0:
            raise ValueError(f"expected 0 or more iterations, got {self.iterations}")
        if isinstance(self.base, MagEdit):
            raise ValueError("expected a base method that is not MagEdit itself")
        if not 0 <= self.step_size < float("inf"):
            raise ValueError(f"expected a finite step size of 0 or more, got {self.step_size}")

    def stop(self, steps: int) -> int:
        """The first step that is not guided, in a run of so many steps."""
        return steps // 2 if self.stop_step is None else self.stop_step

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

    def bind(self, net: Backbone, task: Task, path: Path) -> Hooks:
        hooks = self._exempt(task).bind(net, task, path)
        stop = self.stop(path.steps)
        if not 0 <= stop <= path.steps:
            raise ValueError(f"expected a stop step of 0 to {path.steps}, got {stop}; the path has {path.steps} steps")
        sites = guided(net.sites(path.latents))
        aims = [Aim(self, net, task, path, hooks)]
        if task.negative is not None:
            against = replace(task, target=task.negative, words=task.negative_words, negative=None, negative_words=(),
                              mask=task.region, weights=None)  # fmt: skip
            aims.append(Aim(self, net, against, path, self._against(against).bind(net, against, path)))
        names = [s.name for s in sites]
        mask = to_cells(task.region, *path.latents.shape[-2:]).to(path.latents)

        def guide(now: Now, seen: Maps) -> Iterator[Nudge]:
            for _ in range(self.iterations if now.i < stop else 0):
                step = nudge(now, self._constraint(aims, seen, names), self.delta(now), mask, self.per_term)
                yield step
                now = replace(now, target=step.latent)

        return guiding(hooks, guide)

    def _exempt(self, task: Task) -> Method:
        if not isinstance(self.base, PromptToPrompt) or self.base.mode != "swap":
            return self.base
        return replace(self.base, own_maps=(*self.base.own_maps, *task.words))

    def _against(self, task: Task) -> Method:
        """The base for the negative prompt, which may lack words that the settings name."""
        base = self._exempt(task)
        return base.for_prompt(task.target) if isinstance(base, PromptToPrompt) else base

    def _constraint(self, aims: list[Aim], seen: Maps, names: list[str]) -> Constraint:
        """Eq. 5 for the target, and with a negative prompt Eq. 3, as a function of where the run stands."""

        def constraint(now: Now) -> tuple[Tensor, dict[str, Tensor], Maps]:
            terms: dict[str, Tensor] = {}
            all_maps = [attention(now, aim.cond, aim.hooks, seen, names) for aim in aims]
            totals = [aim.loss(maps, terms) for aim, maps in zip(aims, all_maps, strict=True)]
            if len(totals) == 1:
                return totals[0], terms, all_maps[0]
            return losses.with_negative(totals[0], totals[1], self.lambda_p, self.lambda_ng), terms, all_maps[0]

        return constraint

    def delta(self, now: Now) -> float:
        """The step size at this step."""
        by_sigma = self.loss == "token_ratio" if self.by_sigma is None else self.by_sigma
        return self.step_size * (ddim.sigma(now.net.alpha(now.t)).item() if by_sigma else 1.0)
