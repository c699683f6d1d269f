"""What was asked of a room, and the pixels that say whether it came true."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool
from PIL import Image
from scipy import ndimage

from ...scenes.room import COLOURS, FINISHES, Scene, shade

Area = Bool[np.ndarray, "h w"]
RING = 10  # pixels
RIM = 2  # pixels beside a silhouette that belong to neither side


@dataclass(frozen=True, eq=False)
class Edit:
    """Thing `index` of `source` shall be as in `ideal`.

    change: colour, finish, object, part or removal. part: the part's name, for that change alone.
    """

    source: Scene
    ideal: Scene
    index: int
    change: str
    part: str = ""

    @cached_property
    def mask(self) -> np.ndarray:
        """What the user marks, [h, w] in 0-1: the thing in the source, or its part."""
        return self.source.parts[self.index, self.part] if self.part else self.source.masks[self.index]

    @cached_property
    def asked(self) -> Area:
        """Old and new silhouette together."""
        if self.change == "object":
            return (self.mask > 0) | (self.ideal.masks[self.index] > 0)
        return self.mask > 0

    @cached_property
    def ring(self) -> Area:
        """From `RIM` to `RING` pixels around the silhouettes."""
        return grown(self.asked, RING) & ~grown(self.asked, RIM)

    @cached_property
    def rest(self) -> Area:
        """All beyond the ring."""
        return ~grown(self.asked, RING)

    def others(self) -> list[tuple[int, Area]]:
        """The ideal scene's other things with their own pixels outside the edit, at least 60 of each."""
        free = ~grown(self.asked, RIM)
        gone = self.change == "removal"
        areas = [(i, (self.ideal.worn[i] > 0.99) & free) for i in range(len(self.ideal.things))]
        return [(i, a) for i, a in areas if (gone or i != self.index) and a.sum() >= 60]

    @cached_property
    def worn(self) -> Area:
        """Where the ideal's edited thing or part shows what was asked; the vacated place after a removal."""
        if self.change == "removal":
            return self.mask > 0.99
        shown = self.mask if self.part else self.ideal.worn[self.index]
        return shown > 0.99


def grown(area: Area, by: int) -> Area:
    """The area and all within `by` pixels of it."""
    return np.asarray(ndimage.distance_transform_edt(~area) <= by)


def pixels(image: Image.Image | np.ndarray) -> np.ndarray:
    """A picture as uint8 [h, w, 3]."""
    return np.asarray(image.convert("RGB") if isinstance(image, Image.Image) else image)


def candidates(scene: Scene, index: int, name: str, part: str = "") -> dict[str, np.ndarray]:
    """The scene in each colour or finish that thing `index` (or its part) can have, under its own light, by name."""
    thing, found = scene.things[index], {}
    for value in COLOURS if name == "colour" else FINISHES:
        own = tuple(p for p in thing.part_colours if p[0] != part)
        new = replace(thing, part_colours=(*own, (part, value))) if part else replace(thing, **{name: value})  # type: ignore[arg-type]
        things = tuple(new if i == index else t for i, t in enumerate(scene.things))
        found[value] = shade(scene.geometry, replace(scene, things=things))
    return found
