"""The one loop that every method runs in, and the stream of steps that it yields."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..inversion.base import Path
from ..methods.base import Method, Plan
from ..methods.table import ALL_METHODS
from ..model import schedule
from ..model.backbone import Backbone, Latent, Text
from ..model.hooks import chain, recorder
from ..runs import Run
from ..settings import named
from ..steps import Listener, Maps, Now, Nudge, Since, Step, read
from ..task import Task

Watch = Callable[[Now, Nudge], object]
OUT = "denoiser"  # the denoiser's own output among a pass's maps


@torch.no_grad()
def edit(
    net: Backbone, task: Task, path: Path, method: Method | str, watch: Watch | None = None,
    listen: Mapping[str, Listener] | None = None, since: Since | None = None,
) -> Iterator[Step]:  # fmt: skip
    """Yield each Step of an edit.

    method: a Method, or a name of ALL_METHODS. watch: sees each nudge as it happens; raising there, or stopping, harms
    nothing. listen: functions f(output, where) by module name, such as "mid_block.resnets.0", that get what the module
    puts out in each pass, nudges too; no bit of the run changes. A nudge runs nothing above the last guided site, and
    where the path replays the source, a source pass ends at the last site that is recorded, or there is none.
    since: where the run is taken up, `step.after` of an earlier one; by default at its beginning.

    Raises FloatingPointError, naming timestep and iteration, where something is not finite.
    """
    chosen = named(ALL_METHODS, method, "method")
    run = chosen.read(Run(net, task, path))
    plan = chosen.bind(run)
    if chosen.runs_itself:
        for step in chosen.own_steps(run, listen or {}, since):
            _require_finite(step.now, (), step.target)
            yield step
        return
    since = since or _beginning(run, plan)
    plan.memory.update(since.memory)
    source, target, captures = since.source, since.target, net.captures()
    for i, t in list(enumerate(path.times))[since.i :]:
        now = Now(run, i, t, source, target, listen=listen or {}, captures=captures)
        step = _step(now, plan, watch)
        source, target = step.source, step.target
        yield step


def _beginning(run: Run, plan: Plan) -> Since:
    source = run.path.latents[plan.first : plan.first + 1]
    return Since(plan.first, source, plan.start(source))


def _step(began: Now, plan: Plan, watch: Watch | None) -> Step:
    """One guided step of both branches: source passes, nudges, target passes, blend."""
    path = began.run.path
    if began.captures:
        began = replace(began, pattern=plan.pattern(began))
    source_eps, source_maps = _source_pass(began, path.cond, True, plan.record(began))
    uncond_eps, uncond_maps = _source_pass(began, began.uncond, False, plan.record_uncond(began))
    now = replace(began, source_maps=source_maps, uncond_maps=uncond_maps)
    nudges = _nudges(now, plan, watch)
    now = replace(now, target=nudges[-1].latent) if nudges else now
    cond, uncond, maps = _target_passes(now, plan)
    eps, target = _guided_move(now, uncond, cond)
    x0 = schedule.to_x0(now.target, eps, now.level)
    sites = [s.name for s in now.run.guided if s.name in source_maps]
    step = Step(
        _own(replace(now, target=began.target)), now.target, eps,
        _source_after(now, uncond_eps, source_eps), target, x0,
        {name: source_maps[name].clone() if now.captures else source_maps[name] for name in sites}, maps, nudges,
    )  # fmt: skip
    _require_finite(now, nudges, target)
    target = plan.blend(now, step)
    return replace(step, target=target, memory=dict(plan.memory))


def _own(now: Now) -> Now:
    """Without what the next step overwrites, where passes are recorded."""
    return replace(now, captures=None, pattern=None, source_maps={}, uncond_maps={}) if now.captures else now


def _source_pass(now: Now, text: Text, conditional: bool, sites: frozenset[str]) -> tuple[Latent | None, Maps]:
    """The source branch for one prompt: its noise prediction and what its sites put out. Where the path replays its
    latents nobody needs the noise, so the pass ends at the last site, and without sites there is none."""
    if now.run.path.pin and not sites:
        return None, {}
    if not sites:
        return now.predict("source", conditional, text, {}), {}
    order = now.run.net.layout(now.source).order
    last = max(sites, key=lambda site: order[site]) if now.run.path.pin else None

    def work(inside: Now, words: Text) -> Maps:
        maps: Maps = {}
        out = inside.output("source", conditional, words, {site: recorder(maps, site) for site in sites}, last)
        return maps if out is None else maps | {OUT: out}

    maps = now.captured(("source", conditional, sites), work, text, "source " if conditional else "uncond ")
    out = maps.pop(OUT, None)
    return None if out is None else now.run.net.noise(out, now.source, now.t), maps


def _nudges(now: Now, plan: Plan, watch: Watch | None) -> tuple[Nudge, ...]:
    """All nudges of a step, their numbers read from the device at once; `watch` has them read at each."""
    nudges = []
    for nudge in plan.guide(now):
        nudges.append(nudge)
        if watch:
            _require_finite(now, nudges, nudge.latent)
            watch(now, nudge)
    read(nudges)
    return tuple(nudges)


def _target_passes(now: Now, plan: Plan) -> tuple[Latent, Latent, Maps]:
    """The target's conditional and unconditional noise prediction, and its maps at the guided sites after injection."""

    def work(inside: Now, words: Text) -> Maps:
        maps: Maps = {}
        hooks = dict(plan.hooks(inside))
        hooks |= {s.name: chain(hooks.get(s.name), recorder(maps, s.name)) for s in inside.run.guided}
        out = inside.output("target", True, words, hooks)
        assert out is not None  # no `until`, so the forward went on to its end
        return maps | {OUT: out}

    maps = now.captured("target", work, now.run.cond)
    cond = now.run.net.noise(maps.pop(OUT), now.target, now.t)
    return cond, _uncond_pass(now, plan), maps


def _uncond_pass(now: Now, plan: Plan) -> Latent:
    if not plan.uncond_hooks(now):
        eps = now.predict("target", False, now.uncond, {})
        assert eps is not None
        return eps

    def work(inside: Now, words: Text) -> Maps:
        out = inside.output("target", False, words, plan.uncond_hooks(inside))
        assert out is not None
        return {OUT: out}

    return now.run.net.noise(now.captured("target, unconditional", work, now.uncond)[OUT], now.target, now.t)


def _guided_move(now: Now, uncond: Latent, cond: Latent) -> tuple[Latent, Latent]:
    """The target's guided noise prediction, and its latent after the step; thinned out where the path has proximal
    guidance."""
    scale, proximal = now.run.path.guidance_scale, now.run.path.proximal
    if not proximal:
        eps = schedule.guidance(uncond, cond, scale)
        return eps, schedule.move(now.target, eps, now.level, now.next_level)
    eps = uncond + scale * proximal.shrink(cond - uncond)
    target = schedule.move(now.target, eps, now.level, now.next_level)
    return eps, proximal.pulled(target, now.recorded, cond - uncond) if now.t < proximal.below else target


def _source_after(now: Now, uncond: Latent | None, cond: Latent | None) -> Latent:
    """The source's latent after the step: the recorded one where the path replays them."""
    if uncond is None or cond is None:
        return now.recorded
    eps = schedule.guidance(uncond, cond, now.run.path.guidance_scale)
    return schedule.move(now.source, eps, now.level, now.next_level)


def _require_finite(now: Now, nudges: Sequence[Nudge], z: Tensor) -> None:
    """FloatingPointError that names the first nudge whose latent is not finite, or the step."""
    if z.isfinite().all():
        return
    bad = next((k for k, nudge in enumerate(nudges, 1) if not nudge.latent.isfinite().all()), 0)
    where = f", iteration {bad}" if bad else ""
    raise FloatingPointError(
        f"expected finite latents, got NaN or infinity at step {now.i}, timestep {now.t}{where}; "
        "take a smaller step size, or float32"
    )
