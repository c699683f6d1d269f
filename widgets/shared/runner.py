"""What widgets that edit have in common: one job at a time on a thread, cancelled within a nudge, and watched."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import anywidget
import numpy as np
import traitlets

import magedit_lab as mag

from ..progress.watched import Watched
from .base import Still, Validated
from .job import Cancelled, Job

EVERY = 0.1  # seconds between two messages to the browser


def units(method: mag.Method, steps: int) -> list[int]:
    """The work of each step, as far as it is known before: about that of two nudges, and the nudges themselves."""
    return [2 + nudges for nudges in method.nudges(steps)]


class Runner(Validated, Still, anywidget.AnyWidget):
    """`pause`, `resume`, `cancel` and `wait` for the work that a subclass begins with `begin`.

    state: idle, running, paused, done, cancelled or failed. status: what goes on, or, with `refused`, what was
    refused. done, of: how far it is, in units of a nudge; left: seconds, as far as can be told. DO: what the browser
    may ask for by a message.
    """

    DO: tuple[str, ...] = ("pause", "resume", "cancel")

    state = traitlets.Unicode("idle").tag(sync=True)
    status = traitlets.Unicode("ready").tag(sync=True)
    refused = traitlets.Bool(False).tag(sync=True)
    done = traitlets.Int(0).tag(sync=True)
    of = traitlets.Int(1).tag(sync=True)
    left = traitlets.Float(None, allow_none=True).tag(sync=True)

    def __init__(self, net: mag.Backbone, task: mag.Task, **traits: Any) -> None:
        self.net, self.task = net, task
        self.job = Job(lambda job: None)
        self._path: tuple[Any, mag.Task, mag.Path] | None = None
        self._sent = self._began = self._held = 0.0
        self._start = 0
        self._one = threading.RLock()  # ipywidgets' own bookkeeping is not made for two threads
        super().__init__(**traits)
        self.on_msg(self._on_message)

    # ------------------------------------------------------------ what a person does

    def begin(self, work: Callable[[Job], None], first: Callable[[], object] = lambda: None) -> None:
        """Start; where another run is under way, or `first` raises ValueError, `status` says so and nothing starts."""
        job = Job(work)

        def start() -> None:
            first()
            with self._one:
                self.job, self.state = job, "running"

        try:
            job.start(start)
        except (ValueError, RuntimeError) as error:
            self.refuse(str(error))

    def refuse(self, refusal: str) -> None:
        """Say what was refused; the next news of a run takes its place."""
        with self._one:
            super().refuse(refusal)
            self.refused = True

    def pause(self) -> None:
        """Hold before the next nudge."""
        with self._one:
            if self.state == "running":
                self.job.pause()
                self.state = self.job.state

    def resume(self) -> None:
        """Go on after `pause`."""
        with self._one:
            if self.state == "paused":
                self.job.resume()
                self.state = self.job.state

    def cancel(self) -> None:
        """Stop before the next nudge; whole steps are kept."""
        self.job.cancel()

    def wait(self, seconds: float | None = None) -> str:
        """Block until the run has ended, or for so many seconds; its state."""
        return self.job.wait(seconds)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """What the browser says."""
        with self._one:
            super().set_state(sync_data)

    def _on_message(self, widget: Any, content: Any, buffers: Any) -> None:
        action = content.get("do") if isinstance(content, Mapping) else None
        if action in self.DO:
            getattr(self, action)()
        else:
            self.refuse(f"expected {', '.join(self.DO[:-1])} or {self.DO[-1]} from the browser")

    # ------------------------------------------------------------ what the thread does

    def _inverted(self, inversion: mag.Inversion | mag.Path, job: Job) -> mag.Path:
        """The path, found anew only where the inversion's settings, the picture or the source prompt have changed."""
        if isinstance(inversion, mag.Path):
            return inversion
        known = self._path and self._path[0] == inversion and self._path[1].source == self.task.source
        if self._path is None or not known or self._path[1].image.tobytes() != self.task.image.tobytes():
            watched = Watched.by(self.net)

            def after(done: int, of: int) -> None:
                job.check()
                self._inverting(watched, done, of)
                self._show("running", f"inverting: {done} of {of}", done, of)

            self._path = (inversion, self.task, mag.invert(watched, self.task, inversion, after))
        return self._path[2]

    def _inverting(self, net: Watched, done: int, of: int) -> None:
        """What a subclass shows of the latent that is being inverted."""

    def _steps(
        self, job: Job, path: mag.Path, method: mag.Method, trace: mag.Trace,
        record: Callable[[mag.Now, mag.Nudge], object], before: int = 0, of: int | None = None, what: str = "",
    ) -> Iterator[mag.Step]:  # fmt: skip
        """Each step of an edit once it is in the trace; `record` gets each nudge. Progress counts from `before`, in
        units of a nudge."""
        ends = np.cumsum([0, *units(method, path.steps)]).tolist()
        of, nudges = (ends[-1] if of is None else of), 0

        def watch(now: mag.Now, nudge: mag.Nudge) -> None:
            nonlocal nudges
            job.check()
            record(now, nudge)
            nudges += 1
            done = min(ends[now.i] + nudges, ends[now.i + 1])
            self._show("running", f"{what}step {now.i + 1} of {path.steps}", before + done, of)

        for step in mag.edit(self.net, self.task, path, method, watch):
            if not trace.times:
                self._start += ends[step.now.i]  # what the method leaves out took no time
            nudges = 0
            trace.add(step)
            yield step
            self._show("running", f"{what}step {step.now.i + 1} of {path.steps}", before + ends[step.now.i + 1], of)
            job.check()

    def _clock(self) -> None:
        """Time left is reckoned from now on."""
        self._began, self._held, self._start = time.monotonic(), self.job.held, 0

    @property
    def _spent(self) -> float:
        """Seconds since the clock began, pauses left out."""
        return time.monotonic() - self._began - (self.job.held - self._held)

    def _ended_early(self, error: BaseException, note: str) -> None:
        """What was cancelled or has failed is told, with what was kept."""
        if isinstance(error, Cancelled):
            self._show("cancelled", note, force=True)
        else:
            self._show("failed", f"{error or type(error).__name__}; {note}", force=True)

    def _show(
        self, state: str, words: str, done: int | None = None, of: int | None = None, force: bool = False
    ) -> None:
        """At most ten times a second to the browser, in one message."""
        now = time.monotonic()
        if not force and now - self._sent < EVERY and state == self.state:
            return
        self._sent = now
        done, of = (self.done if done is None else done), (self.of if of is None else of)
        worked = done - self._start
        with self._one, self.hold_sync():
            self.status, self.refused, self.done, self.of = words, False, done, of
            self.left = self._spent / worked * (of - done) if worked > 0 and done <= of else None
            self._refresh()
            self.state = "paused" if state == "running" and self.job.state == "paused" else state

    def _refresh(self) -> None:
        """Traits of the subclass that go along."""
