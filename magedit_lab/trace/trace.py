"""A trace: what an edit did, kept small and on the CPU, for plots, widgets and the benchmark to read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from textwrap import shorten
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .. import files
from ..model.backbone import Backbone, Latent
from ..prompts import words as w
from ..runs import Run
from ..steps import Listener, Step, Where
from ..task import Task
from . import html, storage, writing
from .folder import RunFolder
from .measured import END, START, Measured
from .record import row


@dataclass(repr=False)
class Trace(Measured):
    """Collects the steps of one run; what was kept is read by the properties of `Measured`.

    ended: of a trace from a folder "done", "stopped", "failed" or "saved"; "" where the run was killed, or goes on.
    """

    _outputs: dict[str, np.ndarray] = field(default_factory=dict)
    _decode: Callable[[Tensor], Image.Image] | None = None
    ended: str = ""

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

    # ------------------------------------------------------------ collecting

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
        arrays = row(step.now.run, step, self.keep, tokens, self._edited) | self._outputs
        terms = [n.terms for n in step.nudges]
        self._outputs = {}
        self.times.append(step.now.t)
        self.terms.append(terms)
        self._rows.append(arrays)

    def trim(self) -> None:
        """Drop what an interrupt left of a step that was being kept."""
        whole = min(len(self.times), len(self.terms), len(self._rows))
        for parts in (self.times, self.terms, self._rows):
            del parts[whole:]

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
                    self._outputs[f"site.{site}"] = output[0].float().cpu().numpy()

            return hear

        return {site: listener(site) for site in self.keep.sites}

    def begin(self, run: Run) -> None:
        """What can be known before the first step: tokens, their columns, sites."""
        self.sites, self._cells = [s.name for s in run.guided], (run.guided[0].height, run.guided[0].width)
        self._decode = run.net.decode
        tokens = run.tokens(self.task.target)
        self.source_tokens = run.tokens(self.task.source)
        columns = {
            "target": {word: run.columns(word) for word in (*w.split(self.task.target), *self.task.words)},
            "source": {word: run.source_columns(word) for word in w.split(self.task.source)},
        }
        for branch, own in (("target", tokens), ("source", self.source_tokens)):
            ends = {START: [0], END: [len(own) - 1, len(own)]}
            self._columns |= {(branch, word): places for word, places in (columns[branch] | ends).items()}
        self.tokens = tokens  # last: with it, all is there

    # ------------------------------------------------------------ pictures

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
                remedy = "load it with net=" if "x0" in r else "run it with Keep(previews=True)"
                raise ValueError(f"expected a trace that keeps previews, got {self}; {remedy}")
            r["preview"] = np.asarray(self._decode(torch.from_numpy(r["x0"])[None]))
        return Image.fromarray(r["preview"])

    def pictures(self, first: int = 0) -> dict[str, Image.Image | None]:
        """Result, reconstruction, and the preview of each step, by the names that they have in a folder.

        first: the number of the first step.
        """
        known = [i for i, r in enumerate(self._rows) if "preview" in r or ("x0" in r and self._decode is not None)]
        previews = {f"preview.{first + i}": self.preview(i) for i in known}
        return {"result": self.result, "reconstruction": self.reconstruction, **previews}

    # ------------------------------------------------------------ on disk

    @property
    def layout(self) -> dict[str, Any]:
        """Tokens, their columns, and where the maps come from, as JSON."""
        return {
            "tokens": self.tokens, "source_tokens": self.source_tokens, "sites": self.sites, "cells": list(self._cells),
            "columns": [[b, x, c] for (b, x), c in self._columns.items()],
            "padding": int(("target", END) in self._columns),  # a map of all padding, which the first schema lacked
        }  # fmt: skip

    def save(self, folder: str | FilePath) -> FilePath:
        """Write the trace into a folder; an earlier run in it stays until all is written, and is then gone."""
        pictures = self.pictures()  # decoded now: without the model they could not be looked at later
        with RunFolder.create(FilePath(folder), force=True) as opened:
            writing.put_inputs(opened, self.task)
            opened.put_json("layout", self.layout)
            for i, (t, terms, row) in enumerate(zip(self.times, self.terms, self._rows, strict=True)):
                writing.put_step(opened, i, t, terms, row)
            writing.put_pictures(opened, pictures)
            opened.end("saved", steps=len(self.times))
            opened.commit(writing.task_meta(self.task, self.keep))
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
        except Exception as error:  # a harmed file fails in many ways
            raise ValueError(f"cannot read a trace from {str(folder)!r}: {files.reason(error)}") from None
        return cls(
            task, parts.keep, parts.tokens, parts.source_tokens, parts.times, parts.terms, stored.result,
            stored.reconstruction, parts.sites, parts.rows, parts.columns, parts.cells,
            _decode=net.decode if net else None, ended=stored.ended,
        )  # fmt: skip
