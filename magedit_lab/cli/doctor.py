"""`magedit-lab doctor`: what a bug report needs."""

import argparse
import platform
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from ..model.loading import SHIPPED
from .common import command, load

PACKAGES = ("magedit-lab", "torch", "diffusers", "transformers", "matplotlib", "ipywidgets", "anywidget")


def add(commands: Any, name: str) -> None:
    command(commands, name, doctor)


def doctor(arguments: argparse.Namespace) -> None:
    """What a bug report needs."""
    import torch

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


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _size(folder: Path) -> int:
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())


def _trial(name: str) -> str:
    """How long a model's U-Net takes, or why it does not load."""
    import torch

    try:
        net = load(name)
    except ValueError as error:
        return str(error)
    side, text = net.denoiser.config.sample_size, net.embed("")
    z = torch.zeros(1, net.denoiser.config.in_channels, side, side, device=net.device)
    with torch.no_grad():
        net.predict(z, 500, text)
        start = time.perf_counter()
        net.predict(z, 500, text).sum().item()  # type: ignore[union-attr]
    return f"loads; one U-Net call takes {1000 * (time.perf_counter() - start):.0f} ms"
