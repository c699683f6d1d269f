"""Masks in 0-1: read, resize to a grid of cells, dilate."""

import io
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from PIL import Image, ImageOps
from torch import Tensor


def open_image(path: str | Path) -> Image.Image:
    """A picture file as RGB, turned upright as its EXIF data say; ValueError where it can't be read."""
    return _opened(path).convert("RGB")


def read_image(content: bytes, name: str) -> Image.Image:
    """`open_image` of a file's bytes; `name` is for the error."""
    return _opened(io.BytesIO(content), name).convert("RGB")


def open_mask(path: str | Path) -> Image.Image:
    """A mask file as grey, upright; one that is drawn on a transparent ground counts where it is opaque."""
    return _grey(_opened(path))


def _opened(file: str | Path | io.BytesIO, name: str = "") -> Image.Image:
    path = name or file
    try:
        with Image.open(file) as image:
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith("I"):  # 16 bits a channel, which Pillow would clip and not scale
                return Image.fromarray((np.asarray(upright) // 257).clip(0, 255).astype(np.uint8))
            return upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    except FileNotFoundError:
        raise ValueError(f"no such file: {str(path)!r}; expected a PNG or JPEG") from None
    except Exception as error:  # Pillow raises all kinds for broken files
        raise ValueError(
            f"cannot read {str(path)!r} as a picture ({type(error).__name__}); expected a PNG or JPEG"
        ) from None


def _grey(image: Image.Image) -> Image.Image:
    """Brightness times opacity; opacity alone where all of a picture with alpha has one colour."""
    grey = np.asarray(image.convert("L"))
    if not image.has_transparency_data:
        return Image.fromarray(grey)
    alpha = np.asarray(image.convert("RGBA").getchannel("A"))
    return Image.fromarray(alpha if grey.min() == grey.max() else (grey * (alpha / 255)).round().astype(np.uint8))


def as_mask(mask: "Image.Image | np.ndarray | Tensor") -> Float[Tensor, "h w"]:
    """A picture, an array or a tensor as a float mask in 0-1.

    Pictures and arrays of bytes are read as 0-255 (a picture of one colour with alpha by its alpha), all others as 0-1.
    """
    if isinstance(mask, Image.Image):
        mask = np.asarray(_grey(mask))
    array = torch.as_tensor(np.array(mask) if isinstance(mask, np.ndarray) else mask)
    if array.dtype == torch.uint8:
        if array.max() == 1:
            raise ValueError("expected bytes of 0-255, got 0 and 1; pass mask.astype(bool), or 255 * mask")
        array = array / 255
    array = array.detach().cpu().float()
    if array.ndim != 2:
        raise ValueError(f"expected a mask of height x width, got shape {tuple(array.shape)}; pass one plane")
    if not torch.isfinite(array).all() or array.min() < 0 or array.max() > 1:
        raise ValueError(
            f"expected mask values in 0-1, got {array.min():.3g} to {array.max():.3g}; divide by the maximum"
        )
    if (array >= 0.5).sum() == 0:
        raise ValueError("expected a mask with at least one pixel of 0.5 or more, got an empty one; paint the object")
    if (array >= 0.5).all():
        raise ValueError("expected a mask that leaves something out, got a full one; paint just what shall change")
    return array


def to_cells(
    mask: Float[Tensor, "h w"], height: int, width: int, by: str = "coverage"
) -> Float[Tensor, "height width"]:
    """The mask on a coarser grid, 0 or 1: cells that it covers at least by half, or else the cell it covers most.

    by: "sampled" asks one pixel a cell, its first, whether it is anything but 0, as MAG-Edit's released code does: a
        soft rim counts whole, and a small object can be lost altogether, which turns Eq. 1 into 0/0.
    """
    if by == "sampled":
        return (F.interpolate(mask[None, None], (height, width), mode="nearest")[0, 0] != 0).float()
    share = F.interpolate(mask[None, None], (height, width), mode="area")[0, 0]
    return (share >= min(0.5, share.max().item())).float()


def dilate(mask: Float[Tensor, "h w"], radius: int) -> Float[Tensor, "h w"]:
    """Grow a mask by `radius` cells in every direction, diagonals included."""
    return F.max_pool2d(mask[None, None], 2 * radius + 1, 1, radius)[0, 0]


def union(masks: list[Float[Tensor, "h w"]]) -> Float[Tensor, "h w"]:
    """Where any mask is; overlaps count once."""
    return torch.stack(masks).amax(0)
