"""A button for a picture of one's own, of any size."""

from collections.abc import Callable, Mapping
from typing import Any

import anywidget
import traitlets

from ..shared.esm import CSS, esm

Taken = Callable[[bytes, str], object]


class PictureChooser(anywidget.AnyWidget):
    """Calls `taken(content, name)` with a file's bytes once a person has chosen one; `status` has its ValueError.

    Up to 8 MB they are the file's own. Of a larger one the browser makes a PNG whose sides are `longest` at most, as
    Jupyter would drop the connection.
    """

    _esm = esm("dash/picture_chooser.js")
    _css = CSS

    status = traitlets.Unicode().tag(sync=True)
    longest = traitlets.Int(1024, min=1).tag(sync=True)

    def __init__(self, taken: Taken, longest: int = 1024, **traits: Any) -> None:
        self.taken = taken
        super().__init__(longest=longest, **traits)
        self.on_msg(self._on_message)

    def _on_message(self, widget: Any, content: Any, buffers: Any) -> None:
        self.status = ""
        try:
            if not isinstance(content, Mapping) or not isinstance(content.get("name"), str) or len(buffers) != 1:
                raise ValueError("expected a picture's name and bytes from the browser")
            self.taken(bytes(buffers[0]), content["name"])
        except ValueError as error:
            self.status = str(error)
        self.send({"done": True})
