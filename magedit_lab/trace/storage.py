"""A trace read from a folder, of any schema: today's run that grows, and the single files of schemas 1 and 2."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .. import files
from . import check, reader
from .check import Parts, require

SCHEMA = 3  # 1: no heads, no padding, the edit words' maps not at every nudge; 2: all steps in one file
MOST_TEXT = 2**22  # bytes of a JSON file
STEP = re.compile(r"step-(\d{4,9})\.safetensors")
ENDS = ("done", "stopped", "failed", "saved")


@dataclass
class Stored:
    """What a folder holds. ended: done, stopped, failed or saved; "" where the writer was killed, or is still at it."""

    parts: Parts
    image: Image.Image
    masks: list[np.ndarray]
    result: Image.Image | None
    reconstruction: Image.Image | None
    ended: str = "saved"


def read(folder: Path) -> Stored:
    """All of a folder; ValueError in one line where that can't be done."""
    try:
        stored = _read_growing(folder) if (folder / "run.json").exists() else _read_single(folder)
        check.require_rows(stored.parts)
        return stored
    except Exception as error:  # a harmed file fails in many ways
        words = " ".join(ascii(str(error)).strip("'\"").split())[:300]
        raise ValueError(f"cannot read a trace from {str(folder)!r}: {type(error).__name__}: {words}") from None


# ------------------------------------------------------------ schema 3


def read_run(folder: Path) -> tuple[dict[str, Any], Path]:
    """run.json, and the place of its run's files: a folder with the name of its generation."""
    meta = files.read_json(folder / "run.json", most=MOST_TEXT)
    reader.schema(meta, SCHEMA)
    generation = meta.get("generation")
    require(isinstance(generation, str) and re.fullmatch("[0-9a-f]{16}", generation), "a generation", generation)
    return meta, folder / generation


def read_json(place: Path, name: str) -> dict[str, Any] | None:
    """A JSON file of the run, if there is one; ValueError for another run's."""
    if not (place / name).exists():
        return None
    value = files.read_json(place / name, most=MOST_TEXT)
    require(value.get("generation") == place.name, f"{name} of the run {place.name}", value.get("generation"))
    return value


def step_numbers(place: Path) -> range:
    """The steps that are whole; ValueError where one between them is missing."""
    known = sorted(int(match[1]) for path in place.iterdir() if (match := STEP.fullmatch(path.name)))
    require(len(known) <= check.MOST["steps"], f"at most {check.MOST['steps']} steps", len(known))
    steps = range(known[0], known[-1] + 1) if known else range(0)
    require(len(steps) == len(known), "every step", "a gap between them")
    return steps


def step_file(place: Path, i: int) -> Path:
    """Where a step is."""
    return place / f"step-{i:04}.safetensors"


def _read_growing(folder: Path) -> Stored:
    meta, place = read_run(folder)
    parts = Parts(check.prompts(meta["task"]), check.keep(meta["keep"]))
    steps = step_numbers(place)
    layout = read_json(place, "layout.json")
    if layout:
        parts.padding = check.whole(layout.get("padding", 1), 0, 1, "padding")
        _lay_out(parts, layout)
    require(layout or not len(steps), "a layout with the steps", "none")
    for i in steps:
        _read_step(parts, place, i)
    _, inputs = reader.read_tensors(place / "inputs.safetensors", place.name)
    image = _picture(inputs["image"].numpy(), "image")
    masks = [inputs[f"mask.{i}"].numpy() for i in range(sum(name.startswith("mask.") for name in inputs))]
    result, reconstruction = _read_pictures(parts, place, steps)
    status = read_json(place, "status.json") or {}
    ended = status.get("state", "")
    require(ended in ("", *ENDS), f"a state of {', '.join(ENDS)}", ended)
    return Stored(parts, image, masks, result, reconstruction, ended)


def _lay_out(parts: Parts, layout: dict[str, Any]) -> None:
    parts.tokens = check.texts(layout["tokens"], "tokens", check.MOST["tokens"])
    parts.source_tokens = check.texts(layout["source_tokens"], "source tokens", check.MOST["tokens"])
    parts.sites = check.texts(layout.get("sites", []), "sites")
    most = max(len(parts.tokens), len(parts.source_tokens)) - 1 + parts.padding
    parts.columns = check.columns(layout["columns"], most)
    for (branch, _), places in parts.columns.items():
        count = len(parts.tokens if branch == "target" else parts.source_tokens)
        require(max(places) < count + parts.padding, f"columns below {count + parts.padding}", places)
    side = check.MOST["cells"]
    h, w = (check.whole(n, 0, side, "cells") for n in _pair(layout["cells"]))
    require(h * w <= side, f"at most {side} cells", (h, w))
    parts.cells = (h, w)


def _pair(value: Any) -> Any:
    require(isinstance(value, list) and len(value) == 2, "rows and columns of cells", value)
    return value


def _read_step(parts: Parts, place: Path, i: int) -> None:
    facts, arrays = reader.read_tensors(step_file(place, i), place.name)
    require(facts.get("step") == str(i), f"step {i}", facts.get("step"))
    t = check.time(json.loads(facts["t"]))
    rows = reader.numbers({k: v for k, v in arrays.items() if _wanted(k, parts)}, "row.")
    parts.times.append(t)
    parts.terms.append(check.terms(json.loads(facts["terms"])))
    parts.rows.append(rows)


def _wanted(name: str, parts: Parts) -> bool:
    return name.startswith("row.") and check.known(name.removeprefix("row."), parts.keep.sites)


def _read_pictures(parts: Parts, place: Path, steps: range) -> tuple[Image.Image | None, Image.Image | None]:
    """Result and reconstruction; the previews go into their rows."""
    if not (place / "pictures.safetensors").exists():
        return None, None
    _, arrays = reader.read_tensors(place / "pictures.safetensors", place.name)
    for i, row in zip(steps, parts.rows, strict=True):
        if f"preview.{i}" in arrays:
            row["preview"] = _bytes(arrays[f"preview.{i}"].numpy(), "preview")
    result, reconstruction = (
        _picture(arrays[name].numpy(), name) if name in arrays else None for name in ("result", "reconstruction")
    )
    return result, reconstruction


def _picture(array: np.ndarray, what: str) -> Image.Image:
    return Image.fromarray(_bytes(array, what))


def _bytes(array: np.ndarray, what: str) -> np.ndarray:
    fits = array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] == 3 and array.size
    require(fits and array.size <= 3 * reader.MOST_PIXELS, f"{what} of height x width x 3 bytes", array.shape)
    return array


# ------------------------------------------------------------ schemas 1 and 2


def _read_single(folder: Path) -> Stored:
    """trace.json, trace.safetensors with all steps, and PNGs."""
    meta = files.read_json(folder / "trace.json", most=MOST_TEXT)
    old = reader.schema(meta, 2)
    parts = Parts(check.prompts(meta["task"]), check.keep(meta["keep"]), padding=0 if old == 1 else 1)
    _lay_out(parts, meta)
    require(isinstance(meta["times"], list), "a list of timesteps", meta["times"])
    require(len(meta["times"]) <= check.MOST["steps"], f"at most {check.MOST['steps']} steps", len(meta["times"]))
    parts.times = [check.time(t) for t in meta["times"]]
    require(isinstance(meta["terms"], list), "terms of each step", meta["terms"])
    parts.terms = [check.terms(step) for step in meta["terms"]]
    masks = _read_all_steps(parts, folder)
    pictures = [reader.read_picture(folder / f"{name}.png") for name in ("image", "result", "reconstruction")]
    if pictures[0] is None:
        raise FileNotFoundError("no image.png")
    return Stored(parts, pictures[0], masks, pictures[1], pictures[2])


def _read_all_steps(parts: Parts, folder: Path) -> list[np.ndarray]:
    """The arrays of each step by name; the masks."""
    _, tensors = reader.read_tensors(folder / "trace.safetensors")
    parts.rows = [{} for _ in parts.times]
    for name, tensor in tensors.items():
        index, _, kind = name.partition(".")
        if index.isascii() and index.isdigit() and check.known(kind, parts.keep.sites):
            require(len(index) < 9 and int(index) < len(parts.rows), f"fewer than {len(parts.rows)} steps", index)
            parts.rows[int(index)][kind] = tensor.numpy()
    count = sum(name.startswith("mask.") for name in tensors)
    return [tensors[f"mask.{i}"].numpy() for i in range(count)]
