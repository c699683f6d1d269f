"""A scene: a room with its picture, its masks and its captions."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from PIL import Image

from .captions import describe, written
from .shading import shade
from .things import SIZE, Room, own_parts
from .tracing import Geometry, trace


@dataclass(frozen=True)
class Scene(Room):
    """A room that is traced and coloured when its picture or its masks are first asked for."""

    @cached_property
    def geometry(self) -> Geometry:
        """What is seen where, at `SIZE`; the same for all colours and finishes."""
        return trace(self)

    @cached_property
    def _pixels(self) -> np.ndarray:
        return shade(self.geometry, self)

    @property
    def image(self) -> Image.Image:
        """The picture, RGB, 256x256."""
        return Image.fromarray(self._pixels)

    @cached_property
    def masks(self) -> Float[np.ndarray, "things h w"]:
        """The visible part of each thing in 0-1, [things, 256, 256], in the order of `things`."""
        return self.geometry.masks()

    @cached_property
    def parts(self) -> dict[tuple[int, str], Float[np.ndarray, "h w"]]:
        """The visible part of each part of each thing in 0-1, [256, 256], by (thing, part)."""
        return self.geometry.parts()

    @cached_property
    def worn(self) -> Float[np.ndarray, "things h w"]:
        """Where each thing shows its own colour (a lamp's shade, not its post), 0-1, [things, 256, 256]."""
        return np.stack([sum((self.parts[i, name] for name in own_parts(t)), np.zeros((SIZE, SIZE), np.float32))
                         for i, t in enumerate(self.things)])  # fmt: skip

    def caption(self, seed: int = 0, drop: float = 0.2) -> str:
        """A caption of the scene; `seed` sets the order of the things and what is left out."""
        return written(word for word, _ in describe(self, np.random.default_rng(seed), drop))
