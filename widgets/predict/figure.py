"""Guesses beside their outcomes, as figures."""

import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from magedit_lab.plots import INSIDE, OUTSIDE, SMALL, TEXT, TITLE, Plot
from magedit_lab.plots.style import escaped

from .question import Answer, Question

GUESS: dict[str, Any] = {"marker": "o", "color": INSIDE}
OUTCOME: dict[str, Any] = {"marker": "D", "color": OUTSIDE}
MARK: dict[str, Any] = {"ls": "none", "ms": 13, "mec": "white", "mew": 1.5, "zorder": 4}
MARKS = {True: "✓", False: "✗", None: "·"}
Row = tuple[Question, Answer | None, Answer | None, bool | None]


def one(
    question: Question, guess: Answer | None, outcome: Answer | None, others: Sequence[Answer], sentence: str
) -> Plot:
    """A question with the guess, the outcome, and how many of a class guessed what."""
    title = textwrap.fill(question.text, 78)
    rows = len(question.choices) or 2.2
    made = Plot(figsize=(9.0, 1.5 + 0.5 * rows + 0.3 * title.count("\n")), dpi=110, layout="constrained")
    made.set_label(sentence)
    made.suptitle(escaped(title), fontsize=TEXT, weight="bold", x=0.02, ha="left")
    axes = made.subplots()
    axes.spines[:].set_visible(False)
    (_choices if question.choices else _line)(axes, question, guess, outcome, others)
    if guess is not None or outcome is not None:
        made.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=SMALL)
    return made


def _choices(
    axes: Axes, question: Question, guess: Answer | None, outcome: Answer | None, others: Sequence[Answer]
) -> None:
    """A bar of the class for each choice, the marks before it."""
    counts, places = Counter(others), range(len(question.choices))
    widths = [counts[choice] for choice in question.choices]
    if others:
        axes.barh(places, widths, color="0.8", height=0.6, label=f"a class of {len(others)}")
    for value, look, x, name in ((guess, GUESS, -0.09, "your guess"), (outcome, OUTCOME, -0.04, "what came out")):
        if value is not None:
            place, over = question.choices.index(str(value)), axes.get_yaxis_transform()
            axes.plot([x], [place], **look, **MARK, label=name, transform=over, clip_on=False)
    axes.set_yticks(places, [escaped(textwrap.shorten(c, 60)) for c in question.choices], fontsize=TEXT)
    axes.tick_params(axis="y", length=0, pad=60)
    axes.set_xlim(0, max([1, *widths]) * 1.05)
    axes.set_xticks(sorted({0, max(widths)}) if others else [])
    axes.set_ylim(len(question.choices) - 0.5, -0.5)


def _line(
    axes: Axes, question: Question, guess: Answer | None, outcome: Answer | None, others: Sequence[Answer]
) -> None:
    """The marks on a line from low to high, a dot of the class above it for each guess, in twenty piles."""
    values = [v for v in (guess, outcome) if isinstance(v, float)]
    low, high = min([question.low, *values]), max([question.high, *values])
    axes.plot([low, high], [0, 0], color="0.6", lw=2, zorder=1)
    piles: Counter[float] = Counter()
    for other in map(float, others):
        pile = low + (high - low) * round(20 * (other - low) / (high - low)) / 20
        piles[pile] += 1
        axes.plot([pile], [0.35 * piles[pile] + 0.2], "o", color="0.7", ms=8)
    if others:
        axes.plot([], [], "o", color="0.7", ms=8, label=f"a class of {len(others)}")
    for value, look, name in ((guess, GUESS, "your guess"), (outcome, OUTCOME, "what came out")):
        if isinstance(value, float):
            axes.plot([value], [0], **look, **MARK, label=f"{name}: {question.spoken(value)}")
    axes.set_yticks([])
    axes.set_ylim(-0.5, max(1.2, 0.35 * max([0, *piles.values()]) + 0.6))
    axes.tick_params(axis="x", labelsize=SMALL)
    if question.unit:
        axes.set_xlabel(escaped(question.unit), fontsize=SMALL)


def table(rows: Sequence[Row], sentence: str) -> Plot:
    """A line for each question: ✓ or ✗, the question, the guess and the outcome."""
    lines = [textwrap.fill(question.text, 62) for question, *_ in rows]
    heights = [1 + line.count("\n") for line in lines]
    total = sum(heights) + 0.6 * len(rows) + 2
    made = Plot(figsize=(11.0, 0.3 * total + 0.7), dpi=110, layout="constrained")
    made.set_label(sentence)
    made.suptitle(sentence, fontsize=TITLE - 2, weight="bold", x=0.02, ha="left")
    axes = made.subplots()
    axes.set(xlim=(0, 100), ylim=(total, 0))
    axes.set_axis_off()
    for x, head in ((4, "question"), (62, "your guess"), (82, "what came out")):
        axes.text(x, 0.6, head, fontsize=SMALL, color="0.4", va="top")
    y = 2.0
    for (question, guess, outcome, right), text, height in zip(rows, lines, heights, strict=True):
        axes.axhline(y - 0.25, color="0.85", lw=0.8)
        axes.text(0.5, y, MARKS[right], fontsize=TEXT, va="top", color="0.4" if right is None else "black")
        for x, said in ((4, text), (62, question.spoken(guess)), (82, _outcome(question, outcome))):
            axes.text(x, y, escaped(textwrap.fill(said, 22) if x > 4 else said), fontsize=SMALL, va="top")
        y += height + 0.6
    return made


def _outcome(question: Question, outcome: Answer | None) -> str:
    return "not run yet" if outcome is None else question.spoken(outcome)
