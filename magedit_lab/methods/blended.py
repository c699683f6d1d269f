"""Blended Latent Diffusion (Avrahami et al. 2023): outside the mask every step is the source, noised anew."""

from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from ..model.backbone import Latent
from ..model.schedule import Time, add_noise, previous
from ..runs import Run
from ..settings import setting
from ..steps import Now, Step
from .base import Method, Plan


@dataclass(frozen=True)
class BlendedLatentDiffusion(Method):
    """Starts after `skip` of the steps and denoises under the target prompt; Prompt-to-Prompt's maps play no part.

    The published Stable Diffusion script starts from pure noise; the paper writes the noised source. The blend uses
    fresh noise at the timestep that the latent is at, where the script noised the source one step too much. The last
    blend is with the source itself. The published prompts name the new object only; here it is the task's target
    prompt.
    """

    reference: ClassVar[str] = "Blended Latent Diffusion (Avrahami et al. 2023)"
    reads_mask: ClassVar[bool] = True

    skip: float = setting(0.25, "share of the first steps that is left out", least=0, most=0.99)
    noise: str = setting("fresh", "start from the noised source, or from pure noise", choices=("fresh", "pure"))
    seed: int = setting(42, "of the noise that is drawn", least=0)

    @property
    def keeps_outside(self) -> bool:
        return True

    def first_step(self, steps: int) -> int:
        return int(self.skip * steps)

    def bind(self, run: Run) -> Plan:
        path, picture, mask = run.path, run.path.image, run.latent_mask
        first = self.first_step(path.steps)

        def noised(i: int, t: Time) -> Latent:
            return (
                picture if t < 0 else add_noise(picture, self._noise(self.seed * 1000 + i, picture), run.net.level(t))
            )

        def start(source: Latent) -> Latent:
            return self._noise(self.seed, picture) if self.noise == "pure" else noised(first - 1, path.times[first])

        def blend(now: Now, step: Step) -> Latent:
            outside = noised(now.i, previous(path.times, now.i))
            return outside + mask * (step.target - outside)

        return replace(Plan(), blend=blend, first=first, start=start)

    @staticmethod
    def _noise(seed: int, like: Latent) -> Latent:
        """The same on every device."""
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(like.shape, generator=generator, dtype=like.dtype).to(like.device)
