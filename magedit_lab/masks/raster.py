"""Masks in 0-1: read, resize to a grid of cells, dilate."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from .. import pictures
from ..pictures import pixels

NONE = "paint one with MaskPainter, or give a path or an array of the image's size"


def open_image(path: str | Path) -> Image.Image:
    """A picture file as upright sRGB, transparent parts over white; ValueError where it can't be read."""
    return pictures.read(path).rgb


def read_image(content: bytes, name: str) -> Image.Image:
    """`open_image` of a file's bytes; `name` is for the error."""
    return pictures.read(content, name).rgb


def open_mask(path: "pictures.Given") -> Image.Image:
    """A mask file as grey, upright; one that is drawn on a transparent ground counts where it is opaque."""
    image = pictures.opened(path, what="a mask")
    with pictures.one_line(pictures.named(path)):
        return _grey(image)


def _grey(image: Image.Image) -> Image.Image:
    """Brightness times opacity; opacity alone where all of a picture with alpha has one colour."""
    numbers, opaque = pixels.deep(image), pixels.opacity(image)
    grey = pixels.in_bytes(np.asarray(image)) if numbers else np.asarray(image.convert("RGBA").convert("L"))
    if opaque is None:
        _refuse_labels(np.asarray(image) if numbers or image.mode == "P" else grey, grey)
        return Image.fromarray(grey)
    alpha = np.asarray(opaque)
    return Image.fromarray(alpha if grey.min() == grey.max() else (grey * (alpha / 255)).round().astype(np.uint8))


def _refuse_labels(values: np.ndarray, grey: np.ndarray) -> None:
    """PictureError for numbers of classes (0, 1, 2 ...) whose colours are all dark: which is meant can't be known."""
    if grey.max() < 128 and values.min() < values.max() <= 255:
        raise pixels.PictureError(
            f"expected a mask that is white where to edit, got labels {values.min():g} to {values.max():g} in dark "
            f"colours; save 255 * (labels == {values.max():g}) as bytes"
        )


def as_mask(mask: "pictures.Given") -> Float[Tensor, "h w"]:
    """A picture's path, a picture, an array or a tensor as a float mask in 0-1.

    Pictures and arrays of bytes are read as 0-255 (a picture of one colour with alpha by its alpha), of 16 bits as
    0-65535, all others as 0-1.
    """
    if mask is None:
        raise ValueError(f"expected a mask, got None; {NONE}")
    if not isinstance(mask, np.ndarray | Tensor):
        mask = np.asarray(open_mask(mask))
    array = torch.as_tensor(np.array(mask) if isinstance(mask, np.ndarray) else mask)
    if array.dtype in (torch.uint8, torch.uint16):
        most = torch.iinfo(array.dtype).max
        array = array.to(torch.int32)
        if array.numel() and array.max() == 1:
            raise ValueError(f"expected bytes of 0-{most}, got 0 and 1; pass mask.astype(bool), or {most} * mask")
        array = array / most
    array = array.detach().cpu().float()
    if array.ndim != 2 or not array.numel():
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

    >>> mask = mag.masks.as_mask(np.triu(np.ones((4, 4))))  # its lower left corner is outside
    >>> mag.masks.to_cells(mask, 2, 2).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    if by == "sampled":
        return (F.interpolate(mask[None, None], (height, width), mode="nearest")[0, 0] != 0).float()
    share = F.interpolate(mask[None, None], (height, width), mode="area")[0, 0]
    return (share >= min(0.5, share.max().item())).float()


def dilate(mask: Float[Tensor, "h w"], radius: int) -> Float[Tensor, "h w"]:
    """Grow a mask by `radius` cells in every direction, diagonals included.

    >>> mag.masks.dilate(torch.tensor([[1.0, 0, 0], [0, 0, 0], [0, 0, 0]]), 1).tolist()
    [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    return F.max_pool2d(mask[None, None], 2 * radius + 1, 1, radius)[0, 0]


def union(masks: list[Float[Tensor, "h w"]]) -> Float[Tensor, "h w"]:
    """Where any mask is; overlaps count once."""
    return torch.stack(masks).amax(0)
