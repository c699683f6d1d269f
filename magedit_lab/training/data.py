"""Scenes drawn once and kept in files, each beside a counterpart; their latents once the autoencoder is trained."""

import hashlib
from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import Any

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
CHANGES = {"colour": 0.5, "texture": 0.3, "kind": 0.2}  # how often a counterpart differs in what


def counterpart(seed: int) -> tuple[scenes.Scene, int, str]:
    """The scene of `seed` with one attribute of one object changed, that object's index, and the change's word."""
    scene, rng = scenes.sample(seed), np.random.default_rng([3, seed])
    index, name = int(rng.integers(len(scene.things))), str(rng.choice(list(CHANGES), p=list(CHANGES.values())))
    new = str(rng.choice([v for v in scenes.CHOICES[name] if v != getattr(scene.things[index], name)]))
    return scenes.edited(scene, index, **{name: new}), index, new


def draw(folder: Path, plan: Plan) -> Generator[dict[str, float]]:
    """Render the plan's scenes, their counterparts and the masks of both at 16x16 into `folder`, a file of 500 at a
    time; done files are kept."""
    for start in range(0, plan.pictures, CHUNK):
        path = folder / f"scenes-{start:06d}.npz"
        if not path.exists():
            seeds, kept = range(start, start + CHUNK), dict[str, Any]()
            for prefix, made in (("", map(scenes.sample, seeds)), ("changed_", (counterpart(s)[0] for s in seeds))):
                drawn = [scenes.render(scene, plan.size) for scene in made]
                kept[f"{prefix}images"] = np.stack([image for image, _ in drawn])
                kept[f"{prefix}masks"] = _at_cells([mask for _, mask in drawn])
            files.write(path, partial(np.savez, **kept))
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
    """The first `count` of what was drawn: `images` (bytes) or `masks`, or the counterparts' with `changed_` before."""
    paths = sorted(folder.glob("scenes-*.npz"))[: -(-count // CHUNK)]
    return np.concatenate([np.load(path)[name] for path in paths])[:count]


def as_tensor(images: np.ndarray) -> Float[torch.Tensor, "n 3 h w"]:
    """Bytes to -1…1, in the memory layout in which a CPU convolves fastest."""
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1
    return x.contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def latents(out: Path, plan: Plan) -> dict[str, Float[torch.Tensor, "n 4 h w"]]:
    """Latents of all pictures and of their counterparts (`images`, `changed_images`), scaled as the U-Net sees them;
    kept in a file that belongs to this autoencoder."""
    weights = out / "tabletop" / "vae" / "diffusion_pytorch_model.safetensors"
    path = out / f"latents-{hashlib.sha256(weights.read_bytes()).hexdigest()[:8]}.safetensors"
    if not path.exists():
        vae = AutoencoderKL.from_pretrained(weights.parent).to(memory_format=torch.channels_last)
        z = {name: _encoded(vae, load(out / "data", plan.pictures, name)) for name in ("images", "changed_images")}
        files.write(path, lambda p: save_file(z, p))
    with safe_open(path, "pt") as f:
        return {name: f.get_tensor(name) for name in f.keys()}  # noqa: SIM118


def _encoded(vae: AutoencoderKL, images: np.ndarray) -> Float[torch.Tensor, "n 4 h w"]:
    parts = [vae.encode(as_tensor(images[i : i + 50])).latent_dist.mean.half() for i in range(0, len(images), 50)]
    return (torch.cat(parts) * vae.config.scaling_factor).contiguous()
