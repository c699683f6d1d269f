"""Paint a mask over a picture, or one for each edit word, with mouse, pen, finger or keyboard."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets
from PIL import Image

import magedit_lab as mag
from magedit_lab import files, pictures
from magedit_lab.masks import regions as rg
from magedit_lab.masks import strokes as st

from .shared import images
from .shared.base import Still, Validated
from .shared.esm import CSS, esm
from .shared.validation import validated

TINTS = ("#0072b2", "#e69f00", "#cc79a7", "#009e73", "#56b4e9", "#d55e00")
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".avif", ".tif", ".tiff", ".bmp", ".gif")
TOOLS = ("brush", "eraser", "lasso", "polygon", "box", "grow")


class MaskPainter(Validated, Still, anywidget.AnyWidget):
    """A picture, as `pictures.read` takes it, to paint on. The truth is `strokes` and `regions`; the browser's drawing
    is only a preview of them.

    mask: height x width of the image, 0 or 1, all regions together. goals: what Task needs for several words.
    regions: dicts of name, word and weight; the strokes of all but the first one, "mask", name theirs. active: the
        one that is painted. words: the edit words that the browser offers for them; with none it offers a text field.
    folded: regions and seldom tools are one click away.
    Strokes or regions that are none are refused, by a TraitError in Python and by a line in `status` in the browser;
    they stay as they were.
    """

    _esm = esm("mask_painter.js")
    _css = CSS

    strokes: traitlets.List[Any] = traitlets.List().tag(sync=True)
    undone: traitlets.List[Any] = traitlets.List().tag(sync=True)
    regions: traitlets.List[Any] = traitlets.List([asdict(rg.Region())]).tag(sync=True)
    active = traitlets.Unicode(st.FIRST).tag(sync=True)
    words: traitlets.List[Any] = traitlets.List(traitlets.Unicode()).tag(sync=True)
    tool = traitlets.Enum(TOOLS, "brush").tag(sync=True)
    radius = traitlets.Float(0.04, min=0.002, max=0.5).tag(sync=True)
    tolerance = traitlets.Float(12.0, min=0.5, max=100.0).tag(sync=True)
    opacity = traitlets.Float(0.55, min=0.0, max=1.0).tag(sync=True)
    status = traitlets.Unicode().tag(sync=True)
    folded = traitlets.Bool(False).tag(sync=True)
    _picture = traitlets.Bytes().tag(sync=True)
    _size: traitlets.List[Any] = traitlets.List().tag(sync=True)
    _tints = traitlets.List(list(TINTS)).tag(sync=True)
    _grown: traitlets.List[Any] = traitlets.List().tag(sync=True)
    _lambdas: traitlets.List[Any] = traitlets.List([1.0]).tag(sync=True)

    def __init__(self, image: pictures.Given, strokes: Sequence[st.Stroke] = (), **settings: Any) -> None:
        read = pictures.read(image)
        self.image = read.rgb
        self._patch = lru_cache(64)(self._drawn_patch)
        picture = {"_picture": images.png(self.image), "_size": list(self.image.size)}
        super().__init__(strokes=st.check(strokes), status=read.note, **picture, **settings)
        self.on_msg(self._on_message)

    @traitlets.validate("strokes", "undone")
    def _strokes_are_strokes(self, proposal: Any) -> list[dict[str, Any]]:
        strokes = validated(st.check, proposal.value)
        if strange := {s.get("region", st.FIRST) for s in strokes} - set(self.names):
            raise traitlets.TraitError(f"expected strokes of {', '.join(self.names)}, got one of {min(strange)!r}")
        return strokes

    @traitlets.validate("regions")
    def _regions_are_regions(self, proposal: Any) -> list[dict[str, Any]]:
        listed = validated(rg.parse, proposal.value)
        validated(rg.lambdas, listed)
        used = {s.get("region", st.FIRST) for s in [*self.strokes, *self.undone]}
        if lost := used - {r.name for r in listed}:
            raise traitlets.TraitError(f"expected no strokes of a region that goes, got some of {min(lost)!r}")
        return [asdict(r) for r in listed]

    @traitlets.validate("active")
    def _active_is_one(self, proposal: Any) -> str:
        if proposal.value not in self.names:
            raise traitlets.TraitError(f"expected a region of {', '.join(self.names)}, got {proposal.value!r}")
        return proposal.value

    @traitlets.observe("regions")
    def _share_out(self, _: Any) -> None:
        self._lambdas = rg.lambdas(self._parsed)

    @traitlets.observe("strokes")
    def _grow(self, _: Any) -> None:
        grown = [s for s in self.strokes if s["tool"] == "grow"]
        self._grown = [self._patch(*s["points"][0], s["tolerance"]) for s in grown]

    def _drawn_patch(self, x: float, y: float, tolerance: float) -> bytes:
        """What a stroke that grows covers, opaque on a transparent ground."""
        patch = Image.fromarray(mag.masks.flood.grow(self.image, x, y, tolerance).astype(np.uint8) * 255)
        drawn = io.BytesIO()
        Image.merge("LA", (patch, patch)).save(drawn, "PNG")
        return drawn.getvalue()

    # ------------------------------------------------------------ what was painted

    @property
    def names(self) -> list[str]:
        """The regions' names."""
        return [r["name"] for r in self.regions]

    @property
    def _parsed(self) -> list[rg.Region]:
        return rg.parse(self.regions)

    @property
    def masks(self) -> dict[str, np.ndarray]:
        """Each region's mask by its name, height x width, 0 or 1."""
        return rg.masks(self.strokes, self._parsed, self.image)

    @property
    def mask(self) -> np.ndarray:
        """All masks together, height x width, 0 or 1; `Task(mask=...)` takes it."""
        return np.maximum.reduce(list(self.masks.values()))

    @property
    def goals(self) -> dict[str, Any]:
        """mask, words and weights, for Task(image, source=..., target=..., **goals); ValueError as regions.goals."""
        return rg.goals(self.strokes, self._parsed, self.image)

    # ------------------------------------------------------------ what a person does

    def add(self, stroke: st.Stroke) -> None:
        """One more stroke, of the active region where it names none; what was undone can't be redone after it."""
        part = {} if self.active == st.FIRST else {"region": self.active}
        self.undone, self.strokes = [], [*self.strokes, {**part, **stroke}]

    def undo(self) -> None:
        """Take the last stroke back, if there is one."""
        if self.strokes:
            self.undone, self.strokes = [*self.undone, self.strokes[-1]], self.strokes[:-1]

    def redo(self) -> None:
        """Put back what was last undone, if anything was."""
        if self.undone:
            self.strokes, self.undone = [*self.strokes, self.undone[-1]], self.undone[:-1]

    def clear(self) -> None:
        """Nothing in the active region; can be undone."""
        self.add({"tool": "clear"})

    def invert(self) -> None:
        """Swap inside and outside of the active region."""
        self.add({"tool": "invert"})

    def add_region(self, name: str, word: str = "", weight: float = 1.0) -> None:
        """One more region, which becomes the active one; TraitError where there is one of this name."""
        self.regions = [*self.regions, asdict(rg.Region(name, word, weight))]
        self.active = name

    def show(
        self, image: pictures.Given, strokes: Sequence[st.Stroke] = (), regions: Sequence[rg.Region] = (rg.Region(),)
    ) -> None:
        """Another picture, with what is painted on it; nothing changes where it, strokes or regions are none."""
        strokes, _ = st.check(strokes), rg.parse([asdict(r) for r in regions])
        read = pictures.read(image)
        self.image, self.status = read.rgb, read.note
        self._patch.cache_clear()
        self._paint(strokes, regions)
        self._grow(None)  # equal strokes grow otherwise on another picture
        self._size, self._picture = list(self.image.size), images.png(self.image)

    def _paint(self, strokes: list[dict[str, Any]], regions: Sequence[rg.Region]) -> None:
        with self.hold_trait_notifications():
            self.undone, self.strokes = [], strokes
            self.regions, self.active = [asdict(r) for r in regions], regions[0].name

    # ------------------------------------------------------------ files

    def save(self, path: str | Path) -> Path:
        """Write strokes and regions as JSON; the file is whole at any moment."""
        files.write_text(Path(path), rg.dumps(self.strokes, self._parsed))
        return Path(path)

    def load(self, path: str | Path) -> None:
        """Take strokes and regions from a file that `save` wrote, or the outlines of a picture of the image's size;
        ValueError where it is neither."""
        if Path(path).suffix.lower() in PICTURES:
            return self._trace(mag.masks.as_mask(path).numpy())
        try:
            text = Path(path).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"expected a file of strokes, got {str(path)!r} ({type(error).__name__})") from None
        self._paint(*rg.loads(text))

    def _trace(self, mask: np.ndarray) -> None:
        if mask.shape[::-1] != self.image.size:
            high, wide = mask.shape
            size = "{}x{}".format(*self._size)
            raise ValueError(f"expected a mask of {size} like the image, got {wide}x{high}; resize the mask")
        self._paint(st.trace(mask), (rg.Region(),))

    def _on_message(self, widget: Any, content: Any, buffers: Any) -> None:
        """The browser's save and load: the JSON goes there, or comes from there; or a picture's bytes come."""
        content = content if isinstance(content, Mapping) else {}
        try:
            if content.get("do") == "save":
                self.send({"file": rg.dumps(self.strokes, self._parsed)})
            elif content.get("do") == "load" and isinstance(content.get("text"), str):
                self._paint(*rg.loads(content["text"]))
            elif content.get("do") == "load" and len(buffers) == 1:
                self._trace(mag.masks.as_mask(bytes(buffers[0])).numpy())
            else:
                self.refuse("expected save, or load with a text or a picture, from the browser")
        except (ValueError, traitlets.TraitError) as error:
            self.refuse(str(error))

    # ------------------------------------------------------------ without a browser

    @property
    def sentence(self) -> str:
        """What there is to see."""
        width, height = self.image.size
        bound = [f"“{r['word']}”" for r in self.regions if r["word"]]
        of = f" for {', '.join(bound)}" if bound else ""
        count = f"{len(self.strokes)} stroke{'' if len(self.strokes) == 1 else 's'}"
        return f"A picture of {width}x{height} with a mask of {count} over {self.mask.mean():.1%}{of}"

    def still(self) -> bytes:
        mixed: np.ndarray = np.asarray(self.image, np.float32)
        for mask, tint in zip(self.masks.values(), TINTS * 2, strict=False):
            alpha = mask[..., None] * self.opacity
            mixed = mixed * (1 - alpha) + np.array([int(tint[i : i + 2], 16) for i in (1, 3, 5)], np.float32) * alpha
        tinted = Image.fromarray(mixed.round().astype(np.uint8))
        return mag.plots.pictures({"mask": tinted}, self.sentence, masks={"mask": self.masks.values()}).png()
