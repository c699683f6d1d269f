"""Run an edit and watch it: loss and gradient at every nudge, the foreseen picture at every step; pause, cancel."""

import time
from collections.abc import Mapping
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets

import magedit_lab as mag

from . import palette
from .job import Cancelled, Job

EVERY = 0.1  # seconds between two messages to the browser


class LiveRun(palette.Still, anywidget.AnyWidget):
    """Inverts and edits on a thread of its own; the kernel stays usable. `run`, `pause`, `resume`, `cancel`, `wait`.

    settings: loss, iterations and step_size of MAG-Edit, steps and guidance_scale of the inversion; a wrong one is
        told in `status` when it is run, and nothing is run.
    trace: the steps so far, of the run under way or the last one; a cancelled run keeps what it has.
    """

    _esm = Path(__file__).with_name("live_run.js")
    _css = palette.CSS

    settings: "traitlets.Dict[str, Any]" = traitlets.Dict().tag(sync=True)
    state = traitlets.Unicode("idle").tag(sync=True)
    status = traitlets.Unicode("ready").tag(sync=True)
    done = traitlets.Int(0).tag(sync=True)
    of = traitlets.Int(1).tag(sync=True)
    left = traitlets.Float(None, allow_none=True).tag(sync=True)
    _curves: "traitlets.Dict[str, Any]" = traitlets.Dict().tag(sync=True)
    _preview = traitlets.Bytes().tag(sync=True)

    def __init__(
        self, net: mag.Backbone, task: mag.Task, method: mag.MagEdit | None = None,
        inversion: mag.NullText | None = None, keep: mag.Keep | None = None,
    ) -> None:  # fmt: skip
        self.net, self.task = net, task
        self.method, self.inversion = method or mag.MagEdit(), inversion or mag.NullText()
        self.keep = keep or mag.Keep()
        self.trace = mag.Trace(task, self.keep)
        self.job = Job(partial(self._work, self.method, self.inversion))
        self._path: tuple[mag.Inversion, mag.Path] | None = None
        self._sent = self._began = 0.0
        self._now: dict[str, list[float]] = {"loss": [], "inside": [], "outside": []}
        told = {f: getattr(self.method, f) for f in ("loss", "iterations", "step_size")}
        told |= {f: getattr(self.inversion, f) for f in ("steps", "guidance_scale")}
        super().__init__(settings=told, _curves=self._now, _preview=palette.png(task.image))
        self.on_msg(self._asked)

    # ------------------------------------------------------------ what a person does

    def run(self) -> None:
        """Start. Where the settings are wrong, or another run is under way, `status` says so and nothing starts."""
        try:
            job = Job(partial(self._work, *self._chosen(self.settings)))
            job.start()
        except (ValueError, TypeError, RuntimeError) as error:
            self.status = str(error)
            return
        self.job = job

    def pause(self) -> None:
        """Hold before the next nudge."""
        self.job.pause()
        self.state = self.job.state

    def resume(self) -> None:
        """Go on after `pause`."""
        self.job.resume()
        self.state = self.job.state

    def cancel(self) -> None:
        """Stop before the next nudge; the trace keeps the whole steps."""
        self.job.cancel()

    def wait(self, seconds: float | None = None) -> str:
        """Block until the run has ended, or for so many seconds; its state."""
        return self.job.wait(seconds)

    def _asked(self, widget: Any, content: Any, buffers: Any) -> None:
        action = content.get("do") if isinstance(content, Mapping) else None
        if action in ("run", "pause", "resume", "cancel"):
            getattr(self, action)()
        else:
            self.status = "expected run, pause, resume or cancel from the browser"

    # ------------------------------------------------------------ what the thread does

    def _chosen(self, settings: Mapping[str, Any]) -> tuple[mag.MagEdit, mag.NullText]:
        parts: list[Any] = []
        for part in (self.method, self.inversion):
            own = {f.name: settings[f.name] for f in fields(part) if f.name in settings}
            for name, value in own.items():
                kind = type(getattr(part, name))
                if kind is not str and (isinstance(value, bool) or not isinstance(value, int | float)):
                    raise ValueError(f"expected a number for {name}, got {value!r}")
                if kind is int and value != int(value):
                    raise ValueError(f"expected a whole number for {name}, got {value!r}")
                own[name] = kind(value)
            parts.append(replace(part, **own))
        if parts[1].steps < 1:
            raise ValueError(f"expected 1 or more steps, got {parts[1].steps}")
        return parts[0], parts[1]

    def _work(self, method: mag.MagEdit, inversion: mag.NullText, job: Job) -> None:
        self._began, self._now = time.monotonic(), {"loss": [], "inside": [], "outside": []}
        self.trace = mag.Trace(self.task, self.keep)
        try:
            self._show("running", "inverting", 0, 1)
            path = self._inverted(inversion, job)
            self._began = time.monotonic()
            mask = mag.masks.to_cells(self.task.region, *path.latents.shape[-2:]).to(path.latents)

            def watch(now: mag.Now, nudge: mag.Nudge) -> None:
                job.check()
                values = (nudge.loss, *nudge.size(mask))
                for curve, value in zip(self._now.values(), values, strict=True):
                    curve.append(value)
                self._show("running", f"step {now.i + 1} of {path.steps}", now.i, path.steps)

            for step in mag.edit(self.net, self.task, path, method, watch):
                self.trace.add(step)
                if self.keep.previews:
                    self._preview = palette.png(self.trace.previews[-1])
                self._show("running", f"step {step.now.i + 1} of {path.steps}", step.now.i + 1, path.steps)
                job.check()
        except BaseException as error:
            cancelled = isinstance(error, Cancelled)
            kept = f"{len(self.trace.times)} steps are kept in trace"
            self._show("cancelled" if cancelled else "failed", kept if cancelled else f"{error}; {kept}", force=True)
            raise
        if self.trace.result:
            self._preview = palette.png(self.trace.result)
        self._show(
            "done",
            f"{len(self.trace.times)} steps in {time.monotonic() - self._began:.0f} s",
            self.of,
            self.of,
            force=True,
        )

    def _inverted(self, inversion: mag.NullText, job: Job) -> mag.Path:
        """The path, found anew only where the inversion's settings have changed."""
        if self._path is None or self._path[0] != inversion:

            def after(done: int, of: int) -> None:
                job.check()
                self._show("running", f"inverting: {done} of {of}", done, of)

            self._path = (inversion, mag.invert(self.net, self.task, inversion, after))
        return self._path[1]

    def _show(
        self, state: str, words: str, done: int | None = None, of: int | None = None, force: bool = False
    ) -> None:
        """At most ten times a second to the browser, in one message."""
        now = time.monotonic()
        if not force and now - self._sent < EVERY and state == self.state:
            return
        self._sent = now
        done, of = (self.done if done is None else done), (self.of if of is None else of)
        spent = now - self._began
        with self.hold_sync():
            self.state = "paused" if state == "running" and self.job.state == "paused" else state
            self.status, self.done, self.of = words, done, of
            self.left = spent / done * (of - done) if 0 < done <= of else None
            self._curves = {name: list(values) for name, values in self._now.items()}

    # ------------------------------------------------------------ without a browser

    @property
    def sentence(self) -> str:
        """What there is to see."""
        count = len(self._now["loss"])
        return f"A run of “{' '.join(self.task.words)}”, {self.state}: {len(self.trace.times)} steps, {count} nudges"

    def still(self) -> bytes:
        pictures = {"source": self.task.image}
        if self.trace.times and self.keep.previews:
            pictures["now"] = self.trace.result or self.trace.previews[-1]
        return mag.plots.pictures(pictures, self.sentence).png()

    @property
    def losses(self) -> np.ndarray:
        """The loss at each nudge so far, also of the step under way."""
        return np.array(self._now["loss"])
