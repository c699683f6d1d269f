"""Folders as schemas 1 and 2 had them: all steps in trace.safetensors, the rest in trace.json and PNGs."""

import json
from dataclasses import asdict

import numpy as np
from safetensors.numpy import save_file


def write(trace, folder, schema=2):
    """A trace in an older schema; the first knew no heads, no padding, and the edit words' maps not at every nudge."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {"image": trace.task.image, "result": trace.result, "reconstruction": trace.reconstruction}
    for name, picture in pictures.items():
        if picture is not None:
            picture.save(folder / f"{name}.png")
    rows = [dict(r) for r in trace._rows]
    for i, row in enumerate(rows):
        if "x0" in row:
            row["preview"] = np.asarray(trace.preview(i))
    meta = facts(trace)
    if schema == 1:
        meta, rows = first(meta), [first_row(row) for row in rows]
    arrays = {f"{i}.{k}": np.ascontiguousarray(v) for i, row in enumerate(rows) for k, v in row.items()}
    arrays |= {f"mask.{i}": g.mask.numpy() for i, g in enumerate(trace.task.goals)}
    save_file(arrays, folder / "trace.safetensors")
    (folder / "trace.json").write_text(json.dumps(meta))
    return folder


def facts(trace):
    t = trace.task
    return {
        "schema": 2, "keep": asdict(trace.keep), "tokens": trace.tokens, "source_tokens": trace.source_tokens,
        "times": trace.times, "terms": trace.terms, "cells": list(trace._cells), "sites": trace.sites,
        "columns": [[b, x, c] for (b, x), c in trace._columns.items()],
        "task": {"source": t.source, "target": t.target, "words": list(t.words), "negative": t.negative,
                 "weights": [g.weight for g in t.goals], "negative_words": list(t.negative_words)},
    }  # fmt: skip


def first(meta):
    meta = {**meta, "schema": 1, "keep": {k: v for k, v in meta["keep"].items() if k not in ("heads", "sites")}}
    del meta["sites"]
    return {**meta, "columns": [line for line in meta["columns"] if not line[1].startswith("<")]}


def first_row(row):
    kept = {k: v for k, v in row.items() if "heads" not in k and "inner" not in k}
    return {k: v[..., :-1, :, :] if k.endswith("_attention") else v for k, v in kept.items()}
