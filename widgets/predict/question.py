"""A question with its answers: choices, or a number of a range."""

import math
from dataclasses import dataclass

Answer = str | float
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Question:
    """What is asked. choices: at least two texts, or none for a number from `low` to `high`, in `unit`.

    near: how far a number may lie from the outcome to count as right; by default a tenth of the range.
    name: short and the same for everybody, such as "05-loss": codes and files go by it; by default the text.
    ValueError for a question that has no text, one choice, twice the same choice, or an empty range.
    """

    text: str
    choices: tuple[str, ...] = ()
    unit: str = ""
    low: float = 0.0
    high: float = 100.0
    near: float | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise ValueError("expected a question, got an empty text; write what is to be predicted")
        if len(self.choices) == 1 or len(set(self.choices)) < len(self.choices) or len(self.choices) > len(LETTERS):
            raise ValueError(
                f"expected 2 to {len(LETTERS)} different choices, or none for a number, got {self.choices}"
            )
        if not -math.inf < self.low < self.high < math.inf:
            raise ValueError(f"expected low < high, both finite, got {self.low} and {self.high}")

    @property
    def key(self) -> str:
        """What its guesses are filed under."""
        return self.name or self.text

    def answer(self, value: object) -> Answer:
        """The value as an answer: a choice, or a number of the range; ValueError for any other."""
        if self.choices:
            if value not in self.choices:
                raise ValueError(f"expected one of {', '.join(self.choices)}, got {value!r}")
            return str(value)
        if isinstance(value, bool) or not isinstance(value, int | float) or not self.low <= value <= self.high:
            raise ValueError(f"expected a number from {self.low:g} to {self.high:g}, got {value!r}")
        return float(value)

    def outcome(self, value: object) -> Answer:
        """As `answer`; a number may lie outside the range, as nobody knew it before."""
        if self.choices:
            return self.answer(value)
        number = float(value)  # type: ignore[arg-type]  # numpy's and torch's too
        if not math.isfinite(number):
            raise ValueError(f"expected a finite number, got {value!r}")
        return number

    def right(self, guess: Answer, outcome: Answer) -> bool:
        """Whether a guess holds: the same choice, or a number within `near`."""
        if isinstance(guess, str) or isinstance(outcome, str):
            return guess == outcome
        near = (self.high - self.low) / 10 if self.near is None else self.near
        return abs(guess - outcome) <= near

    def spoken(self, answer: Answer | None) -> str:
        """An answer as it is read, with its unit."""
        if answer is None:
            return "no guess"
        if isinstance(answer, str):
            return answer
        return f"{answer:.4g}" + (self.unit if self.unit in ("", "%", "°") else f" {self.unit}")
