"""The one loop that every method runs in, and the stream of steps that it yields."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from . import ddim
from .attention import guided
from .backbone import Backbone, Latent
from .inversion import Path, previous
from .taps import Taps, chain, recorder
from .task import Task

Maps = dict[str, Float[Tensor, "..."]]  # by module name; attention: batch x heads x pixels x tokens


@dataclass(frozen=True, eq=False)
class Now:
    """Where a run stands before step `i`: timestep `t`, and the latents of the source and the target branch."""

    net: Backbone
    task: Task
    path: Path
    i: int
    t: int
    source: Latent
    target: Latent

    def within(self, share: "float | tuple[float, float]", more: int = 0) -> bool:
        """Whether step i lies in the first `share` of the steps, or between two shares: .5 of 50 steps are steps 0-24.

        more: rows that are counted besides the steps; Prompt-to-Prompt counts one more for cross attention.
        """
        start, end = share if isinstance(share, tuple) else (0.0, share)
        rows = self.path.steps + more
        return int(start * rows) <= self.i < int(end * rows)


@dataclass(frozen=True, eq=False)
class Nudge:
    """One inner iteration of guidance (a line of Algorithm 1).

    loss: the constraint before the update; terms: each word's own, and the negative's.
    gradient: of the loss by the latent, as computed. update: what was subtracted, mask and step size included.
    latent: after the update. maps: the guided attention maps before it, after injection.
    parts: the gradient of each of the terms, unweighted, where the method was asked for them.
    """

    loss: float
    terms: Mapping[str, float]
    gradient: Latent
    update: Latent
    step_size: float
    latent: Latent
    maps: Maps
    parts: Mapping[str, Latent] = field(default_factory=dict)

    def size(self, mask: Float[Tensor, "h w"], term: str | None = None) -> tuple[float, float]:
        """Root mean square of the gradient, or of a term's own, inside and outside a mask of the latent's cells."""
        square = (self.gradient if term is None else self.parts[term]).square().mean((0, 1))
        parts = [square[m].mean().sqrt().item() if m.any() else 0.0 for m in (mask > 0.5, mask <= 0.5)]
        return parts[0], parts[1]


@dataclass(frozen=True, eq=False)
class Step:
    """One denoising step, complete and detached.

    now: where it began. guided: the target latent after the nudges. eps: the guided noise. source, target: the
    latents that it led to. source_maps (empty where no source pass was needed) and target_maps: cross attention at
    the guided sites. x0: the finished latent that the target's noise implies.
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

    @property
    def last(self) -> bool:
        return self.now.i + 1 == self.now.path.steps


@dataclass
class Hooks:
    """What a method does in a run; each function does nothing by default.

    source_sites: the sites that the source pass shall record at this step; with none, a path that replays its latents
        needs no such pass.
    taps: for the target's conditional pass, given what the source pass recorded.
    uncond_sites, uncond_taps: the same for the unconditional passes; the taps get what both source passes recorded.
    guide: nudges of the target latent before the step.
    blend: the target latent after the step, given both branches.
    first: the step that the run begins with, and start: the target's latent there, given the source's.
    """

    source_sites: Callable[[Now], frozenset[str]] = lambda now: frozenset()
    taps: Callable[[Now, Maps], Taps] = lambda now, seen: {}
    uncond_sites: Callable[[Now], frozenset[str]] = lambda now: frozenset()
    uncond_taps: Callable[[Now, Maps, Maps], Taps] = lambda now, seen, uncond_seen: {}
    guide: Callable[[Now, Maps], Iterator[Nudge]] = lambda now, seen: iter(())
    blend: Callable[[Now, "Step"], Latent] = lambda now, step: step.target
    first: int = 0
    start: Callable[[Latent], Latent] = lambda source: source


@runtime_checkable
class Method(Protocol):
    """Frozen settings; `bind` prepares once what a run needs, and the Hooks it returns belong to that run."""

    def bind(self, net: Backbone, task: Task, path: Path) -> Hooks: ...


Watch = Callable[[Now, Nudge], object]


@torch.no_grad()
def edit(net: Backbone, task: Task, path: Path, method: Method, watch: Watch | None = None) -> Iterator[Step]:
    """Yield each Step of an edit. `watch` sees each nudge as it happens; raising there, or stopping, harms nothing.

    Raises FloatingPointError, naming timestep and iteration, as soon as something is not finite.
    """
    hooks = method.bind(net, task, path)
    cond = net.embed(task.target)
    sites = [s.name for s in guided(net.sites(path.latents))]
    source = path.latents[hooks.first : hooks.first + 1]
    target = hooks.start(source)
    for i, t in list(enumerate(path.times))[hooks.first :]:
        now = Now(net, task, path, i, t, source, target)
        told = _source_pass(now, path.cond, hooks.source_sites(now))
        base = _source_pass(now, path.uncond[i : i + 1], hooks.uncond_sites(now))
        nudges = tuple(_watched(now, hooks.guide(now, told.seen), watch))
        step = _denoise(now, nudges, hooks, cond, sites, told, base)
        _require_finite(now, step.target)
        step = replace(step, target=hooks.blend(now, step))
        source, target = step.source, step.target
        yield step


class _Source(NamedTuple):
    """What a pass of the source branch gave: its noise, if it was run, and what was recorded at its sites."""

    eps: Latent | None
    seen: Maps


def _source_pass(now: Now, text: Tensor, sites: frozenset[str]) -> _Source:
    """The source branch for one prompt; nothing is run where nothing is asked."""
    seen: Maps = {}
    if not sites and now.path.pin:
        return _Source(None, seen)
    return _Source(now.net.predict(now.source, now.t, text, {s: recorder(seen, s) for s in sites}), seen)


def _watched(now: Now, nudges: Iterator[Nudge], watch: Watch | None) -> Iterator[Nudge]:
    for count, nudge in enumerate(nudges, 1):
        _require_finite(now, nudge.latent, f", iteration {count}")
        if watch:
            watch(now, nudge)
        yield nudge


def _require_finite(now: Now, z: Latent, where: str = "") -> None:
    if not z.isfinite().all():
        raise FloatingPointError(
            f"expected finite latents, got NaN or infinity at step {now.i}, timestep {now.t}{where}; "
            "take a smaller step size, or float32"
        )


def _denoise(
    began: Now, nudges: tuple[Nudge, ...], hooks: Hooks, cond: Tensor, sites: list[str], told: _Source, base: _Source
) -> Step:
    """One guided DDIM step of both branches after the nudges; the target's maps are those after injection."""
    now = replace(began, target=nudges[-1].latent) if nudges else began
    maps: Maps = {}
    taps, uncond_taps = hooks.taps(now, told.seen), hooks.uncond_taps(now, told.seen, base.seen)
    heard = {s: chain(taps.get(s), recorder(maps, s)) for s in sites}
    eps_told = now.net.predict(now.target, now.t, cond, {**taps, **heard})
    eps_base = now.net.predict(now.target, now.t, now.path.uncond[now.i : now.i + 1], uncond_taps)
    eps, target = _target_after(now, eps_base, eps_told)
    x0 = ddim.to_x0(now.target, eps, now.net.alpha(now.t))
    source_maps = {s: told.seen[s] for s in sites if s in told.seen}
    return Step(began, now.target, eps, _source_after(now, base.eps, told.eps), target, x0, source_maps, maps, nudges)


def _target_after(now: Now, base: Latent, told: Latent) -> tuple[Latent, Latent]:
    """The target's guided noise, and its latent after the step; thinned out where the path has proximal guidance."""
    scale, proximal = now.path.guidance_scale, now.path.proximal
    if not proximal:
        eps = ddim.guidance(base, told, scale)
        return eps, _moved(now, now.target, eps)
    eps = base + scale * proximal.kept(told - base)
    target = _moved(now, now.target, eps)
    return eps, proximal.pulled(target, _recorded(now), told - base) if now.t < proximal.below else target


def _source_after(now: Now, base: Latent | None, told: Latent | None) -> Latent:
    """The source's latent after the step: the recorded one where the path replays them."""
    if now.path.pin:
        return _recorded(now)
    assert base is not None  # a branch that is not pinned was run
    assert told is not None
    return _moved(now, now.source, ddim.guidance(base, told, now.path.guidance_scale))


def _recorded(now: Now) -> Latent:
    """The path's own latent after the step."""
    return now.path.latents[now.i + 1 : now.i + 2]


def _moved(now: Now, z: Latent, eps: Latent) -> Latent:
    """A DDIM step from this timestep to the next."""
    return ddim.move(z, eps, now.net.alpha(now.t), now.net.alpha(previous(now.path.times, now.i)))
