"""A model that keeps the latent that its denoiser was asked of last."""

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

import magedit_lab as mag


@dataclass(frozen=True, eq=False, repr=False)
class Watched(mag.Backbone):
    """The same parts as another Backbone; `latest` holds the last latent, so that any inversion can be looked at."""

    latest: list[Tensor] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Nothing: its parts were prepared by the Backbone that they are of."""

    @classmethod
    def by(cls, net: mag.Backbone) -> "Watched":
        """A Backbone, watched."""
        return cls(net.family, net.vae, net.schedule, net.name, net._layouts)

    def predict(self, z: Tensor, *arguments: Any, **more: Any) -> Any:  # type: ignore[override]
        """As a Backbone's."""
        self.latest[:] = [z.detach()]
        return super().predict(z, *arguments, **more)
