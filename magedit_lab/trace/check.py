"""Whether the parts of a trace that was read fit together, so that all that loads can be looked at."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..model.schedule import Time
from ..prompts import words as w
from .record import Keep

MOST = {"steps": 10_000, "tokens": 10_000, "words": 2_000, "letters": 20_000, "cells": 2**18, "stack": 2**23}
SIZES = ("loss", "inside", "outside", "step_size", "moved")


@dataclass
class Parts:
    """What a folder holds, of whatever schema, in today's shape; the names are those of `Trace`."""

    prompts: dict[str, Any]
    keep: Keep
    tokens: list[str] = field(default_factory=list)
    source_tokens: list[str] = field(default_factory=list)
    times: list[Time] = field(default_factory=list)
    terms: list[list[dict[str, float]]] = field(default_factory=list)
    sites: list[str] = field(default_factory=list)
    rows: list[dict[str, np.ndarray]] = field(default_factory=list)
    columns: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    cells: tuple[int, int] = (0, 0)
    padding: int = 1  # maps besides those of the tokens: 0 in the first schema

    @property
    def edited(self) -> list[int]:
        """Columns of the edit words."""
        columns = set()
        for word in self.prompts["words"]:
            for part in [word] if ("target", word) in self.columns else w.split(word):
                require(("target", part) in self.columns, "columns of each edit word", part)
                columns.update(self.columns["target", part])
        return sorted(columns)


def require(true: object, expected: str, got: object) -> None:
    """ValueError where something is not as it should be."""
    if not true:
        raise ValueError(f"expected {expected}, got {str(got)[:60]!r}")


def texts(value: Any, what: str, most: int = MOST["words"]) -> list[str]:
    """A list of texts that can be printed."""
    require(isinstance(value, list | tuple) and len(value) <= most, f"a list of at most {most} texts as {what}", value)
    for text in value:
        require(isinstance(text, str) and len(text) <= MOST["letters"], f"texts as {what}", text)
        require(_printable(text), f"{what} in Unicode", ascii(text))
    return list(value)


def _printable(text: str) -> bool:
    return not any(0xD800 <= ord(letter) <= 0xDFFF for letter in text)


def whole(value: Any, least: int, most: int, what: str) -> int:
    """A whole number in a range."""
    require(type(value) is int and least <= value <= most, f"{what} of {least} to {most}", value)
    return value


def prompts(task: Mapping[str, Any]) -> dict[str, Any]:
    """What a Task is made of, but for picture and masks; unknown names are left out."""
    both = {name: texts([task[name]], name)[0] for name in ("source", "target")}
    negative = task.get("negative")
    weights = task.get("weights")
    if weights is not None:
        require(isinstance(weights, list) and all(_finite(x) for x in weights), "weights that are numbers", weights)
        weights = [float(x) for x in weights]  # JavaScript writes 1.0 as 1
    return {
        **both, "words": texts(task["words"], "words"), "weights": weights,
        "negative": None if negative is None else texts([negative], "the negative prompt")[0],
        "negative_words": texts(task.get("negative_words", []), "negative words"),
    }  # fmt: skip


def keep(value: Mapping[str, Any]) -> Keep:
    """What was kept; unknown names are left out, and what an older schema did not have was not kept."""
    require(isinstance(value, dict), "what was kept", value)
    flags = {name: value[name] for name in Keep.__dataclass_fields__ if name in value and name != "sites"}
    require(all(type(flag) is bool for flag in flags.values()), "yes or no of what was kept", flags)
    return Keep(**{"heads": False, **flags}, sites=tuple(texts(value.get("sites", ()), "sites")))


def terms(value: Any) -> list[dict[str, float]]:
    """The losses of each word at each nudge of a step."""
    require(isinstance(value, list) and len(value) <= 100_000, "a list of nudges", type(value).__name__)
    for nudge in value:
        require(isinstance(nudge, dict) and len(nudge) <= MOST["words"], "losses by word", nudge)
        texts(list(nudge), "words with a loss")
        require(all(_finite(x) for x in nudge.values()), "finite losses", nudge)
    return [{word: float(x) for word, x in nudge.items()} for nudge in value]


def columns(value: Any, most: int) -> dict[tuple[str, str], list[int]]:
    """Branch and word to columns."""
    require(isinstance(value, list) and len(value) <= MOST["words"], f"at most {MOST['words']} words", type(value))
    places = {}
    for branch, word, own in value:
        require(branch in ("source", "target"), "a branch of source or target", branch)
        texts([word], "words with columns")
        require(isinstance(own, list) and 0 < len(own) <= most + 1, "a word's columns", own)
        places[branch, word] = [whole(c, 0, most, "a column") for c in own]
    return places


def time(value: Any) -> float | int:
    """A timestep: a whole number, or one of a flow's between 0 and 1000."""
    require(_finite(value) and abs(value) <= 10**6, "a timestep", value)
    return value


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


# ------------------------------------------------------------ the arrays of the steps


def require_rows(parts: Parts) -> None:
    """Every array has the shape that its name and the rest of the run say, in all steps alike; all numbers are finite,
    and what is stacked over the steps stays near the size of what was read."""
    require(len(parts.times) == len(parts.terms) == len(parts.rows), "one of each for each step", len(parts.rows))
    h, w = parts.cells
    require(len(parts.times) * max(h * w, 1) <= MOST["stack"] * 8, "fewer steps or cells", (len(parts.times), h, w))
    names = sorted({name for row in parts.rows for name in row})
    for name in names:
        arrays = [(i, row[name]) for i, row in enumerate(parts.rows) if name in row]
        for i, array in arrays:
            _require_array(parts, name, array, len(parts.terms[i]))
        _require_stack(name, [array for _, array in arrays], len(parts.rows))


def _require_array(parts: Parts, name: str, array: np.ndarray, nudges: int) -> None:
    wanted = array.shape if name.startswith("site.") else _shape(parts, name, nudges)
    fits = len(wanted) == array.ndim and all(a in (b, -1) for a, b in zip(wanted, array.shape, strict=True))
    require(fits and (array.size or not nudges), f"{name} of shape {wanted}", array.shape)
    if name == "preview":
        require(array.dtype == np.uint8, "a preview in bytes", array.dtype)
        return
    require(array.dtype.kind == "f", f"{name} in floating point", array.dtype)
    require(np.isfinite(array).all() or name.startswith("site."), f"finite numbers as {name}", "NaN or infinity")


def _shape(parts: Parts, name: str, nudges: int) -> tuple[int, ...]:
    """The shape that an array must have; -1: any length."""
    target, source = len(parts.tokens) + parts.padding, len(parts.source_tokens) + parts.padding
    cells, edited = parts.cells, len(parts.edited)
    terms = len({word for step in parts.terms for nudge in step for word in nudge})
    if name.startswith("heads."):
        whole(int(name.removeprefix("heads.")), 0, max(len(parts.sites) - 1, 0), "a site of heads")
        return edited, -1, *cells
    return {
        **{size: (nudges,) for size in SIZES},
        "term_sizes": (nudges, terms, 2), "term_maps": (nudges, terms, -1, -1), "gradient_maps": (nudges, -1, -1),
        "target_attention": (target, *cells), "source_attention": (source, *cells),
        "nudge_attention": (2, target, *cells), "inner_attention": (nudges, edited, *cells),
        "x0": (-1, -1, -1), "preview": (-1, -1, 3),
    }[name]  # fmt: skip


def known(name: str, sites: Iterable[str]) -> bool:
    """Whether an array's name is one that a trace knows; others are left unread."""
    kinds = {*SIZES, "term_sizes", "term_maps", "gradient_maps", "target_attention", "source_attention",
             "nudge_attention", "inner_attention", "x0", "preview"}  # fmt: skip
    head = name.removeprefix("heads.")
    return name in kinds or (head != name and head.isascii() and head.isdigit()) or name in {f"site.{s}" for s in sites}


def _require_stack(name: str, arrays: Sequence[np.ndarray], steps: int) -> None:
    shapes = [array.shape for array in arrays]
    require(len({len(shape) for shape in shapes}) == 1, f"{name} of as many axes at each step", shapes[-1])
    first = 0 if name.startswith(("site.", "x0", "preview", "heads")) else 1
    require(len({shape[first:] for shape in shapes}) == 1, f"{name} of one size at all steps", shapes[-1])
    stacked, there = math.prod(np.max(shapes, 0).tolist()) * steps, sum(math.prod(shape) for shape in shapes)
    require(stacked <= max(MOST["stack"], 8 * there), f"less of {name} than {stacked} numbers", there)
