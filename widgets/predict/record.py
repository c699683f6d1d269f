"""Every prediction of a notebook: as a figure, as codes, and as a file in a folder that a class shares."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from magedit_lab import files
from magedit_lab.plots import Plot

from . import codes, figure
from .question import Answer, Question


@dataclass(frozen=True)
class Prediction:
    """A question, what was guessed, and what came out; None where it is not there yet."""

    question: Question
    guess: Answer | None = None
    outcome: Answer | None = None

    @property
    def right(self) -> bool | None:
        """Whether the guess holds; None as long as one of the two is missing."""
        if self.guess is None or self.outcome is None:
            return None
        return self.question.right(self.guess, self.outcome)


class Predictions(Mapping[str, Prediction]):
    """Predictions by their question's name. At the end of a cell it is a figure: each guess beside its outcome."""

    def __init__(self, kept: Mapping[str, Prediction]) -> None:
        self._kept = dict(kept)

    def __getitem__(self, name: str) -> Prediction:
        return self._kept[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def sentence(self) -> str:
        """How many guesses there are, and how many came out."""
        made = [p for p in self.values() if p.guess is not None]
        out = [p for p in made if p.outcome is not None]
        right = sum(bool(p.right) for p in out)
        return f"{len(made)} of {len(self)} questions predicted; {right} of {len(out)} came out as predicted"

    def __repr__(self) -> str:
        return self.sentence

    @property
    def codes(self) -> str:
        """The codes of all guesses in a line, to be pasted into a chat."""
        return " ".join(codes.code(p.question, p.guess) for p in self.values() if p.guess is not None)

    def figure(self) -> Plot:
        """Each question with guess and outcome."""
        if not self._kept:
            raise ValueError("expected at least one prediction, got none; show a Predict first")
        return figure.table([(p.question, p.guess, p.outcome, p.right) for p in self.values()], self.sentence)

    def _repr_mimebundle_(self, **options: object) -> object:
        return self.figure()._repr_mimebundle_(**options) if self._kept else {"text/plain": self.sentence}

    def save(self, folder: str | Path, who: str) -> Path:
        """Write the guesses to `folder/who.json`, where `Predict.pool(folder)` counts them; the file's path."""
        if not re.fullmatch(r"[\w-][\w .-]{0,39}", who):
            raise ValueError(f"expected a name of 1 to 40 letters, digits, spaces, dots or dashes, got {who!r}")
        path = Path(folder) / f"{who}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        guesses = {name: p.guess for name, p in self.items() if p.guess is not None}
        files.write_text(path, json.dumps(guesses, indent=1))
        return path


def of_folder(folder: Path, question: Question) -> list[Answer]:
    """Everybody's guess of one question, from the files of a folder; ValueError names a file that is none."""
    if not folder.is_dir():
        raise ValueError(f"expected a folder of predictions, got {str(folder)!r}; save some with predictions().save")
    guesses = []
    for path in sorted(folder.glob("*.json")):
        kept = files.read_json(path)
        try:
            guesses += [question.answer(kept[question.key])] if question.key in kept else []
        except ValueError as error:
            raise ValueError(f"expected a file of predictions, got {path.name!r}: {error}") from None
    return guesses
