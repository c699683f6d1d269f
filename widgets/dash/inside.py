"""Tabs that look into a run: attention, gradient, results side by side, and one setting moved."""

from typing import Any

import ipywidgets

import magedit_lab as mag
from magedit_lab import settings

from ..ablate import Ablate
from ..attention_explorer import AttentionExplorer
from ..compare import Compare
from ..gradient_inspector import GradientInspector
from ..live_run import LiveRun

TABS = ("paint and run", "attention", "gradient", "compare", "one setting")
SETTINGS = ("iterations", "stop_step", "step_size", "loss", "lam")
MOST = 8  # finished runs that are kept


class Inside(ipywidgets.Tab):
    """`work`, and beside it a tab for each way to look into the last run. results: finished runs by what made them.

    explorer, inspector, compare, ablate: the widgets, None where there is nothing for them to show.
    """

    def __init__(self, work: ipywidgets.Widget) -> None:
        self.work, self.results = work, dict[str, mag.Trace]()
        self._count = 0
        super().__init__([], titles=TABS)
        self.forget()

    def forget(self) -> None:
        """As before any run."""
        self.results.clear()
        self._count = 0
        self.explorer: AttentionExplorer | None = None
        self.inspector: GradientInspector | None = None
        self.compare: Compare | None = None
        self.ablate: Ablate | None = None
        self._fill(*[_note("Nothing was run yet: paint a mask and press run in the first tab.")] * 4)
        self.selected_index = 0

    def _fill(self, *tabs: ipywidgets.Widget) -> None:
        old: tuple[ipywidgets.Widget, ...] = self.children[1:]  # type: ignore[has-type]
        self.children = (self.work, *tabs)
        self.titles = TABS
        for widget in old:
            _close(widget)

    def show(self, live: LiveRun) -> None:
        """What came of a run: all of it where it is finished, else what there is."""
        trace = live.trace
        if trace.result:
            self._count += 1
            self.results[f"{self._count}. {', '.join(trace.task.words)}"] = trace
            for name in list(self.results)[:-MOST]:
                del self.results[name]
        guided = any(trace.terms)
        self.explorer = AttentionExplorer(trace)
        self.inspector = GradientInspector(trace) if guided else None
        self.compare = Compare(self.results) if self.results else None
        self._fill(
            self.explorer,
            self.inspector or _note("This run had no nudges: choose a method that guides, such as p2p+mag-edit."),
            self.compare or _note("No run is finished yet."),
            self._settings(live),
        )

    def _settings(self, live: LiveRun) -> ipywidgets.Widget:
        """A choice of setting over its Ablate; the run that there is, is one of its values."""
        self.ablate = None
        method, path = live.used or (None, None)
        if path is None or not isinstance(method, mag.MagEdit):  # whose ablations these are
            return _note("Settings can be moved once MAG-Edit was run.")
        known = {s.name for s in settings.table(method)} - ({"lam"} if method.loss == "token_ratio" else set())
        names = [name for name in SETTINGS if name in known]
        chosen = ipywidgets.Dropdown(options=names, description="setting")
        box = ipywidgets.VBox([chosen])
        moved: dict[str, Ablate] = {}  # those that were closed have runs that took their time

        def fill(change: Any) -> None:
            known = moved[chosen.value].runs if chosen.value in moved else {}
            self._ablate_over(live, method, path, chosen.value, box, chosen, known)
            assert self.ablate
            moved[chosen.value] = self.ablate

        chosen.observe(fill, "value")
        fill(None)
        return box

    def _ablate_over(
        self, live: LiveRun, method: mag.MagEdit, path: mag.Path, setting: str, box: ipywidgets.VBox,
        chosen: ipywidgets.Dropdown, known: dict[Any, mag.Trace],
    ) -> None:  # fmt: skip
        values = mag.bench.ablations.around(method, setting, path.steps)
        trace = live.trace
        runs = {mag.bench.ablations.own(method, setting, path.steps): trace} if trace.result else {}
        runs |= known
        old = box.children[1:]
        self.ablate = Ablate(live.net, trace.task, method, path, setting, values, runs)
        self.ablate.at = values.index(next(iter(runs))) if runs else 0
        box.children = (chosen, self.ablate)
        for widget in old:
            _close(widget)


def _note(text: str) -> ipywidgets.Label:
    return ipywidgets.Label(text)


def _close(widget: ipywidgets.Widget) -> None:
    """A widget and those in it, which the browser then forgets."""
    for child in getattr(widget, "children", ()):
        _close(child)
    if isinstance(widget, Ablate):
        widget.cancel()
    widget.close()
