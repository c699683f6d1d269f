"""A study of preference (the paper's Fig. 5): blind votes between MAG-Edit and another method, and their shares."""

import base64
import html
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .. import files, masks
from .run import interval

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
    """One self-contained HTML page: votes by mouse or keyboard, ties allowed, saved by the browser as JSON.

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
    data = json.dumps({"questions": QUESTIONS, "items": items}).replace("<", "\\u003c")
    return PAGE.replace("@DATA@", data)


def write(chosen: Sequence[Pair], sources: dict[str, Image.Image], pictures: Path, path: Path) -> None:
    text = page(chosen, sources, pictures)
    files.write_text(path, text)


def _data(image: Image.Image) -> str:
    data = io.BytesIO()
    image.resize((256, 256), Image.Resampling.LANCZOS).save(data, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()


def votes(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """All votes of several voters' files; ValueError in one line where a file is not such a one."""
    answers: list[dict[str, Any]] = []
    for path in paths:
        try:
            answers += [_vote(vote) for vote in files.read_json(path)["votes"]]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"cannot read votes from {str(path)!r}: {type(error).__name__}: {error}") from None
    return answers


def _vote(vote: Any) -> dict[str, Any]:
    """What counts of a vote: texts, of a question that there is."""
    fields = {k: vote[k] for k in ("question", "left", "right", "choice")}
    if not all(isinstance(v, str) and v.isprintable() for v in fields.values()) or fields["question"] not in QUESTIONS:
        raise ValueError(f"expected a vote on one of {', '.join(QUESTIONS)}, got {str(vote)[:80]!r}")
    return fields


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
    if vote["choice"] not in ("left", "right", "tie"):
        raise ValueError(f"expected a choice of left, right or tie, got {vote['choice']!r}")
    return 0.5 if vote["choice"] == "tie" else float(vote[vote["choice"]] == ours)


def markdown(table: Sequence[dict[str, Any]], ours: str) -> str:
    lines = [f"| question | against | votes | share for {html.escape(ours)} [95 %] |", "|---|---|---|---|"]
    for line in table:
        share = f"{line['share']:.0%} [{line['low']:.0%}, {line['high']:.0%}]"
        against = html.escape(line["against"]).replace("|", "&#124;")
        lines.append(f"| {QUESTIONS[line['question']]} | {against} | {line['votes']} | {share} |")
    return "\n".join(lines)


PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Which edit is better?</title>
<style>
body{font:18px/1.5 system-ui,sans-serif;max-width:60rem;margin:1rem auto;padding:0 1rem;color:#222;background:#fff}
#pictures{display:flex;gap:1rem;justify-content:center;flex-wrap:wrap}figure{margin:0;text-align:center}
img{width:min(256px,28vw);border-radius:6px}
button{font:inherit;padding:.5rem 1rem;border-radius:6px;border:1px solid #555;background:none;color:inherit}
button:focus-visible{outline:3px solid #0072B2;outline-offset:2px}
#answers{display:flex;gap:1rem;justify-content:center;margin:1rem}
@media(prefers-color-scheme:dark){body{color:#eee;background:#181818}}
</style>
<main><p id="count" role="status"></p><h1 id="question"></h1><p id="prompt"></p>
<div id="pictures">
<figure><img id="source"><figcaption>source</figcaption></figure>
<figure><img id="left"><figcaption>left</figcaption></figure>
<figure><img id="right"><figcaption>right</figcaption></figure></div>
<div id="answers">
<button data-choice="left">Left (←)</button><button data-choice="tie">No difference (↓)</button>
<button data-choice="right">Right (→)</button></div>
<p><button id="back">Back (Backspace)</button> <button id="save">Save votes (S)</button></p></main>
<script>
const {questions, items} = @DATA@;
const keys = Object.keys(questions), all = items.length * keys.length, votes = [];
const at = id => document.getElementById(id);
function show() {
  const n = votes.length, done = n >= all;
  at("count").textContent = done ? "Done. Thank you! Save the votes." : `${n + 1} of ${all}`;
  at("question").textContent = done ? "" : questions[keys[n % keys.length]];
  for (const b of document.querySelectorAll("[data-choice]")) b.disabled = done;
  at("pictures").hidden = done;
  if (done) { at("prompt").textContent = ""; return; }
  const item = items[Math.floor(n / keys.length)];
  at("prompt").textContent = item.prompt;
  ["source", "left", "right"].forEach((id, i) => { at(id).src = item.images[i]; at(id).alt = id; });
}
function vote(choice) {
  if (votes.length >= all) return;
  const item = items[Math.floor(votes.length / keys.length)];
  votes.push({case: item.case, question: keys[votes.length % keys.length], left: item.left, right: item.right, choice});
  show();
}
function save() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify({schema: 1, votes}, null, 1)], {type: "application/json"}));
  link.download = "votes.json"; link.click(); URL.revokeObjectURL(link.href);
}
function back() { votes.pop(); show(); }
document.querySelectorAll("[data-choice]").forEach(b => b.onclick = () => vote(b.dataset.choice));
at("back").onclick = back; at("save").onclick = save;
addEventListener("keydown", event => {
  const act = {ArrowLeft: () => vote("left"), ArrowRight: () => vote("right"), ArrowDown: () => vote("tie"),
               Backspace: back, s: save}[event.key];
  if (act && !event.ctrlKey && !event.metaKey) { event.preventDefault(); act(); }
});
show();
</script></html>
"""
