"""What an edit did, kept small and on the CPU: all that plots, widgets and the benchmark read."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path as FilePath
from textwrap import shorten
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from ..inversion.base import Path
from ..loop import edit
from ..masks.raster import to_cells
from ..methods.base import Method
from ..model.backbone import Backbone
from ..model.schedule import Time
from ..prompts import words as w
from ..runs import Run
from ..steps import Listener, Step, Where
from ..task import Task
from . import html, storage
from .record import Keep, row

SCHEMA = 2  # 1: no heads, no padding, and the edit words' maps not at every nudge
START = "<start>"
END = "<end>"


@dataclass
class Trace:
    """Collects the steps of one run; the properties below name what was kept, stacked over steps.

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
    _rows: list[dict[str, np.ndarray]] = field(default_factory=list, repr=False)
    _columns: dict[tuple[str, str], list[int]] = field(default_factory=dict, repr=False)
    _cells: tuple[int, int] = (0, 0)
    _heard: dict[str, np.ndarray] = field(default_factory=dict, repr=False)
    _decode: Callable[[Tensor], Image.Image] | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        nudges = sum(len(x) for x in self.terms)
        return f"Trace({len(self.times)} steps, {nudges} nudges, words={shorten(', '.join(self.task.words), 60)})"

    def _repr_html_(self) -> str:
        """What a notebook draws below a cell that ends with a trace: source, result, and the loss of each nudge."""
        panels = [(self.task.image, "Source", self.task.source)]
        if self.result is not None:
            panels.append((self.result, "Result", self.task.target))
        drawn = [html.figure(html.picture(image, f"{what}: {text}"), f"{what}: {text}") for image, what, text in panels]
        steps = [values[np.isfinite(values)].tolist() for values in self.losses]
        if every := [v for values in steps for v in values]:
            words = f"Loss: {every[0]:.3g} at the first of {len(every)} nudges, {every[-1]:.3g} at the last"
            drawn.append(html.figure(html.curve(steps, words), words))
        return html.row(drawn)

    def add(self, step: Step) -> None:
        """Keep a step; the last one also decodes the result."""
        run = step.now.run
        if not self.tokens:
            self._start(run)
        tokens = {"target": len(self.tokens), "source": len(self.source_tokens)}
        arrays = row(run, step, self.keep, tokens, self._edited)  # an interrupt in here leaves the steps before whole
        self.times.append(step.now.t)
        self.terms.append([n.terms for n in step.nudges])
        self._rows.append(arrays | self._heard)
        self._heard = {}
        if step.last:
            self.result = run.net.decode(step.target)
            self.reconstruction = run.net.decode(step.source) if self.keep.reconstruction else None

    @property
    def listeners(self) -> dict[str, Listener]:
        """For `edit(listen=...)`: what `Keep(sites=...)` asks for."""

        def listener(site: str) -> Listener:
            def hear(output: Tensor, where: Where) -> None:
                if where.branch == "target" and where.conditional and where.nudge is None:
                    self._heard[f"site.{site}"] = output[0].float().cpu().numpy()

            return hear

        return {site: listener(site) for site in self.keep.sites}

    def _start(self, run: Run) -> None:
        self.sites, self._cells = [s.name for s in run.guided], (run.guided[0].height, run.guided[0].width)
        self._decode = run.net.decode
        self.tokens = run.tokens(self.task.target)
        self.source_tokens = run.tokens(self.task.source)
        columns = {
            "target": {word: run.columns(word) for word in (*w.split(self.task.target), *self.task.words)},
            "source": {word: run.source_columns(word) for word in w.split(self.task.source)},
        }
        for branch, tokens in (("target", self.tokens), ("source", self.source_tokens)):
            ends = {START: [0], END: [len(tokens) - 1, len(tokens)]}
            self._columns |= {(branch, word): places for word, places in (columns[branch] | ends).items()}

    # ------------------------------------------------------------ what there is to see

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

    @property
    def previews(self) -> list[Image.Image]:
        """The finished picture as each step foresees it."""
        return [self.preview(i) for i, r in enumerate(self._rows) if "preview" in r or "x0" in r]

    def preview(self, step: int) -> Image.Image:
        """The finished picture as one step foresees it (-1: the last so far); decoded when it is first asked for.

        ValueError where the trace keeps none.
        """
        r = self._rows[step]
        if "preview" not in r:
            if "x0" not in r or self._decode is None:
                raise ValueError(f"expected a trace that keeps previews, got {self}; run it with Keep(previews=True)")
            r["preview"] = np.asarray(self._decode(torch.from_numpy(r["x0"])[None]))
        return Image.fromarray(r["preview"])

    def outputs(self, site: str) -> Float[np.ndarray, "steps ..."]:
        """What a module of `Keep(sites=...)` put out at each step in the target's conditional pass."""
        if site not in self.keep.sites:
            known = ", ".join(self.keep.sites) or "none"
            raise ValueError(f"expected one of the sites that were kept ({known}), got {site!r}; name it in Keep")
        return self._stack(f"site.{site}")

    # ------------------------------------------------------------ on disk

    def save(self, folder: str | FilePath) -> FilePath:
        """Write JSON, safetensors and PNG into a folder; an earlier run in it stays until all is written."""
        _ = self.previews  # decoded now: without the model they could not be looked at later
        pictures = {"image": self.task.image, "result": self.result, "reconstruction": self.reconstruction}
        masks = [g.mask.numpy() for g in self.task.goals]
        storage.write(FilePath(folder), self._meta(), self._rows, masks, pictures)
        return FilePath(folder)

    def _meta(self) -> dict[str, Any]:
        t = self.task
        return {
            "schema": SCHEMA, "keep": asdict(self.keep), "tokens": self.tokens, "source_tokens": self.source_tokens,
            "times": self.times, "terms": self.terms, "cells": list(self._cells), "sites": self.sites,
            "columns": [[b, x, c] for (b, x), c in self._columns.items()],
            "task": {"source": t.source, "target": t.target, "words": list(t.words), "negative": t.negative,
                     "weights": [g.weight for g in t.goals], "negative_words": list(t.negative_words)},
        }  # fmt: skip

    def _read_once(self) -> None:
        """Whatever a harmed file spoils fails here, and not when it is looked at."""
        _ = (repr(self), self.losses, self.gradients, self.gradient_maps, self.previews, self.term_words)
        for branch in ("target", "source"):
            for word in self.words(branch):
                self.attention(word, branch)
        for name in ("term_sizes", "term_maps"):
            if self.keeps(name):
                _ = [self._of_term(word, name) for word in self.term_words]
        if not len(self.times) == len(self.terms) == len(self._rows):
            raise ValueError(f"expected {len(self.times)} steps, got {len(self.terms)} and {len(self._rows)}")

    @classmethod
    def load(cls, folder: str | FilePath) -> "Trace":
        """Read what `save` wrote; ValueError in one line where that can't be done."""
        folder = FilePath(folder)
        try:
            meta = storage.read_meta(folder, SCHEMA)
            rows, masks = storage.read_arrays(folder, len(meta["times"]))
            image = storage.read_picture(folder / "image.png")
            if image is None:
                raise FileNotFoundError("no image.png")
            task = Task(image=image, mask=masks, **meta["task"])
            result, reconstruction = (storage.read_picture(folder / f"{x}.png") for x in ("result", "reconstruction"))
            trace = cls(
                task, _keep_of(meta["keep"]), meta["tokens"], meta["source_tokens"], meta["times"],
                meta["terms"], result, reconstruction, meta.get("sites", []), rows,
                {(b, x): c for b, x, c in meta["columns"]}, (meta["cells"][0], meta["cells"][1]),
            )  # fmt: skip
            trace._read_once()
            return trace
        except Exception as error:  # a harmed file fails in many ways
            reason = " ".join(str(error).split())[:300]
            raise ValueError(f"cannot read a trace from {str(folder)!r}: {type(error).__name__}: {reason}") from None


def _keep_of(meta: Mapping[str, Any]) -> Keep:
    """What was kept, as JSON has it; the first schema knew no heads."""
    return Keep(**{"heads": False, **meta, "sites": tuple(meta.get("sites", ()))})


def run(
    net: Backbone, task: Task, path: Path, method: Method | str, keep: Keep | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Trace:  # fmt: skip
    """The whole edit in one call; `progress(done, of)` is called after each step.

    A FloatingPointError, where a step is not finite, and a KeyboardInterrupt have the trace so far as their `trace`.
    """
    trace = Trace(task, keep or Keep())
    try:
        for step in edit(net, task, path, method, listen=trace.listeners):
            trace.add(step)
            if progress:
                progress(step.now.i + 1, path.steps)
    except (FloatingPointError, KeyboardInterrupt) as error:
        error.trace = trace  # type: ignore[union-attr]
        raise
    return trace


def _keep(saved: Mapping[str, Any]) -> Keep:
    """What a saved run kept: JSON has no tuples, and runs of an earlier day kept no maps by head."""
    return Keep(**{"heads": False, **saved, "sites": tuple(saved.get("sites", ()))})
