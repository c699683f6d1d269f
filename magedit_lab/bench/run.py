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
    net: Backbone, cases: Iterable[Case], settings: Sequence[Setting], judges: Judges, out: Path
) -> Iterator[dict[str, Any]]:
    """One row for each case and setting, done ones from `rows.jsonl` in `out`; pictures go to `out/pictures`.

    A line is written when its edit is done and scored, so an interrupt loses at most the one under way. The inversion
    is shared by neighbouring settings that have the same; its seconds and calls count for each. ValueError where `out`
    holds rows of another model, other judges, or other settings or cases of the same name.
    """
    out.mkdir(parents=True, exist_ok=True)
    done = {(row["case"], row["setting"]): row for row in load(out)}
    _require_same(out / "settings.json", _facts(net, settings, judges), {setting for _, setting in done})
    names: set[str] = set()
    for case in cases:
        if case.name in names:
            raise ValueError(f"expected a name of its own for each case, got {case.name!r} twice; rename one")
        names.add(case.name)
        inverted: tuple[Inversion, Route, float, int] | None = None
        for setting in settings:
            if row := done.get((case.name, setting.name)):
                if row.get("task") != case.digest:
                    raise ValueError(
                        f"expected rows of this case {case.name!r} in {str(out)!r}, got one of another task of that "
                        "name; take another --out"
                    )
                yield row
                continue
            if inverted is None or inverted[0] != setting.inversion:
                inverted = _invert(net, case, setting.inversion)
            row = _row(net, case, setting, inverted[1:], judges, out)
            files.add_line(out / "rows.jsonl", row)
            yield row


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
    """The rows so far; a last line that an interrupt cut short is taken off the file."""
    path = out / "rows.jsonl"
    return [_read(line, f"{path}, line {i}") for i, line in enumerate(files.lines(path), 1)]


def _read(line: str, where: str) -> dict[str, Any]:
    """One row; ValueError that says where it stands for what is none."""
    try:
        row = json.loads(line)
        texts = [row[key] for key in ("case", "setting", "change")]
        scores = [value for key, value in row.items() if key in COLUMNS]
        if all(isinstance(x, str) for x in texts) and all(isinstance(x, int | float | None) for x in scores):
            return row
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        pass
    raise ValueError(f"{where}: expected a row of scores, got {line[:50]!r}; remove that line")


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
