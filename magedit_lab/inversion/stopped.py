"""Stopped: an interrupt that says what was kept, and nothing of the libraries that it came through."""

from typing import Any


class Stopped(KeyboardInterrupt):
    """A KeyboardInterrupt with one line of text; a notebook shows that line in place of a traceback.

    where: how far it was. advice: how to go on. trace: what was kept, where a run was stopped.
    """

    def __init__(self, where: str, advice: str = "", trace: Any = None) -> None:
        super().__init__(f"{where}; {advice}" if advice else where)
        self.where, self.advice, self.trace = where, advice, trace

    def _render_traceback_(self) -> list[str]:
        """What IPython prints."""
        return [str(self)]
