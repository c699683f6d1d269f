"""Prompt-to-Prompt (Hertz et al. 2023): the target looks where the source looked."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..backbone import Backbone
from ..blend import LocalBlend, MaskBlend
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
        inject = Injection(net, task, self.mode, self.cross_replace, self.reweight, self.reweight_inside)
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
