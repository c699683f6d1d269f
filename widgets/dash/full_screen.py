"""A button that gives the whole screen to what it is in."""

import anywidget
import traitlets

from ..shared.esm import CSS, esm


class FullScreen(anywidget.AnyWidget):
    """Fills the screen with the nearest element around it of a class, `of`; hidden where a browser cannot."""

    _esm = esm("dash/full_screen.js")
    _css = CSS

    of = traitlets.Unicode("magapp").tag(sync=True)
