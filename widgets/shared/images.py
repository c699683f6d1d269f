"""Pictures and colours as bytes for the browser."""

import io

import matplotlib
import numpy as np
from PIL import Image

CIVIDIS = matplotlib.colormaps["cividis"](np.arange(256), bytes=True)[:, :3].tobytes()


def small(picture: Image.Image, longest: int = 512) -> bytes:
    """A picture for looking at: as it is where it is little, else as a JPEG."""
    if max(picture.size) <= 256:
        return png(picture)
    return jpeg(picture, longest)


def jpeg(picture: Image.Image, longest: int, quality: int = 88) -> bytes:
    """A picture as a JPEG, made smaller where a side is longer than `longest`."""
    reduced = picture.convert("RGB")
    reduced.thumbnail((longest, longest))
    out = io.BytesIO()
    reduced.save(out, "JPEG", quality=quality)
    return out.getvalue()


def png(picture: Image.Image, longest: int = 768) -> bytes:
    """A picture as a PNG, made smaller where a side is longer than `longest`."""
    small = picture.convert("RGB")
    small.thumbnail((longest, longest))
    out = io.BytesIO()
    small.save(out, "PNG")
    return out.getvalue()
