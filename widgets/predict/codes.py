"""Guesses as short codes for a chat: `k7m-b-q` is choice b of the question k7m, `k7m-48.5-x` a number of it."""

import hashlib
import re
from collections.abc import Iterable

from .question import LETTERS, Answer, Question

SIGNS = "abcdefghjkmnpqrstuvwxyz23456789"  # no i, l, o, 0, 1, which are read for one another
CODE = re.compile(rf"(?<![\w-])([{SIGNS}]{{3}})-([a-z]|m?\d+(?:\.\d+)?)-([{SIGNS}])(?![\w-])", re.I)


def code(question: Question, guess: Answer) -> str:
    """The code of a guess. Its last sign checks the others, so that a slip of the finger is noticed."""
    said = _said(question, guess)
    return f"{_tag(question)}-{said}-{_signs(f'{_tag(question)} {said}', 1)}"


def read(text: str, question: Question) -> tuple[list[Answer], list[str]]:
    """Guesses of a question among whatever else a chat has, names and words, and the codes that were mistyped.

    Codes of other questions are left out, as a paste may hold a whole notebook's.
    """
    guesses, wrong = [], []
    for tag, said, check in _parts(text):
        if check != _signs(f"{tag} {said}", 1):
            wrong.append(f"{tag}-{said}-{check}")
        elif tag == _tag(question):
            try:
                guesses.append(_meant(question, said))
            except ValueError:
                wrong.append(f"{tag}-{said}-{check}")
    return guesses, wrong


def _parts(text: str) -> Iterable[tuple[str, str, str]]:
    return ((a.lower(), b.lower(), c.lower()) for a, b, c in CODE.findall(text))


def _tag(question: Question) -> str:
    return _signs(question.key, 3)


def _said(question: Question, guess: Answer) -> str:
    if isinstance(guess, str):
        return LETTERS[question.choices.index(guess)]
    return f"{guess:.4f}".rstrip("0").rstrip(".").replace("-", "m")


def _meant(question: Question, said: str) -> Answer:
    if not question.choices:
        return question.answer(float(said.replace("m", "-")))
    place = LETTERS.find(said)
    if not 0 <= place < len(question.choices):
        raise ValueError(f"expected a letter of {len(question.choices)} choices, got {said!r}")
    return question.choices[place]


def _signs(text: str, count: int) -> str:
    """`count` signs that follow from a text."""
    return "".join(SIGNS[byte % len(SIGNS)] for byte in hashlib.sha256(text.encode()).digest()[:count])
