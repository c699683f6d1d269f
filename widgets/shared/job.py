"""One piece of work at a time on a thread of its own, that can be paused, and cancelled wherever it asks."""

import threading
import time
from collections.abc import Callable

BUSY = threading.Lock()  # a model is run by one thread at a time


class Cancelled(BaseException):
    """Raised by `Job.check` once the job was cancelled; not an Exception, so that no handler of errors takes it."""


class Job:
    """Runs `work(job)` on a thread. The work calls `job.check()` often: there it is paused, or cancelled.

    error: what it failed with. held: seconds that it was paused. A kernel's interrupt stops no thread, but `wait` turns
    it into `cancel`.
    """

    def __init__(self, work: Callable[["Job"], None]) -> None:
        self.work, self._state = work, "idle"
        self.error: BaseException | None = None
        self.held = 0.0
        self._thread: threading.Thread | None = None
        self._go, self._stop = threading.Event(), threading.Event()
        self._go.set()

    def start(self, first: Callable[[], object] = lambda: None) -> None:
        """Start it; RuntimeError, and nothing is changed, while any other job is under way.

        `first` is called before, on this thread, once no other can begin; what it raises is raised, and nothing runs.
        """
        if not BUSY.acquire(blocking=False):
            raise RuntimeError("expected no other run under way, got one; cancel it or wait for it")
        try:
            first()
        except BaseException:
            BUSY.release()
            raise
        self._state = "running"
        self._thread = threading.Thread(target=self._run, name="magedit_lab run", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.work(self)
            self._state = "done"
        except Cancelled:
            self._state = "cancelled"
        except BaseException as error:  # whatever it is, it is shown where the run is watched
            self.error, self._state = error, "failed"
        finally:
            BUSY.release()

    @property
    def state(self) -> str:
        """idle, running, paused, done, cancelled or failed."""
        return "paused" if self._state == "running" and not self._go.is_set() else self._state

    def check(self) -> None:
        """Called by the work: waits while paused, and raises Cancelled once cancelled."""
        if not self._go.is_set():
            since = time.monotonic()
            self._go.wait()
            self.held += time.monotonic() - since
        if self._stop.is_set():
            raise Cancelled

    def pause(self) -> None:
        """Hold at the next check; the model stays taken."""
        self._go.clear()
        if self._stop.is_set():  # cancelled: it must not wait
            self._go.set()

    def resume(self) -> None:
        """Go on after `pause`."""
        self._go.set()

    def cancel(self) -> None:
        """Stop at the next check, paused or not."""
        self._stop.set()
        self._go.set()

    def wait(self, seconds: float | None = None) -> str:
        """Block until it ended, or for so many seconds; the state. An interrupt cancels it and is raised anew."""
        if self._thread:
            try:
                self._thread.join(seconds)
            except KeyboardInterrupt:
                self.cancel()
                self._thread.join()
                raise
        return self.state
