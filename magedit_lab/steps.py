"""What one denoising step is: where it begins, its nudges, and what it leads to."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from .model.backbone import Latent, Text
from .model.captures import Captures
from .model.hooks import Hooks, Listen, chain
from .model.schedule import Level, Time, previous
from .runs import Run

Maps = dict[str, Float[Tensor, "..."]]  # by module name; attention: batch x heads x pixels x tokens
Span = float | tuple[float, float]  # a share of the steps, or from one share to another
Branch = Literal["source", "target"]


class Where(NamedTuple):
    """Which pass a listener hears: step i at timestep t, of which branch, with the prompt or without (conditional),
    and in which nudge (None: the step's own pass)."""

    i: int
    t: Time
    branch: Branch
    conditional: bool
    nudge: int | None


Listener = Callable[[Tensor, Where], object]


@dataclass(frozen=True, eq=False, repr=False)
class Now:
    """Where a run stands before step i: timestep t, and the latents of the source and the target branch.

    source_maps, uncond_maps: what the source's two passes recorded at this step. nudge: how many there were so far.
    listen: what the caller wants to hear, by module name. clock: the timestep on the device.
    captures, pattern: where passes are recorded and replayed, and the plan's pattern at this step.
    """

    run: Run
    i: int
    t: Time
    source: Latent
    target: Latent
    source_maps: Maps = field(default_factory=dict)
    uncond_maps: Maps = field(default_factory=dict)
    nudge: int | None = None
    listen: Mapping[str, Listener] = field(default_factory=dict)
    clock: Tensor | None = None
    captures: Captures | None = None
    pattern: Hashable = None

    def __repr__(self) -> str:
        return f"Now(step {self.i} of {self.run.path.steps}, timestep {self.t})"

    @property
    def level(self) -> Level:
        """Signal and noise here."""
        return self.run.net.level(self.t)

    @property
    def next_level(self) -> Level:
        """Signal and noise where the step leads."""
        return self.run.net.level(previous(self.run.path.times, self.i))

    @property
    def uncond(self) -> Text:
        """The unconditional embedding of this step."""
        return self.run.path.uncond[self.i : self.i + 1]

    @property
    def recorded(self) -> Latent:
        """The path's own latent after the step."""
        return self.run.path.latents[self.i + 1 : self.i + 2]

    def within(self, share: Span, more: int = 0) -> bool:
        """Whether step i lies in the first `share` of the steps, or between two shares: .5 of 50 steps are steps 0-24.

        more: rows that are counted besides the steps; Prompt-to-Prompt counts one more for cross attention.
        """
        start, end = share if isinstance(share, tuple) else (0.0, share)
        rows = self.run.path.steps + more
        return int(start * rows) <= self.i < int(end * rows)

    def predict(
        self, branch: Branch, conditional: bool, text: Text, hooks: Hooks, until: str | None = None
    ) -> Latent | None:
        """The noise prediction of one pass; whoever listens hears it, after the hooks and without changing a bit."""
        if until is not None:
            return self.output(branch, conditional, text, hooks, until)
        z = self.source if branch == "source" else self.target
        return self.run.net.predict(z, self.t, text, {**hooks, **self._listening(branch, conditional, hooks)})

    def _listening(self, branch: Branch, conditional: bool, hooks: Hooks) -> Hooks:
        where = Where(self.i, self.t, branch, conditional, self.nudge)
        return {name: chain(hooks.get(name), Listen(f, where)) for name, f in self.listen.items()}

    def output(
        self, branch: Branch, conditional: bool, text: Text, hooks: Hooks, until: str | None = None
    ) -> Latent | None:
        """The same, as the denoiser puts it out: `Backbone.noise` makes a noise prediction of it."""
        net, z = self.run.net, self.source if branch == "source" else self.target
        t = net.time(self.t) if self.clock is None else self.clock
        return net.output(z, t, text, {**hooks, **self._listening(branch, conditional, hooks)}, until)

    def captured(self, what: Hashable, work: Callable[["Now", Text], Maps], text: Text, into: str = "") -> Maps:
        """`work` of this and of a text; recorded and replayed where the run does so and the plan has a pattern.

        A recorded `work` gets the static twins of all that changes from step to step within a pattern: the timestep,
        as `clock`, the latents, the source's maps and the text. what, into: as in `Captures.run`.
        """
        if self.captures is None or self.pattern is None or self.listen:
            return work(self, text)
        latents = {"source": self.source, "target": self.target, "t": self.run.net.time(self.t)}
        static = self.captures.static(latents | text.parts())
        kept = [self.captures.static({f"{kind}{n}": m for n, m in maps.items()})
                for kind, maps in (("source ", self.source_maps), ("uncond ", self.uncond_maps))]  # fmt: skip
        twin, words = replace(self, captures=None), Text.of_parts(static)

        def fresh() -> Maps:
            """With dicts of its own at each call, so that nothing that was made of them is taken for current."""
            source, uncond = ({n.partition(" ")[2]: m for n, m in maps.items()} for maps in kept)
            now = replace(twin, source=static["source"], target=static["target"], clock=static["t"],
                          source_maps=source, uncond_maps=uncond)  # fmt: skip
            return work(now, words)

        return self.captures.run((what, self.pattern), fresh, into)

    def after(self, nudge: "Nudge") -> "Now":
        """Where the run stands after a nudge."""
        return replace(self, target=nudge.latent, nudge=(self.nudge or 0) + 1)


@dataclass(frozen=True, eq=False, repr=False)
class Nudge:
    """One inner iteration of guidance (a line of Algorithm 1).

    numbers: the loss before the update, and then each word's own and the negative's, by `names`; they stay on the
    device until `loss` or `terms` is asked for. gradient: of the loss by the latent, as computed. update: what was
    subtracted, mask and step size included. latent: after the update. maps: the guided attention maps before it, after
    injection. parts: the gradient of each of the terms, unweighted, where the method was asked for them.
    """

    numbers: Float[Tensor, " terms_and_one"]
    names: tuple[str, ...]
    gradient: Latent
    update: Latent
    step_size: float
    latent: Latent
    maps: Maps
    parts: Mapping[str, Latent] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Nudge(loss={self.loss:.4g}, step_size={self.step_size:.3g})"

    @cached_property
    def values(self) -> list[float]:
        """`numbers` on the host."""
        return self.numbers.tolist()

    @property
    def loss(self) -> float:
        """The constraint before the update."""
        return self.values[0]

    @property
    def terms(self) -> dict[str, float]:
        """Each word's own loss, and the negative's."""
        return dict(zip(self.names, self.values[1:], strict=True))

    def size(self, mask: Float[Tensor, "h w"], term: str | None = None) -> Float[Tensor, "2"]:
        """Root mean square of the gradient, or of a term's own, inside and outside a mask of the latent's cells; 0
        where there is no such cell."""
        square = (self.gradient if term is None else self.parts[term]).square().mean((0, 1))
        inside = (mask > 0.5).to(square)
        sides = torch.stack([inside, 1 - inside])
        return ((square * sides).sum((1, 2)) / sides.sum((1, 2)).clamp(min=1)).sqrt()


def read(nudges: Sequence[Nudge]) -> None:
    """Bring the numbers of several nudges to the host at once."""
    unread = [nudge for nudge in nudges if "values" not in nudge.__dict__]
    if unread:
        rows = torch.cat([nudge.numbers for nudge in unread]).tolist()
        for nudge in unread:
            nudge.__dict__["values"], rows = rows[: len(nudge.numbers)], rows[len(nudge.numbers) :]


@dataclass(frozen=True, eq=False, repr=False)
class Step:
    """One denoising step, complete and detached.

    now: where it began. guided: the target latent after the nudges. eps: the guided noise prediction. source, target:
    the latents that it led to. source_maps (empty where no source pass was needed) and target_maps: cross attention at
    the guided sites. x0: the finished latent that the target's noise prediction implies. memory: what the method's plan
    keeps from step to step.
    """

    now: Now
    guided: Latent
    eps: Latent
    source: Latent
    target: Latent
    x0: Latent
    source_maps: Maps
    target_maps: Maps
    nudges: tuple[Nudge, ...]
    memory: Mapping[str, Tensor] = field(default_factory=dict)

    def __repr__(self) -> str:
        now = self.now
        return f"Step({now.i} of {now.run.path.steps}, timestep {now.t}, {len(self.nudges)} nudges)"

    @property
    def last(self) -> bool:
        return self.now.i + 1 == self.now.run.path.steps

    @property
    def after(self) -> "Since":
        """Where the run stands after this step, for `edit(since=...)`."""
        return Since(self.now.i + 1, self.source, self.target, self.memory)


@dataclass(frozen=True, eq=False, repr=False)
class Since:
    """Where a run is taken up: before step i, with the latents of both branches and what the method's plan remembers.

    With the same net, task, path and method, all further steps have the bits of the run that was not broken off.
    """

    i: int
    source: Latent
    target: Latent
    memory: Mapping[str, Tensor] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Since(step {self.i})"
