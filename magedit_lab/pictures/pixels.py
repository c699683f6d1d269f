"""What the pixels of any picture mean as 8 bits of sRGB."""

import io

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageCms
from torch import Tensor

CHANNELS = (1, 3, 4)
SRGB = ImageCms.createProfile("sRGB")
SPACES = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK", "Lab": "LAB"}  # of ICC profiles, and Pillow's names


class PictureError(ValueError):
    """What was given is no picture; one line that says why."""


def deep(image: Image.Image) -> bool:
    """Whether it has more than 8 bits a pixel and channel."""
    return image.mode.startswith(("I", "F"))


def opacity(image: Image.Image) -> Image.Image | None:
    """Alpha in 0-255, None where all is opaque."""
    if deep(image) or not image.has_transparency_data:
        return None
    alpha = image.convert("RGBA").getchannel("A")
    return alpha if np.asarray(alpha).min() < 255 else None


def srgb(image: Image.Image) -> Image.Image:
    """The image without its alpha, in RGB."""
    if deep(image):
        plain = Image.fromarray(in_bytes(np.asarray(image)))
    elif image.mode in ("1", "L", "LA", "La"):
        plain = image.convert("LA").convert("L")
    else:
        plain = image if image.mode in ("CMYK", "LAB") else image.convert("RGBA").convert("RGB")
    profile = ImageCms.createProfile("LAB") if plain.mode == "LAB" else _profile(image, plain.mode)
    if profile is None:
        return plain.convert("RGB")
    if plain.mode == "L":  # level by level, as lcms is off by 10 of 255 where it may be quick
        levels = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
        table = ImageCms.profileToProfile(levels, profile, SRGB, outputMode="RGB", flags=ImageCms.Flags.NOOPTIMIZE)
        return Image.fromarray(np.asarray(table)[0][np.asarray(plain)])
    turned = ImageCms.profileToProfile(plain, profile, SRGB, outputMode="RGB")
    assert turned is not None  # only in place it is
    return turned


def _profile(image: Image.Image, mode: str) -> ImageCms.ImageCmsProfile | None:
    """The image's ICC profile, where it is one of these pixels' colours and another than sRGB."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info.get("icc_profile") or b""))
        name = ImageCms.getProfileDescription(profile)
    except (OSError, ImageCms.PyCMSError):
        return None
    known = SPACES.get(profile.profile.xcolor_space.strip()) == mode
    return profile if known and not (mode == "RGB" and name.startswith("sRGB")) else None


def in_bytes(values: np.ndarray) -> UInt8[np.ndarray, "..."]:
    """Values as 0-255: bytes stay, truth is 0 and 255, 16 bits are scaled, and floats up to 1.

    Of other numbers whole ones up to 255 are bytes, and up to 65535 16 bits; PictureError for all else.
    """
    kind, size = values.dtype.kind, values.dtype.itemsize
    if kind == "b" or (kind, size) == ("u", 1):
        return values.astype(np.uint8) * (255 if kind == "b" else 1)
    if (kind, size) == ("u", 2):
        return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    low, top = float(values.min()), float(values.max())
    whole = kind in "iu" or (np.isfinite(top) and bool((values == np.rint(values)).all()))
    for most, fits in ((1, kind == "f"), (255, whole), (65535, whole)):
        if fits and low >= 0 and top <= most:
            return np.rint(values.astype(np.float32) * np.float32(255 / most)).astype(np.uint8)
    raise PictureError(f"expected a picture's values in 0-1, got {low:.3g} to {top:.3g}; scale them")


def of_array(values: np.ndarray | Tensor) -> Image.Image:
    """Height x width, or with 1, 3 or 4 channels, which torch has first."""
    array = values if isinstance(values, np.ndarray) else (values.float() if values.is_floating_point() else values)
    array = np.asarray(array.detach().cpu() if isinstance(array, Tensor) else array)
    shape = array.shape
    while array.ndim > 3 and len(array) == 1:
        array = array[0]
    if array.ndim == 3 and array.shape[-1] not in CHANNELS:
        array = np.moveaxis(array, 0, -1)
    flat, channels = array.ndim == 2, array.shape[2:]
    if array.dtype.kind not in "buif" or not array.size or not (flat or (array.ndim == 3 and channels[0] in CHANNELS)):
        raise PictureError(f"expected a picture of height x width x 3, got {array.dtype} of shape {shape}")
    return Image.fromarray(np.ascontiguousarray(in_bytes(array[..., 0] if channels == (1,) else array)))
