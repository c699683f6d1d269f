"""What a benchmark edits: a task, and what is known of a good answer."""

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cached_property

from PIL import Image

from ..task import Task


@dataclass(frozen=True, eq=False)
class Case:
    """A task with what is known of a good answer.

    change: colour, texture, object or removal (or a dataset's own type). complex: two or more objects of a kind that
    the prompt doesn't tell apart; None where that isn't known.
    phrase: the edited object in words, for the local CLIP score. ideal: the perfect edit, where it can be drawn.
    rivals: other phrases that the object must not rather be taken for.
    negative: a prompt of what is to fade and the word for it (Eq. 3), where the source prompt doesn't say it.
    """

    name: str
    task: Task
    change: str
    phrase: str
    complex: bool | None = None
    ideal: Image.Image | None = None
    rivals: tuple[str, ...] = ()
    negative: tuple[str, str] | None = None

    def __repr__(self) -> str:
        return f"Case({self.name!r}, {self.change}, {self.phrase!r})"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[^/\\\x00-\x1f]{1,100}", self.name) or not self.name.strip(". "):
            raise ValueError(f"expected a name that can begin a file's, of 1 to 100 characters, got {self.name[:60]!r}")

    @cached_property
    def digest(self) -> str:
        """Of all that a row of scores depends on."""
        task = self.task
        texts = [task.source, task.target, task.words, task.negative, task.negative_words, self.change, self.phrase]
        more = [self.rivals, self.negative, [g.weight for g in task.goals]]
        pictures = [task.image.tobytes(), *(g.mask.numpy().tobytes() for g in task.goals)]
        ideal = self.ideal.tobytes() if self.ideal else b""
        parts = (json.dumps([texts, more]).encode(), *pictures, ideal)
        return hashlib.sha256(b"".join(parts)).hexdigest()[:12]
