"""`magedit-lab doctor`: what a bug report needs, and whether a model fits."""

import argparse
import platform
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from ..model.backbone import Backbone
from ..model.loading import SHIPPED
from .common import command, load, model, model_options

PACKAGES = ("magedit-lab", "torch", "diffusers", "transformers", "matplotlib", "ipywidgets", "anywidget")


def add(commands: Any, name: str) -> None:
    parser = command(commands, name, doctor)
    model_options(parser.add_argument)
    parser.set_defaults(model=None)


def doctor(arguments: argparse.Namespace) -> None:
    """What a bug report needs; with --model, whether it fits, its sizes and its sites, or why not."""
    import torch

    if arguments.model:
        for line in facts(model(arguments)):
            print(line)
        return
    print(f"python {platform.python_version()} on {platform.platform()}")
    for name in PACKAGES:
        print(name, _version(name))
    cpu = f"cpu, {torch.get_num_threads()} threads"
    print("device:", torch.cuda.get_device_name() if torch.cuda.is_available() else cpu)
    folders = sorted(index.parent for index in SHIPPED.glob("*/model_index.json"))
    for folder in folders:
        print(f"model {folder.name}: {_size(folder) / 2**20:.1f} MiB, {_trial(folder.name)}")
    if not folders:
        print(f"models: none in {SHIPPED}; train one with: magedit-lab train all --out DIR")


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


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _size(folder: Path) -> int:
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())


def _trial(name: str) -> str:
    """How long a model's denoiser takes, or why it does not load."""
    try:
        net = load(name)
    except ValueError as error:
        return str(error)
    cells = net.size // net.factor
    return f"loads; {_call(net, net.empty(cells, cells))}"
