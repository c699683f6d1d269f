"""Training of the shipped models on rooms that we trace: a Stable Diffusion in miniature, and a CLIP to judge it.

Each trainer is a generator that yields its metrics. All randomness of a step comes from (seed, step), so a resumed
run continues bit for bit on one machine while its folder holds the same pictures.
"""

import json
import os
import platform
from collections.abc import Callable, Generator, Iterable
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from .. import files
from .clip import train_clip
from .colourings import coloured, counterpart
from .data import Drawn, draw, draw_tabletop, latents
from .diffusion import train_diffusion
from .exporting import export
from .parts import TOKENS, new_scheduler, new_text_encoder, new_tokenizer, new_unet, new_vae
from .plan import Plan
from .vae import reconstruction, train_decoder, train_vae

__all__ = [
    "TOKENS",
    "TRAINERS",
    "Drawn",
    "Plan",
    "bind",
    "coloured",
    "counterpart",
    "draw",
    "draw_tabletop",
    "export",
    "latents",
    "new_scheduler",
    "new_text_encoder",
    "new_tokenizer",
    "new_unet",
    "new_vae",
    "reconstruction",
    "record",
    "require_new",
    "train_clip",
    "train_decoder",
    "train_diffusion",
    "train_vae",
]

TRAINERS: dict[str, Callable[[Path, Plan], Generator[dict[str, float | Tensor]]]] = {
    "vae": train_vae,
    "decoder": train_decoder,
    "diffusion": train_diffusion,
    "clip": train_clip,
}


def require_new(out: Path, parts: Iterable[str]) -> None:
    """ValueError where a checkpoint of one of the parts would be gone on with."""
    for part in parts:
        if (out / f"{part}.safetensors").exists():
            raise ValueError(
                f"expected no checkpoint of {part!r} in {str(out)!r}; go on from it with --resume, or take a new --out"
            )


def bind(out: Path, plan: Plan) -> None:
    """Write the plan into the folder; ValueError where it was begun with another, whose data and checkpoints it has."""
    path, own = out / "plan.json", json.loads(json.dumps(asdict(plan)))
    stored = files.read_json(path) if path.exists() else own
    if other := [name for name in own if stored.get(name) != own[name]]:
        raise ValueError(
            f"expected {str(out)!r} begun with {other[0]} = {own[other[0]]}, got {stored.get(other[0])}; take the same "
            "--preset and --start, or another --out"
        )
    files.write_text(path, json.dumps(own, indent=1) + "\n")


def record(out: Path, plan: Plan, folder: Path | None = None) -> None:
    """Write `training.json` into each finished model's folder, or into one alone: the plan, what was run of it, and on
    which machine."""
    chip = [torch.cuda.get_device_name()] if torch.cuda.is_available() else []
    machine = ", ".join([*chip, platform.machine(), f"{os.cpu_count()} CPU cores"])
    facts: dict[str, object] = {"machine": machine, "plan": asdict(plan)}
    for path in sorted(p for part in TRAINERS for p in out.glob(f"{part}*.safetensors")):
        with safe_open(path, "pt") as f:
            steps, seconds = int(f.get_tensor("step")), float(f.get_tensor("seconds"))
        facts[path.stem] = {"steps": steps, "seconds": round(seconds)}
    text = json.dumps(facts, indent=1) + "\n"
    for model in [folder] if folder else [out / "room", out / "room-clip"]:
        if model.is_dir():
            files.write_text(model / "training.json", text)
