"""Structure against the ideal edit: directions of edges inside the silhouette, and the band along it."""

import numpy as np
from PIL import Image
from scipy import ndimage

from .colour import Area, lab
from .edit import Edit, grown, pixels

SIGMA = 1.5  # pixels: finer than this is no structure
BAND = 4  # pixels to each side of a silhouette


def structure(edit: Edit, result: Image.Image | np.ndarray) -> dict[str, float]:
    """`orientation` in the silhouette and `band` along it, 0 (the ideal edit) to 1; `structure` is their mean."""
    found, ideal = (gradients(lab(pixels(p))) for p in (result, edit.ideal.image))
    inside = edit.asked
    band = grown(inside, BAND) & grown(~inside, BAND)
    scores = {"orientation": differing(found, ideal, inside), "band": differing(found, ideal, band)}
    return {**scores, "structure": (scores["orientation"] + scores["band"]) / 2}


def gradients(image: np.ndarray) -> np.ndarray:
    """Steepest slope of each Lab channel, as doubled-angle vectors summed over channels, [h, w, 2].

    Doubling makes a light-dark edge and a dark-light one the same: where an edge lies counts, not its colours.
    """
    total = np.zeros((*image.shape[:2], 2))
    for channel in np.moveaxis(image, -1, 0):
        y, x = (ndimage.gaussian_filter(channel, SIGMA, order=o) for o in ((1, 0), (0, 1)))
        total += np.stack([x * x - y * y, 2 * x * y], -1)
    strength = np.linalg.norm(total, axis=-1, keepdims=True)
    return np.asarray(total / np.sqrt(np.maximum(strength, 1e-12)))


def differing(a: np.ndarray, b: np.ndarray, area: Area) -> float:
    """sum |a - b| / sum (|a| + |b|) over an area, 0 where they are the same and 1 where no edge meets another."""
    u, v = a[area], b[area]
    whole = float((np.linalg.norm(u, axis=-1) + np.linalg.norm(v, axis=-1)).sum())
    return float(np.linalg.norm(u - v, axis=-1).sum()) / whole if whole > 0 else 0.0
