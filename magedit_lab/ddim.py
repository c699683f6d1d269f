"""DDIM (Song et al. 2021): which timesteps, and the move between two noise levels."""

from jaxtyping import Float
from torch import Tensor

PREDICTIONS = ("epsilon", "v_prediction")  # what a U-Net may put out


def timesteps(steps: int, train_steps: int = 1000) -> list[int]:
    """`steps` timesteps from noise to image, evenly spaced and ending at 0 (as Prompt-to-Prompt's scheduler)."""
    if not 1 <= steps <= train_steps:
        raise ValueError(f"expected 1 to {train_steps} steps, got {steps}")
    stride = train_steps // steps
    return [i * stride for i in reversed(range(steps))]


def to_eps(out: Float[Tensor, "*z"], z: Float[Tensor, "*z"], alpha: Tensor, prediction: str) -> Float[Tensor, "*z"]:
    """The noise that a U-Net's output means: the output itself, or v turned into epsilon."""
    if prediction == "epsilon":
        return out
    if prediction == "v_prediction":
        return alpha.sqrt() * out + (1 - alpha).sqrt() * z
    raise ValueError(f"expected a model that predicts {' or '.join(PREDICTIONS)}, got {prediction!r}")


def to_x0(z: Float[Tensor, "*z"], eps: Float[Tensor, "*z"], alpha: Tensor) -> Float[Tensor, "*z"]:
    """The clean latent that `z` and its noise imply."""
    return (z - (1 - alpha).sqrt() * eps) / alpha.sqrt()


def move(z: Float[Tensor, "*z"], eps: Float[Tensor, "*z"], here: Tensor, there: Tensor) -> Float[Tensor, "*z"]:
    """From noise level alpha-bar `here` to `there`, in either direction, along `eps`."""
    return there.sqrt() * to_x0(z, eps, here) + (1 - there).sqrt() * eps


def add_noise(z: Float[Tensor, "*z"], noise: Float[Tensor, "*z"], alpha: Tensor) -> Float[Tensor, "*z"]:
    """A clean latent at noise level alpha-bar `alpha`."""
    return alpha.sqrt() * z + (1 - alpha).sqrt() * noise


def sigma(alpha: Tensor) -> Tensor:
    """sqrt((1 - alpha) / alpha): the noise-to-signal ratio, which the official code scales its gradient by."""
    return ((1 - alpha) / alpha).sqrt()


def guidance(base: Tensor, told: Tensor, scale: float) -> Tensor:
    """Classifier-free guidance: the unconditional noise plus `scale` times what the words add."""
    return base + scale * (told - base)
