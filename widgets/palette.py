"""What the widgets' looks have in common: colours, style sheet, and the still picture for pages without a kernel."""

import base64
import io
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from PIL import Image

CIVIDIS = matplotlib.colormaps["cividis"](np.arange(256), bytes=True)[:, :3].tobytes()
CSS = Path(__file__).with_name("palette.css")


class Still:
    """Mixed into a widget that has `sentence` and `still()`: its mimebundle shows both where no widget can be drawn."""

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
        picture = base64.b64encode(self.still()).decode()
        data = {**data, "image/png": picture, "text/plain": self.sentence}
        return data, {**metadata, "image/png": {"alt": self.sentence}}


def png(picture: Image.Image, longest: int = 768) -> bytes:
    """A picture as a PNG, made smaller where a side is longer than `longest`."""
    small = picture.convert("RGB")
    small.thumbnail((longest, longest))
    out = io.BytesIO()
    small.save(out, "PNG")
    return out.getvalue()
