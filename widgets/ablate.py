"""Move one setting along a row of values and see what comes of it; what was not run yet is run on demand."""

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
import traitlets

import magedit_lab as mag
from magedit_lab.settings import named

from .shared import images
from .shared.esm import CSS, esm
from .shared.job import Job
from .shared.planes import rounded
from .shared.runner import Runner, units
from .shared.validation import index_within


class Ablate(Runner):
    """One setting of a method at each of `values`, all runs from one inversion. `run`, `cancel`, `wait`.

    method: a Method, or a name of METHODS. inversion: an Inversion or a name of INVERSIONS, made once when the first
        run is asked for, or a Path that there is already.
    setting: iterations, stop_step (tau), step_size (delta), loss, lam, or another of `settings.table(method)`.
    runs: finished traces by value; those that come are added, so that they can be saved, plotted and passed again.
    at: which of the values is shown.
    """

    _esm = esm("ablate.js")
    _css = CSS

    at = traitlets.Int(0).tag(sync=True)
    _texts: "traitlets.List[Any]" = traitlets.List().tag(sync=True)
    _setting = traitlets.Unicode().tag(sync=True)
    _cells: "traitlets.List[Any]" = traitlets.List().tag(sync=True)
    _pictures: "traitlets.List[Any]" = traitlets.List().tag(sync=True)
    _source = traitlets.Bytes().tag(sync=True)
    _running = traitlets.Int(None, allow_none=True).tag(sync=True)

    def __init__(
        self, net: mag.Backbone, task: mag.Task, method: mag.Method | str, inversion: mag.Inversion | mag.Path | str,
        setting: str = "iterations", values: Sequence[Any] = (0, 5, 15), runs: Mapping[Any, mag.Trace] | None = None,
        keep: mag.Keep | None = None,
    ) -> None:  # fmt: skip
        method = named(mag.METHODS, method, "method")
        self.methods = mag.bench.ablations.varied(method, setting, values)
        self.setting, self.values = setting, list(values)
        if strange := [v for v in runs or () if v not in self.methods]:
            raise ValueError(f"expected runs of {setting} {', '.join(map(str, values))}, got one of {strange[0]!r}")
        self.runs: dict[Any, mag.Trace] = {v: t for v, t in (runs or {}).items() if t.result}
        known = inversion if isinstance(inversion, mag.Path) else named(mag.INVERSIONS, inversion, "inversion")
        self.inversion, self.keep = known, keep or mag.Keep(previews=False)
        self._losses: dict[int, list[float]] = {}
        self._finished = lru_cache(None)(self._finished_cell)
        texts = [str(value) for value in self.values]
        super().__init__(net, task, _texts=texts, _setting=setting, _source=images.png(task.image))
        self._refresh()
        self._pictures = [self._drawn(value) for value in self.values]

    # ------------------------------------------------------------ what a person does

    @property
    def value(self) -> Any:
        """The value that is shown."""
        return self.values[self.at]

    @property
    def missing(self) -> list[Any]:
        """The values that were not run yet."""
        return [value for value in self.values if value not in self.runs]

    def run(self, *values: Any) -> None:
        """Run these values, or all that are missing; where another run is under way `status` says so."""
        if strange := [v for v in values if v not in self.methods]:
            return self.refuse(f"expected values of {', '.join(map(str, self.values))}, got {strange[0]!r}")
        chosen = [v for v in (values or self.missing) if v not in self.runs]
        if chosen:
            self.begin(partial(self._work, chosen), partial(self._first, chosen))
        else:
            self.refuse("all of these were run")

    @traitlets.validate("at")
    def _value_is_one(self, proposal: Any) -> int:
        return index_within("a value's place", proposal.value, len(self.values))

    def _on_message(self, widget: Any, content: Any, buffers: Any) -> None:
        """`run` names the places of the values; the others are the Runner's."""
        message = content if isinstance(content, Mapping) else {}
        if message.get("do") != "run":
            return super()._on_message(widget, content, buffers)
        places = message.get("places")
        known = range(len(self.values))
        if not isinstance(places, list) or not all(type(i) is int and i in known for i in places):
            self.refuse(f"expected places from 0 to {len(known) - 1} to run, from the browser")
        else:
            self.run(*(self.values[i] for i in places))

    # ------------------------------------------------------------ what the thread does

    def _first(self, chosen: list[Any]) -> None:
        """ValueError where one of the values does not fit the task."""
        if not isinstance(self.inversion, mag.Path):
            for value in chosen:
                mag.validate(self.net, self.task, self.inversion, self.methods[value])

    def _work(self, chosen: list[Any], job: Job) -> None:
        self._losses = {}
        self._clock()
        try:
            self._show("running", "inverting", 0, 1, force=True)
            path = self._inverted(self.inversion, job)
            self._clock()
            starts = np.cumsum([0, *(sum(units(self.methods[value], path.steps)) for value in chosen)]).tolist()
            for value, before in zip(chosen, starts[:-1], strict=True):
                self._run_one(value, path, job, before, starts[-1])
        except BaseException as error:
            with self._one:
                self._running = None
            self._ended_early(error, f"{len(self.runs)} of {len(self.values)} values are there")
            raise
        self._show("done", f"{len(chosen)} run in {self._spent:.0f} s", self.of, self.of, force=True)

    def _run_one(self, value: Any, path: mag.Path, job: Job, before: int, of: int) -> None:
        trace, self._losses = mag.Trace(self.task, self.keep), {}
        with self._one:
            self._running = self.values.index(value)

        def record(now: mag.Now, nudge: mag.Nudge) -> None:
            self._losses.setdefault(now.i, []).append(nudge.loss)

        for _ in self._steps(job, path, self.methods[value], trace, record, before, of, f"{self.setting} {value}: "):
            pass
        with self._one, self.hold_sync():
            self.runs[value], self._running = trace, None
            self._pictures = [self._drawn(v) for v in self.values]
            self._refresh()

    def _refresh(self) -> None:
        self._cells = [self._cell(i, value) for i, value in enumerate(self.values)]

    def _cell(self, place: int, value: Any) -> dict[str, Any]:
        """A value's losses, where they lie on the axis of steps, and its scores."""
        if value in self.runs:
            return self._finished(value)
        return {"there": False, **_curve(self._losses if place == self._running else {}), "scores": []}

    def _finished_cell(self, value: Any) -> dict[str, Any]:
        trace = self.runs[value]
        losses = {i: row[np.isfinite(row)].tolist() for i, row in enumerate(trace.losses)}
        return {"there": True, **_curve(losses), "scores": mag.bench.scores.spoken(mag.bench.scores.of(trace))}

    def _drawn(self, value: Any) -> bytes:
        trace = self.runs.get(value)
        return images.png(trace.result) if trace and trace.result else b""

    # ------------------------------------------------------------ without a browser

    @property
    def sentence(self) -> str:
        """What there is to see."""
        there = ", ".join(str(v) for v in self.values if v in self.runs) or "none yet"
        return f"{self.setting} at {', '.join(map(str, self.values))}, of which were run: {there}; shown: {self.value}"

    def still(self) -> bytes:
        done = {v: self.runs[v] for v in self.values if v in self.runs}
        if done:
            return mag.plots.sweep(done, self.setting).png()
        return mag.plots.pictures({"source": self.task.image}, self.sentence).png()


def _curve(losses: Mapping[int, Sequence[float]]) -> dict[str, Any]:
    """The losses of each step's nudges one after the other, a step's within its own unit of the axis."""
    most = max(map(len, losses.values()), default=1) or 1
    spots = [step + i / most for step, row in losses.items() for i in range(len(row))]
    return {"spots": rounded(np.array(spots)), "losses": rounded(np.array([x for row in losses.values() for x in row]))}
