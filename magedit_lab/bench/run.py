"""Cases x methods to rows of scores, resumable after any interrupt, and what the rows come to."""

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .. import files
from ..inversion.base import Inversion
from ..inversion.base import Path as Route
from ..inversion.table import invert
from ..methods.base import Method
from ..model.backbone import Backbone
from ..model.hooks import count_forwards
from ..settings import described
from ..trace.record import SCORED
from ..trace.runner import run
from .cases import Case
from .judges import Judges
from .room.intervals import paired, wilson
from .rows import Shard, append, claim
from .rows import load as load_rows

COLUMNS = {
    "clip": ("local CLIP", True), "structure": ("structure distance", False), "success": ("success", True),
    "ideal": ("error to ideal", False), "psnr": ("background PSNR", True), "mse": ("background MSE", False),
    "ssim": ("background SSIM", True),
    "pie_structure": ("PIE structure distance x1000", False), "pie_psnr": ("PIE PSNR", True),
    "pie_lpips": ("PIE LPIPS x1000", False), "pie_mse": ("PIE MSE x10000", False),
    "pie_ssim": ("PIE SSIM x100", True), "pie_clip_source": ("PIE CLIP of the source", True),
    "pie_clip": ("PIE CLIP, whole", True), "pie_clip_part": ("PIE CLIP, edited", True),
    "seconds": ("seconds", False), "calls": ("U-Net calls", False),
}  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """One row of a table: a method after an inversion.

    negative: whether a case's negative prompt (Eq. 3) is given to the method, where the case has one.
    """

    name: str
    method: Method
    inversion: Inversion
    negative: bool = False


def measure(
    net: Backbone, cases: Iterable[Case], settings: Sequence[Setting], judges: Judges, out: Path,
    shard: Shard | None = None,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """One row for each case and setting, done ones from the rows in `out`; pictures go to `out/pictures`.

    A line is written when its edit is done and scored, so an interrupt loses at most the one under way. The inversion
    is shared by neighbouring settings that have the same; its seconds and calls count for each. Several processes may
    work in one folder: each piece is done by one of them, and what a killed one had begun is done by another. shard:
    the part of the cases that is done here, with a file of rows of its own. ValueError where `out` holds rows of
    another model, other judges, or other settings or cases of the same name.
    """
    out.mkdir(parents=True, exist_ok=True)
    chosen = (shard or Shard()).of(_distinct(cases))
    with claim(out, "settings.json"):
        measured = {row["setting"] for row in load(out)}
        _require_same(out / "settings.json", _facts(net, settings, judges), measured)
    bench = _Bench(net, judges, out, out / (shard or Shard()).file)
    put_off = []
    for case in chosen:
        for setting in settings:
            row = bench.row(case, setting, wait=False)
            if row is None:  # another process is at it
                put_off.append((case, setting))
            else:
                yield row
    for case, setting in put_off:
        row = bench.row(case, setting, wait=True)
        assert row is not None
        yield row


def _distinct(cases: Iterable[Case]) -> list[Case]:
    listed = list(cases)
    names = [case.name for case in listed]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"expected a name of its own for each case, got {twice!r} twice; rename one")
    return listed


class _Bench:
    """Rows of one folder: kept ones, or measured here. file: where this process writes."""

    def __init__(self, net: Backbone, judges: Judges, out: Path, file: Path) -> None:
        self.net, self.judges, self.out, self.file = net, judges, out, file
        self.inverted: tuple[Case, Inversion, Route, float, int] | None = None
        self.done: dict[tuple[str, str], dict[str, Any]] = {}
        self.sizes: dict[str, int] = {}

    def row(self, case: Case, setting: Setting, wait: bool) -> dict[str, Any] | None:
        """The row of a case and setting; None where another process is at it, unless it is waited for."""
        if kept := self._kept(case, setting):
            return kept
        with claim(self.out, case.name, setting.name, wait=wait) as held:
            if not held:
                return None
            if kept := self._kept(case, setting):  # another process had it in the meantime
                return kept
            row = self._measured(case, setting)
            append(self.file, row)
            return row

    def _kept(self, case: Case, setting: Setting) -> dict[str, Any] | None:
        sizes = {path.name: path.stat().st_size for path in self.out.glob("rows*.jsonl")}
        if sizes != self.sizes:
            self.sizes, self.done = sizes, {(row["case"], row["setting"]): row for row in load(self.out)}
        row = self.done.get((case.name, setting.name))
        if row and row.get("task") != case.digest:
            raise ValueError(
                f"expected rows of this case {case.name!r} in {str(self.out)!r}, got one of another task of that "
                "name; take another --out"
            )
        return row

    def _measured(self, case: Case, setting: Setting) -> dict[str, Any]:
        if self.inverted is None or self.inverted[0] is not case or self.inverted[1] != setting.inversion:
            self.inverted = (case, *_invert(self.net, case, setting.inversion))
        return _row(self.net, case, setting, self.inverted[2:], self.judges, self.out)


def references(net: Backbone, cases: Iterable[Case], judges: Judges) -> Iterator[dict[str, Any]]:
    """Rows of no method: the source left as it is, and the ideal edit, where a case knows it. What a method's scores
    can be compared with."""
    for case in cases:
        task, _ = case.task.fit(net.size, net.size)
        for name, picture in (("(source)", task.image), ("(ideal edit)", case.ideal)):
            if picture is not None:
                result = picture.resize(task.image.size, Image.Resampling.LANCZOS)
                yield named(case, name) | judges.scores(case, task, result)


def identity(net: Backbone) -> str:
    """The model's name and a digest of some of its weights."""
    weights = [p for p in net.denoiser.parameters() if p.ndim > 1]
    ends = b"".join(p.detach().float().cpu().numpy().tobytes() for p in (weights[0], weights[-1]))
    return f"{net.name}, {hashlib.sha256(ends).hexdigest()[:12]}"


ALWAYS = ("model", "clip", "structure", "pie")  # what all rows depend on


def _facts(net: Backbone, settings: Sequence[Setting], judges: Judges) -> dict[str, str]:
    """What the rows depend on, besides the cases."""
    facts = {"model": identity(net), "clip": judges.clip.name, "structure": judges.structure.name}
    if judges.pie:
        facts["pie"] = f"PIE-Bench's columns, LPIPS of {judges.lpips.name if judges.lpips else 'none'}"
    return facts | {s.name: f"{described(s.method)}, {described(s.inversion)}, negative={s.negative}" for s in settings}


def _require_same(path: Path, facts: Mapping[str, str], measured: set[str]) -> None:
    """Keep the facts beside the rows; ValueError where the rows of the measured settings go back to others."""
    stored = files.read_json(path) if path.exists() else {}
    bound = {*measured, *ALWAYS} if measured else set()
    for name in facts:
        if name in bound and facts[name] != stored.get(name):
            raise ValueError(
                f"expected {str(path.parent)!r} measured with {name} = {facts[name]}, got {stored.get(name)}; "
                "take another --out, or remove that folder"
            )
    files.write_text(path, json.dumps({**stored, **facts}, indent=1) + "\n")


def load(out: Path) -> list[dict[str, Any]]:
    """The rows so far, of all shards; ValueError for a line that is none."""
    return load_rows(out, list(COLUMNS))


def _invert(net: Backbone, case: Case, inversion: Inversion) -> tuple[Inversion, Route, float, int]:
    task, _ = case.task.fit(net.size, net.size)
    start = time.monotonic()
    with count_forwards() as calls:
        path = invert(net, task, inversion)
    return inversion, path, time.monotonic() - start, calls.forwards


def _row(
    net: Backbone, case: Case, setting: Setting, inverted: tuple[Route, float, int], judges: Judges, out: Path
) -> dict[str, Any]:  # fmt: skip
    task, _ = case.task.fit(net.size, net.size)
    if setting.negative and case.negative:
        task = replace(task, negative=case.negative[0], negative_words=case.negative[1])
    path, seconds, count = inverted
    start = time.monotonic()
    with count_forwards() as calls:
        trace = run(net, task, path, setting.method, SCORED)
    cost = {"seconds": seconds + time.monotonic() - start, "calls": count + calls.forwards}
    result = trace.result
    assert result is not None
    files.write(out / "pictures" / f"{case.name}.{setting.name}.png", lambda p: result.save(p, format="PNG"))
    return named(case, setting.name) | judges.scores(case, task, result) | cost


def named(case: Case, setting: str) -> dict[str, Any]:
    """What a row is called by."""
    return {
        "case": case.name, "setting": setting, "change": case.change, "complex": case.complex, "task": case.digest,
    }  # fmt: skip


# ---------------------------------------------------------------- what the rows come to


def summary(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """For each setting and column the mean with its 95 % interval, over all cases that have it and where it is finite
    (the PSNR of an untouched background is not): Wilson's for shares of successes, the bootstrap's for the others."""
    table = []
    for setting in dict.fromkeys(row["setting"] for row in rows):
        own = [row for row in rows if row["setting"] == setting]
        line: dict[str, Any] = {"setting": setting, "cases": len(own)}
        for name in COLUMNS:
            values = [float(row[name]) for row in own if row.get(name) is not None and np.isfinite(row[name])]
            if values:
                line[name] = share(values) if name == "success" else interval(values)
        table.append(line)
    return table


def differences(
    rows: Sequence[Mapping[str, Any]], first: str, names: Sequence[str] = ("success", "clip", "structure", "ideal")
) -> list[dict[str, Any]]:
    """One setting minus each other, on the cases that both have: the mean with the bootstrap's 95 % interval over
    cases, in which a case's hardness drops out."""
    own = {row["case"]: row for row in rows if row["setting"] == first}
    table = []
    for setting in dict.fromkeys(row["setting"] for row in rows if row["setting"] != first):
        pairs = [(own[row["case"]], row) for row in rows if row["setting"] == setting and row["case"] in own]
        line: dict[str, Any] = {"setting": f"{first} - {setting}", "cases": len(pairs)}
        for name in names:
            both = [(a[name], b[name]) for a, b in pairs if a.get(name) is not None and b.get(name) is not None]
            if both:
                line[name] = tuple(paired([a for a, _ in both], [b for _, b in both]))
        table.append(line)
    return table


def share(values: Sequence[float]) -> tuple[float, float, float]:
    """The share of ones with Wilson's interval."""
    value, low, high = wilson(round(sum(values)), len(values))
    return value, low, high


def interval(values: Sequence[float], draws: int = 2000) -> tuple[float, float, float]:
    """The mean, and the 2.5 % and 97.5 % quantiles of means of cases drawn anew (bootstrap, seed 0)."""
    array = np.asarray(values, np.float64)
    drawn = np.random.default_rng(0).integers(0, len(array), (draws, len(array)))
    low, high = np.quantile(array[drawn].mean(1), [0.025, 0.975])
    return float(array.mean()), float(low), float(high)
