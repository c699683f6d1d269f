"""Several named parts of one list of strokes, each bound to an edit word and a weight (Eq. 5)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from PIL import Image

from .strokes import FIRST, Stroke, check, rasterise
from .strokes import loads as read

MOST = 12


@dataclass(frozen=True)
class Region:
    """A part to be painted: its strokes have its name as `region`. An empty word is one that is not chosen yet.

    weight: the word's share of the loss; the lambdas of Eq. 5 are the weights over their sum.
    """

    name: str = FIRST
    word: str = ""
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name) > 40:
            raise ValueError(f"expected a region's name of 1 to 40 letters, got {self.name[:50]!r}; name it anew")
        if not 0 <= self.weight < float("inf"):
            raise ValueError(f"expected a weight of 0 or more for region {self.name!r}, got {self.weight:g}")


def parse(value: object) -> list[Region]:
    """Regions from dicts (JSON), at least one, each name once; ValueError in one line for anything else."""
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= MOST:
        raise ValueError(f"expected a list of 1 to {MOST} regions, got {str(value)[:60]!r}")
    if wrong := [g for g in value if not isinstance(g, Mapping) or {*g} - {"name", "word", "weight"}]:
        raise ValueError(f"expected regions with name, word and weight, got {str(wrong[0])[:60]!r}")
    regions = [_parsed({**asdict(Region()), **g}) for g in value]
    if len({r.name for r in regions}) < len(regions):
        raise ValueError(f"expected a name of its own for each region, got {', '.join(r.name for r in regions)}")
    return regions


def _parsed(fields: Mapping[str, Any]) -> Region:
    name, word, weight = fields["name"], fields["word"], fields["weight"]
    if not isinstance(name, str) or not isinstance(word, str):
        raise ValueError(f"expected texts for a region's name and word, got {str((name, word))[:60]}")
    if isinstance(weight, bool) or not isinstance(weight, int | float):
        raise ValueError(f"expected a number for the weight of region {name[:40]!r}, got {str(weight)[:20]!r}")
    return Region(name, word, float(weight))


def of_region(strokes: Sequence[Stroke], name: str) -> list[dict[str, Any]]:
    """The strokes of one region, in their order."""
    return [s for s in check(strokes) if s.get("region", FIRST) == name]


def masks(
    strokes: Sequence[Stroke], regions: Sequence[Region], image: Image.Image
) -> dict[str, Float[np.ndarray, "h w"]]:
    """Each region's mask at the image's size, 0 or 1, by its name; empty where nothing is painted."""
    return {r.name: rasterise(of_region(strokes, r.name), *image.size, image) for r in regions}


def lambdas(regions: Sequence[Region]) -> list[float]:
    """The weights over their sum, as Eq. 5 wants them; ValueError where all are 0."""
    total = sum(r.weight for r in regions)
    if total == 0:
        raise ValueError("expected a region with a weight above 0, got 0 for all; raise one")
    return [r.weight / total for r in regions]


def goals(strokes: Sequence[Stroke], regions: Sequence[Region], image: Image.Image) -> dict[str, Any]:
    """What `Task` needs for several words: Task(image, source=..., target=..., **goals) with mask, words, weights.

    Raises ValueError for a region without a word, or with nothing painted.
    """
    painted = masks(strokes, regions, image)
    for region in regions:
        if not region.word:
            raise ValueError(f"expected a word for region {region.name!r}, got none; choose an edit word for it")
        if not painted[region.name].any():
            raise ValueError(f"expected a painted region {region.name!r}, got an empty one; paint it or remove it")
    return {"mask": list(painted.values()), "words": [r.word for r in regions], "weights": lambdas(regions)}


def dumps(strokes: Sequence[Stroke], regions: Sequence[Region]) -> str:
    """Strokes and regions as JSON; `strokes.loads` reads the strokes of it too."""
    return json.dumps({"schema": 1, "strokes": check(strokes), "regions": [asdict(r) for r in regions]})


def loads(text: str) -> tuple[list[dict[str, Any]], list[Region]]:
    """What `dumps` or `strokes.dumps` wrote; ValueError in one line for anything else."""
    strokes = read(text)
    regions = parse(json.loads(text).get("regions", [asdict(Region())]))
    names = {r.name for r in regions}
    if strange := {s.get("region", FIRST) for s in strokes} - names:
        raise ValueError(f"expected strokes of the regions {', '.join(names)}, got one of {min(strange)!r}")
    return strokes, regions
