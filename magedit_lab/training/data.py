"""Scenes drawn once and kept in files; their latents once the autoencoder is trained."""

import hashlib
from collections.abc import Generator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from jaxtyping import Float
from safetensors import safe_open
from safetensors.torch import save_file

from .. import files, scenes
from .plan import Plan

CELLS = 16  # the resolution at which words are read
MOST = 5  # objects in a scene
CHUNK = 500  # scenes in a file


def draw(folder: Path, plan: Plan) -> Generator[dict[str, float]]:
    """Render the plan's scenes and their masks at 16x16 into `folder`, a file of 500 at a time; done files are kept."""
    for start in range(0, plan.pictures, CHUNK):
        path = folder / f"scenes-{start:06d}.npz"
        if not path.exists():
            drawn = [scenes.render(scenes.sample(seed), plan.size) for seed in range(start, start + CHUNK)]
            images, masks = np.stack([image for image, _ in drawn]), _at_cells([mask for _, mask in drawn])
            files.write(path, partial(np.savez, images=images, masks=masks))
        yield {"drawn": start + CHUNK}


def _at_cells(masks: list[np.ndarray]) -> np.ndarray:
    """Each object's cover of each of 16x16 cells, as bytes; objects that a scene lacks cover nothing."""
    out = np.zeros((len(masks), MOST, CELLS, CELLS), np.uint8)
    for row, mask in enumerate(masks):
        side = mask.shape[-1] // CELLS
        cells = mask.reshape(len(mask), CELLS, side, CELLS, side).mean((2, 4))
        out[row, : len(mask)] = (cells * 255).round()
    return out


def load(folder: Path, count: int, name: str) -> np.ndarray:
    """The first `count` of what was drawn: `images` (bytes) or `masks`."""
    paths = sorted(folder.glob("scenes-*.npz"))[: -(-count // CHUNK)]
    return np.concatenate([np.load(path)[name] for path in paths])[:count]


def as_tensor(images: np.ndarray) -> Float[torch.Tensor, "n 3 h w"]:
    """Bytes to -1…1, in the memory layout in which a CPU convolves fastest."""
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1
    return x.contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def latents(out: Path, plan: Plan) -> Float[torch.Tensor, "n 4 h w"]:
    """Latents of all pictures, scaled as the U-Net sees them; kept in a file that belongs to this autoencoder."""
    weights = out / "tabletop" / "vae" / "diffusion_pytorch_model.safetensors"
    path = out / f"latents-{hashlib.sha256(weights.read_bytes()).hexdigest()[:8]}.safetensors"
    if not path.exists():
        vae = AutoencoderKL.from_pretrained(weights.parent).to(memory_format=torch.channels_last)
        images = load(out / "data", plan.pictures, "images")
        parts = [vae.encode(as_tensor(images[i : i + 50])).latent_dist.mean for i in range(0, len(images), 50)]
        z = (torch.cat(parts) * vae.config.scaling_factor).half().contiguous()
        files.write(path, lambda p: save_file({"z": z}, p))
    with safe_open(path, "pt") as f:
        return f.get_tensor("z")
