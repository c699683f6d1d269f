"""Noise levels: which timesteps a run takes, how much signal and noise a latent has there, and the move between two.

DDIM (Song et al. 2021) and the Euler step of flow matching (Lipman et al. 2023) are the same move between (signal,
noise) pairs: with signal 1 - s, noise s and velocity v = eps - x0, it is z + (s' - s) v.
"""

import copy
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, SchedulerMixin
from jaxtyping import Float
from torch import Tensor

PREDICTIONS = ("epsilon", "v_prediction")  # what a denoiser of diffusion may put out
FLOW = "flow_prediction"  # what one of flow matching puts out: the velocity, noise minus picture
Time = int | float  # a timestep; in flow matching not a whole number
FINAL = -1  # stands for the timestep of a finished latent


class Level(NamedTuple):
    """z = signal x0 + noise eps. In diffusion signal is sqrt(alpha-bar) and noise is sqrt(1 - alpha-bar); in flow
    matching they are 1 - s and s.

    flow: a prediction at this level is the velocity. It must be: pure noise (s = 1) is its own eps, which says nothing
    of the picture. Guidance mixes predictions at one level, so it is the same in either.
    """

    signal: Tensor
    noise: Tensor
    flow: bool = False


@dataclass(frozen=True, eq=False)
class Schedule:
    """A model's noise schedule.

    alphas: the cumulative alpha-bar of each training timestep. final_alpha: the one that a last step moves to.
    offset: added to every timestep. It is the scheduler's `steps_offset`, or 1 where that was not set, as all
    pipelines of Stable Diffusion have it: 50 steps then run 981, 961 ... 1, and the last one moves from timestep 1 to
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
        """The schedule of a diffusers scheduler, a `Flow` for one of flow matching; ValueError for a prediction that is
        neither noise, v nor a velocity."""
        if hasattr(scheduler, "time_shift") or "shift" in scheduler.config:
            return Flow.of(scheduler, dtype)
        prediction = scheduler.config.get("prediction_type", "epsilon")
        if prediction not in PREDICTIONS:
            raise ValueError(f"expected a model that predicts {' or '.join(PREDICTIONS)}, got {prediction!r}")
        alphas = scheduler.alphas_cumprod.to("cpu", dtype)  # single numbers, which a GPU takes without waiting
        to_one = scheduler.config.get("set_alpha_to_one", False)
        unset = "steps_offset" in scheduler.config.get("_use_default_values", ())  # diffusers then fills in its own, 0
        offset = 1 if unset else int(scheduler.config.get("steps_offset", 1))
        return cls(alphas, torch.ones_like(alphas[0]) if to_one else alphas[0], prediction, offset)

    def timesteps(self, steps: int, cells: int = 0) -> list[Time]:
        """`steps` timesteps from noise to image, evenly spaced: `offset` above the multiples of T // steps. `cells`
        counts for a `Flow` only.

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

    def at(self, t: Time) -> Level:
        """Signal and noise at timestep t; below 0 those of the finished latent."""
        alpha = self._alpha(t)
        return Level(alpha.sqrt(), (1 - alpha).sqrt())

    def sigma(self, t: Time) -> float:
        """Noise over signal at timestep t, sqrt((1 - alpha) / alpha): what the official code scales its gradient by."""
        alpha = self._alpha(t)
        return ((1 - alpha) / alpha).sqrt().item()

    def _alpha(self, t: Time) -> Tensor:
        return self.alphas[int(t)] if t >= 0 else self.final_alpha


@dataclass(frozen=True, eq=False)
class Flow(Schedule):
    """A schedule of flow matching: timesteps are s x `train_steps`, with the shift of a diffusers scheduler.

    A timestep is a number, not a whole one. `scheduler` is a copy, of which only the timesteps are asked.
    """

    scheduler: Any = None
    dtype: torch.dtype = torch.float32

    @classmethod
    def of(cls, scheduler: SchedulerMixin, dtype: torch.dtype) -> "Flow":
        """Of FlowMatchEulerDiscreteScheduler, which Stable Diffusion 3 and FLUX have; ValueError for another, for one
        that draws noise at each step, and for one whose noise runs the other way."""
        config = scheduler.config
        if not isinstance(scheduler, FlowMatchEulerDiscreteScheduler):
            kind = type(scheduler).__name__
            raise ValueError(f"expected FlowMatchEulerDiscreteScheduler, got {kind}; build it from its config")
        if config.stochastic_sampling or config.invert_sigmas:
            raise ValueError(
                "expected a flow from noise to picture that draws nothing on its way, got stochastic_sampling or "
                "invert_sigmas; set both to false in scheduler_config.json"
            )
        nothing = torch.zeros((), dtype=dtype)
        return cls(nothing[None][:0], nothing, FLOW, scheduler=copy.deepcopy(scheduler), dtype=dtype)

    @property
    def train_steps(self) -> int:
        return self.scheduler.config.num_train_timesteps

    def timesteps(self, steps: int, cells: int = 0) -> list[Time]:
        """The scheduler's own. Where its shift depends on the picture's size, `cells` is the number of image tokens;
        then s is spaced from 1 to 1 / steps before the shift, as FLUX's pipeline does."""
        if not 1 <= steps <= self.train_steps:
            raise ValueError(f"expected 1 to {self.train_steps} steps, got {steps}")
        config = self.scheduler.config
        if config.use_dynamic_shifting:
            even = np.linspace(1.0, 1 / steps, steps)
            self.scheduler.set_timesteps(sigmas=even, mu=_shift(config, cells))
        else:
            self.scheduler.set_timesteps(steps)
        return [s * self.train_steps for s in self.scheduler.sigmas[:-1].tolist()]

    def at(self, t: Time) -> Level:
        """1 - s and s; below 0 those of the finished latent."""
        s = torch.tensor(max(t, 0.0) / self.train_steps, dtype=torch.float64)
        return Level((1 - s).to(self.dtype), s.to(self.dtype), flow=True)

    def sigma(self, t: Time) -> float:
        """s itself: noise over signal has no bound here, since a flow begins at pure noise."""
        return max(t, 0.0) / self.train_steps


def _shift(config: Any, cells: int) -> float:
    """The exponent of a shift that grows with the picture, linear in its number of image tokens."""
    slope = (config.max_shift - config.base_shift) / (config.max_image_seq_len - config.base_image_seq_len)
    return config.base_shift + slope * (cells - config.base_image_seq_len)


def previous(times: tuple[Time, ...], i: int) -> Time:
    """The timestep that step i moves to; `FINAL` for the finished latent."""
    return times[i + 1] if i + 1 < len(times) else FINAL


def to_eps(out: Float[Tensor, "*z"], z: Float[Tensor, "*z"], here: Level, prediction: str) -> Float[Tensor, "*z"]:
    """The noise that a denoiser's output means: the output itself, v = signal eps - noise x0 turned into eps, or a
    velocity eps - x0."""
    if prediction == "epsilon":
        return out
    if prediction == "v_prediction":
        return here.signal * out + here.noise * z
    if prediction == FLOW:
        return z + here.signal * out
    raise ValueError(f"expected a model that predicts {' or '.join(PREDICTIONS)}, got {prediction!r}")


def to_x0(z: Float[Tensor, "*z"], eps: Float[Tensor, "*z"], here: Level) -> Float[Tensor, "*z"]:
    """The clean latent that `z` and its noise imply; in a flow `eps` is the velocity."""
    if here.flow:
        return z - here.noise * eps
    return (z - here.noise * eps) / here.signal


def move(z: Float[Tensor, "*z"], eps: Float[Tensor, "*z"], here: Level, there: Level) -> Float[Tensor, "*z"]:
    """From one noise level to another, in either direction, along `eps`; in a flow, along the velocity."""
    if here.flow:
        return z + (there.noise - here.noise) * eps
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
