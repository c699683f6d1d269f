"""Run an edit and watch it: loss and gradient at every nudge, the foreseen picture at every step; pause, cancel."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
import traitlets

import magedit_lab as mag
from magedit_lab import settings as mag_settings

from .progress import Progress, Watched
from .shared import images
from .shared.esm import CSS, esm
from .shared.job import Job
from .shared.runner import Runner

GIVEN = "as given"
MOST_SEED = 2**32 - 1  # torch takes no larger one here
SOURCE, RESULT = "the source", "the result"
FORESEEN = "the finished picture, as this step foresees it"
DISSOLVING = "the picture on its way to noise: the latent that is being inverted"
KEPT = ("steps", "guidance_scale")  # through a change of the inversion


class LiveRun(Runner):
    """Inverts and edits on a thread of its own; the kernel stays usable. `run`, `pause`, `resume`, `cancel`, `wait`.

    task: a Task, or a function that makes one at each run (its ValueError is put into `status`). method, inversion:
        objects, or names of METHODS and INVERSIONS.
    method_name, inversion_name: of METHODS and INVERSIONS; "as given" is the method or inversion that was passed.
        preset: of the method's own, such as MAG-Edit's released code or printed equations. Choosing one sets `settings`
        to its own.
    settings: every number, switch and choice of method and inversion, as `magedit_lab.settings` names them; a wrong
        one is named in `status` when it is run, and nothing is run. seed: torch's, for a method of one's own that draws
        from it; ours have theirs among their settings. folded: settings and the second curve are one click away.
    trace: the steps so far, of the run under way or the last one; a cancelled run keeps what it has. used: the method
        and the path that made it.
    """

    DO = ("run", "pause", "resume", "cancel")

    _esm = esm("live_run.js")
    _css = CSS

    settings: "traitlets.Dict[str, Any]" = traitlets.Dict().tag(sync=True)
    method_name = traitlets.Unicode(GIVEN).tag(sync=True)
    inversion_name = traitlets.Unicode(GIVEN).tag(sync=True)
    preset = traitlets.Unicode(GIVEN).tag(sync=True)
    seed = traitlets.Int(0, min=0, max=MOST_SEED).tag(sync=True)
    _runs = traitlets.Int(0).tag(sync=True)  # a trait, as a message of its own would overtake settings on their way
    _form: "traitlets.Dict[str, Any]" = traitlets.Dict().tag(sync=True)
    _curves: "traitlets.Dict[str, Any]" = traitlets.Dict().tag(sync=True)
    _preview = traitlets.Bytes().tag(sync=True)
    _caption = traitlets.Unicode(SOURCE).tag(sync=True)
    _line: "traitlets.Dict[str, Any]" = traitlets.Dict().tag(sync=True)
    _film: "traitlets.List[Any]" = traitlets.List().tag(sync=True)
    folded = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self, net: mag.Backbone, task: mag.Task | Callable[[], mag.Task], method: mag.Method | str = "p2p+mag-edit",
        inversion: mag.Inversion | str = "null-text", keep: mag.Keep | None = None, folded: bool = False,
    ) -> None:  # fmt: skip
        self.keep = keep or mag.Keep()
        self._make_task = task if callable(task) else lambda: task
        first = self._make_task()
        self.method = mag_settings.named(mag.METHODS, method, "method")
        self.inversion = mag_settings.named(mag.INVERSIONS, inversion, "inversion")
        self._given = (self.method, self.inversion)
        self.trace = mag.Trace(first, self.keep)
        self.used: tuple[mag.Method, mag.Path] | None = None
        self._now: dict[str, list[float]] = {"loss": [], "inside": [], "outside": []}
        self._picture = images.small(first.image)
        self._progress, self._kind = Progress(self.method.nudges(self.inversion.steps)), SOURCE
        super().__init__(
            net, first, _curves=self._now, _preview=self._picture, _line=self._progress.line(), folded=folded
        )
        self._fill()

    # ------------------------------------------------------------ what can be chosen

    @traitlets.validate("method_name", "inversion_name", "preset")
    def _require_known(self, proposal: Any) -> str:
        name, value = proposal["trait"].name, proposal["value"]
        presets = dict.fromkeys(p for method in (self._given[0], *mag.METHODS.values()) for p in method.presets)
        known = {"method_name": list(mag.METHODS), "inversion_name": list(mag.INVERSIONS), "preset": list(presets)}
        if value not in (GIVEN, *known[name]):
            raise traitlets.TraitError(f"expected {name} {GIVEN!r} or {', '.join(known[name])}, got {value!r}")
        return value

    @traitlets.observe("method_name", "preset")
    def _choose_method(self, _: Any) -> None:
        chosen = self._given[0] if self.method_name == GIVEN else mag.METHODS[self.method_name]
        self.method = chosen.preset(self.preset) if self.preset in chosen.presets else chosen
        self._fill("method")

    @traitlets.observe("inversion_name")
    def _choose_inversion(self, _: Any) -> None:
        self.inversion = self._given[1] if self.inversion_name == GIVEN else mag.INVERSIONS[self.inversion_name]
        self._fill("inversion")

    def _fill(self, *anew: str) -> None:
        """The form for method and inversion as they are; what a person set stays, but for the part that is new."""
        tables = {
            "method": mag_settings.table(self.method),
            "inversion": mag_settings.table(self.inversion),
        }
        with self.hold_sync():
            self.settings = {
                s.name: s.value if part in anew and s.name not in KEPT else self.settings.get(s.name, s.value)
                for part, table in tables.items() for s in table
            }  # fmt: skip
            self._form = {
                "methods": [GIVEN, *mag.METHODS], "inversions": [GIVEN, *mag.INVERSIONS],
                "presets": [GIVEN, *self.method.presets] if self.method.presets else [],
                **{part: [_field(setting) for setting in table] for part, table in tables.items()},
            }  # fmt: skip

    def _chosen(self) -> tuple[mag.Method, mag.Inversion]:
        """Method and inversion with the settings of the form; ValueError for those that fit neither."""
        own = {s.name for s in mag_settings.table(self.inversion)}
        inversion = mag_settings.change(self.inversion, {k: v for k, v in self.settings.items() if k in own})
        self.net.schedule.timesteps(inversion.steps)
        return mag_settings.change(self.method, {k: v for k, v in self.settings.items() if k not in own}), inversion

    # ------------------------------------------------------------ what a person does

    def run(self) -> None:
        """Start. Where the settings are wrong, or another run is under way, `status` says so and nothing starts."""
        try:
            method, inversion = self._chosen()
            work = partial(self._work, method, inversion, self.seed)
        except ValueError as error:
            return self.refuse(str(error))
        self.begin(work, partial(self._first, method, inversion))

    @traitlets.observe("_runs")
    def _run_asked(self, _: Any) -> None:
        self.run()

    # ------------------------------------------------------------ what the thread does

    def _first(self, method: mag.Method, inversion: mag.Inversion) -> None:
        """Once no other run can be under way: the task of this one, if all fits; what the last one left goes."""
        task = self._make_task()
        mag.validate(self.net, task, inversion, method)
        self.task, self.trace = task, mag.Trace(task, self.keep)
        self._now, self._picture = {"loss": [], "inside": [], "outside": []}, images.small(task.image)
        self._progress, self._kind = Progress(method.nudges(inversion.steps)), SOURCE

    def _inverting(self, net: Watched, done: int, of: int) -> None:
        picture = self._progress.inverting(net, done, of)
        if picture:
            self._picture, self._kind = images.small(picture), DISSOLVING

    def _work(self, method: mag.Method, inversion: mag.Inversion, seed: int, job: Job) -> None:
        began = time.monotonic()
        self._clock()
        try:
            torch.manual_seed(seed)
            self._show("running", "inverting", 0, 1, force=True)
            path = self._inverted(inversion, job)
            self.used = method, path
            self._clock()

            def record(now: mag.Now, nudge: mag.Nudge) -> None:
                self._progress.nudged(now.i)
                sizes = nudge.size(now.run.latent_mask).tolist()
                for curve, value in zip(self._now.values(), (nudge.loss, *sizes), strict=True):
                    curve.append(value)

            for step in self._steps(job, path, method, self.trace, record):
                picture = self.trace.preview(-1) if self.keep.previews else None
                self._progress.stepped(step.now.i, picture)
                if picture:
                    self._picture, self._kind = images.small(picture), FORESEEN
        except BaseException as error:
            self._progress.ended()
            self._ended_early(error, f"{len(self.trace.times)} steps are kept in trace")
            raise
        self._progress.ended()
        if self.trace.result:
            self._picture, self._kind = images.small(self.trace.result), RESULT
        spent = time.monotonic() - began - job.held
        self._show("done", f"{len(self.trace.times)} steps in {spent:.0f} s", self.of, self.of, force=True)

    def _refresh(self) -> None:
        self._curves = {name: list(values) for name, values in self._now.items()}
        self._preview, self._caption = self._picture, self._kind
        self._line, self._film = self._progress.line(), self._progress.film

    # ------------------------------------------------------------ without a browser

    @property
    def sentence(self) -> str:
        """What there is to see."""
        count = len(self._now["loss"])
        return f"A run of “{' '.join(self.task.words)}”, {self.state}: {len(self.trace.times)} steps, {count} nudges"

    def still(self) -> bytes:
        pictures = {"source": self.task.image}
        if self.trace.times and self.keep.previews:
            pictures["now"] = self.trace.result or self.trace.preview(-1)
        return mag.plots.pictures(pictures, self.sentence).png()

    @property
    def losses(self) -> np.ndarray:
        """The loss at each nudge so far, also of the step under way."""
        return np.array(self._now["loss"])


def _field(setting: mag_settings.Field) -> dict[str, Any]:
    """What the browser needs to show a setting."""
    return {"name": setting.name, "kind": setting.kind, "choices": list(setting.choices), "about": setting.help}
