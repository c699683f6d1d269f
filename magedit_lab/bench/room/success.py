"""Success: the asked thing has what was asked, and every other thing is as before. Judged by the world, not by a model.

All comparisons are in CIELAB (Delta E 1976). What a thing can be is known exactly: the same geometry in each colour and
finish. So a colour or finish is right where none of the others is nearer, under the scene's own light and shadow.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from PIL import Image

from . import colour as c
from .edit import Area, Edit, candidates, pixels
from .structure import structure

Numbers = Callable[[np.ndarray, Area], np.ndarray]
FAR = 20.0  # Delta E of a pixel that is another colour to anyone
CLOSER = 0.5  # an edit's distance to the ideal over its distance to the source, at most: more than half of it is done
ALTERED = 0.3  # share of another thing's pixels that may be far off
SPOILT = 0.25  # share of the ring's pixels that may be
SHIFTED = 0.1  # and of the rest of the picture
SHADED = 0.6  # least correlation of light and shadow with the ideal's, where it has any
FLAT = 1.0  # standard deviation of lightness beneath which a thing has none
GRAIN = 2.0  # times the ideal's, or this many units of lightness
OUTLINE = 0.5  # structure distance to the ideal, at most, where a shape was asked


@dataclass(frozen=True)
class Verdict:
    """What was judged, each True where it is right.

    done: the result is nearer to the ideal than to the source. colour, finish: of the edited thing. shaded: light and
    shadow on it. shape: its silhouette. others: every other thing. ring, rest: around the silhouette and beyond.
    """

    done: bool
    colour: bool
    finish: bool
    shaded: bool
    shape: bool
    others: bool
    ring: bool
    rest: bool

    @property
    def success(self) -> bool:
        return not self.failed

    @property
    def failed(self) -> tuple[str, ...]:
        return tuple(f.name for f in fields(self) if not getattr(self, f.name))


class Judge:
    """Judges results of one edit; what the scene could be is drawn once. Raises ValueError for pictures not 256x256."""

    def __init__(self, edit: Edit) -> None:
        self.edit = edit
        self.source, self.ideal = (c.lab(pixels(s.image)) for s in (edit.source, edit.ideal))
        asked = edit.change != "removal"
        self.colours = self._drawn(edit.index, "colour", edit.part) if asked else {}
        self.finishes = self._drawn(edit.index, "finish") if asked else {}
        self.others = [(i, area, self._drawn(i, "colour")) for i, area in edit.others()]

    def _drawn(self, index: int, name: str, part: str = "") -> dict[str, np.ndarray]:
        """The ideal scene in Lab with each colour (of a part) or finish of a thing."""
        return {k: c.lab(v) for k, v in candidates(self.edit.ideal, index, name, part).items()}

    def __call__(self, result: Image.Image | np.ndarray) -> Verdict:
        """The verdict on a result, 256x256."""
        image = pixels(result)
        if image.shape != self.ideal.shape:
            raise ValueError(f"expected a picture of {self.ideal.shape[:2]}, got {image.shape[:2]}; resize it")
        found, edit = c.lab(image), self.edit
        far = c.apart(c.blurred(found), c.blurred(self.ideal)) > FAR
        return Verdict(
            done=self._done(found),
            colour=self._is(found, self.colours, edit.worn, self._colour(), c.spread),
            finish=self._is(found, self.finishes, edit.worn, self._finish(), c.spectrum),
            shaded=self._shaded(found),
            shape=edit.change not in ("object", "removal") or structure(edit, image)["structure"] <= OUTLINE,
            others=all(self._kept(found, far, *other) for other in self.others),
            ring=bool(far[edit.ring].mean() <= SPOILT) if edit.ring.any() else True,
            rest=bool(far[edit.rest].mean() <= SHIFTED) if edit.rest.any() else True,
        )  # fmt: skip

    def _colour(self) -> str:
        thing = self.edit.ideal.things[min(self.edit.index, len(self.edit.ideal.things) - 1)]
        return dict(thing.part_colours).get(self.edit.part, thing.colour)

    def _finish(self) -> str:
        things = self.edit.ideal.things
        return things[min(self.edit.index, len(things) - 1)].finish

    @staticmethod
    def _is(found: np.ndarray, known: dict[str, np.ndarray], area: Area, asked: str, what: Numbers) -> bool:
        """Whether the asked candidate is the nearest by some numbers of the area; True where there are none."""
        if not known:
            return True
        return c.nearest(what(found, area), {k: what(v, area) for k, v in known.items()}) == asked

    def _done(self, found: np.ndarray) -> bool:
        """More than half way from source to ideal, in the quantiles of where the two differ and in single pixels."""
        differs = self.edit.asked & (c.apart(self.source, self.ideal) > FAR / 4)
        if not differs.any():
            return False
        new, old, ideal = (c.spread(p, differs) for p in (found, self.source, self.ideal))
        by_colour = np.abs(new - ideal).mean() <= CLOSER * max(np.abs(old - ideal).mean(), 1e-9)
        if self.edit.change == "finish":  # a pattern may begin elsewhere
            return bool(c.apart(found, self.source)[differs].mean() > FAR / 4)
        away = [float(np.median(c.apart(found, p)[differs])) for p in (self.ideal, self.source)]
        return bool(away[0] <= CLOSER * away[1] and (by_colour or self.edit.change == "removal"))

    def _shaded(self, found: np.ndarray) -> bool:
        """Light and shadow as in the ideal (coarse lightness correlates), and no noise over them."""
        area = self.edit.worn
        if not area.any():
            return False
        light = [c.smooth(p[..., 0], area, 4.0)[area] for p in (found, self.ideal)]
        grain = c.grain(found, area) <= GRAIN * max(c.grain(self.ideal, area), 1.0)
        if light[1].std() < FLAT:
            return grain
        return bool(grain and light[0].std() > 0 and np.corrcoef(*light)[0, 1] >= SHADED)

    def _kept(self, found: np.ndarray, far: np.ndarray, index: int, area: Area, colours: dict[str, np.ndarray]) -> bool:
        """Another thing's own colour is the nearest, and most of its pixels are as before."""
        own = self.edit.ideal.things[index].colour
        return bool(far[area].mean() <= ALTERED) and self._is(found, colours, area, own, c.spread)
