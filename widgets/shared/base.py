"""What every widget is built on: its still picture for pages without a kernel, and validated input from the browser."""

import asyncio
import base64
import time
import uuid
from typing import Any

import traitlets
from IPython.display import display, update_display

QUIET = 1.5  # seconds after the last change, before the still is drawn anew
BACKGROUND = "light"  # JupyterLab gives such a picture a class of its own, by which widgets.css knows a still


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

    def close(self) -> None:
        """Forget the widget, its layout too, which ipywidgets would keep for as long as the kernel lives."""
        layout = self.layout  # type: ignore[attr-defined]
        super().close()  # type: ignore[misc]
        layout.close()

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
        display(picture, metadata=self._still_metadata(), raw=True, display_id=self._place)
        if first:
            self._follow()

    def _still_metadata(self) -> dict[str, Any]:
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
            update_display(self._drawn_still(), metadata=self._still_metadata(), raw=True, display_id=self._place)


class Validated:
    """Mixed into a widget with a `status`: a wrong value from the browser is refused there and taken back."""

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """What the browser says."""
        try:
            super().set_state(sync_data)  # type: ignore[misc]
        except (traitlets.TraitError, OverflowError) as error:
            self.refuse(str(error))
            self.send_state([name for name in sync_data if name in self.keys])  # type: ignore[attr-defined]

    def refuse(self, refusal: str) -> None:
        """Say what was refused, also where the same was refused before."""
        self.status = ""
        self.status = refusal
