"""One writer a folder: a lock that a killed process does not leave behind."""

import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: there, two writers of one folder are not told apart
    fcntl = None  # type: ignore[assignment]

NAME = ".lock"


class Lock:
    """Held from the start until `release`; ValueError where another process or thread holds it."""

    def __init__(self, folder: Path) -> None:
        self._handle: int | None = os.open(folder / NAME, os.O_CREAT | os.O_RDWR, 0o666)
        if fcntl is None:
            return
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.release()
            raise ValueError(
                f"expected a folder that nobody writes into, got {str(folder)!r}, where a run is under way; wait for "
                "it, or take another folder"
            ) from None

    def release(self) -> None:
        """Let others write."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
