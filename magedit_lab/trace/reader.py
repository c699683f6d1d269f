"""One file of a run's folder, read with bounds: sizes are compared with what the file holds before memory is taken."""

import json
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
from PIL import Image
from torch import Tensor

from .. import files

MOST_BYTES = 2**28  # of one file
MOST_HEADER = 2**22  # of a safetensors file's table of names
MOST_PIXELS = 2**24  # of a picture: 4096 x 4096
PREFIX = 8  # bytes of a safetensors file before its header, with the header's length


def read_tensors(
    path: Path, generation: str | None = None, most: int = MOST_BYTES
) -> tuple[dict[str, str], dict[str, Tensor]]:  # fmt: skip
    """The texts and the tensors of a safetensors file of at most so many bytes; ValueError for one of another run's, by
    its generation."""
    content = files.read_regular(path, most)
    facts = _facts(path.name, content)
    if generation is not None and facts.get("generation") != generation:
        raise ValueError(f"expected {path.name!r} to be of the run {generation}, got one of another run")
    return facts, safetensors.torch.load(content)


def _facts(name: str, content: bytes) -> dict[str, str]:
    """The texts in a safetensors header, whose length is checked before it is parsed."""
    length = struct.unpack("<Q", content[:PREFIX])[0] if len(content) >= PREFIX else 0
    if not 2 <= length <= min(MOST_HEADER, len(content) - PREFIX):
        raise ValueError(f"expected a safetensors file at {name!r}, got one whose header can't be {length} bytes long")
    header = json.loads(content[PREFIX : PREFIX + length])
    facts = header.get("__metadata__", {}) if isinstance(header, dict) else {}
    if not isinstance(facts, dict) or not all(isinstance(value, str) for value in facts.values()):
        raise ValueError(f"expected texts in the header of {name!r}, got others")
    return facts


def read_picture(path: Path) -> Image.Image | None:
    """A PNG in RGB, its size checked before it is decoded; nothing where there is none."""
    if not path.exists():
        return None
    files.read_regular(path, MOST_BYTES)
    with Image.open(path, formats=["PNG"]) as image:
        if math.prod(image.size) > MOST_PIXELS:
            raise ValueError(
                f"expected at most {MOST_PIXELS} pixels in {path.name!r}, got {image.width}x{image.height}"
            )
        return image.convert("RGB")


def numbers(arrays: dict[str, Tensor], prefix: str) -> dict[str, np.ndarray]:
    """The arrays whose names begin with `prefix`, without it."""
    return {name.removeprefix(prefix): t.numpy() for name, t in arrays.items() if name.startswith(prefix)}


def schema(meta: dict[str, Any], newest: int) -> int:
    """The schema that a run says it has; ValueError for none, a nonsensical one, and one that is newer."""
    number = meta.get("schema")
    if type(number) is not int or number < 1:
        raise ValueError(f"expected a schema of 1 to {newest}, got {str(number)[:40]!r}; this is no run's folder")
    if number > newest:
        raise ValueError(f"expected a schema of 1 to {newest}, got {number}, which is newer; update magedit-lab")
    return number
