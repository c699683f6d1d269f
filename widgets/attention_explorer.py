"""Scrub through the attention of a run: all maps are sent to the browser once, so that nothing waits for the kernel."""

from typing import Any

import anywidget
import numpy as np
import traitlets

import magedit_lab as mag

from . import palette

BRANCHES = ("target", "source")


class AttentionExplorer(palette.Told, palette.Still, anywidget.AnyWidget):
    """Each word's map at each step of a Trace, its mean over heads and guided sites; needs no model.

    A word's colours mean the same at every step and in both branches: from 0 to the largest value of its maps.
    step, word, branch (target, source) and view (overlay, map) say what is shown; other values raise TraitError.
    """

    _esm = palette.esm("attention_explorer.js")
    _css = palette.CSS

    step = traitlets.Int(0).tag(sync=True)
    word = traitlets.Unicode().tag(sync=True)
    branch = traitlets.Enum(BRANCHES, "target").tag(sync=True)
    view = traitlets.Enum(("overlay", "map"), "overlay").tag(sync=True)
    opacity = traitlets.Float(0.65, min=0.0, max=1.0).tag(sync=True)
    status = traitlets.Unicode().tag(sync=True)
    _meta = traitlets.Dict().tag(sync=True)
    _maps = traitlets.Bytes().tag(sync=True)
    _masks = traitlets.Bytes().tag(sync=True)
    _pictures = traitlets.Dict().tag(sync=True)
    _palette = traitlets.Bytes(palette.CIVIDIS).tag(sync=True)

    def __init__(self, trace: mag.Trace, **settings: Any) -> None:
        if not trace.keep.attention or not trace.times:
            raise ValueError(f"expected a trace that keeps attention, got {trace}; run with Keep(attention=True)")
        self.trace = trace
        words = trace.words()
        self._words = words + [w for w in trace.words("source") if w not in words]
        first = mag.words.split(trace.task.words[0])[0]
        shown = {"word": first, "_meta": {}, "_pictures": self._drawn(), **settings}
        super().__init__(**{**shown, **self._sent()})

    def _sent(self) -> dict[str, Any]:
        """The maps as bytes, plane after plane, and where each begins."""
        planes: list[np.ndarray] = []
        masks: list[np.ndarray] = []
        words = []
        goals = {g.word: g.mask for g in self.trace.task.goals}
        for word in self._words:
            maps = {b: self.trace.attention(word, b) for b in BRANCHES if word in self.trace.words(b)}
            maps = {b: m for b, m in maps.items() if m.size and np.isfinite(m).any()}
            top = max((float(np.nanmax(m)) for m in maps.values()), default=0.0)
            at = {}
            for branch, stack in maps.items():
                at[branch] = len(planes)
                planes += list(np.nan_to_num(stack / (top or 1) * 255).round().astype(np.uint8))
            shape = next(iter(maps.values())).shape[1:] if maps else (1, 1)
            masks.append(mag.masks.to_cells(goals.get(word, self.trace.task.region), *shape).numpy().astype(np.uint8))
            words.append({"word": word, "top": top, "at": at, "share": {b: self._share(word, b) for b in maps}})
        height, width = planes[0].shape
        meta = {"words": words, "times": list(self.trace.times), "width": width, "height": height}
        meta["edited"] = list(self.trace.task.words)
        return {"_meta": meta, "_maps": np.stack(planes).tobytes(), "_masks": np.stack(masks).tobytes()}

    def _share(self, word: str, branch: str) -> list[float | None]:
        """The share inside the mask at each step; None where the branch was not run."""
        return [round(float(x), 5) if np.isfinite(x) else None for x in self.trace.share(word, branch)]

    def _drawn(self) -> dict[str, bytes]:
        source = self.trace.task.image
        pictures = {"source": source, "target": self.trace.result or source}
        return {name: palette.png(picture, 512) for name, picture in pictures.items()}

    @traitlets.validate("word")
    def _word_is_known(self, proposal: Any) -> str:
        if proposal.value not in self._words:
            known = ", ".join(self._words)
            raise traitlets.TraitError(f"expected a word of the prompts, got {proposal.value!r}; they are: {known}")
        return proposal.value

    @traitlets.validate("step")
    def _step_is_one(self, proposal: Any) -> int:
        steps = len(self.trace.times)
        if not 0 <= proposal.value < steps:
            raise traitlets.TraitError(f"expected a step from 0 to {steps - 1}, got {proposal.value}")
        return proposal.value

    @property
    def payload(self) -> int:
        """Bytes that went to the browser, pictures included."""
        return len(self._maps) + len(self._masks) + sum(map(len, self._pictures.values()))

    @property
    def sentence(self) -> str:
        """What there is to see."""
        where = f"step {self.step} of {len(self.trace.times)}"
        if self.branch not in self._at(self.word):
            return f"The {self.branch} branch has no attention of “{self.word}”"
        share = self._at(self.word)[self.branch][self.step]
        inside = "" if share is None else f", {share:.1%} of it inside the mask"
        return f"Attention of “{self.word}” in the {self.branch} branch at {where}{inside}"

    def _at(self, word: str) -> dict[str, list[float | None]]:
        return next(w["share"] for w in self._meta["words"] if w["word"] == word)

    def still(self) -> bytes:
        return mag.plots.attention_of_words(self.trace, self.branch, self.step).png()
