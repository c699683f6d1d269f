"""RF-Inversion (Rout et al. 2024): a flow driven to a noise of one's choice, and the picture's latents noised."""

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import ClassVar

import torch

from ..model.backbone import Backbone, Latent
from ..model.schedule import Time, add_noise
from ..model.text import Text
from ..settings import setting
from .base import Inversion, Path, Progress, once


@dataclass(frozen=True)
class RFInversion(Inversion):
    """Inversion of a rectified flow by their controlled ordinary differential equation (Eq. 8), for flow models.

    From the picture at s = 0 to s = 1: dY = [u(Y) + gamma (u(Y | y1) - u(Y))] ds, with u the model's velocity under
    the empty prompt, and u(Y | y1) = (y1 - Y) / (1 - s) the straight way to a noise y1 that is drawn. Euler steps
    between the schedule's own levels. gamma 0 is the model's flow backwards, 1 goes straight to y1.

    The source branch replays the route. `RFEdit` is the way back that the paper edits with; other methods take the
    route too.
    """

    reference: ClassVar[str] = "RF-Inversion (Rout et al. 2024)"

    gamma: float = setting(0.5, "how much the noise that was drawn decides", least=0, most=1)
    seed: int = setting(0, "of the noise that is drawn", least=0)

    def __call__(self, net: Backbone, z0: Latent, cond: Text, progress: Progress) -> Path:
        require_flow(net, "RF-Inversion")
        empty, noise = net.embed(""), drawn(z0, self.seed)
        times = [-1, *reversed(net.timesteps(self.steps, z0))]
        route = [z0]
        with torch.no_grad():
            for i, (t, after) in enumerate(pairwise(times)):
                (up,) = once(f"route-{i + 1:04}", partial(self._noisier, net, route[0], empty, noise, t, after))
                route.insert(0, up)
                progress(i + 1, self.steps)
        return self.path(net, route, cond, empty, pin=True)

    def _noisier(self, net: Backbone, z: Latent, empty: Text, noise: Latent, t: Time, after: Time) -> tuple[Latent]:
        """One step up, from timestep `t` to the next noisier one."""
        s, then = net.level(t).noise, net.level(after).noise
        velocity = net.predict(z, max(t, 0), empty)
        straight = (noise - z) / (1 - s)
        return (z + (then - s) * (velocity + self.gamma * (straight - velocity)),)


@dataclass(frozen=True)
class Noised(Inversion):
    """No inversion: the picture's latent with one noise at every level, as in training. For methods that need no route
    (FlowEdit, Blended Latent Diffusion); it calls no model but the text encoder."""

    reference: ClassVar[str] = "the forward process"

    seed: int = setting(0, "of the noise that is drawn", least=0)

    def __call__(self, net: Backbone, z0: Latent, cond: Text, progress: Progress) -> Path:
        noise = drawn(z0, self.seed)
        route = [add_noise(z0, noise, net.level(t)) for t in net.timesteps(self.steps, z0)]
        progress(self.steps, self.steps)
        return self.path(net, [*route, z0], cond, net.embed(""), pin=True)


def drawn(like: Latent, seed: int) -> Latent:
    """Noise of a latent's shape, the same on every device."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(like.shape, generator=generator, dtype=like.dtype).to(like.device)


def require_flow(net: Backbone, what: str) -> None:
    """ValueError for a model of diffusion."""
    if not net.level(0).flow:
        kind = type(net.denoiser).__name__
        raise ValueError(
            f"{what}: expected a flow model (Stable Diffusion 3, FLUX), got {kind}, which predicts "
            f"{net.schedule.prediction}; take null-text or direct inversion"
        )
