"""Click to mask: the connected patch of a picture that looks like the clicked pixel."""

import numpy as np
from jaxtyping import Bool
from PIL import Image
from skimage.color import rgb2lab
from skimage.segmentation import flood


def grow(image: Image.Image, x: float, y: float, tolerance: float = 12.0) -> Bool[np.ndarray, "h w"]:
    """The patch around (x, y), in 0-1 of the picture's sides, whose colours differ from that pixel's by `tolerance`
    at most: a distance in CIELAB, where 100 lie between black and white. Neighbours share a side or a corner.

    Raises ValueError for a point outside the picture and for a tolerance below 0.
    """
    if not (0 <= x <= 1 and 0 <= y <= 1):
        raise ValueError(f"expected a point in 0-1 x 0-1, got ({x:g}, {y:g}); click inside the picture")
    if not tolerance >= 0:
        raise ValueError(f"expected a tolerance of 0 or more, got {tolerance:g}; 12 suits a plain surface")
    lab = rgb2lab(np.asarray(image.convert("RGB")))
    seed = min(int(y * image.height), image.height - 1), min(int(x * image.width), image.width - 1)
    return flood(np.linalg.norm(lab - lab[seed], axis=-1) <= tolerance, seed)
