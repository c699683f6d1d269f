"""Everything joined for a projector: paint, write, run, and look inside."""

from typing import Any

import ipywidgets
import numpy as np
import traitlets
from PIL import Image

import magedit_lab as mag
from magedit_lab import pictures
from magedit_lab.bench import applications
from magedit_lab.masks import regions, strokes

from .dash.full_screen import FullScreen
from .dash.inside import Inside
from .dash.picture_chooser import PictureChooser
from .live_run import LiveRun
from .mask_painter import MaskPainter
from .prompt_editor import PromptEditor
from .shared.base import Still

EXAMPLES = {
    "two look-alikes, one to recolour": lambda: mag.bench.demo.complex_task(mag.bench.demo.Demo().seed),
    "colour and texture of one object": applications.example_balance,
    "half of a ball": applications.example_region,
    "the shade of a lamp": applications.example_part,
}
LARGEST = 1024  # pixels of a side; no model here sees more


class App(Still, ipywidgets.VBox):
    """One dashboard: `painter`, `editor` and `live` make an edit, `inside` has a tab for each way to look into it.

    task: what painter and editor say now, at the model's size; ValueError in one line where a run would be refused.
        With one region all edit words share its mask, with several each region has one of them.
    example: one of EXAMPLES, or `take(image)` for a picture of one's own. results: the finished runs of this picture,
        by what made them. status: the last thing that went wrong in a callback, in a line.
    """

    status = traitlets.Unicode()

    def __init__(self, net: mag.Backbone, task: mag.Task | None = None) -> None:
        self.net = net
        first = task or next(iter(EXAMPLES.values()))()
        demo = mag.bench.demo.Demo()
        self.painter = MaskPainter(first.image, folded=True)
        self.editor = PromptEditor(net.tokenizer, folded=True)
        self._set(first)
        self._of = self.painter.image  # the picture of the run that is shown
        self.live = LiveRun(net, self._current_task, demo.guided, demo.inversion, folded=True)
        bench = ipywidgets.HBox([self.painter, self.live])
        bench.add_class("magbench")
        self.inside = Inside(ipywidgets.VBox([self.editor, bench]))
        self._line = ipywidgets.Label()
        self._line.add_class("magrefused")
        super().__init__([self._chooser(), self._line, self.inside])
        self.add_class("magapp")
        self.editor.observe(self._reporting(self._offer), "words")
        self.live.observe(self._reporting(self._ended), "state")
        self.observe(lambda change: setattr(self._line, "value", change.new), "status")

    @property
    def results(self) -> dict[str, mag.Trace]:
        """The finished runs of this picture, by what made them."""
        return self.inside.results

    def _chooser(self) -> ipywidgets.Widget:
        """What picture to start from."""
        self._examples = ipywidgets.Dropdown(options=list(EXAMPLES), description="example")
        self._upload = PictureChooser(self._uploaded, LARGEST)
        self._examples.observe(self._reporting(self._chosen), "value")
        title = ipywidgets.Label(f"MAG-Edit on {self.net.name}")
        title.add_class("magtitle")
        head = ipywidgets.HBox([title, self._examples, self._upload, FullScreen()])
        head.add_class("maghead")
        return head

    def _reporting(self, action: Any) -> Any:
        """A callback whose errors go into `status`."""

        def call(change: Any) -> None:
            try:
                action(change)
                self.status = ""
            except (ValueError, traitlets.TraitError) as error:
                self.status = f"⚠ {error}"

        return call

    # ------------------------------------------------------------ what is to be edited

    def start(self, task: mag.Task) -> None:
        """Begin anew from a task: its picture, masks as strokes, prompts and words. A run under way is cancelled."""
        self.live.cancel()
        self._set(task)
        self.inside.forget()

    def take(self, image: pictures.Given, name: str = "") -> None:
        """A picture of one's own, as `pictures.read` takes it, made smaller where it is large, with nothing painted
        yet; the prompts stay. A run under way is cancelled. `status` says what is to be known of the picture."""
        read = pictures.read(image, name)
        self.live.cancel()
        read.rgb.thumbnail((LARGEST, LARGEST))
        self.painter.show(read.rgb)
        self.inside.forget()
        self.status = read.note

    def _set(self, task: mag.Task) -> None:
        one = len({g.mask.numpy().tobytes() for g in task.goals}) == 1
        listed = [regions.Region(word=task.words[0] if len(task.words) == 1 else "")]
        if not one:
            listed = [regions.Region(f"for {g.word}", g.word, g.weight) for g in task.goals]
        pairs = zip(task.goals, listed, strict=False)  # one region for all the words, or one for each
        painted = [s for g, r in pairs for s in strokes.trace(g.mask.numpy(), r.name)]
        with self.editor.hold_trait_notifications():
            for name in ("source", "target"):
                setattr(self.editor, name, getattr(task, name))
            self.editor.negative, self.editor.words = task.negative or "", list(task.words)
            self.editor.negative_words = list(task.negative_words)
        self.painter.show(task.image, painted, listed)
        self.painter.words = list(task.words)

    def _chosen(self, change: Any) -> None:
        if change.new:
            self.start(EXAMPLES[change.new]())

    def _uploaded(self, content: bytes, name: str) -> None:
        self.take(content, name)
        note = self.status
        self._examples.value = None  # so that an example can be chosen again
        self.status = note

    def _offer(self, change: Any) -> None:
        """The painter offers the edit words; its only region takes the only word."""
        self.painter.words = list(change.new)
        if len(self.painter.regions) == len(change.new) == 1:
            self.painter.regions = [{**self.painter.regions[0], "word": change.new[0]}]

    @property
    def task(self) -> mag.Task:
        """The edit as it stands."""
        prompts = self.editor.prompts
        if len(self.painter.regions) == 1:
            goals: dict[str, Any] = {"mask": self.painter.mask, "words": prompts["words"]}
        else:
            goals = self.painter.goals
            if sorted(goals["words"]) != sorted(prompts["words"]):
                words, goal_words = ", ".join(prompts["words"]), ", ".join(goals["words"])
                raise ValueError(
                    f"expected a region for each of the words {words}, got {goal_words}; bind them in the list"
                )
        task = mag.Task(self.painter.image, **{**prompts, **goals})
        return task if task.image.size == (self.net.size,) * 2 else task.fit(self.net.size, self.net.size)[0]

    # ------------------------------------------------------------ what came of it

    def _current_task(self) -> mag.Task:
        """The task of a run, which knows the picture that it is of."""
        task, self._of = self.task, self.painter.image
        return task

    def _ended(self, change: Any) -> None:
        """What was run can be looked into, also where it was cancelled, unless another picture was chosen since."""
        if change.new in ("done", "cancelled") and self.live.trace.times and self._of is self.painter.image:
            self.inside.show(self.live)

    @property
    def sentence(self) -> str:
        """What there is to see."""
        return f"MAG-Edit on {self.net.name}. {self.painter.sentence}. {self.editor.sentence}. {self.live.sentence}"

    def still(self) -> bytes:
        picture, mask = np.asarray(self.painter.image, np.float32), self.painter.mask[..., None]
        dimmed = Image.fromarray((picture * (0.4 + 0.6 * mask)).round().astype(np.uint8))
        results = {name: trace.result for name, trace in self.results.items() if trace.result}
        pictures = {"source": self.painter.image, "mask": dimmed, **results}
        return mag.plots.pictures(pictures, self.sentence).png()
