"""The whole edit in one call, into a folder that grows, and taken up again."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path as FilePath
from typing import Any

import torch
from torch import Tensor

from ..inversion.base import Inversion, Path, keeping
from ..inversion.stopped import Stopped
from ..inversion.table import ALL_INVERSIONS, invert
from ..loop.single import edit
from ..methods.base import Method
from ..methods.table import ALL_METHODS
from ..methods.validate import validate
from ..model.backbone import Backbone
from ..runs import Run
from ..settings import named
from ..steps import Since, Step
from ..task import Task
from . import writing
from .folder import RunFolder
from .record import Keep
from .trace import Trace

Progress = Callable[[int, int], object]


def run(
    net: Backbone, task: Task, path: Path | Inversion | str, method: Method | str, keep: Keep | None = None,
    progress: Progress | None = None, *, inverting: Progress | None = None, out: str | FilePath | None = None,
    force: bool = False, notes: Mapping[str, Any] | None = None, also: Mapping[str, Tensor] | None = None,
) -> Trace:  # fmt: skip
    """The whole edit in one call; `progress(done, of)` is called after each step.

    path: a Path, or an inversion or its name, which is then run first (`inverting(done, of)` is called as it goes).
    out: a folder that gets each step as it is finished, of the inversion too, so that `mag.load` reads them and
        `mag.resume` goes on from the last, whatever stopped the run. ValueError where it holds another run; with
        `force` that one is given up.
    notes, also: more of the caller's own for run.json and for the inputs, which `noted` gives back.

    What breaks the run off has the trace so far as its `trace`; a KeyboardInterrupt comes as `Stopped`, in one line.
    """
    method, keep = named(ALL_METHODS, method, "method"), keep or Keep()
    if not isinstance(path, Path):
        path = named(ALL_INVERSIONS, path, "inversion")
        validate(net, task, path, method)
    trace = Trace(task, keep)
    if out is None:
        route = path if isinstance(path, Path) else invert(net, task, path, inverting)
        return _Going(trace, net, method, route, progress).go()
    with RunFolder.create(FilePath(out), force) as folder:
        folder.require_room(writing.least_size(net, path, method, keep), "this run")
        writing.put_inputs(folder, task, also or {})
        if isinstance(path, Path):
            writing.put_path(folder, path)
        folder.commit({**writing.meta(net, task, path, method, keep), "notes": dict(notes or {})})
        return run_into(folder, trace, net, path, method, progress, inverting)


def run_into(
    folder: RunFolder, trace: Trace, net: Backbone, path: Path | Inversion, method: Method,
    progress: Progress | None, inverting: Progress | None, since: Since | None = None,
) -> Trace:  # fmt: skip
    """A run, or the rest of one, into its folder."""
    try:
        if isinstance(path, Inversion):
            path = _inverted(folder, trace, net, path, inverting)
            writing.put_path(folder, path)
        if not trace.tokens:
            trace.begin(method.read(Run(net, trace.task, path)))
            folder.put_json("layout", trace.layout)
        folder.trim_metrics(len(trace.times))
        _Going(trace, net, method, path, progress, folder, since).go()
        writing.put_pictures(folder, trace.pictures(path.steps - len(trace.times)))
        folder.end("done", steps=len(trace.times))
        trace.ended = "done"
        return trace
    except BaseException as error:
        trace.ended = "stopped" if isinstance(error, KeyboardInterrupt) else "failed"
        error.trace = trace  # type: ignore[attr-defined]
        with suppress(OSError):
            folder.end(trace.ended, steps=len(trace.times), why=type(error).__name__)
        raise


def _inverted(
    folder: RunFolder, trace: Trace, net: Backbone, inversion: Inversion, inverting: Progress | None
) -> Path:  # fmt: skip
    """The path, each step of which is kept in the folder."""
    try:
        with keeping(folder.keeper(net.device)):
            return invert(net, trace.task, inversion, inverting)
    except KeyboardInterrupt as error:
        raise Stopped(str(error), f"mag.resume({str(folder.root)!r}) goes on") from None


class _Going:
    """One pass through the loop, from its beginning or from a step, into a trace and a folder."""

    def __init__(
        self, trace: Trace, net: Backbone, method: Method, path: Path, progress: Progress | None,
        folder: RunFolder | None = None, since: Since | None = None,
    ) -> None:  # fmt: skip
        self.trace, self.net, self.method, self.path = trace, net, method, path
        self.progress, self.folder, self.since = progress, folder, since
        self.rng = torch.get_rng_state()

    def go(self) -> Trace:
        trace = self.trace
        try:
            if self.since is None or self.since.i < self.path.steps:
                for step in edit(
                    self.net, trace.task, self.path, self.method, listen=trace.listeners, since=self.since
                ):
                    self._take(step)
            elif trace.result is None:
                trace.finish(self.net, self.since.source, self.since.target)
        except KeyboardInterrupt:
            raise self._stopped() from None
        except Exception as error:
            trace.trim()
            error.trace = trace  # type: ignore[attr-defined]
            raise
        return trace

    def _take(self, step: Step) -> None:
        self.trace.keep_step(step)
        if self.folder:
            self._put(self.folder, step)
        if step.last:
            self.trace.finish(self.net, step.source, step.target)
        if self.progress:
            self.progress(step.now.i + 1, self.path.steps)

    def _put(self, folder: RunFolder, step: Step) -> None:
        trace, rng = self.trace, torch.get_rng_state()
        drawn = None if torch.equal(rng, self.rng) else rng
        row = trace._rows[-1]
        size = writing.put_step(folder, step.now.i, step.now.t, trace.terms[-1], row, step.after, drawn)
        if len(trace.times) == 1:
            folder.require_room(size * (self.path.steps - step.now.i - 1), "the steps to come")

    def _stopped(self) -> Stopped:
        self.trace.trim()
        count, of = len(self.trace.times), self.path.steps
        advice = f"mag.resume({str(self.folder.root)!r}) goes on" if self.folder else "it is sys.last_value.trace"
        return Stopped(f"stopped at step {count} of {of}; the trace has {count} steps", advice, self.trace)
