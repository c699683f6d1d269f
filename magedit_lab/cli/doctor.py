"""`magedit-lab doctor`: what a bug report needs, and whether a model fits."""

import argparse
import time
from collections.abc import Iterator
from typing import Any

from ..model.backbone import Backbone
from . import health
from .common import command, model, model_options


def add(commands: Any, name: str) -> None:
    parser = command(commands, name, doctor)
    model_options(parser.add_argument)
    parser.set_defaults(model=None)


def doctor(arguments: argparse.Namespace) -> None:
    """What a bug report needs; with --model, whether it fits, its sizes and its sites, or why not."""
    lines = facts(model(arguments)) if arguments.model else [health.doctor()]
    for line in lines:
        print(line)


def facts(net: Backbone) -> Iterator[str]:
    """What is known of a model: family, sizes, precision, text, attention sites, and how long a call takes."""
    cells = net.size // net.factor
    z = net.empty(cells, cells)
    sites = net.sites(z)
    yield f"fits: {net!r}"
    weights = sum(p.numel() * p.element_size() for part in net.parts for p in part.parameters())
    yield f"weights: {weights / 2**30:.2f} GiB in {net.dtype} on {net.device}"
    unit, times = net.factor * net.family.unit, net.timesteps(50, z)
    yield f"pictures: {net.size} pixels a side, in multiples of {unit}; latents {tuple(z.shape)}"
    yield f"predicts: {net.schedule.prediction}; 50 steps from timestep {times[0]:g} to {times[-1]:g}"
    for reader in net.readers:
        kind = type(reader.tokenizer).__name__
        yield f"text: {reader.tokenizer.model_max_length} tokens of {kind}, in columns from {reader.first} on"
    itself = sum(not s.cross for s in sites)
    yield f"attention: {len(sites) - itself} maps from picture to text, {itself} within the picture; guided at:"
    for site in net.guided(z):
        yield f"  {site.name}, {site.height} x {site.width} cells"
    yield _call(net, z)


def _call(net: Backbone, z: Any) -> str:
    """How long a call of the denoiser takes."""
    import torch

    text = net.embed("")
    with torch.no_grad():
        net.predict(z, 500, text)
        start = time.perf_counter()
        net.predict(z, 500, text).sum().item()
    return f"one call of the denoiser takes {1000 * (time.perf_counter() - start):.0f} ms"
