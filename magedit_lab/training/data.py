"""Scenes drawn once and kept in files, each beside a counterpart; their latents once the autoencoder is trained."""

import hashlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from functools import lru_cache, partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from jaxtyping import Float
from safetensors import safe_open
from safetensors.torch import save_file

from .. import files, scenes
from .plan import Plan
from .run import device

CELLS = 16  # the resolution at which words are read
MOST = 5  # objects in a scene
CHUNK = 500  # scenes in a file
CHANGES = {"colour": 0.5, "texture": 0.3, "kind": 0.2}  # how often a counterpart differs in what


@lru_cache(maxsize=100_000)
def counterpart(seed: int) -> tuple[scenes.Scene, int, str]:
    """The scene of `seed` with one attribute of one object changed, that object's index, and the change's word."""
    scene, rng = scenes.sample(seed), np.random.default_rng([3, seed])
    index, name = int(rng.integers(len(scene.things))), str(rng.choice(list(CHANGES), p=list(CHANGES.values())))
    new = str(rng.choice([v for v in scenes.CHOICES[name] if v != getattr(scene.things[index], name)]))
    return scenes.edited(scene, index, **{name: new}), index, new


@lru_cache(maxsize=100_000)
def sampled(seed: int) -> scenes.Scene:
    """`scenes.sample`, drawn once: training meets each scene many times."""
    return scenes.sample(seed)


def dice(step: int) -> np.random.Generator:
    """All the chance that there is in what a step shows."""
    return np.random.default_rng([17, step])


def draw(folder: Path, plan: Plan) -> Generator[dict[str, float]]:
    """Render the plan's scenes, their counterparts and the masks of both at 16x16 into `folder`, files of 500 scenes;
    what is done is kept. `plan.workers` processes share the work."""
    starts = list(range(0, plan.pictures, CHUNK))
    for done in _shared(partial(_draw, folder, plan.size), starts, plan.workers):
        yield {"drawn": done}


def _shared(work: Callable[[int], int], items: list[int], workers: int) -> Iterator[int]:
    if not workers:
        yield from map(work, items)
        return
    with closing(get_context("fork").Pool(workers)) as pool:
        yield from pool.imap(work, items)


def _draw(folder: Path, size: int, start: int) -> int:
    seeds, end = range(start, start + CHUNK), start + CHUNK
    for prefix, made in (("", scenes.sample), ("changed_", lambda seed: counterpart(seed)[0])):
        paths = [folder / f"{prefix}{name}-{start:06d}.npy" for name in ("images", "masks")]
        if not all(path.exists() for path in paths):
            drawn = [scenes.render(made(seed), size) for seed in seeds]
            kept = np.stack([image for image, _ in drawn]), _at_cells([mask for _, mask in drawn])
            for path, array in zip(paths, kept, strict=True):
                files.write(path, partial(np.save, arr=array))
    return end


def _at_cells(masks: list[np.ndarray]) -> np.ndarray:
    """Each object's cover of each of 16x16 cells, as bytes; objects that a scene lacks cover nothing."""
    out = np.zeros((len(masks), MOST, CELLS, CELLS), np.uint8)
    for row, mask in enumerate(masks):
        side = mask.shape[-1] // CELLS
        cells = mask.reshape(len(mask), CELLS, side, CELLS, side).mean((2, 4))
        out[row, : len(mask)] = (cells * 255).round()
    return out


class Drawn:
    """Rows of what was drawn, read from its files as they are asked for: `images` (bytes) or `masks`, or the
    counterparts' with `changed_` before."""

    def __init__(self, folder: Path, count: int, name: str) -> None:
        paths = sorted(folder.glob(f"{name}-*.npy"))[: -(-count // CHUNK)]
        self.parts, self.count = [np.load(path, mmap_mode="r") for path in paths], count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> np.ndarray:
        return self.parts[index // CHUNK][index % CHUNK]

    def batches(self, size: int = 50) -> Iterator[np.ndarray]:
        """All rows in turn, some at a time; `size` divides the number of rows in a file."""
        for start in range(0, self.count, size):
            yield self.parts[start // CHUNK][start % CHUNK :][: min(size, self.count - start)]


def as_tensor(images: np.ndarray, device: torch.device | str = "cpu") -> Float[torch.Tensor, "n 3 h w"]:
    """Bytes to -1…1, in the memory layout in which convolutions are fastest."""
    x = torch.from_numpy(np.array(images)).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1
    return x.contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def latents(out: Path, plan: Plan) -> dict[str, Float[torch.Tensor, "n 4 h w"]]:
    """Latents of all pictures and of their counterparts (`images`, `changed_images`), scaled as the U-Net sees them;
    kept in a file that belongs to this autoencoder."""
    weights = out / "tabletop" / "vae" / "diffusion_pytorch_model.safetensors"
    path = out / f"latents-{hashlib.sha256(weights.read_bytes()).hexdigest()[:8]}.safetensors"
    if not path.exists():
        vae = AutoencoderKL.from_pretrained(weights.parent).to(device(), memory_format=torch.channels_last)
        z = {name: _encoded(vae, Drawn(out / "data", plan.pictures, name)) for name in ("images", "changed_images")}
        files.write(path, lambda p: save_file(z, p))
    with safe_open(path, "pt") as f:
        return {name: f.get_tensor(name) for name in f.keys()}  # noqa: SIM118


def _encoded(vae: AutoencoderKL, images: Drawn) -> Float[torch.Tensor, "n 4 h w"]:
    parts = [vae.encode(as_tensor(some, vae.device)).latent_dist.mean for some in images.batches()]
    return (torch.cat(parts) * vae.config.scaling_factor).half().cpu().contiguous()
