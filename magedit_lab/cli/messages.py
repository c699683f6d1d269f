"""Messages that can't cost a result: a stream that can't be written, or not in this encoding, ends no work."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any


class Steady:
    """A text stream that is written where it can be: letters that its encoding lacks as `\\u....`, and nothing more
    once it is closed, full or broken (`| head -1`)."""

    def __init__(self, stream: Any) -> None:
        self.stream, self.broken = stream, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """The text's length, whatever became of it."""
        if not self.broken:
            try:
                self.stream.write(self._writable(text))
                if "\n" in text:
                    self.stream.flush()
            except (OSError, ValueError):  # ValueError: it is closed
                self._give_up()
        return len(text)

    def flush(self) -> None:
        if not self.broken:
            try:
                self.stream.flush()
            except (OSError, ValueError):
                self._give_up()

    def _writable(self, text: str) -> str:
        encoding = self.stream.encoding or "utf-8"
        return text.encode(encoding, "backslashreplace").decode(encoding)

    def _give_up(self) -> None:
        """What waits in the stream goes nowhere, or Python would fail over it at its end."""
        self.broken = True
        with suppress(OSError, ValueError, AttributeError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.stream.fileno())
            os.close(null)


@contextmanager
def steady() -> Iterator[None]:
    """stdout and stderr are `Steady` within, for every library too."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (Steady(stream or io.StringIO()) for stream in before)  # type: ignore[assignment]
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = before
