"""Rooms traced once, shaded in several colourings and kept in files; their latents once the autoencoder is trained."""

import hashlib
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from jaxtyping import Float, UInt8
from safetensors.torch import load_file, save_file
from torch import Tensor

from .. import files
from ..scenes import room, tabletop
from .colourings import MOST, coloured, sample_ahead
from .plan import Plan
from .run import device

CELLS = 16  # the resolution at which words are grounded
CHUNK = 20  # rooms in a file
A = TypeVar("A")
B = TypeVar("B")


def dice(step: int) -> np.random.Generator:
    """All the chance that there is in what a step shows."""
    return np.random.default_rng([17, step])


def draw(folder: Path, plan: Plan, workers: int = 0) -> Generator[dict[str, float]]:
    """Trace the plan's rooms and shade them into `folder`, files of 20 rooms; what is there already is kept.

    images: uint8 [rooms * colourings, size, size, 3]. cells: each thing's cover of 16x16 cells in 0-255, uint8 [rooms,
    things, 16, 16]. boxes: top, left, bottom, right of what is visible of each thing, 0 to 1, [rooms, things, 4].
    A GPU traces the rooms of ten files together; else `workers` processes share the files.
    """
    starts = [s for s in range(0, plan.traces, CHUNK) if not (folder / f"images-{s:06d}.npy").exists()]
    if helpers() and starts:
        sample_ahead([seed for start in starts for seed in _seeds(start, plan)], helpers())
    together = 10 if helpers() else 1
    groups = [starts[i : i + together] for i in range(0, len(starts), together)]
    for done in shared(partial(_draw, folder, plan), groups, 0 if helpers() else workers):
        yield {"drawn": done}


def draw_tabletop(folder: Path, plan: Plan) -> Generator[dict[str, float]]:
    """Pictures of as many tabletop scenes, in files of the same form; enough for a decoder, which needs no masks."""
    for start in range(0, plan.traces, CHUNK):
        path = folder / f"images-{start:06d}.npy"
        if not path.exists():
            images = np.stack([np.asarray(tabletop.sample(seed).image) for seed in _seeds(start, plan)])
            files.write(path, partial(np.save, arr=images))
        yield {"drawn": start + CHUNK}


def helpers() -> int:
    """Processes that prepare what a GPU is to learn; 0 where training itself needs the CPU."""
    return os.cpu_count() or 1 if device().type == "cuda" else 0


def shared(work: Callable[[A], B], items: Sequence[A], workers: int) -> Iterator[B]:
    """The work on each item, in their order, by so many processes; by this one where that is 0."""
    if not workers:
        yield from map(work, items)
        return
    with closing(get_context("fork").Pool(workers)) as pool:
        yield from pool.imap(work, items)


def _seeds(start: int, plan: Plan) -> range:
    return range(start, min(start + CHUNK, plan.traces))


def _draw(folder: Path, plan: Plan, starts: Sequence[int]) -> int:
    """Files that begin with these rooms; the number of the last room."""
    seeds = [seed for start in starts for seed in _seeds(start, plan)]
    together = len(seeds) if device().type == "cuda" else 1
    parts = [_traced(seeds[i : i + together], plan) for i in range(0, len(seeds), together)]
    arrays = dict(zip(("cells", "boxes", "images"), map(np.concatenate, zip(*parts, strict=True)), strict=True))
    for start in starts:
        for name, array in arrays.items():  # the images last: where they are, all is
            per = len(array) // len(seeds)
            first = seeds.index(start) * per
            own = array[first : first + per * len(_seeds(start, plan))]
            files.write(folder / f"{name}-{start:06d}.npy", partial(np.save, arr=own))
    return seeds[-1] + 1


def _traced(seeds: Sequence[int], plan: Plan) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cells, boxes and pictures of some rooms, the colourings of a room one after the other."""
    geometry = room.trace_many([coloured(seed, 0) for seed in seeds], plan.size, device())
    ways = [room.shade_many(geometry, [coloured(s, n) for s in seeds]) for n in range(plan.colourings)]
    cover = geometry.coverage().sum(2)
    cells = torch.zeros(len(seeds), MOST, CELLS, CELLS)
    side = plan.size // CELLS
    cells[:, : cover.shape[1]] = cover.unflatten(-1, (CELLS, side)).unflatten(-3, (CELLS, side)).mean((-3, -1)).cpu()
    boxes = torch.zeros(len(seeds), MOST, 4)
    boxes[:, : cover.shape[1]] = _boxes(cover).cpu()
    images = torch.stack(ways, 1).flatten(0, 1).cpu().numpy()
    return (cells * 255).round().byte().numpy(), boxes.numpy(), images


def _boxes(cover: Float[Tensor, "n things h w"]) -> Float[Tensor, "n things 4"]:
    """Top, left, bottom and right of what is covered, 0 to 1; zeros where nothing is."""
    size, rows, columns = cover.shape[-1], cover.amax(-1) > 0.5, cover.amax(-2) > 0.5
    first = [x.float().argmax(-1) for x in (rows, columns)]
    last = [size - x.flip(-1).float().argmax(-1) for x in (rows, columns)]
    return torch.stack([*first, *last], -1) * rows.any(-1, keepdim=True) / size


class Drawn:
    """The rooms in a folder: `rooms` of them, each with `colourings` pictures; picture i is of room i // colourings.

    Pictures are read from their files as they are asked for; on a GPU they lie in its memory.
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        paths = sorted(folder.glob("images-*.npy"))[: -(-plan.traces // CHUNK)]
        if not paths:
            raise ValueError(f"expected pictures in {str(folder)!r}, got none; run `train data` first")
        self.colourings, self.folder, self.starts = plan.colourings, folder, [p.stem.split("-")[1] for p in paths]
        self.files = [np.load(path, mmap_mode="r") for path in paths]
        self.rooms = sum(len(f) for f in self.files) // plan.colourings
        self.kept = (
            torch.cat([torch.from_numpy(np.array(f)).cuda() for f in self.files]) if device().type == "cuda" else None
        )

    def __len__(self) -> int:
        return self.rooms * self.colourings

    def images(self, rows: np.ndarray, y: int = 0, x: int = 0, side: int | None = None) -> Float[Tensor, "n 3 h w"]:
        """Pictures, or squares of them at one place, -1 to 1, in the layout in which convolutions are fastest."""
        part = np.s_[y : y + side if side else None, x : x + side if side else None]
        if self.kept is not None:
            square = self.kept[torch.from_numpy(rows).cuda(non_blocking=True)][:, *part]
        else:
            per = CHUNK * self.colourings
            square = torch.from_numpy(np.stack([self.files[i // per][i % per][part] for i in rows.tolist()]))
        return (square.permute(0, 3, 1, 2).float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)

    def cells(self) -> UInt8[Tensor, "rooms things 16 16"]:
        return self._all("cells")

    def boxes(self) -> Float[Tensor, "rooms things 4"]:
        return self._all("boxes")

    def _all(self, name: str) -> Tensor:
        return torch.from_numpy(np.concatenate([np.load(self.folder / f"{name}-{s}.npy") for s in self.starts]))


@dataclass(frozen=True)
class Latents:
    """Of all pictures in half precision, as the U-Net sees them, and of the same pictures at half their size."""

    large: Float[Tensor, "n c h w"]
    small: Float[Tensor, "n c h/2 w/2"]


@torch.no_grad()
def latents(out: Path, vae: AutoencoderKL, drawn: Drawn) -> Latents:
    """Those of the pictures that there are, kept in files that belong to this encoder."""
    folder = out / f"latents-{_digest(vae)}"
    vae.to(device(), memory_format=torch.channels_last).eval()
    parts = []
    for number, (start, file) in enumerate(zip(drawn.starts, drawn.files, strict=True)):
        path = folder / f"{start}.safetensors"
        if not path.exists():
            first = number * CHUNK * drawn.colourings
            some = np.array_split(np.arange(first, first + len(file)), -(-len(file) // 40))
            z = [_encoded(vae, drawn.images(rows)) for rows in some]
            large, small = (torch.cat(x) for x in zip(*z, strict=True))
            files.write(path, partial(save_file, {"large": large, "small": small}))
        parts.append(load_file(path))
    return Latents(*(torch.cat([part[name] for part in parts]) for name in ("large", "small")))


def _encoded(
    vae: AutoencoderKL, images: Float[Tensor, "n 3 h w"]
) -> tuple[Float[Tensor, "n c h/8 w/8"], Float[Tensor, "n c h/16 w/16"]]:
    z = []
    for pictures in (images, F.avg_pool2d(images, 2)):
        with torch.autocast(device().type, torch.bfloat16):
            mean = vae.encode(pictures).latent_dist.mean
        z.append((mean.float() * vae.config.scaling_factor).half().cpu().contiguous())
    return z[0], z[1]


def _digest(vae: AutoencoderKL) -> str:
    """Of the encoder alone: the decoder may learn on without a latent being changed."""
    digest = hashlib.sha256(repr(vae.config.scaling_factor).encode())
    for name, value in sorted(vae.state_dict().items()):
        if not name.startswith(("decoder", "post_quant_conv")):
            digest.update(value.float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:8]
