"""What the widgets' looks have in common: colours, style sheet, and the still picture for pages without a kernel."""

import asyncio
import base64
import io
import re
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import matplotlib
import numpy as np
import traitlets
from IPython.display import display, update_display
from PIL import Image

T = TypeVar("T")
CIVIDIS = matplotlib.colormaps["cividis"](np.arange(256), bytes=True)[:, :3].tobytes()
CSS = Path(__file__).with_name("palette.css")
QUIET = 1.5  # seconds after the last change, before the still is drawn anew
BACKGROUND = "light"  # JupyterLab gives such a picture a class of its own, by which palette.css knows a still
IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w.]+)";\n', re.M)


def esm(name: str) -> str:
    """A script of this folder as the one module that anywidget takes: what it imports stands before it, each once."""
    return "\n".join(_modules(name, []))


def _modules(name: str, seen: list[str]) -> list[str]:
    seen.append(name)
    text = Path(__file__).with_name(name).read_text(encoding="utf-8")
    parts = [m for other in IMPORT.findall(text) if other not in seen for m in _modules(other, seen)]
    return [*parts, re.sub(r"^export (?!default)", "", IMPORT.sub("", text), flags=re.M)]


class Still:
    """Mixed into a widget that has `sentence` and `still()`: its mimebundle shows both where no widget can be drawn.

    A still that a cell shows follows the widget: it is drawn anew once the kernel has time and nothing has changed for
    a moment, so that a saved notebook has what was there at the end.
    """

    _place = ""  # the display id of the stills, once there is one
    _changed = 0.0
    _loop: asyncio.AbstractEventLoop | None = None
    _waiting = False

    @property
    def sentence(self) -> str:
        """What there is to see, in a line."""
        raise NotImplementedError

    def still(self) -> bytes:
        """What the widget shows now, as a PNG."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self.sentence}"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        bundle = super()._repr_mimebundle_(**kwargs) or {}  # type: ignore[misc]
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**data, **self._drawn_still()}, {**metadata, "image/png": {"alt": self.sentence}}

    def _drawn_still(self) -> dict[str, str]:
        return {"image/png": base64.b64encode(self.still()).decode(), "text/plain": self.sentence}

    def _ipython_display_(self) -> None:
        """The widget, and its still as an output of its own: JupyterLab shows nothing but `model not found` of a widget
        that it has no kernel for, whatever else is in its bundle. While the widget lives, its still is hidden."""
        data, metadata = self._repr_mimebundle_()
        picture = {"image/png": data.pop("image/png"), "text/plain": self.sentence}
        metadata.pop("image/png")
        display(data, metadata=metadata, raw=True)
        first, self._place = not self._place, self._place or uuid.uuid4().hex
        display(picture, metadata=self._told_of_still(), raw=True, display_id=self._place)
        if first:
            self._follow()

    def _told_of_still(self) -> dict[str, Any]:
        return {"image/png": {"alt": self.sentence}, "needs_background": BACKGROUND}

    def _follow(self) -> None:
        """Draw the still anew after changes, on the kernel's own thread; without its loop it stays as it is."""
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self.observe(self._touched)  # type: ignore[attr-defined]

    def _touched(self, _: Any) -> None:
        """A trait has changed, on whatever thread."""
        self._changed = time.monotonic()
        if self._loop and not self._waiting and not self._loop.is_closed():
            self._waiting = True
            self._loop.call_soon_threadsafe(self._draw_later, QUIET)

    def _draw_later(self, seconds: float) -> None:
        assert self._loop
        self._loop.call_later(seconds, self._draw_anew)

    def _draw_anew(self) -> None:
        if (more := self._changed + QUIET - time.monotonic()) > 0:
            return self._draw_later(more)
        self._waiting = False
        if self.comm is not None:  # type: ignore[attr-defined]
            update_display(self._drawn_still(), metadata=self._told_of_still(), raw=True, display_id=self._place)


class Told:
    """Mixed into a widget with a `status`: a wrong value from the browser is told there and taken back."""

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """What the browser says."""
        try:
            super().set_state(sync_data)  # type: ignore[misc]
        except (traitlets.TraitError, OverflowError) as error:
            self.tell(str(error))
            self.send_state([name for name in sync_data if name in self.keys])  # type: ignore[attr-defined]

    def tell(self, refusal: str) -> None:
        """Say what was refused, also where the same was refused before."""
        self.status = ""
        self.status = refusal


def refused(check: Callable[..., T], *arguments: Any) -> T:
    """What a check gives back; only a TraitError makes traitlets take back all that came with a wrong value."""
    try:
        return check(*arguments)
    except ValueError as error:
        raise traitlets.TraitError(str(error)) from None


def within(what: str, value: int, count: int) -> int:
    """The value; TraitError where it is none of 0 to count - 1."""
    if not 0 <= value < count:
        known = f"from 0 to {count - 1}" if count else "that there is"
        raise traitlets.TraitError(f"expected {what} {known}, got {value}")
    return value


def small(picture: Image.Image, longest: int = 512) -> bytes:
    """A picture for looking at: as it is where it is little, else as a JPEG."""
    if max(picture.size) <= 256:
        return png(picture)
    shown = picture.convert("RGB")
    shown.thumbnail((longest, longest))
    out = io.BytesIO()
    shown.save(out, "JPEG", quality=88)
    return out.getvalue()


def png(picture: Image.Image, longest: int = 768) -> bytes:
    """A picture as a PNG, made smaller where a side is longer than `longest`."""
    small = picture.convert("RGB")
    small.thumbnail((longest, longest))
    out = io.BytesIO()
    small.save(out, "PNG")
    return out.getvalue()
