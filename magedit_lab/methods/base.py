"""What a method is: frozen settings that, bound to a run, give a plan of what is read, replaced, nudged and blended."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import ClassVar

from torch import Tensor

from ..model.backbone import Latent
from ..model.hooks import Hooks
from ..runs import Run
from ..settings import Settings
from ..steps import Listener, Now, Nudge, Since, Step


@dataclass(repr=False)
class Plan:
    """What a method does in one run; each function does nothing by default.

    record, record_uncond: the sites that the source's conditional and unconditional pass record at this step; with
        none, a path that replays its latents needs no such pass. Their outputs are `now.source_maps` and
        `now.uncond_maps` in what follows.
    hooks, uncond_hooks: for the target's conditional and unconditional pass.
    guide: nudges of the target latent before the step.
    blend: the target latent after the step, given both branches.
    pattern: what the hooks depend on at this step besides latents, timestep, text and the source's maps. Steps of equal
        patterns can be replayed from one recording (`Backbone.compile`); with None each runs by itself.
    first: the step that the run begins with, and start: the target's latent there, given the source's.
    memory: tensors that are carried from step to step, such as LocalBlend's sums; saved with each step, and put back
        where a run is taken up again. A tensor in it is replaced, never written into.
    """

    record: Callable[[Now], frozenset[str]] = lambda now: frozenset()
    record_uncond: Callable[[Now], frozenset[str]] = lambda now: frozenset()
    hooks: Callable[[Now], Hooks] = lambda now: {}
    uncond_hooks: Callable[[Now], Hooks] = lambda now: {}
    guide: Callable[[Now], Iterator[Nudge]] = lambda now: iter(())
    blend: Callable[[Now, Step], Latent] = lambda now, step: step.target
    pattern: Callable[[Now], Hashable] = lambda now: None
    first: int = 0
    start: Callable[[Latent], Latent] = lambda source: source
    memory: dict[str, Tensor] = field(default_factory=dict)

    def __repr__(self) -> str:
        own = [f.name for f in fields(self) if f.name != "memory" and getattr(self, f.name) is not f.default]
        return f"Plan({', '.join(own)})"


@dataclass(frozen=True)
class Method(Settings):
    """The base of all methods: frozen settings, and what can be known of a method without running it.

    reference: the paper, for tables. reads_mask: whether the result depends on the task's mask. presets: names of
    class methods that give the same method with other settings. runs_itself: whether it has a loop of its own,
    `own_steps`, so that no other method can build on it.
    """

    reference: ClassVar[str] = ""
    reads_mask: ClassVar[bool] = False
    presets: ClassVar[tuple[str, ...]] = ()
    runs_itself: ClassVar[bool] = False

    def read(self, run: Run) -> Run:
        """The run with masks and words read as this method reads them (`Run.by`, `split`, `occurrences`)."""
        return run

    def bind(self, run: Run) -> Plan:
        """Prepare once what a run needs. The plan belongs to that run; between steps it has its `memory`."""
        raise NotImplementedError(f"expected {type(self).__name__} with a method `bind(run)`, got none; write one")

    def own_steps(self, run: Run, listen: Mapping[str, Listener], since: Since | None = None) -> Iterator[Step]:
        """The steps of a method that runs itself; of a run that is taken up again, those from `since` on."""
        raise NotImplementedError(f"expected {type(self).__name__} with a method `own_steps`, got none; write one")

    @property
    def needs_mask(self) -> bool:
        """Whether the result depends on the task's mask, with these settings."""
        return self.reads_mask

    @property
    def keeps_outside(self) -> bool:
        """Whether the source is put back outside the task's mask."""
        return False

    def preset(self, name: str) -> "Method":
        """The method with the settings of one of its `presets`; ValueError for a name that is none."""
        if name not in self.presets:
            known = ", ".join(self.presets) or "none"
            raise ValueError(f"expected a preset of this method ({known}), got {name!r}; leave it out")
        return getattr(type(self), name)()

    def first_step(self, steps: int) -> int:
        """The step that a run of so many steps begins with."""
        return 0

    def nudges(self, steps: int) -> Sequence[int]:
        """How many nudges are planned at each step: what progress is reckoned by. A method may stop earlier."""
        return [0] * steps

    def for_prompt(self, prompt: str) -> "Method":
        """The same for another prompt, of which the attention maps alone are wanted (Eq. 3)."""
        return self

    def without_injection(self, words: Sequence[str]) -> "Method":
        """The same, with the maps of these words the target's own, where the method would replace all of them."""
        return self

    def replaces_common(self, word: str) -> bool:
        """Whether a word that both prompts have takes the source's map, so that it can't be guided."""
        return False


@dataclass(frozen=True)
class Plain(Method):
    """No method: denoise under the target prompt, from the inverted latent. What every other method improves on."""

    def bind(self, run: Run) -> Plan:
        return Plan(pattern=lambda now: "plain")
