"""Inversions by DDIM alone: plain, with the source prompt in the empty prompt's place, and replayed."""

from dataclasses import dataclass
from typing import ClassVar

from ..model.backbone import Backbone, Latent, Text
from ..settings import setting
from .base import Inversion, Path, Progress, ddim_route
from .proximal import Proximal


@dataclass(frozen=True)
class DDIM(Inversion):
    """Plain DDIM inversion; with guidance the way back drifts off, which is what the others mend.

    fixed_point: how often, at most, each step up is taken anew along the noise at its own end (Pan et al. 2023, AIDI;
    without their acceleration); 0 is DDIM as published. Then the way back without guidance is exact.
    """

    reference: ClassVar[str] = "DDIM (Song et al. 2021)"

    fixed_point: int = setting(0, "how often each step up is taken anew, at most", least=0, kw_only=True)

    def __call__(self, net: Backbone, z0: Latent, cond: Text, progress: Progress) -> Path:
        return self.path(net, self.route(net, z0, cond, progress), cond, net.embed(""))

    def route(self, net: Backbone, z0: Latent, cond: Text, progress: Progress) -> list[Latent]:
        """The latents from noise to image."""
        return ddim_route(net, z0, cond, self.steps, progress, self.steps, self.fixed_point)


@dataclass(frozen=True)
class NegativePrompt(DDIM):
    """Negative-prompt inversion (Miyake et al. 2023): the source prompt takes the empty prompt's place.

    proximal: with proximal guidance, after ProxNPI.
    """

    reference: ClassVar[str] = "negative-prompt inversion (Miyake et al. 2023)"

    proximal: Proximal | None = None

    def __call__(self, net: Backbone, z0: Latent, cond: Text, progress: Progress) -> Path:
        return self.path(net, self.route(net, z0, cond, progress), cond, cond, proximal=self.proximal)


@dataclass(frozen=True)
class Direct(DDIM):
    """Direct inversion (Ju et al. 2024): the source branch is put back on the recorded latents at every step.

    Their offset plus their source latent is the recorded latent, so it is replayed and the offset never computed.
    """

    reference: ClassVar[str] = "direct inversion (Ju et al. 2024)"

    def __call__(self, net: Backbone, z0: Latent, cond: Text, progress: Progress) -> Path:
        return self.path(net, self.route(net, z0, cond, progress), cond, net.embed(""), pin=True)
