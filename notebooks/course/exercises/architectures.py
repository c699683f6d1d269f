"""Checks of notebook 13."""

import magedit_lab as mag

from .verdict import Verdict, number, right, wrong


def check_columns(answer: object, run: mag.Run, word: str) -> Verdict:
    """A word's columns where several encoders read the prompt."""
    expected = run.columns(word)
    if answer is None:
        return wrong("columns is still None; it should be a list of numbers")
    if not isinstance(answer, list | tuple):
        return wrong(f"expected a list of columns, got {type(answer).__name__}; a word can have several")
    if sorted(answer) == sorted(expected):
        return right(f"{expected}: one for each encoder whose tokens stand in the text")
    if set(answer) < set(expected):
        return wrong(f"{list(answer)} is not all: a second encoder's tokens stand behind the first's")
    return wrong(f"{list(answer)}: run.tokens(prompt) lists the tokens by column; count from 0")


def check_text_share(answer: object, rows: object) -> Verdict:
    """How much of a cell's attention goes to text in joint attention."""
    expected = float(rows)  # type: ignore[arg-type]
    return number(
        answer, expected, "share", 0.005, f"{expected:.1%} goes to the text, the rest to other cells",
        "sum over the columns, then average over heads and cells",
        {1.0: "that holds in cross attention; here the softmax runs over picture and text together",
         1 - expected: "that is what goes to other cells"},
    )  # fmt: skip
