"""See what guidance does at each nudge of a run: where its gradient acts, how large it is, and how far it moves z."""

import json
from typing import Any

import anywidget
import numpy as np
import traitlets

import magedit_lab as mag

from .shared import images
from .shared.base import Still, Validated
from .shared.esm import CSS, esm
from .shared.planes import Planes, rounded, top
from .shared.validation import index_within

CURVES = ("inside", "outside", "step_size", "moved")


class GradientInspector(Validated, Still, anywidget.AnyWidget):
    """The gradient's size at each nudge of a Trace, as a map and as curves; needs no model.

    step, nudge: which one is shown; a step without nudges, or a nudge that it lacks, raises TraitError.
    term: "" for the gradient of the whole loss; or a word, for that of its own loss, where the trace has it
        (`MagEdit(per_term=True)`).
    scale: the map's colours reach to the largest gradient of the whole "run", or of each "nudge" by itself.
    view: overlay (over the picture), or map alone.
    """

    _esm = esm("gradient_inspector.js")
    _css = CSS

    step = traitlets.Int().tag(sync=True)
    nudge = traitlets.Int(0).tag(sync=True)
    term = traitlets.Unicode().tag(sync=True)
    scale = traitlets.Enum(("run", "nudge"), "run").tag(sync=True)
    view = traitlets.Enum(("overlay", "map"), "overlay").tag(sync=True)
    opacity = traitlets.Float(0.85, min=0.0, max=1.0).tag(sync=True)
    status = traitlets.Unicode().tag(sync=True)
    _meta: "traitlets.Dict[str, Any]" = traitlets.Dict().tag(sync=True)
    _maps = traitlets.Bytes().tag(sync=True)
    _mask = traitlets.Bytes().tag(sync=True)
    _picture = traitlets.Bytes().tag(sync=True)
    _palette = traitlets.Bytes(images.CIVIDIS).tag(sync=True)

    def __init__(self, trace: mag.Trace, **settings: Any) -> None:
        self._counts = {i: len(nudges) for i, nudges in enumerate(trace.terms) if nudges}
        if not self._counts:
            raise ValueError(f"expected a trace of guidance, got {trace}; run MagEdit with iterations > 0")
        if not trace.keep.gradients:
            raise ValueError(f"expected a trace that keeps gradients, got {trace.keep}; run with Keep(gradients=True)")
        self.trace = trace
        self._apart = trace.term_words if trace.keeps("term_maps") else []
        super().__init__(**{"step": next(iter(self._counts)), **settings, **self._packed()})

    def _packed(self) -> dict[str, Any]:
        """Each map scaled to its own top, and every curve, nudge after nudge."""
        places = [(step, nudge) for step, count in self._counts.items() for nudge in range(count)]
        rows, columns = (np.array(axis) for axis in zip(*places, strict=True))
        planes, tops = Planes(), []
        for word in ["", *self._apart]:
            maps = self.trace.term_gradient_maps(word) if word else self.trace.gradient_maps
            for place in places:
                tops.append(top(maps[place]))
                planes.add(maps[place], tops[-1])
        height, width = maps.shape[-2:]
        curves = {name: self.trace.gradients[name][rows, columns] for name in CURVES}
        for word in self._apart:
            curves |= {f"{k} {word}": v[rows, columns] for k, v in self.trace.term_gradients(word).items()}
        terms = {word: self.trace.term(word)[rows, columns] for word in self.trace.term_words}
        meta = {
            "places": [list(p) for p in places], "tops": rounded(np.array(tops)), "width": width, "height": height,
            "curves": {k: rounded(v) for k, v in curves.items()}, "terms": {k: rounded(v) for k, v in terms.items()},
            "times": list(self.trace.times), "apart": self._apart,
        }  # fmt: skip
        mask = mag.masks.to_cells(self.trace.task.region, height, width).numpy().astype(np.uint8)
        picture = images.small(self.trace.task.image)
        return {"_meta": meta, "_maps": planes.tobytes(), "_mask": mask.tobytes(), "_picture": picture}

    @property
    def payload(self) -> int:
        """Bytes that went to the browser, picture and numbers included."""
        return sum(map(len, (self._maps, self._mask, self._picture, json.dumps(self._meta))))

    @traitlets.validate("term")
    def _term_is_there(self, proposal: Any) -> str:
        if proposal.value not in ("", *self._apart):
            known = ", ".join(map(repr, ("", *self._apart)))
            raise traitlets.TraitError(f"expected a term of {known}, got {proposal.value!r}; run with per_term=True")
        return proposal.value

    @traitlets.validate("step")
    def _step_is_guided(self, proposal: Any) -> int:
        if proposal.value not in self._counts:
            known = ", ".join(map(str, self._counts))
            raise traitlets.TraitError(f"expected a guided step, got {proposal.value}; they are: {known}")
        return proposal.value

    @traitlets.validate("nudge")
    def _nudge_is_one(self, proposal: Any) -> int:
        return index_within(f"a nudge of step {self.step}", proposal.value, self._counts[self.step])

    @traitlets.observe("step")
    def _has_it_the_nudge(self, _: Any) -> None:
        self.nudge = min(self.nudge, self._counts[self.step] - 1)

    @property
    def sentence(self) -> str:
        """What there is to see."""
        gradients = self.trace.gradients | (self.trace.term_gradients(self.term) if self.term else {})
        parts = {name: gradients[name][self.step, self.nudge] for name in CURVES}
        of = f" of the loss of “{self.term}”" if self.term else ""
        return (
            f"Gradient{of} at step {self.step}, nudge {self.nudge}: size {parts['inside']:.3g} inside the mask, "
            f"{parts['outside']:.3g} outside; the latent moved by {parts['moved']:.3g}"
        )

    def still(self) -> bytes:
        return mag.plots.gradient_maps(self.trace, word=self.term or None).png()
