"""What is to be edited: picture, mask, prompts, and the words that matter."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from textwrap import shorten
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, ImageFilter
from torch import Tensor

from . import pictures
from .masks.raster import as_mask, union
from .prompts import checks


@dataclass(frozen=True)
class Goal:
    """One edit word of Eq. 5, with the mask that it should fill and its weight."""

    word: str
    mask: Float[Tensor, "h w"]
    weight: float

    def __repr__(self) -> str:
        return f"Goal({shorten(self.word, 40)!r}, {self.mask.mean():.1%} of the picture, weight {self.weight:.3g})"


@dataclass(frozen=True, eq=False, repr=False)
class Task:
    """An edit, checked: `words` of the target prompt shall come true where the mask is.

    image: a picture, or its path, bytes or array, as `pictures.read` takes it: upright, in sRGB; what is transparent
        counts as white, with a warning.
    mask: height x width of the image, in 0-1, or its path or picture; or one for each word.
    words: an edit word or phrase of the target prompt, or several.
    weights: the lambdas of Eq. 5, one for each word, summing to 1; equal by default.
    negative, negative_words: the prompt of Eq. 3 that describes what is to fade, and its words.
    Raises ValueError in one line for all that does not fit together.
    """

    image: pictures.Given
    mask: pictures.Given
    source: str
    target: str
    words: Any  # a text or several, a tuple of them once it is checked
    weights: Sequence[float] | None = None
    negative: str | None = None
    negative_words: str | Sequence[str] = ()

    def __post_init__(self) -> None:
        read = pictures.read(self.image)
        if read.note:
            warnings.warn(read.note, stacklevel=3)
        object.__setattr__(self, "image", read.rgb)
        _require_texts(self.source, self.target, self.negative)
        object.__setattr__(self, "words", _several(self.words))
        object.__setattr__(self, "negative_words", _several(self.negative_words))
        if wrong := checks.word_refusals(self.target, self.words, self.negative, self.negative_words):
            raise ValueError(wrong[0])
        _ = self.goals

    def __repr__(self) -> str:
        source, target, words = (shorten(x, 48) for x in (self.source, self.target, ", ".join(self.words)))
        return f"Task({source!r} to {target!r}, words={words}, {self.image.width}x{self.image.height})"

    @cached_property
    def goals(self) -> tuple[Goal, ...]:
        """The words with their masks and weights."""
        several = isinstance(self.mask, list | tuple)
        masks = [as_mask(m) for m in (self.mask if several else [self.mask])]  # type: ignore[arg-type, union-attr]
        masks = masks * len(self.words) if len(masks) == 1 else masks
        weights = list(self.weights) if self.weights is not None else [1 / len(self.words)] * len(self.words)
        if not len(masks) == len(weights) == len(self.words):
            raise ValueError(
                f"expected one mask and one weight for each of {len(self.words)} words, "
                f"got {len(masks)} masks and {len(weights)} weights"
            )
        if not all(0 <= weight <= 1 for weight in weights) or abs(sum(weights) - 1) > 1e-6:
            raise ValueError(f"expected weights of at least 0 that sum to 1, got {weights}; divide them by their sum")
        for mask in masks:
            if tuple(mask.shape) != (self.image.height, self.image.width):
                raise ValueError(
                    f"expected a mask of {self.image.width}x{self.image.height} like the image, "
                    f"got {mask.shape[1]}x{mask.shape[0]}; resize the mask"
                )
        return tuple(Goal(*g) for g in zip(self.words, masks, weights, strict=True))

    @cached_property
    def region(self) -> Float[Tensor, "h w"]:
        """All masks together, in 0-1; overlaps count once."""
        return union([g.mask for g in self.goals])

    def fit(self, width: int, height: int) -> tuple["Task", "Frame"]:
        """The task at a model's size: image and masks cropped alike to its aspect, around the mask, and resized.

        A mask that is thinner than the model's pixels is raised until its brightest is covered. ValueError where the
        masks do not fit into the largest window of that aspect.
        """
        frame = Frame.around(self.region, width, height)
        masks = tuple(frame.cut_mask(g.mask, width, height) for g in self.goals)
        return replace(self, image=frame.cut(self.image, width, height), mask=masks), frame


@dataclass(frozen=True)
class Frame:
    """A window of a picture, in pixels: what `Task.fit` cut out, and where the result belongs."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def around(cls, mask: Float[Tensor, "h w"], width: int, height: int) -> "Frame":
        """The largest window of this aspect, placed so that the mask lies as near its middle as the picture allows."""
        h, w_ = mask.shape
        scale = min(w_ / width, h / height)
        wide, high = max(1, round(width * scale)), max(1, round(height * scale))
        rows, columns = torch.nonzero(mask >= 0.5, as_tuple=True)
        across, down = (int(places.max() - places.min()) + 1 for places in (columns, rows))
        if across > wide or down > high:
            raise ValueError(
                f"expected a mask within {wide}x{high}, the largest part of this picture that the model sees at once, "
                f"got one of {across}x{down}; mask less, or widen the picture to {max(w_, h)}x{max(w_, h)}"
            )
        left = _placed((int(columns.min()) + int(columns.max()) + 1) / 2, wide, w_)
        top = _placed((int(rows.min()) + int(rows.max()) + 1) / 2, high, h)
        return cls(left, top, left + wide, top + high)

    @property
    def box(self) -> tuple[int, int, int, int]:
        return self.left, self.top, self.right, self.bottom

    def cut(self, image: Image.Image, width: int, height: int) -> Image.Image:
        return image.crop(self.box).resize((width, height), Image.Resampling.LANCZOS)

    def cut_mask(self, mask: Float[Tensor, "h w"], width: int, height: int) -> Float[Tensor, "height width"]:
        part = mask[self.top : self.bottom, self.left : self.right][None, None]
        small = torch.nn.functional.interpolate(part, (height, width), mode="area")[0, 0]
        return small / small.max()

    def paste(self, image: Image.Image, part: Image.Image, mask: Float[Tensor, "h w"] | None = None) -> Image.Image:
        """`part` back in its place at the original size; with a mask, only there, its edge softened."""
        size = (self.right - self.left, self.bottom - self.top)
        out, scaled = image.copy(), part.resize(size, Image.Resampling.LANCZOS)
        if mask is None:
            out.paste(scaled, self.box)
            return out
        soft = max(1, round(max(size) / 128))
        window = mask[self.top : self.bottom, self.left : self.right]
        alpha = Image.fromarray((window.numpy() * 255).astype(np.uint8))
        alpha = alpha.filter(ImageFilter.MaxFilter(2 * soft + 1)).filter(ImageFilter.GaussianBlur(soft))
        out.paste(scaled, self.box, alpha)
        return out


def _placed(middle: float, length: int, room: int) -> int:
    return min(max(round(middle - length / 2), 0), room - length)


def _several(words: object) -> tuple[str, ...]:
    edit_words = (words,) if isinstance(words, str) else words
    if not isinstance(edit_words, list | tuple) or not all(isinstance(word, str) for word in edit_words):
        raise ValueError(f"expected edit words as texts, got {edit_words!r:.60}; name a word of the target prompt")
    return tuple(edit_words)


def _require_texts(source: object, target: object, negative: object) -> None:
    for name, prompt in {"source": source, "target": target, "negative": "" if negative is None else negative}.items():
        if not isinstance(prompt, str):
            raise ValueError(f"expected a text as {name} prompt, got {type(prompt).__name__}; say what is to be seen")
