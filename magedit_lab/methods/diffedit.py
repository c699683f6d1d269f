"""DiffEdit (Couairon et al. 2023): edit where the two prompts' noise differs, keep the inverted latents elsewhere."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from .. import ddim
from ..backbone import Backbone, Latent, Text
from ..edit import Hooks, Now, Step, guidance
from ..inversion import Path
from ..masks import to_cells
from ..task import Task


@dataclass(frozen=True)
class DiffEdit:
    """Starts at `strength` of the noise, and puts the path's latents back outside the mask after each step.

    mask: "own" is made from the model's noise under source and target prompt: `maps` noisy copies at `mask_strength`,
        mean absolute difference, clamped at `clamp` times its mean, scaled to 1 and cut at .5; "given" is the task's.
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

    def bind(self, net: Backbone, task: Task, path: Path) -> Hooks:
        first, cells = round((1 - self.strength) * path.steps), path.latents.shape[-2:]
        given = to_cells(task.region, *cells).to(path.latents)
        mask = given if self.mask == "given" else self.own_mask(net, task, path)

        def blend(now: Now, step: Step) -> Latent:
            kept = path.latents[now.i + 1 : now.i + 2]
            return kept + mask * (step.target - kept)

        return replace(Hooks(), blend=blend, first=first)

    @torch.no_grad()
    def own_mask(self, net: Backbone, task: Task, path: Path) -> Float[Tensor, "h w"]:
        """Where the prompts disagree, 0 or 1 for each latent cell."""
        generator, z = torch.Generator().manual_seed(self.seed), path.image
        t = path.times[round((1 - self.mask_strength) * path.steps)]
        texts = [net.embed(p) for p in (task.source, task.target)]
        differences = []
        for _ in range(self.maps):
            noise = torch.randn(z.shape, generator=generator, dtype=z.dtype).to(z.device)
            noisy = ddim.add_noise(z, noise, net.alpha(t))
            source, target = (self._noise(net, noisy, t, text, path) for text in texts)
            differences.append((source - target).abs().mean((0, 1)))
        heat = torch.stack(differences).mean(0)
        heat = heat.clamp(max=self.clamp * heat.mean().item())
        return (heat / heat.max() > 0.5).to(z)

    def _noise(self, net: Backbone, z: Latent, t: int, text: Text, path: Path) -> Latent:
        return guidance(net.predict(z, t, net.embed("")), net.predict(z, t, text), path.guidance_scale)
