"""Proximal guidance: the part of what the words add to the noise that an edit keeps."""

from dataclasses import dataclass

import torch.nn.functional as F

from .backbone import Latent


@dataclass(frozen=True)
class Proximal:
    """Proximal guidance (Han et al. 2024): only the largest part of what the words add to the noise is kept.

    norm: "l0" keeps values of |eps_c - eps_u| above the `quantile` as they are; "l1" also shrinks them by it.
        The released code differs in three ways: docs/methods.md.
    below, rate, grow: at timesteps below 400 the target's latent is pulled back to the recorded one, where nothing was
    kept, `grow` cells away from what was.
    """

    norm: str = "l0"
    quantile: float = 0.7
    below: int = 400
    rate: float = 1.0
    grow: int = 1

    def __post_init__(self) -> None:
        if self.norm not in ("l0", "l1"):
            raise ValueError(f"expected norm 'l0' or 'l1', got {self.norm!r}")
        if not 0 <= self.quantile <= 1:
            raise ValueError(f"expected a quantile in 0-1, got {self.quantile}")

    def kept(self, delta: Latent) -> Latent:
        """The proximal map of the difference that guidance multiplies."""
        least = delta.abs().flatten(1).quantile(self.quantile, 1)[:, None, None, None]
        large = (delta.abs() > least) * delta
        return large if self.norm == "l0" else large.sign() * (large.abs() - least).clamp(min=0)

    def pulled(self, z: Latent, recorded: Latent, delta: Latent) -> Latent:
        """The latent after a step, back on the record where `kept` left nothing."""
        held = F.max_pool2d((self.kept(delta) != 0).to(z), 2 * self.grow + 1, 1, self.grow)
        return z - self.rate * (1 - held) * (z - recorded)
