"""Where the pictures of a wide figure lie, so that a phone can show them two a row."""

import io
from itertools import pairwise

import numpy as np
from PIL import Image

WHITE = 250
Box = tuple[int, int, int, int]  # left, top, right, bottom, in pixels


def boxes(png: bytes) -> list[Box]:
    """The panels of a figure that is a row of alike pictures, each with what stands above and below it; first what lies
    over all of them, where there is something. Empty for a figure of another kind."""
    image = np.asarray(Image.open(io.BytesIO(png)).convert("L"))
    height, width = image.shape
    band = _longest(np.flatnonzero((image < WHITE).mean(1) > 0.55))
    if width < 2 * height or band is None or band[1] - band[0] < 0.3 * height:
        return []
    spans = _runs(np.asarray((image[slice(*band)] < WHITE).any(0)))
    sizes = [right - left for left, right in spans]
    if len(spans) < 2 or max(sizes) > 1.15 * min(sizes) or min(sizes) < 0.08 * width:
        return []
    cuts = [0, *((a[1] + b[0]) // 2 for a, b in pairwise(spans)), width]
    top = _above(image, band[0])
    over = [(0, 0, width, top)] if (image[:top] < WHITE).any() else []
    return over + [(left, top, right, height) for left, right in pairwise(cuts)]


def _runs(on: np.ndarray) -> list[tuple[int, int]]:
    """From where to where it is on, each run of at least three."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], on.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2) if b - a > 2]


def _longest(rows: np.ndarray) -> tuple[int, int] | None:
    """The longest run of rows without a gap."""
    parts = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)
    best = max(parts, key=len)
    return (int(best[0]), int(best[-1]) + 1) if len(best) else None


def _above(image: np.ndarray, row: int) -> int:
    """The first row of the titles: up through white, through one line of text, to white again."""
    empty = np.asarray((image >= WHITE).all(1))
    for wanted in (True, False):
        while row > 0 and empty[row - 1] == wanted:
            row -= 1
    return max(0, row - 4)
