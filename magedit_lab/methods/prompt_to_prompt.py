"""Prompt-to-Prompt (Hertz et al. 2023): the target looks where the source looked."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .. import words
from ..backbone import Backbone
from ..blend import Blends, LocalBlend, added, known
from ..edit import Hooks, Maps, Now
from ..inversion import Path
from ..taps import Taps, instead
from ..task import Task
from .injection import Injection, Span


@dataclass(frozen=True)
class PromptToPrompt:
    """Attention injection from the source branch.

    mode: "refine" keeps the maps of common tokens (any prompts); "swap" takes over the map of each word in its place
        (equally many words).
    cross_replace: share of the steps, or (start, end), in which cross attention is injected; a dict gives words of
        the target prompt a range of their own, "default" the others'. A word with range 0 keeps its own map.
    own_maps: target words that take no map of the source whatever `cross_replace` says; they are still re-weighted.
    self_replace: the same for self attention, at sites of at most `self_cells` cells (32x32, as null-text and MAG-Edit
        use; 16x16 in Prompt-to-Prompt's first notebook). Counted in cells, as there: a model of 768 pixels has one of
        48x48, which is left alone, where one of 512 has its 32x32 replaced.
    reweight: factors for target words' columns, after injection and not renormalised; one number is for the task's
        edit words. With `reweight_inside` they act inside the task's mask only.
    blend: "mask" keeps the source outside the task's mask, "attention" outside masks made from attention
        (LocalBlend); or a MaskBlend or LocalBlend with settings of its own.
    """

    mode: str = "refine"
    cross_replace: Span | Mapping[str, Span] = 0.8
    own_maps: tuple[str, ...] = ()
    self_replace: Span = 0.5
    self_cells: int = 32 * 32
    reweight: Mapping[str, float] | float = field(default_factory=dict)
    reweight_inside: bool = False
    blend: Blends = None

    def __post_init__(self) -> None:
        if self.mode not in ("refine", "swap"):
            raise ValueError(f"expected mode 'refine' or 'swap', got {self.mode!r}")
        known(self.blend)

    def for_prompt(self, prompt: str) -> "PromptToPrompt":
        """The same for another prompt, of which the maps alone are wanted: without blending, and without the settings
        of words that it lacks."""
        there = {*words.split(prompt), "default"}

        def left(part: Any) -> Any:
            own = isinstance(part, Mapping)
            return {word: value for word, value in part.items() if {*words.split(word)} <= there} if own else part

        own = tuple(word for word in self.own_maps if {*words.split(word)} <= there)
        maps = {"cross_replace": left(self.cross_replace), "reweight": left(self.reweight)}
        return replace(self, **maps, own_maps=own, blend=None)

    def bind(self, net: Backbone, task: Task, path: Path) -> Hooks:
        sites = net.sites(path.latents)
        inject = Injection(net, task, self.mode, self.cross_replace, self.reweight, self.reweight_inside, self.own_maps)
        heard = isinstance(self.blend, LocalBlend) and self.blend.source_words  # its masks need the source's maps

        def wanted(now: Now) -> frozenset[str]:
            cross = inject.taken(now).any().item() or heard
            itself = now.within(self.self_replace)
            return frozenset(s.name for s in sites if (cross if s.cross else itself and s.cells <= self.self_cells))

        def taps(now: Now, seen: Maps) -> Taps:
            names = wanted(now)
            return {
                s.name: inject.tap(s, now, seen) if s.cross else instead(seen, s.name)
                for s in sites if s.name in names or (s.cross and inject.weighs(now))
            }  # fmt: skip

        return added(Hooks(source_sites=wanted, taps=taps), self.blend, net, task, path)
