"""DiffEdit (Couairon et al. 2023): edit where the two prompts' noise differs, keep the inverted latents elsewhere."""

from dataclasses import dataclass, replace
from functools import cache
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from ..model.backbone import Latent
from ..model.schedule import add_noise
from ..runs import Run
from ..settings import setting
from ..steps import Now, Step
from .base import Method, Plan


@dataclass(frozen=True)
class DiffEdit(Method):
    """Starts at `strength` of the noise, by one step at least, and puts the path's latents back outside the mask after
    each step.

    The own mask is made from the model's noise under source and target prompt: `maps` noisy copies at `mask_strength`,
    mean absolute difference, clamped at `clamp` times its mean, scaled to 1 by that and cut at .5. Guidance would scale
    all differences alike, so the conditional noise predictions are compared.
    """

    reference: ClassVar[str] = "DiffEdit (Couairon et al. 2023)"

    mask: str = setting("own", "made from the model's noise, or the task's", choices=("own", "given"))
    strength: float = setting(0.8, "share of the noise that the edit starts from", least=1e-6, most=1)
    mask_strength: float = setting(0.5, "share of the noise at which the own mask is made", least=1e-6, most=1)
    maps: int = setting(10, "noisy copies that the own mask is made from", least=1)
    clamp: float = setting(3.0, "differences above so many times their mean count as that", least=0)
    seed: int = setting(0, "of the noise that the own mask is made with", least=0)

    @property
    def needs_mask(self) -> bool:
        return self.mask == "given"

    @property
    def keeps_outside(self) -> bool:
        return self.mask == "given"

    def first_step(self, steps: int) -> int:
        return self._at(self.strength, steps)

    def bind(self, run: Run) -> Plan:
        own = cache(lambda: self.own_mask(run))  # made when the first step needs it

        def blend(now: Now, step: Step) -> Latent:
            recorded = now.recorded
            return recorded + (run.latent_mask if self.mask == "given" else own()) * (step.target - recorded)

        return replace(Plan(), blend=blend, first=self.first_step(run.path.steps))

    @staticmethod
    def _at(strength: float, steps: int) -> int:
        """The step that begins at this share of the noise; the last one for less than a step's."""
        return min(round((1 - strength) * steps), steps - 1)

    @torch.no_grad()
    def own_mask(self, run: Run) -> Float[Tensor, "h w"]:
        """Where the prompts disagree, 0 or 1 for each latent cell."""
        generator, z = torch.Generator().manual_seed(self.seed), run.path.image
        t = run.path.times[self._at(self.mask_strength, run.path.steps)]
        differences = []
        for _ in range(self.maps):
            noise = torch.randn(z.shape, generator=generator, dtype=z.dtype).to(z.device)
            noisy = add_noise(z, noise, run.net.level(t))
            source, target = (run.net.predict(noisy, t, text) for text in (run.net.embed(run.task.source), run.cond))
            differences.append((source - target).abs().mean((0, 1)))
        heat = torch.stack(differences).mean(0)
        most = self.clamp * heat.mean()
        return (heat.clamp(max=most) / most > 0.5).to(z)
