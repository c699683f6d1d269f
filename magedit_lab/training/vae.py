"""The autoencoder: pictures to latents whose first channels are colours, and back from latents that are not exact.

A sampler's latents are never quite an encoder's. A decoder that saw exact ones only turns small errors into pockmarks,
so here it learns from latents with noise.
"""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from jaxtyping import Float
from torch import Tensor

from .data import Drawn, dice
from .parts import new_vae
from .plan import Plan
from .pretrained import take_vae
from .run import Run, device, schedule, steps

AVERAGE = 0.995
EDGES, SQUARE, SPREAD = 0.7, 1.0, 0.02  # weights of the gradient's L1, of L2, and of the free channels' spread


def colours(images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 h/8 w/8"]:
    """Brightness, red against green, blue against yellow of each 8x8 patch; about unit variance around 0 in rooms."""
    r, g, b = F.avg_pool2d(images, 8).unbind(1)
    return torch.stack([((r + g + b) / 3 - 0.28) * 2.6, (r - g - 0.12) * 2.9, (b - (r + g) / 2 + 0.23) * 2.55], 1)


@dataclass(frozen=True)
class Crops:
    """What each step shows: squares of half a picture's side, at one place in all of its pictures."""

    drawn: Drawn
    side: int
    batch: int

    def __call__(self, step: int) -> Float[Tensor, "n 3 h w"]:
        rng = dice(step)
        rows, (y, x) = rng.integers(0, len(self.drawn), self.batch), rng.integers(0, self.side + 1, 2)
        return self.drawn.images(rows, int(y), int(x), self.side)


def train_vae(out: Path, plan: Plan) -> Generator[dict[str, float | Tensor]]:
    """Train the whole autoencoder: L1, L1 of the gradient for crisp edges, L2; colours in the first three channels,
    zero mean and unit deviation in the others. Its scaling factor is measured at the end."""
    torch.manual_seed(plan.seed)
    vae = new_vae(plan)
    if plan.start:
        print(f"autoencoder: {take_vae(vae, plan.start)}", flush=True)
    vae.to(device(), memory_format=torch.channels_last).train()
    drawn = Drawn(out / "data", plan)
    run = Run(out / "vae.safetensors", [vae], plan.vae_rate, AVERAGE)
    crops = Crops(drawn, plan.size // 2, plan.vae_batch)
    with closing(steps(run, plan.vae_steps, crops, plan.every)) as batches:
        for step, real, generator in batches:
            z = encoded(vae, real)
            loss, square = reconstruction_loss(decoded(vae, noised(z, plan, generator)) - real)
            colour, spread = F.mse_loss(z[:, :3], colours(real)), _spread(z[:, 3:])
            factor = schedule(step, plan.vae_steps, decay=plan.decay)
            run.update(loss + plan.vae_colour * colour + SPREAD * spread, factor)
            row = {"loss": loss, "psnr": _psnr(square), "colour": colour, "spread": spread}
            yield {"step": run.step, **{k: v.detach() for k, v in row.items()}, "seconds": run.seconds}
    run.averaged()
    vae.register_to_config(scaling_factor=_scaling(vae, drawn))
    vae.save_pretrained(out / "autoencoder")


def train_decoder(out: Path, plan: Plan) -> Generator[dict[str, float | Tensor]]:
    """Go on with the decoder alone, whose latents stay as they are: it may run beside or after the U-Net.

    Without an autoencoder of this run it is that of the model named by `start`.
    """
    own = out / "autoencoder"
    vae = AutoencoderKL.from_pretrained(own if own.exists() else Path(plan.start) / "vae").float()
    vae.to(device(), memory_format=torch.channels_last).train()
    run = Run(out / "decoder.safetensors", [vae.decoder, vae.post_quant_conv], plan.vae_rate, AVERAGE)
    crops = Crops(Drawn(out / "data", plan), plan.size // 2, plan.vae_batch)
    with closing(steps(run, plan.decoder_steps, crops, plan.every)) as batches:
        for step, real, generator in batches:
            with torch.no_grad():
                z = encoded(vae, real)
            loss, square = reconstruction_loss(decoded(vae, noised(z, plan, generator)) - real)
            run.update(loss, schedule(step, plan.decoder_steps, decay=plan.decay))
            row = {"loss": loss.detach(), "psnr": _psnr(square.detach())}
            yield {"step": run.step, **row, "seconds": run.seconds}
    run.averaged()
    vae.save_pretrained(out / "autoencoder")


def encoded(vae: AutoencoderKL, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n c _ _"]:
    """The latents' means, unscaled."""
    with torch.autocast(device().type, torch.bfloat16):
        return vae.encode(images).latent_dist.mean.float()


def decoded(vae: AutoencoderKL, z: Float[Tensor, "n c _ _"]) -> Float[Tensor, "n 3 h w"]:
    with torch.autocast(device().type, torch.bfloat16):
        return vae.decode(z).sample.float()


def noised(z: Float[Tensor, "n c h w"], plan: Plan, generator: torch.Generator) -> Float[Tensor, "n c h w"]:
    """In `plan.noisy` of all pictures with Gaussian noise of 0 to `plan.noise` of the batch's deviation, else exact."""
    sigma, chance = torch.rand(2, len(z), 1, 1, 1, generator=generator, device=z.device)
    sigma = sigma * plan.noise * (chance < plan.noisy) * z.detach().std()
    return z + sigma * torch.randn(z.shape, generator=generator, device=z.device)


def reconstruction_loss(error: Float[Tensor, "n 3 h w"]) -> tuple[Tensor, Tensor]:
    """What a reconstruction is blamed for, and its mean squared error, of pictures in -1…1."""
    edges = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
    square = error.square().mean()
    return error.abs().mean() + EDGES * edges + SQUARE * square, square


def _spread(z: Float[Tensor, "n c h w"]) -> Tensor:
    """How far the channels are from zero mean and unit deviation."""
    return z.mean((0, 2, 3)).square().mean() + (z.std((0, 2, 3)) - 1).abs().mean()


def _psnr(square: Tensor) -> Tensor:
    return -10 * (square / 4).log10()


def _some(drawn: Drawn, count: int = 200) -> np.ndarray:
    return np.unique(np.linspace(0, len(drawn) - 1, count).round().astype(int))


@torch.no_grad()
def _scaling(vae: AutoencoderKL, drawn: Drawn) -> float:
    """The factor that gives latents unit deviation."""
    z = torch.cat([encoded(vae, drawn.images(rows)) for rows in np.array_split(_some(drawn), 5)])
    return round(1 / z.std().item(), 4)


@torch.no_grad()
def reconstruction(vae: AutoencoderKL, images: Float[Tensor, "n 3 h w"], noise: float = 0.0) -> float:
    """Mean PSNR in dB of pictures encoded and decoded in single precision, the latent with noise of that share of its
    deviation."""
    z = vae.encode(images).latent_dist.mean
    generator = torch.Generator(z.device).manual_seed(0)
    z = z + noise * z.std() * torch.randn(z.shape, generator=generator, device=z.device)
    error = vae.decode(z).sample.clamp(-1, 1) - images
    return _psnr(error.square().mean((1, 2, 3))).mean().item()
