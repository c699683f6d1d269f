"""What an edit did, kept small and on the CPU: all that plots, widgets and the benchmark read."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path as FilePath
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from . import files
from . import words as w
from .attention import guided
from .backbone import Backbone
from .edit import Maps, Method, Step, edit
from .inversion import Path
from .masks import to_cells
from .task import Task

SCHEMA = 1


@dataclass(frozen=True)
class Keep:
    """What survives of each step. Losses and gradient sizes always do.

    attention: the target's and source's maps, mean over heads and guided sites. nudges: the same after injection at a
    step's first and last nudge. gradients: a map of the gradient's size for each nudge. previews: decoded x0.
    """

    attention: bool = True
    nudges: bool = True
    gradients: bool = True
    previews: bool = True


@dataclass
class Trace:
    """Collects the steps of one run.

    arrays: all that was kept, stacked over steps; the properties below name its parts.
    """

    task: Task
    keep: Keep = field(default_factory=Keep)
    tokens: list[str] = field(default_factory=list)
    source_tokens: list[str] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    terms: list[list[dict[str, float]]] = field(default_factory=list)
    result: Image.Image | None = None
    reconstruction: Image.Image | None = None
    _rows: list[dict[str, np.ndarray]] = field(default_factory=list, repr=False)
    _columns: dict[tuple[str, str], list[int]] = field(default_factory=dict, repr=False)
    _cells: tuple[int, int] = (0, 0)

    def __repr__(self) -> str:
        nudges = sum(len(x) for x in self.terms)
        return f"Trace({len(self.times)} steps, {nudges} nudges, words={', '.join(self.task.words)})"

    def add(self, step: Step) -> None:
        """Keep a step; the last one also decodes the result."""
        net = step.now.net
        if not self.tokens:
            self._start(net, step)
        self.times.append(step.now.t)
        self.terms.append([dict(n.terms) for n in step.nudges])
        self._rows.append(self._row(net, step))
        if step.last:
            self.result = net.decode(step.target)
            self.reconstruction = net.decode(step.source)

    def _start(self, net: Backbone, step: Step) -> None:
        site = guided(net.sites(step.target))[0]
        self._cells = (site.height, site.width)
        self.tokens = w.tokens(net.tokenizer, self.task.target)
        self.source_tokens = w.tokens(net.tokenizer, self.task.source)
        for branch, prompt in (("target", self.task.target), ("source", self.task.source)):
            for word in w.split(prompt):
                self._columns[branch, word] = net.positions(prompt, word)

    def _row(self, net: Backbone, step: Step) -> dict[str, np.ndarray]:
        mask = to_cells(self.task.region, *step.target.shape[-2:]).to(step.target.device)
        sizes = [n.size(mask) for n in step.nudges]
        row = {
            "loss": np.array([n.loss for n in step.nudges]),
            "inside": np.array([s[0] for s in sizes]),
            "outside": np.array([s[1] for s in sizes]),
            "step_size": np.array([n.step_size for n in step.nudges]),
            "moved": np.array([n.update.norm().item() for n in step.nudges]),
        }
        if self.keep.attention:
            row["target_attention"] = self._heat(step.target_maps, len(self.tokens))
            if step.source_maps:
                row["source_attention"] = self._heat(step.source_maps, len(self.source_tokens))
        if self.keep.nudges and step.nudges:
            ends = (step.nudges[0], step.nudges[-1])
            row["nudge_attention"] = np.stack([self._heat(n.maps, len(self.tokens)) for n in ends])
        if self.keep.gradients and step.nudges:
            maps = [n.gradient[0].square().mean(0).sqrt() for n in step.nudges]
            row["gradient_maps"] = torch.stack(maps).cpu().numpy().astype(np.float32)
        if self.keep.previews:
            row["preview"] = np.asarray(net.decode(step.x0))
        return row

    def _heat(self, maps: Maps, tokens: int) -> np.ndarray:
        heat = torch.stack([m[0, ..., :tokens].float().mean(0) for m in maps.values()]).mean(0)
        return heat.T.reshape(tokens, *self._cells).cpu().numpy().astype(np.float16)

    # ------------------------------------------------------------ what there is to see

    def _stack(self, name: str) -> np.ndarray:
        """Steps x ..., NaN where a step has nothing of the kind."""
        shape = max((r[name].shape for r in self._rows if name in r), default=(0,))
        blank = np.full(shape, np.nan)
        rows = [r[name] if name in r and r[name].shape == shape else blank for r in self._rows]
        return np.stack(rows).astype(np.float64) if rows else np.zeros((0, *shape))

    @property
    def losses(self) -> Float[np.ndarray, "steps iterations"]:
        """The loss at each nudge, NaN at steps without guidance."""
        return self._stack("loss")

    @property
    def gradients(self) -> dict[str, Float[np.ndarray, "steps iterations"]]:
        """Root mean square of the gradient `inside` and `outside` the mask, and how far the latent `moved`."""
        return {k: self._stack(k) for k in ("inside", "outside", "moved", "step_size")}

    @property
    def gradient_maps(self) -> Float[np.ndarray, "steps iterations h w"]:
        """Size of the gradient at each latent cell."""
        return self._stack("gradient_maps")

    def attention(self, word: str, branch: str = "target") -> Float[np.ndarray, "steps h w"]:
        """A word's map at each step, all its tokens added up; NaN where the branch was not run or maps weren't kept."""
        return self._stack(f"{branch}_attention")[:, self.columns(word, branch)].sum(1)

    def nudge_attention(self, word: str) -> Float[np.ndarray, "steps 2 h w"]:
        """A word's map before the first nudge of each step, and before the last."""
        return self._stack("nudge_attention")[:, :, self.columns(word)].sum(2)

    def share(self, word: str, branch: str = "target") -> Float[np.ndarray, " steps"]:
        """The share of a word's attention that falls inside its mask (the whole region for words without one)."""
        maps = self.attention(word, branch)
        goals = {g.word: g.mask for g in self.task.goals}
        mask = to_cells(goals.get(word, self.task.region), *maps.shape[1:]).numpy()
        return (maps * mask).sum((1, 2)) / maps.sum((1, 2))

    def words(self, branch: str = "target") -> list[str]:
        """The words of a branch's prompt, each once, in their order."""
        return [word for b, word in self._columns if b == branch]

    def columns(self, word: str, branch: str = "target") -> list[int]:
        """Positions of a word's tokens; ValueError that names the words that there are."""
        found = [self._columns.get((branch, x)) for x in w.split(word)]
        if not found or any(f is None for f in found):
            known = ", ".join(x for b, x in self._columns if b == branch)
            raise ValueError(f"word {word!r} is not in the {branch} prompt; its words are: {known}")
        return [c for f in found for c in f or ()]

    @property
    def previews(self) -> list[Image.Image]:
        """The finished picture as each step foresees it."""
        return [Image.fromarray(r["preview"]) for r in self._rows if "preview" in r]

    # ------------------------------------------------------------ on disk

    def save(self, folder: str | FilePath) -> FilePath:
        """Write JSON, safetensors and PNG into a folder. Each file is whole at any moment; trace.json comes last."""
        folder = FilePath(folder)
        folder.mkdir(parents=True, exist_ok=True)
        arrays = {f"{i}.{k}": np.ascontiguousarray(v) for i, r in enumerate(self._rows) for k, v in r.items()}
        arrays |= {f"mask.{i}": g.mask.numpy() for i, g in enumerate(self.task.goals)}
        files.write(folder / "trace.safetensors", lambda p: save_file(arrays, p))
        pictures = {"image": self.task.image, "result": self.result, "reconstruction": self.reconstruction}
        for name, picture in pictures.items():
            if picture:
                files.write(folder / f"{name}.png", partial(picture.save, format="PNG"))
        text = json.dumps(self._meta(), indent=1)
        files.write_text(folder / "trace.json", text)
        return folder

    def _meta(self) -> dict[str, Any]:
        t = self.task
        return {
            "schema": SCHEMA, "keep": asdict(self.keep), "tokens": self.tokens, "source_tokens": self.source_tokens,
            "times": self.times, "terms": self.terms, "cells": list(self._cells),
            "columns": [[b, x, c] for (b, x), c in self._columns.items()],
            "task": {"source": t.source, "target": t.target, "words": list(t.words), "negative": t.negative,
                     "weights": [g.weight for g in t.goals], "negative_words": list(t.negative_words)},
        }  # fmt: skip

    @classmethod
    def load(cls, folder: str | FilePath) -> "Trace":
        """Read what `save` wrote; ValueError in one line where that can't be done."""
        folder = FilePath(folder)
        try:
            meta = json.loads((folder / "trace.json").read_text())
            if meta["schema"] > SCHEMA:
                raise ValueError(f"schema {meta['schema']} is newer than {SCHEMA}; update magedit-lab")
            arrays = load_file(folder / "trace.safetensors")
            planes = [arrays[f"mask.{i}"] for i in range(len(meta["task"]["words"]))]
            task = Task(image=Image.open(folder / "image.png"), mask=planes, **meta["task"])
            rows: list[dict[str, np.ndarray]] = [{} for _ in meta["times"]]
            for name, array in arrays.items():
                index, _, kind = name.partition(".")
                if index.isdigit():
                    rows[int(index)][kind] = array
            columns = {(b, x): c for b, x, c in meta["columns"]}
            return cls(
                task, Keep(**meta["keep"]), meta["tokens"], meta["source_tokens"], meta["times"], meta["terms"],
                _picture(folder / "result.png"), _picture(folder / "reconstruction.png"),
                rows, columns, (meta["cells"][0], meta["cells"][1]),
            )  # fmt: skip
        except (OSError, KeyError, TypeError, IndexError, ValueError, SafetensorError) as error:
            raise ValueError(f"cannot read a trace from {str(folder)!r}: {type(error).__name__}: {error}") from None


def run(
    net: Backbone, task: Task, path: Path, method: Method, keep: Keep | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Trace:  # fmt: skip
    """The whole edit in one call; `progress(done, of)` is called after each step.

    Where a step is not finite the FloatingPointError has the trace so far as its `trace`.
    """
    trace = Trace(task, keep or Keep())
    try:
        for step in edit(net, task, path, method):
            trace.add(step)
            if progress:
                progress(step.now.i + 1, path.steps)
    except FloatingPointError as error:
        error.trace = trace  # type: ignore[attr-defined]
        raise
    return trace


def _picture(path: FilePath) -> Image.Image | None:
    if not path.exists():
        return None
    with Image.open(path) as image:
        return image.convert("RGB")
