"""A study of preference (the paper's Fig. 5): blind votes between MAG-Edit and another method, and their shares."""

import base64
import hashlib
import html
import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ... import files, masks
from ..run import interval

PAGE = Path(__file__).with_name("study.html")
CHOICES = ("left", "right", "tie")
QUESTIONS = {
    "text": "Which follows the text better?",
    "structure": "Which keeps the structure of the source better?",
    "overall": "Which edit is better overall?",
}


@dataclass(frozen=True)
class Pair:
    """One comparison: a case's source, its target prompt, and the two results; `swapped` puts `ours` on the right."""

    case: str
    prompt: str
    ours: str
    other: str
    swapped: bool


def pairs(rows: Sequence[dict[str, Any]], prompts: dict[str, str], ours: str, seed: int = 0) -> list[Pair]:
    """Every case that has `ours` and another setting, in random order and with random sides (fixed by `seed`)."""
    rng = np.random.default_rng(seed)
    settings = {(row["case"], row["setting"]) for row in rows}
    candidates = [(case, other) for case, other in sorted(settings) if other != ours and (case, ours) in settings]
    if not candidates:
        names = ", ".join(sorted({s for _, s in settings})) or "none"
        raise ValueError(f"expected cases with {ours!r} and another setting, found none; settings there: {names}")
    order = rng.permutation(len(candidates))
    chosen = [candidates[i] for i in order]
    return [Pair(case, prompts[case], ours, other, bool(rng.random() < 0.5)) for case, other in chosen]


def page(chosen: Sequence[Pair], sources: dict[str, Image.Image], pictures: Path) -> str:
    """One self-contained HTML page: votes by mouse or keyboard, ties allowed, kept by the browser and saved as
    JSON.

    Which method is on which side is in the file that comes out of it, not on the screen.
    """
    items = []
    for pair in chosen:
        left, right = (pair.other, pair.ours) if pair.swapped else (pair.ours, pair.other)
        question = {"case": pair.case, "prompt": pair.prompt, "left": left, "right": right}
        images = [_data(sources[pair.case])]
        for name in (left, right):
            images.append(_data(masks.open_image(pictures / f"{pair.case}.{name}.png")))
        items.append(question | {"images": images})
    # "<" would let a prompt close the script element
    digest = hashlib.sha256(json.dumps(items).encode()).hexdigest()[:16]
    data = json.dumps({"study": digest, "questions": QUESTIONS, "items": items}).replace("<", "\\u003c")
    return PAGE.read_text(encoding="utf-8").replace("@DATA@", data)


def write(chosen: Sequence[Pair], sources: dict[str, Image.Image], pictures: Path, path: Path) -> None:
    text = page(chosen, sources, pictures)
    files.write_text(path, text)


def _data(image: Image.Image) -> str:
    data = io.BytesIO()
    image.resize((256, 256), Image.Resampling.LANCZOS).save(data, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()


def votes(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """All votes of several voters' files, each voter's once: of several files of one voter the last, of files without a
    voter (of an older page) those that differ. ValueError in one line where a file is not such a one."""
    ballots: dict[str, list[dict[str, Any]]] = {}
    for path in paths:
        try:
            whole = files.read_json(path)
            cast = [_vote(vote) for vote in whole["votes"]]
            _require_once(cast)
            ballots[str(whole.get("voter") or json.dumps(cast))] = cast
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"cannot read votes from {str(path)!r}: {type(error).__name__}: {error}") from None
    return [vote for cast in ballots.values() for vote in cast]


def _vote(vote: Any) -> dict[str, Any]:
    """What counts of a vote: texts, of a question and a choice that there are, between two methods."""
    fields = {k: vote[k] for k in ("case", "question", "left", "right", "choice")}
    known = fields["question"] in QUESTIONS and fields["choice"] in CHOICES and fields["left"] != fields["right"]
    if not known or not all(isinstance(v, str) and v.isprintable() for v in fields.values()):
        raise ValueError(
            f"expected a vote of {', '.join(CHOICES)} between two methods on one of {', '.join(QUESTIONS)}, "
            f"got {str(vote)[:120]!r}"
        )
    return fields


def _require_once(cast: Sequence[dict[str, Any]]) -> None:
    """ValueError where a file has two votes on one question."""
    asked = Counter((v["case"], v["question"], *sorted((v["left"], v["right"]))) for v in cast)
    if asked and (most := asked.most_common(1)[0])[1] > 1:
        raise ValueError(f"expected one vote on each question, got {most[1]} on {', '.join(most[0])}")


def shares(cast: Sequence[dict[str, Any]], ours: str) -> list[dict[str, Any]]:
    """For each rival and question: the share of votes for `ours` (a tie is half a vote), with its 95 % interval."""
    table = []
    names = {v[side] for v in cast for side in ("left", "right")}
    if ours not in names:
        raise ValueError(f"expected votes on {ours!r}, got none; methods there: {', '.join(sorted(names)) or 'none'}")
    for question in QUESTIONS:
        for other in sorted(names - {ours}):
            own = [v for v in cast if v["question"] == question and {v["left"], v["right"]} == {ours, other}]
            values = [_points(v, ours) for v in own]
            if values:
                mean, low, high = interval(values)
                line = {"question": question, "against": other, "votes": len(values)}
                table.append(line | {"share": mean, "low": low, "high": high})
    return table


def _points(vote: dict[str, Any], ours: str) -> float:
    return 0.5 if vote["choice"] == "tie" else float(vote[vote["choice"]] == ours)


def markdown(table: Sequence[dict[str, Any]], ours: str) -> str:
    lines = [f"| question | against | votes | share for {html.escape(ours)} [95 %] |", "|---|---|---|---|"]
    for line in table:
        share = f"{line['share']:.0%} [{line['low']:.0%}, {line['high']:.0%}]"
        against = html.escape(line["against"]).replace("|", "&#124;")
        lines.append(f"| {QUESTIONS[line['question']]} | {against} | {line['votes']} | {share} |")
    return "\n".join(lines)
