"""What was kept of a run, as arrays over its steps."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from PIL import Image

from ..masks.raster import to_cells
from ..model.schedule import Time
from ..prompts import words as w
from ..task import Task
from .record import Keep

START = "<start>"
END = "<end>"


@dataclass(repr=False)
class Measured:
    """The steps of one run; the properties below name what was kept, stacked over steps.

    sites: names of the guided sites, whose maps are averaged where nothing else is said.
    """

    task: Task
    keep: Keep = field(default_factory=Keep)
    tokens: list[str] = field(default_factory=list)
    source_tokens: list[str] = field(default_factory=list)
    times: list[Time] = field(default_factory=list)
    terms: list[list[dict[str, float]]] = field(default_factory=list)
    result: Image.Image | None = None
    reconstruction: Image.Image | None = None
    sites: list[str] = field(default_factory=list)
    _rows: list[dict[str, np.ndarray]] = field(default_factory=list)
    _columns: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    _cells: tuple[int, int] = (0, 0)

    def _stack(self, name: str) -> np.ndarray:
        """Steps x ..., NaN where a step has nothing of the kind, or less than others."""
        shapes = [r[name].shape for r in self._rows if name in r]
        stack = np.full((len(self._rows), *(np.max(shapes, 0) if shapes else (0,))), np.nan)
        for plane, r in zip(stack, self._rows, strict=True):
            if name in r:
                plane[tuple(map(slice, r[name].shape))] = r[name]
        return stack

    @property
    def losses(self) -> Float[np.ndarray, "steps iterations"]:
        """The loss at each nudge, NaN at steps without guidance."""
        return self._stack("loss")

    @property
    def term_words(self) -> list[str]:
        """The words that have a loss of their own: the edit words, and the negative prompt's (Eq. 3)."""
        return list(dict.fromkeys(word for nudges in self.terms for terms in nudges for word in terms))

    def term(self, word: str) -> Float[np.ndarray, "steps iterations"]:
        """A word's own loss at each nudge, unweighted; NaN where it has none."""
        losses = np.full((len(self.terms), max(map(len, self.terms), default=0)), np.nan)
        for i, nudges in enumerate(self.terms):
            losses[i, : len(nudges)] = [terms.get(word, np.nan) for terms in nudges]
        return losses

    @property
    def gradients(self) -> dict[str, Float[np.ndarray, "steps iterations"]]:
        """Root mean square of the gradient `inside` and `outside` the mask, `step_size`, and how far the latent
        `moved`: the norm of what was subtracted."""
        return {k: self._stack(k) for k in ("inside", "outside", "moved", "step_size")}

    @property
    def gradient_maps(self) -> Float[np.ndarray, "steps iterations h w"]:
        """Size of the gradient at each latent cell."""
        return self._stack("gradient_maps")

    def term_gradients(self, word: str) -> dict[str, Float[np.ndarray, "steps iterations"]]:
        """The same for a word's own loss, unweighted, `inside` and `outside`; ValueError where it wasn't kept."""
        sizes = self._of_term(word, "term_sizes")
        return {"inside": sizes[..., 0], "outside": sizes[..., 1]}

    def term_gradient_maps(self, word: str) -> Float[np.ndarray, "steps iterations h w"]:
        """Size of the gradient of a word's own loss at each latent cell; ValueError where it wasn't kept."""
        return self._of_term(word, "term_maps")

    def _of_term(self, word: str, name: str) -> np.ndarray:
        if word not in self.term_words:
            raise ValueError(f"expected a word with a loss of its own ({', '.join(self.term_words)}), got {word!r}")
        if not self.keeps(name):
            raise ValueError(f"expected a trace with each term's gradient, got {self}; run it with per_term=True")
        return self._stack(name)[:, :, self.term_words.index(word)]

    def attention(self, word: str, branch: str = "target") -> Float[np.ndarray, "steps h w"]:
        """A word's map at each step, all its tokens added up; NaN where the branch was not run or maps weren't kept.

        Also of START, the start token, and END, the end token and all padding behind it.
        """
        return self._added(f"{branch}_attention", self.columns(word, branch))

    def nudge_attention(self, word: str) -> Float[np.ndarray, "steps 2 h w"]:
        """A word's map before the first nudge of each step, and before the last; NaN where there was none."""
        return self._added("nudge_attention", self.columns(word), 2)

    def _added(self, name: str, columns: list[int], *ends: int) -> np.ndarray:
        """The columns' maps added up at each step, and at each of its ends; NaN where no step has any."""
        if not self.keeps(name):
            return np.full((len(self._rows), *ends, *self._cells), np.nan)
        return self._stack(name).take(columns, -3).sum(-3)

    def inner_attention(self, word: str) -> Float[np.ndarray, "steps iterations h w"]:
        """An edit word's map before every nudge; ValueError for other words, and where it wasn't kept."""
        return self._of_edit(word, "inner_attention", "nudges", 2)

    def head_attention(self, word: str) -> dict[str, Float[np.ndarray, "steps heads h w"]]:
        """An edit word's maps in the target, for each site by its name; ValueError as `inner_attention`."""
        return {s: self._of_edit(word, f"heads.{i}", "heads", 1) for i, s in enumerate(self.sites or [""])}

    def keeps(self, name: str) -> bool:
        """Whether any step has arrays of this name, such as "inner_attention"."""
        return any(name in r for r in self._rows)

    def _of_edit(self, word: str, name: str, part: str, axis: int) -> np.ndarray:
        """What is kept of the edit words' columns alone."""
        if strange := set(self.columns(word)) - set(self._edited):
            known = ", ".join(self.task.words)
            raise ValueError(f"expected an edit word ({known}), got {word!r}, token {min(strange)}")
        if not self.keeps(name):
            raise ValueError(f"expected a trace that keeps an edit word's {part}, got {self}; run it with Keep()")
        places = [self._edited.index(c) for c in self.columns(word)]
        return self._stack(name).take(places, axis).sum(axis)

    @property
    def _edited(self) -> list[int]:
        return sorted({c for word in self.task.words for c in self.columns(word)})

    def share(self, word: str, branch: str = "target") -> Float[np.ndarray, " steps"]:
        """The share of a word's attention that falls inside its mask (the whole region for words without one)."""
        return self.inside(self.attention(word, branch), word)

    def inside(self, maps: Float[np.ndarray, "*more h w"], word: str) -> Float[np.ndarray, "*more"]:
        """The same for any of the word's maps."""
        goals = {g.word: g.mask for g in self.task.goals}
        mask = to_cells(goals.get(word, self.task.region), *maps.shape[-2:]).numpy()
        return (maps * mask).sum((-1, -2)) / maps.sum((-1, -2))

    def words(self, branch: str = "target") -> list[str]:
        """The words of a branch's prompt, each once, in their order; in the target's also edit words of several."""
        return [word for b, word in self._columns if b == branch and word not in (START, END)]

    def columns(self, word: str, branch: str = "target") -> list[int]:
        """Positions of a word's tokens; ValueError that names the words that there are."""
        parts = [word] if (branch, word) in self._columns else w.split(word)
        places = [self._columns.get((branch, x)) for x in parts]
        if not places or any(f is None for f in places):
            known = ", ".join(x for b, x in self._columns if b == branch)
            raise ValueError(f"word {word!r} is not in the {branch} prompt; its words are: {known}")
        return [c for f in places for c in f or ()]

    def outputs(self, site: str) -> Float[np.ndarray, "steps ..."]:
        """What a module of `Keep(sites=...)` put out at each step in the target's conditional pass."""
        if site not in self.keep.sites:
            known = ", ".join(self.keep.sites) or "none"
            raise ValueError(f"expected one of the sites that were kept ({known}), got {site!r}; name it in Keep")
        return self._stack(f"site.{site}")
