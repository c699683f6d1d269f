"""Prompt-to-Prompt (Hertz et al. 2023): the target looks where the source looked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from ..model.hooks import Hooks, Replace
from ..prompts import words
from ..runs import Run
from ..settings import setting
from ..steps import Now, Span
from .base import Plan
from .shared.blend import Blended, Blends, LocalBlend, blend_setting, blended
from .shared.injection import Injection


@dataclass(frozen=True)
class PromptToPrompt(Blended):
    """Attention injection from the source branch.

    cross_replace: share of the steps, or (start, end), in which cross attention is injected; a dict gives words of
        the target prompt a range of their own, "default" the others'. A word with range 0 keeps its own map.
    own_maps: target words that take no map of the source whatever `cross_replace` says; they are still re-weighted.
    self_replace: the same for self attention, at sites of at most `self_cells` cells (32x32, as null-text and MAG-Edit
        use; 16x16 in Prompt-to-Prompt's first notebook). Counted in cells, as there: a model of 768 pixels has one of
        48x48, which is left alone, where one of 512 has its 32x32 replaced.
    padding, split: how what has no word of its own is paired, and where words end. The published code pairs from the
        "start" and splits at "spaces"; `prompts.alignment` says what that does.
    reweight: factors for target words' columns, after injection and not renormalised; one number is for the task's
        edit words. With `reweight_inside` they act inside the task's mask only.
    blend: "mask" keeps the source outside the task's mask, "attention" outside masks made from attention
        (LocalBlend); or a MaskBlend or LocalBlend with settings of its own.
    """

    reference: ClassVar[str] = "Prompt-to-Prompt (Hertz et al. 2023)"

    mode: str = setting(
        "refine", "keep the maps of common tokens, or take each word's map in its place", choices=("refine", "swap")
    )
    cross_replace: Span | Mapping[str, Span] = setting(
        0.8, "share of the steps in which cross attention is injected", least=0, most=1
    )
    own_maps: tuple[str, ...] = ()
    self_replace: Span = setting(0.5, "share of the steps in which self attention is injected", least=0, most=1)
    self_cells: int = setting(32 * 32, "self attention of at most so many cells is injected", least=0)
    reweight: Mapping[str, float] | float = setting(factory=dict, help="factor of the edit words' attention")
    reweight_inside: bool = setting(False, "re-weight inside the mask only")
    blend: Blends = blend_setting()
    padding: str = setting(
        "end", "pair padding by its distance from the end token, or from the start, as coded", choices=("end", "start")
    )
    split: str = setting("words", "words end at marks too, or at spaces alone, as coded", choices=("words", "spaces"))

    @property
    def needs_mask(self) -> bool:
        return self.reweight_inside or super().needs_mask

    def for_prompt(self, prompt: str) -> "PromptToPrompt":
        """The same for another prompt, of which the maps alone are wanted: without blending, and without the settings
        of words that it lacks."""

        def there(word: str) -> bool:
            return word == "default" or bool(words.occurrences(prompt, word))

        def left(part: Any) -> Any:
            own = isinstance(part, Mapping)
            return {word: value for word, value in part.items() if there(word)} if own else part

        own = tuple(word for word in self.own_maps if there(word))
        maps = {"cross_replace": left(self.cross_replace), "reweight": left(self.reweight)}
        return replace(self, **maps, own_maps=own, blend=None)

    def without_injection(self, words: Sequence[str]) -> "PromptToPrompt":
        """Word swap takes every map from the source; refinement leaves the new words theirs."""
        return replace(self, own_maps=(*self.own_maps, *words)) if self.mode == "swap" else self

    def replaces_common(self, word: str) -> bool:
        return self.mode == "refine" and word not in self.own_maps

    def read(self, run: Run) -> Run:
        return run.read(split=self.split)

    def bind(self, run: Run) -> Plan:
        run = self.read(run)
        inject = Injection(
            run, self.mode, self.cross_replace, self.reweight, self.reweight_inside, self.own_maps, self.padding
        )
        blends_source = isinstance(self.blend, LocalBlend) and bool(self.blend.source_words)  # wants the source's maps

        def record(now: Now) -> frozenset[str]:
            cross = bool(inject.columns(now).any()) or blends_source
            itself = now.within(self.self_replace)
            return frozenset(s.name for s in run.sites if (cross if s.cross else itself and s.cells <= self.self_cells))

        def hooks(now: Now) -> Hooks:
            names, maps = record(now), now.source_maps
            return {
                s.name: inject.hook(s, now) if s.cross else Replace(maps[s.name])
                for s in run.sites if s.name in names or (s.cross and inject.weighs(now))
            }  # fmt: skip

        plan = Plan(record, hooks=hooks, pattern=lambda now: (record(now), inject.pattern(now)))
        return blended(plan, self.blend, run)
