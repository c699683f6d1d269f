"""From a picture to the noise that it could have come from, and the route back."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from . import ddim
from .backbone import Backbone, Latent, Text
from .proximal import Proximal
from .task import Task

Progress = Callable[[int, int], object]


@dataclass(frozen=True, eq=False)
class Path:
    """An image's own route from noise to itself.

    latents: steps + 1 of them, the noisiest first; the last is the image's own, with null-text what it comes back as.
    image: the image's own latent. times: the timestep of each step.
    uncond: the unconditional embedding of each step. cond: the source prompt's.
    pin: replay the latents as they stand, with no call of the model; else run the source branch with guidance.
    proximal: how the target's guidance is thinned out, if at all.
    """

    latents: Float[Tensor, "steps_and_one channels h w"]
    image: Latent
    times: tuple[int, ...]
    uncond: Float[Tensor, "steps tokens dim"]
    cond: Text
    pin: bool
    guidance_scale: float
    proximal: Proximal | None = None

    @property
    def steps(self) -> int:
        return len(self.times)


@runtime_checkable
class Inversion(Protocol):
    """Settings of an inversion; called with a model, a latent and the source prompt's embedding."""

    def __call__(self, net: Backbone, z0: Latent, cond: Text, progress: Progress) -> Path: ...


def invert(net: Backbone, task: Task, inversion: Inversion, progress: Progress | None = None) -> Path:
    """The path of the task's image under its source prompt; `progress(done, of)` is called as it goes."""
    return inversion(net, net.encode(task.image), net.embed(task.source), progress or (lambda done, of: None))


STILL = 1e-8  # mean squared change of a latent below which fixed-point iterations end


@torch.no_grad()
def ddim_route(
    net: Backbone, z0: Latent, cond: Text, steps: int, progress: Progress, of: int, fixed_point: int = 0
) -> list[Latent]:
    """DDIM run backwards under the source prompt without guidance; the noisiest latent comes first."""
    times = ddim.timesteps(steps, len(net.alphas))
    latents, before = [z0], -1
    for t in reversed(times):
        latents.insert(0, _noisier(net, latents[0], cond, before, t, fixed_point))
        before = t
        progress(len(latents) - 1, of)
    return latents


def _noisier(net: Backbone, z: Latent, cond: Text, here: int, t: int, fixed_point: int) -> Latent:
    """One step up: along the noise seen at its start, then at most `fixed_point` times anew along that seen at its end,
    z_t = step(z_t-1, eps(z_t)), while that leads nearer to a latent from which the step down comes back exactly."""

    def step(seen: Latent) -> Latent:
        return ddim.move(z, net.predict(seen, t, cond), net.alpha(here), net.alpha(t))

    before = up = step(z)
    gap = float("inf")
    for _ in range(fixed_point):
        anew = step(up)
        now = F.mse_loss(anew, up).item()
        if now > gap:
            return before  # these steps lead away
        before, up, gap = up, anew, now
        if gap < STILL:
            break
    return up


def _checked(fixed_point: int, guidance_scale: float) -> None:
    if fixed_point < 0:
        raise ValueError(f"expected fixed_point of 0 or more, got {fixed_point}")
    if not math.isfinite(guidance_scale):
        raise ValueError(f"expected a finite guidance scale, got {guidance_scale}")


def previous(times: tuple[int, ...], i: int) -> int:
    """The timestep that step i moves to; -1 for the finished latent."""
    return times[i + 1] if i + 1 < len(times) else -1


@dataclass(frozen=True)
class DDIM:
    """Plain DDIM inversion; with guidance the way back drifts off, which is what the others mend.

    fixed_point: how often, at most, each step up is taken anew along the noise at its own end (Pan et al. 2023, AIDI;
    without their acceleration); 0 is DDIM as published. Then the way back without guidance is exact.
    """

    steps: int = 50
    guidance_scale: float = 7.5
    fixed_point: int = field(default=0, kw_only=True)

    def __post_init__(self) -> None:
        _checked(self.fixed_point, self.guidance_scale)

    def __call__(self, net: Backbone, z0: Latent, cond: Text, progress: Progress) -> Path:
        return self._path(net, self._route(net, z0, cond, progress), cond, net.embed(""))

    def _route(self, net: Backbone, z0: Latent, cond: Text, progress: Progress) -> list[Latent]:
        return ddim_route(net, z0, cond, self.steps, progress, self.steps, self.fixed_point)

    def _path(self, net: Backbone, route: list[Latent], cond: Text, uncond: Text, pin: bool = False) -> Path:
        times = tuple(ddim.timesteps(self.steps, len(net.alphas)))
        return Path(
            torch.cat(route), route[-1], times, uncond.expand(self.steps, -1, -1), cond, pin, self.guidance_scale
        )


@dataclass(frozen=True)
class NegativePrompt(DDIM):
    """Negative-prompt inversion (Miyake et al. 2023): the source prompt takes the empty prompt's place.

    proximal: with proximal guidance, after ProxNPI.
    """

    proximal: Proximal | None = None

    def __call__(self, net: Backbone, z0: Latent, cond: Text, progress: Progress) -> Path:
        return replace(self._path(net, self._route(net, z0, cond, progress), cond, cond), proximal=self.proximal)


@dataclass(frozen=True)
class Direct(DDIM):
    """Direct inversion (Ju et al. 2024): the source branch is put back on the recorded latents at every step.

    Their offset plus their source latent is the recorded latent, so it is replayed and the offset never computed.
    """

    def __call__(self, net: Backbone, z0: Latent, cond: Text, progress: Progress) -> Path:
        return self._path(net, self._route(net, z0, cond, progress), cond, net.embed(""), pin=True)


@dataclass(frozen=True)
class NullText:
    """Null-text inversion (Mokady et al. 2023): at each step the empty prompt is trained until guidance stays on route.

    Adam from the last step's embedding, rate x (1 - i/100), at most `inner` updates, until the squared error falls
    below tolerance + slack x i, as published; a small latent asks for less slack. `progress` is called after each of
    them. The route is the one that the trained embeddings give, so a source branch replays it. fixed_point: as in
    `DDIM`, for the route that it trains towards.
    """

    steps: int = 50
    guidance_scale: float = 7.5
    inner: int = 10
    rate: float = 1e-2
    tolerance: float = 1e-5
    slack: float = 2e-5
    fixed_point: int = 0

    def __post_init__(self) -> None:
        _checked(self.fixed_point, self.guidance_scale)
        if self.inner < 0:
            raise ValueError(f"expected 0 or more updates a step, got inner={self.inner}")
        if self.steps > 100:
            raise ValueError(
                f"expected at most 100 steps, since the published rate falls to nothing at the hundredth, "
                f"got {self.steps}; take fewer steps or another inversion"
            )

    def __call__(self, net: Backbone, z0: Latent, cond: Text, progress: Progress) -> Path:
        route = ddim_route(net, z0, cond, self.steps, progress, 2 * self.steps, self.fixed_point)
        times, uncond = tuple(ddim.timesteps(self.steps, len(net.alphas))), net.embed("")
        latents, trained = [route[0]], []
        for i in range(self.steps):
            moved = _Guided(net, latents[-1], cond, times, i, self.guidance_scale)
            uncond = self._train(moved, uncond, route[i + 1], i, progress)
            trained.append(uncond)
            with torch.no_grad():
                latents.append(moved(uncond))
            progress(self.steps + i + 1, 2 * self.steps)
        return Path(torch.cat(latents), z0, times, torch.cat(trained), cond, True, self.guidance_scale)

    @torch.enable_grad()
    def _train(self, moved: "_Guided", start: Text, goal: Latent, i: int, progress: Progress) -> Text:
        uncond = start.clone().requires_grad_(True)
        adam = torch.optim.Adam([uncond], lr=self.rate * (1 - i / 100))
        for _ in range(self.inner):
            loss = F.mse_loss(moved(uncond), goal)
            adam.zero_grad()
            loss.backward()
            adam.step()
            progress(self.steps + i, 2 * self.steps)  # no further, but whoever watches may stop here
            if loss.item() < self.tolerance + self.slack * i:
                break
        return uncond.detach()


class _Guided:
    """One guided DDIM step as a function of the unconditional embedding alone; the rest is computed once."""

    def __init__(self, net: Backbone, z: Latent, cond: Text, times: tuple[int, ...], i: int, scale: float) -> None:
        self.net, self.z, self.t, self.scale = net, z, times[i], scale
        self.here, self.there = net.alpha(self.t), net.alpha(previous(times, i))
        with torch.no_grad():
            self.eps = net.predict(z, self.t, cond)

    def __call__(self, uncond: Text) -> Latent:
        base = self.net.predict(self.z, self.t, uncond)
        return ddim.move(self.z, ddim.guidance(base, self.eps, self.scale), self.here, self.there)


INVERSIONS: dict[str, DDIM | NullText] = {
    "null-text": NullText(), "ddim": DDIM(), "negative-prompt": NegativePrompt(), "direct": Direct(),
    "proximal": NegativePrompt(proximal=Proximal()),
}  # fmt: skip
