"""A zoo of cheats: pictures that please a judge of colour means or of words, and are no edit."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image

from ...scenes.room import KINDS, Scene, edited, part_edited, removed
from .edit import Edit, grown, pixels

Picture = np.ndarray


def _paint(edit: Edit) -> np.ndarray:
    """The mean colour of what was asked, uint8 units, [3]."""
    return np.asarray(pixels(edit.ideal.image)[edit.worn].mean(0))


def _filled(edit: Edit, area: np.ndarray, colour: np.ndarray) -> Picture:
    out = pixels(edit.source.image).astype(np.float64)
    out[area] = np.broadcast_to(colour, out.shape)[area]
    return np.clip(out + 0.5, 0, 255).astype(np.uint8)


def flat(edit: Edit) -> Picture:
    """The silhouette filled with one colour."""
    return _filled(edit, edit.asked, _paint(edit))


def rectangle(edit: Edit) -> Picture:
    """The box around the silhouette filled with one colour."""
    rows, columns = np.nonzero(edit.asked)
    area = np.zeros_like(edit.asked)
    area[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    return _filled(edit, area, _paint(edit))


def tint(edit: Edit) -> Picture:
    """Half source, half paint."""
    return _filled(edit, edit.asked, (pixels(edit.source.image) + _paint(edit)) / 2)


def noise(edit: Edit) -> Picture:
    """Noise of the right mean."""
    rng = np.random.default_rng(0)
    return _filled(edit, edit.asked, _paint(edit) + rng.normal(0, 40, (*edit.asked.shape, 3)))


def paste(edit: Edit) -> Picture:
    """The same picture's other half in the silhouette: real texture of another thing."""
    return _filled(edit, edit.asked, pixels(edit.source.image)[::-1, ::-1])


def whole(edit: Edit) -> Picture:
    """The whole picture in one colour."""
    return _filled(edit, np.ones_like(edit.asked), _paint(edit))


def all_over(edit: Edit) -> Picture:
    """The right edit, and half a veil of its colour over all else."""
    veil = (pixels(edit.ideal.image) + _paint(edit)) / 2
    out = _filled(edit, np.ones_like(edit.asked), veil)
    out[edit.asked] = pixels(edit.ideal.image)[edit.asked]
    return out


def ruined_ring(edit: Edit) -> Picture:
    """The right edit, with all around it to 10 pixels smeared away."""
    out = pixels(edit.ideal.image).copy()
    ring = edit.ring | (grown(edit.asked, 2) & ~edit.asked)
    out[ring] = 255 - out[ring]
    return out


def wrong_one(edit: Edit) -> Picture:
    """The same edit done to another thing: a look-alike where there is one."""
    things, thing = edit.source.things, edit.source.things[edit.index]
    order = sorted((i for i in range(len(things)) if i != edit.index), key=lambda i: things[i].kind != thing.kind)
    for other in order:
        try:
            return pixels(_same(edit, other).image)
        except ValueError:
            continue
    return pixels(edit.source.image)


def _same(edit: Edit, other: int) -> Scene:
    """The edit's change on another thing; ValueError where it can't be made or changes nothing."""
    if edit.change == "removal":
        return removed(edit.source, other)
    made = edit.ideal.things[edit.index]
    if edit.change == "part":
        own = [p.name for p in KINDS[edit.source.things[other].kind].parts]
        part = edit.part if edit.part in own else own[0]
        return part_edited(edit.source, other, part, dict(made.part_colours)[edit.part])
    name = {"object": "kind"}.get(edit.change, edit.change)
    return edited(edit.source, other, **{name: getattr(made, name)})


CHEATS: dict[str, Callable[[Edit], Picture]] = {
    "flat": flat, "rectangle": rectangle, "tint": tint, "noise": noise, "paste": paste, "whole": whole,
    "veil": all_over, "ring": ruined_ring, "wrong one": wrong_one,
}  # fmt: skip
RIGHT: dict[str, Callable[[Edit], Picture]] = {
    "ideal": lambda edit: pixels(edit.ideal.image),
    "ideal, JPEG 60": lambda edit: _jpeg(edit.ideal.image),
}
WRONG: dict[str, Callable[[Edit], Picture]] = {"source": lambda edit: pixels(edit.source.image), **CHEATS}


def _jpeg(image: Image.Image) -> Picture:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=60)
    return pixels(Image.open(buffer))
