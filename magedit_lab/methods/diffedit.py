"""DiffEdit (Couairon et al. 2023): edit where the two prompts' noise differs, keep the inverted latents elsewhere."""

from dataclasses import dataclass, replace
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from .. import ddim
from ..backbone import Backbone, Latent
from ..edit import Hooks, Now, Step
from ..inversion import Path
from ..masks import to_cells
from ..task import Task


@dataclass(frozen=True)
class DiffEdit:
    """Starts at `strength` of the noise, by one step at least, and puts the path's latents back outside the mask after
    each step.

    mask: "own" is made from the model's noise under source and target prompt: `maps` noisy copies at `mask_strength`,
        mean absolute difference, clamped at `clamp` times its mean, scaled to 1 by that and cut at .5; "given" is the
        task's. Guidance would scale all differences alike, so the conditional noise is compared.
    """

    mask: str = "own"
    strength: float = 0.8
    mask_strength: float = 0.5
    maps: int = 10
    clamp: float = 3.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.mask not in ("own", "given"):
            raise ValueError(f"expected mask 'own' or 'given', got {self.mask!r}")
        if not (0 < self.strength <= 1 and 0 < self.mask_strength <= 1):
            raise ValueError(f"expected strengths above 0 and up to 1, got {self.strength} and {self.mask_strength}")

    def bind(self, net: Backbone, task: Task, path: Path) -> Hooks:
        first, cells = self._at(self.strength, path), path.latents.shape[-2:]
        given = to_cells(task.region, *cells).to(path.latents)
        own = cache(lambda: self.own_mask(net, task, path))  # made when the first step needs it

        def blend(now: Now, step: Step) -> Latent:
            kept = path.latents[now.i + 1 : now.i + 2]
            return kept + (given if self.mask == "given" else own()) * (step.target - kept)

        return replace(Hooks(), blend=blend, first=first)

    @staticmethod
    def _at(strength: float, path: Path) -> int:
        """The step that begins at this share of the noise; the last one for less than a step's."""
        return min(round((1 - strength) * path.steps), path.steps - 1)

    @torch.no_grad()
    def own_mask(self, net: Backbone, task: Task, path: Path) -> Float[Tensor, "h w"]:
        """Where the prompts disagree, 0 or 1 for each latent cell."""
        generator, z = torch.Generator().manual_seed(self.seed), path.image
        t = path.times[self._at(self.mask_strength, path)]
        texts = [net.embed(p) for p in (task.source, task.target)]
        differences = []
        for _ in range(self.maps):
            noise = torch.randn(z.shape, generator=generator, dtype=z.dtype).to(z.device)
            noisy = ddim.add_noise(z, noise, net.alpha(t))
            source, target = (net.predict(noisy, t, text) for text in texts)
            differences.append((source - target).abs().mean((0, 1)))
        heat = torch.stack(differences).mean(0)
        most = self.clamp * heat.mean()
        return (heat.clamp(max=most) / most > 0.5).to(z)
