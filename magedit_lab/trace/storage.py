"""A run on disk: JSON, safetensors and PNG in a folder; no pickle. Each file is whole at any moment."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors.numpy import load_file, save_file

from .. import files
from ..masks.raster import open_image

Rows = list[dict[str, np.ndarray]]


def write(
    folder: Path, meta: Mapping[str, Any], rows: Rows, masks: Sequence[np.ndarray],
    pictures: Mapping[str, Image.Image | None],
) -> None:  # fmt: skip
    """trace.safetensors with the arrays of each step, a PNG for each picture that there is, trace.json; an earlier run
    in the folder stays whole until all are written."""
    arrays = {f"{i}.{k}": np.ascontiguousarray(v) for i, row in enumerate(rows) for k, v in row.items()}
    arrays |= {f"mask.{i}": mask for i, mask in enumerate(masks)}
    text = json.dumps(meta, indent=1)
    saves: dict[str, files.Save | None] = {"trace.safetensors": lambda path: save_file(arrays, path)}
    for name, picture in pictures.items():
        saves[f"{name}.png"] = partial(picture.save, format="PNG") if picture else None
    saves["trace.json"] = lambda path: path.write_text(text, encoding="utf-8")
    files.write_all(folder, saves)


def read_meta(folder: Path, newest: int) -> dict[str, Any]:
    """trace.json; ValueError where its schema is newer than `newest`."""
    meta = files.read_json(folder / "trace.json")
    if meta["schema"] > newest:
        raise ValueError(f"schema {meta['schema']} is newer than {newest}; update magedit-lab")
    return meta


def read_arrays(folder: Path, steps: int) -> tuple[Rows, list[np.ndarray]]:
    """The arrays of each step by name, and the masks."""
    arrays = load_file(folder / "trace.safetensors")
    rows: Rows = [{} for _ in range(steps)]
    for name, array in arrays.items():
        index, _, kind = name.partition(".")
        if index.isdigit():
            rows[int(index)][kind] = array
    count = sum(name.startswith("mask.") for name in arrays)
    return rows, [arrays[f"mask.{i}"] for i in range(count)]


def read_picture(path: Path) -> Image.Image | None:
    """A picture in RGB, or nothing where there is none."""
    if not path.exists():
        return None
    return open_image(path)
