"""The autoencoder: pictures to latents whose first three channels are colours that one can look at."""

from collections.abc import Generator
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from .data import as_tensor, load
from .parts import new_vae
from .plan import Plan
from .run import Run, schedule, steps


def colours(images: Float[Tensor, "n 3 h w"], factor: int = 4) -> Float[Tensor, "n 3 h/{factor} w/{factor}"]:
    """Mean brightness, red against green, and blue against yellow of each patch, each of about unit variance."""
    r, g, b = F.avg_pool2d(images, factor).unbind(1)
    return torch.stack([(r + g + b) / 3 * 2.2, (r - g) * 4, (b - (r + g) / 2) * 3.5], 1)


def train_vae(out: Path, plan: Plan) -> Generator[dict[str, float]]:
    """Train the autoencoder on crops: L1, L1 of the gradient for crisp edges, L2 for colour, a small KL term.

    Three of its four channels are taught to be `colours`, so the latent is smooth and can be looked at; the fourth is
    free to carry detail.
    """
    torch.manual_seed(plan.seed)
    vae = new_vae(plan).to(memory_format=torch.channels_last)
    run = Run(out / "vae.safetensors", [vae], plan.vae_rate, 0.99)
    images = load(out / "data", plan.pictures, "images")
    side, factor = plan.size // 2, plan.size // 32
    for step, rng, generator in steps(run, plan.vae_steps):
        pick, (y, x) = rng.integers(0, len(images), plan.vae_batch), rng.integers(0, side // 8 + 1, 2) * 8
        real = as_tensor(images[pick, y : y + side, x : x + side])
        posterior, taught = vae.encode(real).latent_dist, colours(real, factor)
        z = posterior.sample(generator)
        if step < plan.vae_taught:
            z = torch.cat([taught, z[:, 3:]], 1)
        error = vae.decode(z).sample - real
        edges = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
        kl = posterior.kl().mean() / posterior.mean[0].numel()
        colour = F.mse_loss(posterior.mean[:, :3], taught)
        loss = error.abs().mean() + 0.5 * edges + error.square().mean() + 0.2 * colour + 1e-5 * kl
        norm = run.update(loss, schedule(step, plan.vae_steps))
        psnr = -10 * (error.detach() / 2).square().mean().log10().item()
        row = {"psnr": psnr, "kl": kl.item(), "colour": colour.item(), "norm": norm}
        yield {"step": run.step, **row, "seconds": run.seconds}
    run.averaged()
    with torch.no_grad():
        z = torch.cat([vae.encode(as_tensor(images[i : i + 50])).latent_dist.mean for i in range(0, 500, 50)])
    vae.register_to_config(scaling_factor=round(1 / z.std().item(), 4))
    vae.save_pretrained(out / "tabletop" / "vae")
