"""Paint a mask over a picture, with mouse, pen, finger or keyboard."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets
from PIL import Image

import magedit_lab as mag
from magedit_lab import strokes as st

from . import palette

TINT = (0, 114, 178)


class MaskPainter(palette.Still, anywidget.AnyWidget):
    """A picture to paint on. The truth is `strokes`; the browser's drawing is only a preview of it.

    mask: height x width of the image, 0 or 1. Strokes that are none are refused, by a TraitError in Python
    and by a line in `status` in the browser; the strokes stay as they were.
    """

    _esm = Path(__file__).with_name("mask_painter.js")
    _css = palette.CSS

    strokes: traitlets.List[Any] = traitlets.List().tag(sync=True)
    undone: traitlets.List[Any] = traitlets.List().tag(sync=True)
    tool = traitlets.Enum(("brush", "eraser", "lasso", "polygon", "box"), "brush").tag(sync=True)
    radius = traitlets.Float(0.04, min=0.002, max=0.5).tag(sync=True)
    opacity = traitlets.Float(0.55, min=0.0, max=1.0).tag(sync=True)
    status = traitlets.Unicode().tag(sync=True)
    _picture = traitlets.Bytes().tag(sync=True)
    _size: traitlets.List[Any] = traitlets.List().tag(sync=True)

    def __init__(self, image: Image.Image, strokes: Sequence[st.Stroke] = (), **settings: Any) -> None:
        self.image = image.convert("RGB")
        super().__init__(
            strokes=st.check(strokes), _picture=palette.png(self.image), _size=list(self.image.size), **settings
        )

    @traitlets.validate("strokes", "undone")
    def _strokes_are_strokes(self, proposal: Any) -> list[dict[str, Any]]:
        try:
            return st.check(proposal.value)
        except ValueError as error:  # only a TraitError makes traitlets take back all that came with it
            raise traitlets.TraitError(str(error)) from None

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """What the browser says; a wrong value is told in the status line and taken back there."""
        try:
            super().set_state(sync_data)
        except traitlets.TraitError as error:
            self.status = str(error)
            self.send_state(list(sync_data))

    @property
    def mask(self) -> np.ndarray:
        """The mask, height x width, 0 or 1; `Task(mask=...)` takes it."""
        return st.rasterise(self.strokes, *self.image.size)

    def add(self, stroke: st.Stroke) -> None:
        """One more stroke; what was undone can't be redone after it."""
        self.undone, self.strokes = [], [*self.strokes, stroke]

    def undo(self) -> None:
        """Take the last stroke back, if there is one."""
        if self.strokes:
            self.undone, self.strokes = [*self.undone, self.strokes[-1]], self.strokes[:-1]

    def redo(self) -> None:
        """Put back what was last undone, if anything was."""
        if self.undone:
            self.strokes, self.undone = [*self.strokes, self.undone[-1]], self.undone[:-1]

    def clear(self) -> None:
        """An empty mask; can be undone."""
        self.add({"tool": "clear"})

    def invert(self) -> None:
        """Swap inside and outside."""
        self.add({"tool": "invert"})

    def save(self, path: str | Path) -> Path:
        """Write the strokes as JSON; the file is whole at any moment."""
        path = Path(path)
        beside = path.with_name(f".{path.name}.new")
        beside.write_text(st.dumps(self.strokes), encoding="utf-8")
        return beside.replace(path)

    def load(self, path: str | Path) -> None:
        """Take the strokes from a file that `save` wrote; ValueError where it is none."""
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"expected a file of strokes, got {str(path)!r} ({type(error).__name__})") from None
        self.undone, self.strokes = [], st.loads(text)

    @property
    def sentence(self) -> str:
        """What there is to see."""
        width, height = self.image.size
        return f"A picture of {width}x{height} with a mask of {len(self.strokes)} strokes over {self.mask.mean():.1%}"

    def still(self) -> bytes:
        picture = np.asarray(self.image, np.float32)
        alpha = self.mask[..., None] * self.opacity
        mixed = picture * (1 - alpha) + np.array(TINT, np.float32) * alpha
        return mag.plots.pictures({"mask": Image.fromarray(mixed.round().astype(np.uint8))}, self.sentence).png()
