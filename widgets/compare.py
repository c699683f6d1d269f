"""Before and after by a slider, and all results side by side under one zoom, with their scores."""

from collections.abc import Mapping
from typing import Any

import anywidget
import numpy as np
import traitlets
from PIL import Image

import magedit_lab as mag

from .shared import images
from .shared.base import Still, Validated
from .shared.esm import CSS, esm

SOURCE, MASK = "source", 128  # cells on the mask's longer side, enough for its outline


class Compare(Validated, Still, anywidget.AnyWidget):
    """results: traces, or pictures, by name. source: what they were made from; by default the first trace's picture.

    left, right: which two the slider compares, of the names and "source". position: where it stands, from 0, only
    right, to 1, only left. zoom: 1 to 8 for all pictures alike; centre: what lies in the middle, in 0-1.
    scores: for each name what `magedit_lab.bench.scores.of` gives; computed from the traces where nothing is passed.
    """

    _esm = esm("compare.js")
    _css = CSS

    left = traitlets.Unicode(SOURCE).tag(sync=True)
    right = traitlets.Unicode().tag(sync=True)
    position = traitlets.Float(0.5, min=0.0, max=1.0).tag(sync=True)
    zoom = traitlets.Float(1.0, min=1.0, max=8.0).tag(sync=True)
    centre: "traitlets.List[float]" = traitlets.List(traitlets.Float(), [0.5, 0.5], 2, 2).tag(sync=True)
    outlined = traitlets.Bool(False).tag(sync=True)
    status = traitlets.Unicode().tag(sync=True)
    _meta: "traitlets.Dict[str, Any]" = traitlets.Dict().tag(sync=True)
    _pictures: "traitlets.Dict[str, Any]" = traitlets.Dict().tag(sync=True)
    _mask = traitlets.Bytes().tag(sync=True)

    def __init__(
        self, results: Mapping[str, mag.Trace | Image.Image], source: Image.Image | None = None,
        scores: Mapping[str, mag.bench.scores.Scores] | None = None, **settings: Any,
    ) -> None:  # fmt: skip
        if not results or SOURCE in results:
            raise ValueError(f"expected results by names other than {SOURCE!r}, got {', '.join(results) or 'none'}")
        self.traces = {name: r for name, r in results.items() if isinstance(r, mag.Trace)}
        first = {} if source is None else {SOURCE: source}
        for trace in self.traces.values():
            first.setdefault(SOURCE, trace.task.image)
        self.pictures = {**first, **{name: _picture(name, result) for name, result in results.items()}}
        shapes = {round(picture.width / picture.height, 2) for picture in self.pictures.values()}
        if len(shapes) > 1:
            sizes = ", ".join(f"{name} {p.width}x{p.height}" for name, p in self.pictures.items())
            raise ValueError(f"expected pictures of one shape, got {sizes}; crop or resize them")
        if strange := set(scores or ()) - set(self.pictures):
            raise ValueError(f"expected scores of {', '.join(self.pictures)}, got some of {min(strange)!r}")
        self.scores = {name: mag.bench.scores.of(trace) for name, trace in self.traces.items()} | dict(scores or {})
        names = list(self.pictures)
        pair = {"left": names[0], "right": names[-1]}
        super().__init__(**{**pair, "_meta": {}, "_pictures": {}, **settings, **self._payload()})

    def _payload(self) -> dict[str, Any]:
        width, height = next(iter(self.pictures.values())).size
        lines = {name: mag.bench.scores.spoken(own) for name, own in self.scores.items()}
        meta = {"names": list(self.pictures), "scores": lines, "width": width, "height": height, "mask": [0, 0]}
        payload = {"_pictures": {name: images.png(picture) for name, picture in self.pictures.items()}, "_meta": meta}
        if not self.traces:
            return payload
        task = next(iter(self.traces.values())).task
        cells = [max(1, round(MASK * side / max(task.image.size))) for side in task.image.size]
        mask = mag.masks.to_cells(task.region, cells[1], cells[0]).numpy().astype(np.uint8)
        return {**payload, "_meta": {**meta, "mask": cells}, "_mask": mask.tobytes()}

    @traitlets.validate("left", "right")
    def _name_is_known(self, proposal: Any) -> str:
        if proposal.value not in self.pictures:
            known = ", ".join(self.pictures)
            raise traitlets.TraitError(f"expected a picture of {known}, got {proposal.value!r}")
        return proposal.value

    @traitlets.validate("centre")
    def _centre_lies_inside(self, proposal: Any) -> list[float]:
        if not all(0 <= x <= 1 for x in proposal.value):
            raise traitlets.TraitError(f"expected a centre of two numbers from 0 to 1, got {proposal.value}")
        return proposal.value

    @property
    def sentence(self) -> str:
        """What there is to see."""
        lines = [f"{name} ({', '.join(mag.bench.scores.spoken(own))})" for name, own in self.scores.items() if own]
        return f"“{self.left}” against “{self.right}”, of {len(self.pictures)} pictures. {'; '.join(lines)}".rstrip(
            ". "
        )

    def still(self) -> bytes:
        if len(self.traces) == len(self.pictures) - 1:
            return mag.plots.comparison(self.traces).png()
        return mag.plots.pictures(self.pictures, self.sentence).png()


def _picture(name: str, result: mag.Trace | Image.Image) -> Image.Image:
    if isinstance(result, Image.Image):
        return result.convert("RGB")
    if result.result is None:
        raise ValueError(f"expected a finished trace for {name!r}, got one without a result; run all steps")
    return result.result
