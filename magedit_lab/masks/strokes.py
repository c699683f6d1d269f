"""Masks as strokes in 0-1 coordinates: one truth for every resolution, small as JSON, undone by dropping one.

A stroke is a dict. `tool` is brush, lasso or polygon (with `points`, pairs of x and y), box (with `rect`: x and y of
two opposite corners), or invert or clear (alone, of the whole plane). `mode` is add or erase. A brush has a `radius`,
as a share of the picture's shorter side. `grow` has one of `points` and a `tolerance`, and covers the patch of the
picture that looks alike there. A later stroke covers the earlier ones. `region` names the part that a stroke
belongs to, where there are several; invert and clear are of that part alone.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from PIL import Image
from skimage import draw, measure

from .flood import grow

Stroke = Mapping[str, Any]

MODES = ("add", "erase")
SHAPES = ("brush", "lasso", "polygon", "box", "grow")
PLANES = ("invert", "clear")
FIRST = "mask"  # the region of strokes that name none
LEAST = {"brush": 1, "grow": 1}  # points; other shapes need three
LIMIT = 20_000  # points in all: hours of painting
MOST = 5_000  # strokes
FAR = 1e6  # no stroke leads farther out of the picture


def rasterise(
    strokes: Sequence[Stroke], width: int, height: int, image: Image.Image | None = None
) -> Float[np.ndarray, "height width"]:
    """The mask that the strokes paint: 1 at the pixels whose middle they cover, else 0. ValueError as `check`.

    image: the picture that they were painted on, of any size; needed for strokes that grow.

    >>> box = {"tool": "box", "rect": [0, 0, 0.5, 1]}  # the left half
    >>> mag.masks.strokes.rasterise([box, {"tool": "invert"}], width=4, height=2).tolist()
    [[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]]
    """
    if width < 1 or height < 1:
        raise ValueError(f"expected a mask of at least 1x1, got {width}x{height}")
    mask = np.zeros((height, width), bool)
    for stroke in check(strokes):
        if stroke["tool"] == "clear":
            mask[:] = False
        elif stroke["tool"] == "invert":
            mask = ~mask
        else:
            mask[_covered(stroke, width, height, image)] = stroke["mode"] == "add"
    return mask.astype(np.float32)


def check(strokes: object) -> list[dict[str, Any]]:
    """The strokes as plain dicts with only the keys that they need; ValueError names the first that is not one."""
    if not isinstance(strokes, list | tuple):
        raise ValueError(f"expected a list of strokes, got {type(strokes).__name__}; pass a list of dicts")
    if len(strokes) > MOST:
        raise ValueError(f"expected at most {MOST} strokes, got {len(strokes)}; join some")
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
    except (ValueError, RecursionError) as error:
        raise ValueError(f"expected strokes as JSON, got a text that is not: {error}") from None
    if not isinstance(read, dict) or read.get("schema") != 1 or "strokes" not in read:
        raise ValueError("expected strokes of schema 1, got another JSON; save them with strokes.dumps")
    return check(read["strokes"])


def _checked(index: int, stroke: object) -> dict[str, Any]:
    if not isinstance(stroke, Mapping) or stroke.get("tool") not in SHAPES + PLANES:
        raise ValueError(f"expected stroke {index} with a tool of {', '.join(SHAPES + PLANES)}, got {_short(stroke)}")
    tool = stroke["tool"]
    part = {"region": _region(index, stroke["region"])} if "region" in stroke else {}
    if tool in PLANES:
        return {"tool": tool} | part
    if stroke.get("mode", "add") not in MODES:
        raise ValueError(f"expected stroke {index} to add or erase, got mode {_short(stroke['mode'])}")
    fields = {"tool": tool, "mode": stroke.get("mode", "add")} | part
    if tool == "box":
        return fields | {"rect": _numbers(index, stroke.get("rect"), 4)}
    return fields | _pointed(index, tool, stroke)


def _pointed(index: int, tool: str, stroke: Stroke) -> dict[str, Any]:
    """What the tools with points need."""
    points, least = stroke.get("points"), LEAST.get(tool, 3)
    if not isinstance(points, list | tuple) or len(points) < least:
        raise ValueError(f"expected stroke {index}, a {tool}, with {least} or more points, got {_short(points)}")
    fields: dict[str, Any] = {"points": [_numbers(index, p, 2) for p in points]}
    if tool == "grow" and not all(0 <= x <= 1 for x in fields["points"][0]):
        raise ValueError(f"expected stroke {index} to grow from inside the picture, 0 to 1, got {fields['points'][0]}")
    size = {"brush": "radius", "grow": "tolerance"}.get(tool)
    if size:
        (fields[size],) = _numbers(index, [stroke.get(size)], 1)
        if fields[size] <= 0:
            raise ValueError(f"expected stroke {index} with a {size} above 0, got {fields[size]:g}")
    return fields


def _region(index: int, name: object) -> str:
    if not isinstance(name, str) or not name:
        raise ValueError(f"expected stroke {index} with a region's name, got {_short(name)}")
    return name


def _numbers(index: int, values: Any, count: int) -> list[float]:
    """`count` finite numbers; those beyond the picture are fine, a stroke may leave it."""
    good = isinstance(values, list | tuple) and len(values) == count
    if not good or not all(isinstance(x, int | float) and abs(x) < FAR for x in values):
        raise ValueError(f"expected stroke {index} with {count} finite numbers from 0 to 1, got {_short(values)}")
    return [float(x) for x in values]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 60 else text[:57] + "..."


def _covered(stroke: Stroke, width: int, height: int, image: Image.Image | None) -> np.ndarray:
    """Where a shape covers the middle of a pixel."""
    if stroke["tool"] == "grow":
        return _grown(stroke, width, height, image)
    if stroke["tool"] == "box":
        x0, y0, x1, y1 = stroke["rect"]
        x, y = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
        return np.outer((min(y0, y1) <= y) & (y <= max(y0, y1)), (min(x0, x1) <= x) & (x <= max(x0, x1)))
    points = np.array(stroke["points"]) * (width, height)
    if stroke["tool"] == "brush":
        return _brushed(points, stroke["radius"] * min(width, height), width, height)
    return draw.polygon2mask((height, width), points[:, ::-1] - 0.5)


def _grown(stroke: Stroke, width: int, height: int, image: Image.Image | None) -> np.ndarray:
    """The patch, found at the picture's own size and read at the middles of the mask's pixels."""
    if image is None:
        raise ValueError("expected the picture for a stroke that grows, got none; pass image=")
    x, y = stroke["points"][0]
    patch = grow(image, x, y, stroke["tolerance"])
    rows = ((np.arange(height) + 0.5) * image.height / height).astype(int)
    columns = ((np.arange(width) + 0.5) * image.width / width).astype(int)
    return patch[rows[:, None], columns]


def trace(mask: np.ndarray, region: str = FIRST) -> list[dict[str, Any]]:
    """Polygons that paint a mask (height x width; inside from 0.5 on) anew: its outlines, the largest first, holes
    erased. `rasterise` at the mask's size gives the same pixels."""
    height, width = mask.shape
    padded = np.pad(mask >= 0.5, 1).astype(float)
    outlines = [c[:, ::-1] - 0.5 for c in measure.find_contours(padded, 0.5)]  # x and y, with 0 at the first edge
    areas = [_area(points) for points in outlines]
    order = sorted(range(len(outlines)), key=lambda i: -abs(areas[i]))
    return check([
        {"tool": "polygon", "mode": "add" if areas[i] * areas[order[0]] > 0 else "erase", "region": region,
         "points": (outlines[i][:-1] / (width, height)).round(5).tolist()} for i in order
    ])  # fmt: skip


def _area(points: np.ndarray) -> float:
    """Twice the area inside a closed line; its sign says which way round it goes."""
    x, y = points.T
    return float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum())


def _brushed(points: np.ndarray, radius: float, width: int, height: int) -> np.ndarray:
    """Pixels whose middle is at most `radius` away from the line through the points, in pixels."""
    mask = np.zeros((height, width), bool)
    for start, end in zip(points, np.concatenate([points[1:], points[-1:]]), strict=True):
        low = np.floor(np.minimum(start, end) - radius).clip(0, (width, height)).astype(int)
        high = np.ceil(np.maximum(start, end) + radius).clip(0, (width, height)).astype(int)
        if mask[low[1] : high[1], low[0] : high[0]].all():
            continue  # painted already, or beyond the picture
        y, x = np.mgrid[low[1] : high[1], low[0] : high[0]] + 0.5
        along, length = end - start, ((end - start) ** 2).sum()
        share = ((x - start[0]) * along[0] + (y - start[1]) * along[1]) / max(length, 1e-12)
        share = share.clip(0, 1)
        away = np.hypot(x - start[0] - share * along[0], y - start[1] - share * along[1])
        mask[low[1] : high[1], low[0] : high[0]] |= away <= radius
    return mask
