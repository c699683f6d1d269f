"""The autoencoder: pictures to latents whose first three channels are colours that one can look at."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import Dataset

from .data import Drawn, as_tensor, dice
from .parts import new_vae
from .plan import Plan
from .run import Run, device, schedule, steps


def colours(images: Float[Tensor, "n 3 h w"], factor: int = 4) -> Float[Tensor, "n 3 h/{factor} w/{factor}"]:
    """Mean brightness, red against green, and blue against yellow of each patch, each of about unit variance."""
    r, g, b = F.avg_pool2d(images, factor).unbind(1)
    return torch.stack([(r + g + b) / 3 * 2.2, (r - g) * 4, (b - (r + g) / 2) * 3.5], 1)


@dataclass(frozen=True)
class Crops(Dataset):
    """What each step shows: square crops of half a picture's side, at one place in all of its pictures."""

    images: Drawn
    side: int
    batch: int

    def __getitem__(self, step: int) -> np.ndarray:
        rng = dice(step)
        pick, (y, x) = rng.integers(0, len(self.images), self.batch), rng.integers(0, self.side // 8 + 1, 2) * 8
        return np.stack([self.images[int(i)][y : y + self.side, x : x + self.side] for i in pick])


def train_vae(out: Path, plan: Plan) -> Generator[dict[str, float | Tensor]]:
    """Train the autoencoder on crops: L1, L1 of the gradient for crisp edges, L2 for colour, a small KL term.

    Three of its four channels are taught to be `colours`, so the latent is smooth and can be looked at; the fourth is
    free to carry detail. At the end the decoder alone is trained, as the encoder then stands.
    """
    torch.manual_seed(plan.seed)
    vae = AutoencoderKL.from_pretrained(Path(plan.start) / "vae") if plan.start else new_vae(plan)
    vae.to(device(), memory_format=torch.channels_last).float().train()
    run = Run(out / "vae.safetensors", [vae], plan.vae_rate, 0.99)
    images, factor = Drawn(out / "data", plan.pictures, "images"), plan.size // 32
    lessons = Crops(images, plan.size // 2, plan.vae_batch)
    with closing(steps(run, plan.vae_steps, lessons, plan.workers)) as shown:
        for step, crops, generator in shown:
            real = as_tensor(crops, device())
            posterior, taught = vae.encode(real).latent_dist, colours(real, factor)
            z = posterior.sample(generator)
            if step < plan.vae_taught:
                z = torch.cat([taught, z[:, 3:]], 1)
            loss, square = _missed(vae.decode(z).sample - real, plan)
            kl = posterior.kl().mean() / posterior.mean[0].numel()
            colour = F.mse_loss(posterior.mean[:, :3], taught)
            run.update(loss + plan.vae_colour * colour + 1e-5 * kl, schedule(step, plan.vae_steps))
            row = {"psnr": -10 * (square / 4).log10(), "kl": kl, "colour": colour}
            yield {"step": run.step, **{k: v.detach() for k, v in row.items()}, "seconds": run.seconds}
    run.averaged()

    run = Run(out / "vae-decoder.safetensors", [vae.decoder, vae.post_quant_conv], plan.vae_rate, 0.99)
    with closing(steps(run, plan.vae_decoder_steps, lessons, plan.workers)) as shown:
        for step, crops, _ in shown:
            real = as_tensor(crops, device())
            with torch.no_grad():
                z = vae.encode(real).latent_dist.mean
            loss, square = _missed(vae.decode(z).sample - real, plan)
            run.update(loss, schedule(step, plan.vae_decoder_steps))
            psnr = -10 * (square.detach() / 4).log10()
            yield {"step": plan.vae_steps + run.step, "psnr": psnr, "seconds": run.seconds}
    run.averaged()
    if plan.vae_steps:
        vae.register_to_config(scaling_factor=_scaling(vae, images))
    vae.save_pretrained(out / "tabletop" / "vae")


def _missed(error: Float[Tensor, "n 3 h w"], plan: Plan) -> tuple[Tensor, Tensor]:
    """What a reconstruction is blamed for, and its mean squared error, of pictures in -1…1."""
    edges = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
    square = error.square().mean()
    return error.abs().mean() + 0.5 * edges + plan.vae_square * square, square


@torch.no_grad()
def _scaling(vae: AutoencoderKL, images: Drawn) -> float:
    """The factor that gives latents unit variance."""
    some = islice(images.batches(), 10)
    z = torch.cat([vae.encode(as_tensor(x, device())).latent_dist.mean for x in some])
    return round(1 / z.std().item(), 4)
