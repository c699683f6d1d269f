"""Proximal guidance: the part of what the words add to the noise that an edit keeps."""

from dataclasses import dataclass

import torch.nn.functional as F

from ..model.backbone import Latent
from ..settings import Settings, setting


@dataclass(frozen=True)
class Proximal(Settings):
    """Proximal guidance (Han et al. 2024): only the largest part of what the words add to the noise is kept.

    The l0 norm keeps values of |eps_c - eps_u| above the quantile as they are; l1 also shrinks them by it. The
    released code differs in three ways: docs/methods.md. At timesteps below `below` the target's latent is pulled back
    to the recorded one, where nothing was kept, `grow` cells away from what was.
    """

    norm: str = setting("l0", "keep large differences as they are, or shrink them too", choices=("l0", "l1"))
    quantile: float = setting(0.7, "share of the differences that is dropped", least=0, most=1)
    below: int = setting(400, "timesteps below this are pulled back to the recorded latent", least=0)
    rate: float = setting(1.0, "how far they are pulled back", least=0)
    grow: int = setting(1, "cells around what was kept that are left alone", least=0)

    def shrink(self, delta: Latent) -> Latent:
        """The proximal map of the difference that guidance multiplies."""
        least = delta.abs().flatten(1).quantile(self.quantile, 1)[:, None, None, None]
        large = (delta.abs() > least) * delta
        return large if self.norm == "l0" else large.sign() * (large.abs() - least).clamp(min=0)

    def pulled(self, z: Latent, recorded: Latent, delta: Latent) -> Latent:
        """The latent after a step, back on the record where `shrink` left nothing."""
        held = F.max_pool2d((self.shrink(delta) != 0).to(z), 2 * self.grow + 1, 1, self.grow)
        return z - self.rate * (1 - held) * (z - recorded)
