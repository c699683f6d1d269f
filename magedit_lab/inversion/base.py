"""What an inversion is: from a picture to the noise that it could have come from, and the route back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float

from ..model import schedule
from ..model.backbone import Backbone, Latent, Text
from ..settings import Settings, setting
from .proximal import Proximal

Progress = Callable[[int, int], object]
Tensors = tuple[torch.Tensor, ...]
Keeper = Callable[[str, Callable[[], Tensors]], Tensors]
STILL = 1e-8  # mean squared change of a latent below which fixed-point iterations end
_keeper: ContextVar[Keeper | None] = ContextVar("magedit_lab_keeper", default=None)


@contextmanager
def keeping(keeper: Keeper) -> Iterator[None]:
    """Inside, on this thread, `keeper(name, compute)` stands between an inversion and each of its steps: it may keep
    what `compute` gives, and give it again later in place of computing it."""
    token = _keeper.set(keeper)
    try:
        yield
    finally:
        _keeper.reset(token)


def once(name: str, compute: Callable[[], Tensors]) -> Tensors:
    """A step of an inversion, which depends on nothing but the steps before it: computed, or as it was kept."""
    keeper = _keeper.get()
    return keeper(name, compute) if keeper else compute()


@dataclass(frozen=True, eq=False, repr=False)
class Path:
    """An image's own route from noise to itself.

    latents: steps + 1 of them, the noisiest first; the last is the image's own, with null-text what it comes back as.
    image: the image's own latent. times: the timestep of each step.
    uncond: the unconditional embedding of each step. cond: the source prompt's.
    pin: replay the latents as they stand, with no call of the model; else run the source branch with guidance.
    proximal: how the target's guidance is thinned out, if at all.
    """

    latents: Float[torch.Tensor, "steps_and_one channels h w"]
    image: Latent
    times: tuple[schedule.Time, ...]
    uncond: Text
    cond: Text
    pin: bool
    guidance_scale: float
    proximal: Proximal | None = None

    def __repr__(self) -> str:
        how = "replayed" if self.pin else "run again"
        return f"Path({self.steps} steps, guidance scale {self.guidance_scale:g}, source branch {how})"

    @property
    def steps(self) -> int:
        return len(self.times)


@dataclass(frozen=True)
class Inversion(Settings):
    """The base of all inversions: frozen settings, called with a model, a latent and the source prompt's embedding."""

    reference: ClassVar[str] = ""

    steps: int = setting(50, "DDIM steps of inversion and edit", least=1)
    guidance_scale: float = setting(7.5, "classifier-free guidance of the edit")

    def __call__(self, net: Backbone, z0: Latent, cond: Text, progress: Progress) -> Path:
        raise NotImplementedError(f"expected {type(self).__name__} with a method `__call__`, got none; write one")

    def path(
        self, net: Backbone, route: list[Latent], cond: Text, uncond: Text, pin: bool = False,
        proximal: Proximal | None = None,
    ) -> Path:  # fmt: skip
        """The path of a route, with one unconditional embedding for all steps."""
        times = tuple(net.timesteps(self.steps, route[-1]))
        return Path(
            torch.cat(route), route[-1], times, uncond.expand(self.steps), cond, pin, self.guidance_scale, proximal
        )


@torch.no_grad()
def ddim_route(
    net: Backbone, z0: Latent, cond: Text, steps: int, progress: Progress, of: int, fixed_point: int = 0
) -> list[Latent]:
    """DDIM run backwards under the source prompt without guidance; the noisiest latent comes first."""
    latents: list[Latent] = [z0]
    before: schedule.Time = schedule.FINAL
    for t in reversed(net.timesteps(steps, z0)):
        (up,) = once(f"route-{len(latents):04}", partial(_noisier, net, latents[0], cond, before, t, fixed_point))
        latents.insert(0, up)
        before = t
        progress(len(latents) - 1, of)
    return latents


def _noisier(
    net: Backbone, z: Latent, cond: Text, here: schedule.Time, t: schedule.Time, fixed_point: int
) -> tuple[Latent]:  # fmt: skip
    """One step up: along the noise at its start, then at most `fixed_point` times anew along the noise at its end,
    z_t = step(z_t-1, eps(z_t)), while that leads nearer to a latent from which the step down comes back exactly."""

    def step(at: Latent) -> Latent:
        return schedule.move(z, net.predict(at, t, cond), net.level(here), net.level(t))

    before = up = step(z)
    gap = float("inf")
    for _ in range(fixed_point):
        anew = step(up)
        now = F.mse_loss(anew, up).item()
        if now > gap:
            return (before,)  # these steps lead away
        before, up, gap = up, anew, now
        if gap < STILL:
            break
    return (up,)
