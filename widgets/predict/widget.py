"""A prediction: made before a cell is run, kept, and put beside what came out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from magedit_lab.plots import Plot

from ..shared.base import Still, Validated
from ..shared.esm import CSS, esm
from ..shared.validation import validated
from . import codes, figure, record
from .question import Answer, Question

_KEPT: dict[str, "Predict"] = {}  # of this kernel, by the question's name
LONGEST = 200_000  # letters of a paste; a class has some thousand


class Predict(Validated, Still, anywidget.AnyWidget):
    """A question to answer before the next cell: `reveal` puts its outcome beside the guess.

    question, and choices or else a number from low to high, in unit; near and name: as in Question.
    guess: what was kept, None before; it cannot be changed afterwards. outcome: what came out, None before `reveal`.
    others: the guesses of a class, from `pool` or `pool_folder`. code: the guess in a few letters, for a chat.
    A guess and what came out stay where the cell with the question is run again.
    """

    _esm = esm("predict/predict.js")
    _css = CSS
    _guessed: Answer | None = None  # the trait itself is changed before it is checked

    guess: Any = traitlets.Any(None, allow_none=True).tag(sync=True)
    outcome: Any = traitlets.Any(None, allow_none=True).tag(sync=True)
    others: "traitlets.List[Any]" = traitlets.List().tag(sync=True)
    code = traitlets.Unicode().tag(sync=True)
    verdict = traitlets.Unicode().tag(sync=True)
    status = traitlets.Unicode().tag(sync=True)
    _question: "traitlets.Dict[str, Any]" = traitlets.Dict().tag(sync=True)

    def __init__(
        self, question: str, choices: Sequence[str] = (), *, unit: str = "", low: float = 0.0, high: float = 100.0,
        near: float | None = None, name: str = "",
    ) -> None:  # fmt: skip
        self.question = Question(question, tuple(choices), unit, low, high, near, name)
        q = self.question
        sent = {"text": q.text, "choices": list(q.choices), "unit": q.unit, "low": q.low, "high": q.high}
        super().__init__(_question=sent)
        before = _KEPT.get(q.key)
        if before and before.question == q:
            self.guess, self.outcome, self.others = before.guess, before.outcome, before.others
        _KEPT[q.key] = self
        self.on_msg(self._on_message)

    # ------------------------------------------------------------ what a person does

    def keep(self, guess: object) -> None:
        """Keep a guess. ValueError where it is no answer, where one is kept already, or the outcome is out."""
        answer = self.question.answer(guess)
        if self.guess is not None:
            raise ValueError(f"expected one guess, got another; {self.question.spoken(self.guess)} is kept")
        if self.outcome is not None:
            raise ValueError("expected a guess before the outcome, got one after it; predict before you run")
        self.guess = answer

    def reveal(self, outcome: Any) -> Plot:
        """What came out, beside the guess; as the last line of a cell it is shown there too."""
        self.outcome = self.question.outcome(outcome)
        return self.figure()

    def pool(self, text: str) -> Plot:
        """The guesses of a class from a text with codes in it, such as a chat; they replace those pooled before.

        `status` says how many there were, and names those that were mistyped.
        """
        self.others, wrong = codes.read(text, self.question)
        counted = f"{len(self.others)} {'guess' if len(self.others) == 1 else 'guesses'} of this question"
        self.status = counted + (f"; mistyped: {', '.join(wrong)}" if wrong else "")
        return self.figure()

    def pool_folder(self, folder: str | Path) -> Plot:
        """The guesses of a class from a folder with the files that `predictions().save` wrote."""
        self.others, self.status = record.of_folder(Path(folder), self.question), ""
        return self.figure()

    def _on_message(self, widget: Any, content: Any, buffers: Any) -> None:
        """What the browser wants: {do: keep, guess} or {do: pool, text}."""
        asked = content if isinstance(content, Mapping) else {}
        try:
            if asked.get("do") == "keep":
                self.keep(asked.get("guess"))
            elif asked.get("do") == "pool" and isinstance(text := asked.get("text"), str) and len(text) <= LONGEST:
                self.pool(text)
            else:
                raise ValueError("expected keep with a guess, or pool with a text, from the browser")
        except ValueError as error:
            self.refuse(str(error))

    # ------------------------------------------------------------ what follows

    @traitlets.validate("guess")
    def _guess_once(self, proposal: Any) -> Any:
        """Not even the browser changes a guess that is kept."""
        if self._guessed is not None and proposal.value != self._guessed:
            raise traitlets.TraitError(f"expected the guess that is kept, {self._guessed!r}, got {proposal.value!r}")
        return proposal.value if proposal.value is None else validated(self.question.answer, proposal.value)

    @traitlets.observe("guess", "outcome")
    def _follow_up(self, _: Any) -> None:
        self._guessed = self.guess
        self.code = "" if self.guess is None else codes.code(self.question, self.guess)
        self.verdict = self._judged()

    @property
    def prediction(self) -> record.Prediction:
        """Question, guess and outcome."""
        return record.Prediction(self.question, self.guess, self.outcome)

    def _judged(self) -> str:
        if self.outcome is None:
            return ""
        if self.guess is None:
            return "no guess was kept"
        if self.prediction.right:
            return "as you predicted"
        if self.question.choices:
            return "not what you predicted: say why before you read on"
        return f"off by {self.question.spoken(abs(self.outcome - self.guess))}"

    @property
    def sentence(self) -> str:
        """What there is to see."""
        parts = [self.question.text]
        if self.guess is not None:
            parts.append(f"You predicted {self.question.spoken(self.guess)}.")
        if self.outcome is not None:
            parts.append(f"What came out: {self.question.spoken(self.outcome)}; {self.verdict}.")
        return " ".join(parts)

    def figure(self) -> Plot:
        """Guess and outcome, and the class's guesses."""
        return figure.one(self.question, self.guess, self.outcome, self.others, self.sentence)

    def still(self) -> bytes:
        return self.figure().png()


def predictions() -> record.Predictions:
    """Every prediction of this notebook, in the order in which the questions were put."""
    return record.Predictions({name: widget.prediction for name, widget in _KEPT.items()})
