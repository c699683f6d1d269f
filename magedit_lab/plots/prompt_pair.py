"""A figure of two prompts: their tokens in two rows, and lines between those that correspond."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from transformers import PreTrainedTokenizerBase

from ..prompts import checks, words
from .style import INSIDE, OUTSIDE, SMALL, Plot, escaped

WIDTH = 0.098  # inches a letter, with its share of the box
NAMES = 0.9  # inches before the tokens, for the rows' names


def figure(
    tokenizer: PreTrainedTokenizerBase, source: str, target: str, edit_words: Sequence[str], sentence: str
) -> Plot:
    """Common tokens joined by grey lines, new ones in solid blue frames, dropped ones in dashed orange; edit words
    filled. A prompt that the model can't read whole raises ValueError."""
    rows = [checks.tokens(tokenizer, p) for p in (source, target)]
    joined = checks.pairs(tokenizer, source, target)
    chosen = {part for word in edit_words for part in words.split(word)}
    places = [_places(row) for row in rows]
    fig = Plot(figsize=(max(p[-1] for p in places) + NAMES + 0.8, 2.2), dpi=110, layout="constrained")
    fig.set_label(sentence)
    axes = fig.subplots()
    axes.set(xlim=(-NAMES, max(p[-1] for p in places) + 0.6), ylim=(-0.5, 1.5))
    axes.set_axis_off()
    for y, name in ((1.0, "source"), (0.0, "target")):
        axes.text(-0.2, y, name, ha="right", va="center", fontsize=SMALL)
    for i, j in joined:
        axes.plot([places[0][i], places[1][j]], [0.82, 0.18], color="0.6", lw=1.5)
    for i, token in enumerate(rows[0]):
        _chip(axes, places[0][i], 1.0, _read(token), "common" if i in {a for a, _ in joined} else "dropped")
    for j, token in enumerate(rows[1]):
        state = "common" if j in {b for _, b in joined} else "new"
        _chip(axes, places[1][j], 0.0, _read(token), "chosen" if token.word in chosen else state)
    return fig


def _places(row: Sequence[checks.Token]) -> list[float]:
    """The middle of each token, in inches, one after the other."""
    wide = [WIDTH * (len(_read(t)) + 2) for t in row]
    return [sum(wide[:i]) + wide[i] / 2 for i in range(len(row))]


def _read(token: checks.Token) -> str:
    """A token as people read it: without the mark of a word's end; with a dash where the word goes on."""
    if token.text.startswith("<|"):
        return "start" if token.text.startswith("<|start") else "end"
    return token.text.removesuffix("</w>") if token.text.endswith("</w>") else f"{token.text}-"


LOOKS: dict[str, dict[str, Any]] = {
    "common": {"fc": "white", "ec": "0.6"},
    "new": {"fc": "white", "ec": INSIDE, "lw": 2},
    "dropped": {"fc": "white", "ec": OUTSIDE, "ls": "--", "lw": 2},
    "chosen": {"fc": INSIDE, "ec": INSIDE},
}


def _chip(axes: Axes, x: float, y: float, text: str, state: str) -> None:
    colour = "white" if state == "chosen" else "black"
    box = {"boxstyle": "round,pad=0.25", **LOOKS[state]}
    label = escaped(text)
    axes.text(x, y, label, ha="center", va="center", fontsize=SMALL - 2, color=colour, bbox=box, family="monospace")
