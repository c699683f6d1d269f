"""What an edit did, kept small and on the CPU: all that plots, widgets and the benchmark read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from ..masks.raster import to_cells
from ..model.backbone import Backbone, Latent
from ..prompts import words as w
from ..runs import Run
from ..steps import Listener, Step, Where
from ..task import Task
from . import storage, writing
from .folder import RunFolder
from .record import Keep, row

START, END = "<start>", "<end>"


@dataclass
class Trace:
    """Collects the steps of one run; the properties below name what was kept, stacked over steps.

    sites: names of the guided sites, whose maps are averaged where nothing else is said. ended: of a trace in a folder,
    done, stopped, failed or saved; "" for one that was killed, or goes on.
    """

    task: Task
    keep: Keep = field(default_factory=Keep)
    tokens: list[str] = field(default_factory=list)
    source_tokens: list[str] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    terms: list[list[dict[str, float]]] = field(default_factory=list)
    result: Image.Image | None = None
    reconstruction: Image.Image | None = None
    sites: list[str] = field(default_factory=list)
    _rows: list[dict[str, np.ndarray]] = field(default_factory=list, repr=False)
    _columns: dict[tuple[str, str], list[int]] = field(default_factory=dict, repr=False)
    _cells: tuple[int, int] = (0, 0)
    _heard: dict[str, np.ndarray] = field(default_factory=dict, repr=False)
    _decode: Callable[[Tensor], Image.Image] | None = field(default=None, repr=False)
    ended: str = ""

    def __repr__(self) -> str:
        nudges = sum(len(x) for x in self.terms)
        return f"Trace({len(self.times)} steps, {nudges} nudges, words={', '.join(self.task.words)})"

    def add(self, step: Step) -> None:
        """Keep a step; the last one also decodes the result."""
        self.keep_step(step)
        if step.last:
            self.finish(step.now.run.net, step.source, step.target)

    def keep_step(self, step: Step) -> None:
        """Keep a step, and decode nothing; an interrupt in here leaves the steps before it whole."""
        self.trim()
        if not self.tokens:
            self.begin(step.now.run)
        tokens = {"target": len(self.tokens), "source": len(self.source_tokens)}
        kept = row(step.now.run, step, self.keep, tokens, self._edited) | self._heard
        terms = [n.terms for n in step.nudges]
        self._heard = {}
        self.times.append(step.now.t)
        self.terms.append(terms)
        self._rows.append(kept)

    def trim(self) -> None:
        """Drop what an interrupt left of a step that was being kept."""
        whole = min(len(self.times), len(self.terms), len(self._rows))
        for parts in (self.times, self.terms, self._rows):
            del parts[whole:]  # type: ignore[attr-defined]

    def finish(self, net: Backbone, source: Latent, target: Latent) -> None:
        """Decode the result, and the source branch's where that is kept."""
        reconstruction = net.decode(source) if self.keep.reconstruction else None
        self.result, self.reconstruction = net.decode(target), reconstruction

    @property
    def listeners(self) -> dict[str, Listener]:
        """For `edit(listen=...)`: what `Keep(sites=...)` asks for."""

        def listener(site: str) -> Listener:
            def hear(output: Tensor, where: Where) -> None:
                if where.branch == "target" and where.conditional and where.nudge is None:
                    self._heard[f"site.{site}"] = output[0].float().cpu().numpy()

            return hear

        return {site: listener(site) for site in self.keep.sites}

    def begin(self, run: Run) -> None:
        """What can be known before the first step: tokens, their columns, sites."""
        self.sites, self._cells = [s.name for s in run.guided], (run.guided[0].height, run.guided[0].width)
        self._decode = run.net.decode
        tokens = w.tokens(run.net.tokenizer, self.task.target)
        self.source_tokens = w.tokens(run.net.tokenizer, self.task.source)
        columns = {
            "target": {word: run.columns(word) for word in (*w.split(self.task.target), *self.task.words)},
            "source": {word: run.source_columns(word) for word in w.split(self.task.source)},
        }
        for branch, own in (("target", tokens), ("source", self.source_tokens)):
            ends = {START: [0], END: [len(own) - 1, len(own)]}
            self._columns |= {(branch, word): places for word, places in (columns[branch] | ends).items()}
        self.tokens = tokens  # last: with it, all is there

    # ------------------------------------------------------------ what there is to see

    def _stack(self, name: str) -> np.ndarray:
        """Steps x ..., NaN where a step has nothing of the kind, or less than others."""
        found = [r[name].shape for r in self._rows if name in r]
        stack = np.full((len(self._rows), *(np.max(found, 0) if found else (0,))), np.nan)
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
        found = np.full((len(self.terms), max(map(len, self.terms), default=0)), np.nan)
        for i, nudges in enumerate(self.terms):
            found[i, : len(nudges)] = [terms.get(word, np.nan) for terms in nudges]
        return found

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
        found = [self._columns.get((branch, x)) for x in parts]
        if not found or any(f is None for f in found):
            known = ", ".join(x for b, x in self._columns if b == branch)
            raise ValueError(f"word {word!r} is not in the {branch} prompt; its words are: {known}")
        return [c for f in found for c in f or ()]

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
            if self._decode is None or "x0" not in r:
                more = "load it with net=" if "x0" in r else "run it with Keep(previews=True)"
                raise ValueError(f"expected a trace that keeps previews, got {self}; {more}")
            r["preview"] = np.asarray(self._decode(torch.from_numpy(r["x0"])[None]))
        return Image.fromarray(r["preview"])

    def outputs(self, site: str) -> Float[np.ndarray, "steps ..."]:
        """What a module of `Keep(sites=...)` put out at each step in the target's conditional pass."""
        if site not in self.keep.sites:
            known = ", ".join(self.keep.sites) or "none"
            raise ValueError(f"expected one of the sites that were kept ({known}), got {site!r}; name it in Keep")
        return self._stack(f"site.{site}")

    # ------------------------------------------------------------ on disk

    @property
    def layout(self) -> dict[str, Any]:
        """Tokens, their columns, and where the maps come from, as JSON."""
        return {
            "tokens": self.tokens, "source_tokens": self.source_tokens, "sites": self.sites, "cells": list(self._cells),
            "columns": [[b, x, c] for (b, x), c in self._columns.items()],
        }  # fmt: skip

    def pictures(self, first: int | None = None) -> dict[str, Image.Image | None]:
        """Result, reconstruction, and the preview of each step, by the names that they have in a folder.

        first: the number of the first step.
        """
        steps = enumerate(self._rows, first or 0)
        previews = {f"preview.{i}": self.preview(i - (first or 0)) for i, r in steps if "preview" in r or self._can(r)}
        return {"result": self.result, "reconstruction": self.reconstruction, **previews}

    def _can(self, row: dict[str, np.ndarray]) -> bool:
        return "x0" in row and self._decode is not None

    def save(self, folder: str | FilePath) -> FilePath:
        """Write the trace into a folder; an earlier run in it stays until all is written, and is then gone."""
        pictures = self.pictures()  # decoded now: without the model they could not be looked at later
        with RunFolder.create(FilePath(folder), force=True) as store:
            writing.put_inputs(store, self.task)
            store.put_json("layout", self.layout)
            for i, (t, terms, row) in enumerate(zip(self.times, self.terms, self._rows, strict=True)):
                writing.put_step(store, i, t, terms, row)
            writing.put_pictures(store, pictures)
            store.end("saved", steps=len(self.times))
            store.commit(writing.task_meta(self.task, self.keep))
        return FilePath(folder)

    @classmethod
    def load(cls, folder: str | FilePath, net: Backbone | None = None) -> "Trace":
        """Read what `save` or `run(out=...)` wrote, of any schema; ValueError in one line where that can't be done.

        A run that is still going, or was killed, has all its whole steps. net: decodes previews that are latents yet.
        """
        stored = storage.read(FilePath(folder))
        parts = stored.parts
        try:
            task = Task(image=stored.image, mask=stored.masks, **parts.prompts)
        except Exception as error:
            raise ValueError(
                f"cannot read a trace from {str(folder)!r}: {' '.join(str(error).split())[:300]}"
            ) from None
        return cls(
            task, parts.keep, parts.tokens, parts.source_tokens, parts.times, parts.terms, stored.result,
            stored.reconstruction, parts.sites, parts.rows, parts.columns, parts.cells,
            _decode=net.decode if net else None, ended=stored.ended,
        )  # fmt: skip
