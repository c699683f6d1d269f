"""One reader for every picture that people bring, whatever it comes as."""

import io
import os
import re
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from .pixels import PictureError, of_array, opacity, srgb

FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "PPM")  # EPS and others would start a program
MOST = 64_000_000  # pixels: a camera's; 192 MB as RGB

Given = Any  # a path, a file's bytes, a PIL image, an array or a tensor: checked here, in words for people


@dataclass(frozen=True)
class Picture:
    """rgb: upright, in sRGB, what is transparent over white. alpha: opacity in 0-255, None where all is opaque."""

    rgb: Image.Image
    alpha: Image.Image | None = None

    @property
    def note(self) -> str:
        """What a person should know of how it was read; empty where there is nothing."""
        return "" if self.alpha is None else "part of the picture is transparent; it is taken as white there"


def read(given: Given, name: str = "") -> Picture:
    """A picture from a path (`~` is a home), a file's bytes, a PIL image, an array or a tensor.

    It is turned as its EXIF data say, and colours of an ICC profile become sRGB; a profile that is broken, or of other
    colours than the pixels, counts as none. 16 bits are scaled. Floats are 0-1. Of several frames it is the first.
    name: what errors call it. PictureError (a ValueError) in one line for all that is no picture.
    """
    image = opened(given, name)
    with one_line(named(given, name)):
        rgb, alpha = srgb(image), opacity(image)
    if alpha is not None:
        rgb = Image.composite(rgb, Image.new("RGB", rgb.size, "white"), alpha)
    rgb.info = {}  # no profile or orientation that is not its own any more
    return Picture(rgb, alpha)


def opened(given: Given, name: str = "", what: str = "a picture") -> Image.Image:
    """The upright PIL image of whatever is given, its pixels read, in a mode of its own; PictureError as `read`."""
    if isinstance(given, np.ndarray | Tensor):
        return _upright(of_array(given), "what is given")
    label = named(given, name)
    if isinstance(given, Image.Image):
        with one_line(label):
            return _upright(given, label)
    if isinstance(given, bytes | bytearray | memoryview):
        return _decoded(io.BytesIO(given), label)
    if isinstance(given, str | os.PathLike):
        return _decoded(_file(os.fspath(given)), label)
    raise PictureError(f"expected {what}, got {type(given).__name__}; give a path, a PIL image or an array")


# ------------------------------------------------------------ files


class one_line:
    """Whatever Pillow raises for a broken file becomes one line; it raises all kinds."""

    def __init__(self, label: str) -> None:
        self.called = label

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, PictureError):
            raise PictureError(
                f"cannot read {self.called} as a picture ({type(error).__name__}); expected a PNG or JPEG"
            ) from None


def named(given: Given, name: str = "") -> str:
    """What an error calls it: its name, or else its path."""
    if not name and isinstance(given, str | os.PathLike):
        name = os.fspath(given)
    return repr(name) if name else "what is given"


def _file(path: str) -> Path:
    """A plain file; PictureError for folders, pipes and devices, which are not opened, and for what is not there."""
    if re.match(r"[A-Za-z]{2,}:/", path):
        raise PictureError(f"expected the path of a picture, got the address {path!r}; download it first")
    with one_line(repr(path)):
        file = Path(path).expanduser()
        try:
            mode = file.stat().st_mode
        except FileNotFoundError:
            raise PictureError(f"no such file: {path!r}; expected a PNG or JPEG") from None
    if stat.S_ISDIR(mode):
        raise PictureError(f"expected the file of a picture, got the folder {path!r}; name a file in it")
    if not stat.S_ISREG(mode):
        raise PictureError(f"expected the file of a picture, got a pipe or device: {path!r}; save it as a PNG first")
    return file


def _decoded(file: Path | io.BytesIO, label: str) -> Image.Image:
    with one_line(label), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what a file says besides its pixels, and of its size, which is refused
        try:
            with Image.open(file, formats=FORMATS) as image:
                return _upright(image, label)
        except Image.DecompressionBombError:
            raise _too_large(label, "more") from None


def _too_large(label: str, pixels: str) -> PictureError:
    return PictureError(
        f"cannot read {label} as a picture of {pixels} pixels; expected at most {MOST // 10**6} megapixels: shrink it"
    )


def _upright(image: Image.Image, label: str) -> Image.Image:
    """With its pixels, which are not touched before its format and size are known to be good."""
    if image.format not in (None, "MPO", *FORMATS):
        raise UnidentifiedImageError
    if image.width * image.height > MOST:
        raise _too_large(label, f"{image.width}x{image.height}")
    if 0 in image.size:
        raise PictureError(f"cannot read {label} as a picture of {image.width}x{image.height} pixels; it is empty")
    return ImageOps.exif_transpose(image)
