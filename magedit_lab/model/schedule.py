"""Noise levels: which timesteps a run takes, how much signal and noise a latent has there, and the move between two.

DDIM (Song et al. 2021) and the Euler step of flow matching are the same move between (signal, noise) pairs.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from diffusers import SchedulerMixin
from jaxtyping import Float
from torch import Tensor

PREDICTIONS = ("epsilon", "v_prediction")  # what a denoiser may put out
FINAL = -1  # stands for the timestep of a finished latent


class Level(NamedTuple):
    """z = signal x0 + noise eps; in diffusion signal is sqrt(alpha-bar) and noise is sqrt(1 - alpha-bar)."""

    signal: Tensor
    noise: Tensor


@dataclass(frozen=True, eq=False)
class Schedule:
    """A model's noise schedule.

    alphas: the cumulative alpha-bar of each training timestep. final_alpha: the one that a last step moves to.
    offset: added to every timestep. It is the scheduler's `steps_offset`, or 1 where its config has none, as all
    pipelines of Stable Diffusion set it: 50 steps then run 981, 961 ... 1, and the last one moves from timestep 1 to
    `final_alpha`.
    """

    alphas: Float[Tensor, " train_steps"]
    final_alpha: Float[Tensor, ""]
    prediction: str
    offset: int = 1

    def __repr__(self) -> str:
        return f"Schedule({len(self.alphas)} timesteps, {self.prediction}, offset {self.offset})"

    @classmethod
    def of(cls, scheduler: SchedulerMixin, dtype: torch.dtype) -> "Schedule":
        """The schedule of a diffusers scheduler; ValueError for a prediction that is neither noise nor v."""
        prediction = scheduler.config.get("prediction_type", "epsilon")
        if prediction not in PREDICTIONS:
            raise ValueError(f"expected a model that predicts {' or '.join(PREDICTIONS)}, got {prediction!r}")
        alphas = scheduler.alphas_cumprod.to("cpu", dtype)  # single numbers, which a GPU takes without waiting
        to_one = scheduler.config.get("set_alpha_to_one", False)
        offset = int(scheduler.config.get("steps_offset", 1))
        return cls(alphas, torch.ones_like(alphas[0]) if to_one else alphas[0], prediction, offset)

    def timesteps(self, steps: int) -> list[int]:
        """`steps` timesteps from noise to image, evenly spaced: `offset` above the multiples of T // steps.

        >>> alphas = torch.linspace(0.999, 0.005, 1000)
        >>> Schedule(alphas, alphas[0], "epsilon").timesteps(4)
        [751, 501, 251, 1]

        ValueError for less than one, and for more than T - offset, whose first timestep the model does not know.
        """
        train_steps = len(self.alphas)
        if not 1 <= steps <= train_steps - self.offset:
            raise ValueError(f"expected 1 to {train_steps - self.offset} steps, got {steps}; take a number of these")
        stride = train_steps // steps
        return [i * stride + self.offset for i in reversed(range(steps))]

    def at(self, t: int) -> Level:
        """Signal and noise at timestep t; below 0 those of the finished latent."""
        alpha = self._alpha(t)
        return Level(alpha.sqrt(), (1 - alpha).sqrt())

    def sigma(self, t: int) -> float:
        """Noise over signal at timestep t, sqrt((1 - alpha) / alpha): what the official code scales its gradient by."""
        alpha = self._alpha(t)
        return ((1 - alpha) / alpha).sqrt().item()

    def _alpha(self, t: int) -> Tensor:
        return self.alphas[t] if t >= 0 else self.final_alpha


def previous(times: tuple[int, ...], i: int) -> int:
    """The timestep that step i moves to; `FINAL` for the finished latent."""
    return times[i + 1] if i + 1 < len(times) else FINAL


def to_eps(out: Float[Tensor, "*z"], z: Float[Tensor, "*z"], here: Level, prediction: str) -> Float[Tensor, "*z"]:
    """The noise that a denoiser's output means: the output itself, or v = signal eps - noise x0 turned into eps."""
    if prediction == "epsilon":
        return out
    if prediction == "v_prediction":
        return here.signal * out + here.noise * z
    raise ValueError(f"expected a model that predicts {' or '.join(PREDICTIONS)}, got {prediction!r}")


def to_x0(z: Float[Tensor, "*z"], eps: Float[Tensor, "*z"], here: Level) -> Float[Tensor, "*z"]:
    """The clean latent that `z` and its noise imply."""
    return (z - here.noise * eps) / here.signal


def move(z: Float[Tensor, "*z"], eps: Float[Tensor, "*z"], here: Level, there: Level) -> Float[Tensor, "*z"]:
    """From one noise level to another, in either direction, along `eps`."""
    return there.signal * to_x0(z, eps, here) + there.noise * eps


def add_noise(z: Float[Tensor, "*z"], noise: Float[Tensor, "*z"], there: Level) -> Float[Tensor, "*z"]:
    """A clean latent at a noise level."""
    return there.signal * z + there.noise * noise


def guidance(uncond: Tensor, cond: Tensor, scale: float) -> Tensor:
    """Classifier-free guidance: the unconditional noise prediction plus `scale` times what the words add.

    >>> guidance(torch.tensor(1.0), torch.tensor(3.0), scale=7.5)
    tensor(16.)
    """
    return uncond + scale * (cond - uncond)
