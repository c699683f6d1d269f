"""Masks as strokes in 0-1 coordinates: one truth for every resolution, small as JSON, undone by dropping one.

A stroke is a dict. `tool` is brush, lasso or polygon (with `points`, pairs of x and y), box (with `rect`: x and y of
two opposite corners), or invert or clear (alone, of the whole plane). `mode` is add or erase. A brush has a `radius`,
as a share of the picture's shorter side. A later stroke covers the earlier ones.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from skimage import draw

Stroke = Mapping[str, Any]

MODES = ("add", "erase")
SHAPES = ("brush", "lasso", "polygon", "box")
PLANES = ("invert", "clear")
LIMIT = 20_000  # points in all: hours of painting, and still drawn within seconds


def rasterise(strokes: Sequence[Stroke], width: int, height: int) -> Float[np.ndarray, "height width"]:
    """The mask that the strokes paint: 1 at the pixels whose middle they cover, else 0. ValueError as `check`."""
    if width < 1 or height < 1:
        raise ValueError(f"expected a mask of at least 1x1, got {width}x{height}")
    mask = np.zeros((height, width), bool)
    for stroke in check(strokes):
        if stroke["tool"] == "clear":
            mask[:] = False
        elif stroke["tool"] == "invert":
            mask = ~mask
        else:
            mask[_covered(stroke, width, height)] = stroke["mode"] == "add"
    return mask.astype(np.float32)


def check(strokes: object) -> list[dict[str, Any]]:
    """The strokes as plain dicts with only the keys that they need; ValueError names the first that is not one."""
    if not isinstance(strokes, list | tuple):
        raise ValueError(f"expected a list of strokes, got {type(strokes).__name__}; pass a list of dicts")
    checked = [_checked(i, stroke) for i, stroke in enumerate(strokes)]
    count = sum(len(s.get("points", ())) for s in checked)
    if count > LIMIT:
        raise ValueError(f"expected at most {LIMIT} points, got {count}; paint with fewer strokes")
    return checked


def dumps(strokes: Sequence[Stroke]) -> str:
    """Strokes as JSON."""
    return json.dumps({"schema": 1, "strokes": check(strokes)})


def loads(text: str) -> list[dict[str, Any]]:
    """Strokes from what `dumps` wrote; ValueError in one line for anything else."""
    try:
        read = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"expected strokes as JSON, got a text that is not: {error}") from None
    if not isinstance(read, dict) or read.get("schema") != 1 or "strokes" not in read:
        raise ValueError("expected strokes of schema 1, got another JSON; save them with strokes.dumps")
    return check(read["strokes"])


def _checked(index: int, stroke: object) -> dict[str, Any]:
    if not isinstance(stroke, Mapping) or stroke.get("tool") not in SHAPES + PLANES:
        raise ValueError(f"expected stroke {index} with a tool of {', '.join(SHAPES + PLANES)}, got {_short(stroke)}")
    tool = stroke["tool"]
    if tool in PLANES:
        return {"tool": tool}
    if stroke.get("mode", "add") not in MODES:
        raise ValueError(f"expected stroke {index} to add or erase, got mode {_short(stroke['mode'])}")
    made = {"tool": tool, "mode": stroke.get("mode", "add")}
    if tool == "box":
        return made | {"rect": _numbers(index, stroke.get("rect"), 4)}
    points = stroke.get("points")
    least = 1 if tool == "brush" else 3
    if not isinstance(points, list | tuple) or len(points) < least:
        raise ValueError(f"expected stroke {index}, a {tool}, with {least} or more points, got {_short(points)}")
    made["points"] = [_numbers(index, p, 2) for p in points]
    if tool == "brush":
        (made["radius"],) = _numbers(index, [stroke.get("radius")], 1)
        if made["radius"] <= 0:
            raise ValueError(f"expected stroke {index} with a radius above 0, got {made['radius']:g}")
    return made


def _numbers(index: int, given: Any, count: int) -> list[float]:
    """`count` finite numbers; those beyond the picture are fine, a stroke may leave it."""
    good = isinstance(given, list | tuple) and len(given) == count
    if not good or not all(isinstance(x, int | float) and math.isfinite(x) for x in given):
        raise ValueError(f"expected stroke {index} with {count} finite numbers from 0 to 1, got {_short(given)}")
    return [float(x) for x in given]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 60 else text[:57] + "..."


def _covered(stroke: Stroke, width: int, height: int) -> np.ndarray:
    """Where a shape covers the middle of a pixel."""
    if stroke["tool"] == "box":
        x0, y0, x1, y1 = stroke["rect"]
        x, y = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
        return np.outer((min(y0, y1) <= y) & (y <= max(y0, y1)), (min(x0, x1) <= x) & (x <= max(x0, x1)))
    points = np.array(stroke["points"]) * (width, height)
    if stroke["tool"] == "brush":
        return _brushed(points, stroke["radius"] * min(width, height), width, height)
    return draw.polygon2mask((height, width), points[:, ::-1] - 0.5)


def _brushed(points: np.ndarray, radius: float, width: int, height: int) -> np.ndarray:
    """Pixels whose middle is at most `radius` away from the line through the points, in pixels."""
    mask = np.zeros((height, width), bool)
    for start, end in zip(points, np.concatenate([points[1:], points[-1:]]), strict=True):
        low = np.floor(np.minimum(start, end) - radius).clip(0, (width, height)).astype(int)
        high = np.ceil(np.maximum(start, end) + radius).clip(0, (width, height)).astype(int)
        y, x = np.mgrid[low[1] : high[1], low[0] : high[0]] + 0.5
        along, length = end - start, ((end - start) ** 2).sum()
        share = ((x - start[0]) * along[0] + (y - start[1]) * along[1]) / max(length, 1e-12)
        share = share.clip(0, 1)
        away = np.hypot(x - start[0] - share * along[0], y - start[1] - share * along[1])
        mask[low[1] : high[1], low[0] : high[0]] |= away <= radius
    return mask
