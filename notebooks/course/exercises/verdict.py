"""What a check says of an answer, and what most checks need."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Verdict:
    """Whether an answer is right, and why; shown as a line of text."""

    right: bool
    words: str

    def __repr__(self) -> str:
        return f"{'Right' if self.right else 'Not yet'}: {self.words}"


def right(words: str) -> Verdict:
    return Verdict(True, words)


def wrong(words: str) -> Verdict:
    return Verdict(False, words)


def number(
    answer: object, expected: float | int, name: str, tolerance: float | int, good: str, bad: str,
    slips: Mapping[float | int, str] | None = None,
) -> Verdict:  # fmt: skip
    """A number within `tolerance` of the expected one. slips: wrong values that are easily got, and how."""
    if answer is None:
        return wrong(f"{name} is still None; fill in the cell above and run it")
    try:
        value = float(answer)  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError):
        return wrong(f"{name} should be a number, not {type(answer).__name__}")
    if abs(value - expected) <= tolerance:
        return right(good)
    for slip, why in (slips or {}).items():
        if abs(value - slip) <= tolerance:
            return wrong(f"{value:g}: {why}")
    return wrong(f"{value:g}: {bad}")


def called(function: object, *arguments: Any) -> tuple[Any, Verdict | None]:
    """What a student's function gives back, or the verdict on how it failed."""
    if not isinstance(function, Callable):  # type: ignore[arg-type]
        return None, wrong(f"expected a function, got {type(function).__name__}; write `def …`")
    name = getattr(function, "__name__", "your function")
    try:
        result = function(*arguments)  # type: ignore[operator]
    except Exception as error:  # whatever a first try raises, it is shown as a reason
        return None, wrong(f"{name} raised {type(error).__name__}: {' '.join(str(error).split())[:160]}")
    if result is None:
        return None, wrong(f"{name} returns None; end it with `return …`")
    return result, None
