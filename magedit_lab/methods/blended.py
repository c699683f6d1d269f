"""Blended Latent Diffusion (Avrahami et al. 2023): outside the mask every step is the source, noised anew."""

from dataclasses import dataclass, replace

import torch

from .. import ddim
from ..backbone import Backbone, Latent
from ..edit import Hooks, Now, Step
from ..inversion import Path, previous
from ..masks import to_cells
from ..task import Task


@dataclass(frozen=True)
class BlendedLatentDiffusion:
    """Starts after `skip` of the steps and denoises under the target prompt; Prompt-to-Prompt's maps play no part.

    noise: "fresh" starts from the source noised at random (`seed`), as the paper writes; the published Stable Diffusion
        script starts from pure noise ("pure"). The blend uses fresh noise at the timestep that the latent is at, where
        the script noised the source one step too much. The last blend is with the source itself.
    The published prompts name the new object only; here the task's target prompt is used.
    """

    skip: float = 0.25
    noise: str = "fresh"
    seed: int = 42

    def __post_init__(self) -> None:
        if self.noise not in ("fresh", "pure"):
            raise ValueError(f"expected noise 'fresh' or 'pure', got {self.noise!r}")
        if not 0 <= self.skip < 1:
            raise ValueError(f"expected a share of skipped steps from 0 to below 1, got {self.skip}")

    def bind(self, net: Backbone, task: Task, path: Path) -> Hooks:
        first, picture = int(self.skip * path.steps), path.image
        mask = to_cells(task.region, *picture.shape[-2:]).to(picture)

        def noised(i: int, t: int) -> Latent:
            generator = torch.Generator().manual_seed(self.seed * 1000 + i)
            noise = torch.randn(picture.shape, generator=generator, dtype=picture.dtype).to(picture.device)
            return picture if t < 0 else ddim.add_noise(picture, noise, net.alpha(t))

        def start(source: Latent) -> Latent:
            generator = torch.Generator().manual_seed(self.seed)
            pure = torch.randn(picture.shape, generator=generator, dtype=picture.dtype).to(picture.device)
            return pure if self.noise == "pure" else noised(first - 1, path.times[first])

        def blend(now: Now, step: Step) -> Latent:
            outside = noised(now.i, previous(path.times, now.i))
            return outside + mask * (step.target - outside)

        return replace(Hooks(), blend=blend, first=first, start=start)
