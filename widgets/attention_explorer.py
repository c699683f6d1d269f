"""Scrub through the attention of a run: all maps are sent to the browser once, so that nothing waits for the kernel."""

import json
from typing import Any

import anywidget
import numpy as np
import traitlets

import magedit_lab as mag
from magedit_lab.trace.measured import END, START

from .shared import images
from .shared.base import Still, Validated
from .shared.esm import CSS, esm
from .shared.planes import Planes, rounded, top
from .shared.validation import index_within

BRANCHES = ("target", "source")
BUDGET = 1_900_000  # bytes that go to the browser; maps by head are sent for fewer steps where they would be more
SIDE = 192  # pixels of a foreseen picture


class AttentionExplorer(Validated, Still, anywidget.AnyWidget):
    """Each word's map at each step of a Trace, and at each nudge, site and head for the edit words; needs no model.

    step, word (of the prompts, or START or END: the end token with all padding behind it), branch (target, source,
        both) and view (overlay, map) say what is shown; other values raise TraitError. The target's map lies over the
        picture that its step foresees, as opaque as attention is high; without previews over the finished picture.
    smooth: drawn smoothly between the middles of cells, else each cell for itself.
    nudge: the map before this nudge of the step; None is the step's own, after all nudges.
    site, head: of a guided site and one of its heads; "" and None are the means over them.
    A word's colours mean the same at every step and nudge and in both branches, from 0 to the largest value of its
    maps; those of a site or head, at every step.
    """

    _esm = esm("attention_explorer.js")
    _css = CSS

    step = traitlets.Int(0).tag(sync=True)
    nudge = traitlets.Int(None, allow_none=True).tag(sync=True)
    word = traitlets.Unicode().tag(sync=True)
    branch = traitlets.Enum((*BRANCHES, "both"), "target").tag(sync=True)
    site = traitlets.Unicode().tag(sync=True)
    head = traitlets.Int(None, allow_none=True).tag(sync=True)
    view = traitlets.Enum(("overlay", "map"), "overlay").tag(sync=True)
    smooth = traitlets.Bool(False).tag(sync=True)
    opacity = traitlets.Float(0.8, min=0.0, max=1.0).tag(sync=True)
    status = traitlets.Unicode().tag(sync=True)
    _meta: "traitlets.Dict[str, Any]" = traitlets.Dict().tag(sync=True)
    _maps = traitlets.Bytes().tag(sync=True)
    _masks = traitlets.Bytes().tag(sync=True)
    _foreseen: "traitlets.List[Any]" = traitlets.List().tag(sync=True)
    _pictures: "traitlets.Dict[str, Any]" = traitlets.Dict().tag(sync=True)
    _palette = traitlets.Bytes(images.CIVIDIS).tag(sync=True)

    def __init__(self, trace: mag.Trace, **settings: Any) -> None:
        if not trace.keep.attention or not trace.times:
            raise ValueError(f"expected a trace that keeps attention, got {trace}; run with Keep(attention=True)")
        self.trace = trace
        known = [*trace.words(), *trace.words("source"), START, END]
        self._words = [w for w in dict.fromkeys(known) if any(self._has(w, b) for b in BRANCHES)]
        self._iterations = trace.losses.shape[1]
        self._heads = self._counted()
        pictures = {"source": trace.task.image, "target": trace.result or trace.task.image}
        previews = trace.previews if trace.keep.previews else []
        foreseen = [images.jpeg(picture, SIDE, 80) for picture in previews]
        packed = self._packed({name: images.small(picture) for name, picture in pictures.items()}, foreseen)
        first = mag.prompts.words.split(trace.task.words[0])[0]
        super().__init__(**{"word": first, "_meta": {}, "_pictures": {}, **settings, **packed})

    # ------------------------------------------------------------ what goes to the browser

    def _has(self, word: str, branch: str) -> bool:
        """Whether a branch's prompt has a word, and traces of this age have its column."""
        try:
            return bool(self.trace.columns(word, branch))
        except ValueError:
            return False

    def _edited(self, word: str) -> bool:
        return word in {part for edit in self.trace.task.words for part in mag.prompts.words.split(edit)}

    def _counted(self) -> dict[str, int]:
        """How many heads each site has; empty where the trace kept none."""
        if not self.trace.keep.heads:
            return {}
        word = mag.prompts.words.split(self.trace.task.words[0])[0]
        return {site: maps.shape[1] for site, maps in self.trace.head_attention(word).items()}

    def _packed(self, pictures: dict[str, bytes], foreseen: list[bytes]) -> dict[str, Any]:
        """All maps as bytes, and for each word where its maps lie and what share of them is inside its mask."""
        planes, masks = Planes(), []
        words = [self._means(planes, word) for word in self._words]
        goals = {g.word: g.mask for g in self.trace.task.goals}
        height, width = self.trace.attention(self._words[0]).shape[1:]
        for name in self._words:
            cells = mag.masks.to_cells(goals.get(name, self.trace.task.region), height, width)
            masks.append(cells.numpy().astype(np.uint8))
        room = BUDGET - planes.size - sum(map(len, (*pictures.values(), *foreseen)))
        every = self._every(room, height * width)
        for word in words:
            word["sites"] = self._by_head(planes, word["word"], every) if word["edited"] else {}
        meta = {
            "words": words, "times": list(self.trace.times), "width": width, "height": height, "every": every,
            "iterations": self._iterations, "heads": self._heads,
        }  # fmt: skip
        arrays: dict[str, Any] = {"_maps": planes.tobytes(), "_masks": np.stack(masks).tobytes(), "_pictures": pictures}
        arrays["_foreseen"] = foreseen
        return {"_meta": meta, **arrays}

    def _means(self, planes: Planes, word: str) -> dict[str, Any]:
        """A word's maps averaged over heads and sites: at each step of each branch, and at each nudge."""
        maps = {b: self.trace.attention(word, b) for b in BRANCHES if self._has(word, b)}
        maps = {b: m for b, m in maps.items() if m.size and np.isfinite(m).any()}
        edited = self._edited(word)
        inner = self.trace.inner_attention(word) if edited and self._nudged else None
        most = top(*maps.values(), *([] if inner is None else [inner]))
        entry: dict[str, Any] = {"word": word, "top": most, "edited": edited}
        entry["at"] = {b: planes.add(m, most) for b, m in maps.items()}
        entry["share"] = {b: rounded(self.trace.inside(m, word)) for b, m in maps.items()}
        if inner is not None:
            entry["inner"] = {"at": planes.add(inner, most), "share": rounded(self.trace.inside(inner, word))}
        return entry

    @property
    def _nudged(self) -> bool:
        """Whether the edit words' maps were kept at every nudge."""
        return self.trace.keeps("inner_attention")

    def _every(self, room: int, cells: int) -> int:
        """Every how many steps maps by head are sent, so that all fits into the room."""
        words = sum(map(self._edited, self._words))
        whole = words * sum(1 + n for n in self._heads.values()) * len(self.trace.times) * cells
        return min(len(self.trace.times), -(-whole // max(room, 1))) if whole else 1

    def _by_head(self, planes: Planes, word: str, every: int) -> dict[str, Any]:
        """For each site its mean ("") and its heads, each on a scale of its own."""
        by_site: dict[str, Any] = {}
        for site, maps in (self.trace.head_attention(word) if self._heads else {}).items():
            lots = {"": maps.mean(1), **{str(i): maps[:, i] for i in range(maps.shape[1])}}
            by_site[site] = {
                name: {"at": planes.add(lot[::every], top(lot)), "top": top(lot),
                       "share": rounded(self.trace.inside(lot, word))}
                for name, lot in lots.items()
            }  # fmt: skip
        return by_site

    @property
    def payload(self) -> int:
        """Bytes that went to the browser, pictures and numbers included."""
        return sum(
            map(len, (self._maps, self._masks, *self._pictures.values(), *self._foreseen, json.dumps(self._meta)))
        )

    # ------------------------------------------------------------ what can be chosen

    @traitlets.validate("word")
    def _word_is_known(self, proposal: Any) -> str:
        if proposal.value not in self._words:
            known = ", ".join(self._words)
            raise traitlets.TraitError(f"expected a word of the prompts, got {proposal.value!r}; they are: {known}")
        return proposal.value

    @traitlets.validate("step")
    def _step_is_one(self, proposal: Any) -> int:
        return index_within("a step", proposal.value, len(self.trace.times))

    @traitlets.validate("nudge")
    def _nudge_is_one(self, proposal: Any) -> int | None:
        value = proposal.value
        return value if value is None else index_within("a nudge", value, self._iterations)

    @traitlets.validate("site")
    def _site_is_one(self, proposal: Any) -> str:
        if proposal.value and proposal.value not in self._heads:
            known = ", ".join(self._heads) or "none"
            raise traitlets.TraitError(f"expected a site of {known}, got {proposal.value!r}")
        return proposal.value

    @traitlets.validate("head")
    def _site_has_the_head(self, proposal: Any) -> int | None:
        value, site = proposal.value, self.site
        return value if value is None else index_within(f"a head of {site or 'a site'}", value, self._count(site))

    @traitlets.observe("site")
    def _has_it_the_head(self, _: Any) -> None:
        if self.head is not None and self.head >= self._count(self.site):
            self.head = None

    def _count(self, site: str) -> int:
        return self._heads.get(site, 0)

    # ------------------------------------------------------------ what there is to see

    @property
    def sentence(self) -> str:
        """What there is to see."""
        branch, word = "target" if self.branch == "both" else self.branch, self._word
        where = f"step {self.step} of {len(self.trace.times)}"
        if branch not in word["at"]:
            return f"The {branch} branch has no attention of “{self.word}”"
        share = word["share"][branch][self.step]
        part = word["sites"].get(self.site) if branch == "target" else None
        if part:
            share = part["" if self.head is None else str(self.head)]["share"][self.step]
            where += f", {self.site.split('.transformer')[0]}" + ("" if self.head is None else f", head {self.head}")
        elif self.nudge is not None and branch == "target" and "inner" in word:
            before = word["inner"]["share"][self.step][self.nudge]
            share, where = (share, where) if before is None else (before, f"{where}, before nudge {self.nudge}")
        inside = "" if share is None else f", {share:.1%} of it inside the mask"
        return f"Attention of “{self.word}” in the {branch} branch at {where}{inside}"

    @property
    def _word(self) -> dict[str, Any]:
        return next(w for w in self._meta["words"] if w["word"] == self.word)

    def still(self) -> bytes:
        branch = "target" if self.branch == "both" else self.branch
        return mag.plots.attention_of_words(self.trace, branch, self.step).png()
