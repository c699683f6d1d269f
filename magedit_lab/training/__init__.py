"""Training of the shipped models on scenes drawn by us: a Stable Diffusion in miniature, and a CLIP to judge it.

Each trainer is a generator that yields its metrics. All randomness of a step comes from (seed, step), so a resumed
run continues bit for bit on one machine.
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
from .data import CELLS, MOST, counterpart, draw
from .diffusion import train_diffusion
from .grounding import grounding_loss
from .lesson import Batch, Pictures, make_batch
from .parts import TOKENS, new_scheduler, new_text_encoder, new_tokenizer, new_unet, new_vae
from .plan import Plan
from .vae import train_vae

__all__ = [
    "CELLS",
    "MOST",
    "TOKENS",
    "TRAINERS",
    "Batch",
    "Pictures",
    "Plan",
    "bind",
    "counterpart",
    "draw",
    "grounding_loss",
    "make_batch",
    "new_scheduler",
    "new_text_encoder",
    "new_tokenizer",
    "new_unet",
    "new_vae",
    "record",
    "require_new",
    "train_clip",
    "train_diffusion",
    "train_vae",
]

TRAINERS: dict[str, Callable[[Path, Plan], Generator[dict[str, float | Tensor]]]] = {
    "vae": train_vae,
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
    kept = files.read_json(path) if path.exists() else own
    if other := [name for name in own if kept.get(name) != own[name]]:
        raise ValueError(
            f"expected {str(out)!r} begun with {other[0]} = {own[other[0]]}, got {kept.get(other[0])}; take the same "
            "--preset, or another --out"
        )
    files.write_text(path, json.dumps(own, indent=1) + "\n")


def record(out: Path, plan: Plan) -> None:
    """Write `training.json` into each finished model's folder: the plan, what was run of it, and on which machine."""
    chip = [torch.cuda.get_device_name()] if torch.cuda.is_available() else []
    machine = ", ".join([*chip, platform.machine(), f"{os.cpu_count()} CPU cores"])
    facts: dict[str, object] = {"machine": machine, "plan": asdict(plan)}
    for path in sorted(p for part in TRAINERS for p in out.glob(f"{part}*.safetensors")):
        with safe_open(path, "pt") as f:
            steps, seconds = int(f.get_tensor("step")), float(f.get_tensor("seconds"))
        facts[path.stem] = {"steps": steps, "seconds": round(seconds)}
    text = json.dumps(facts, indent=1) + "\n"
    for folder in ("tabletop", "tabletop-clip"):
        if (out / folder).is_dir():
            files.write_text(out / folder / "training.json", text)
