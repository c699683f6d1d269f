"""A plotly figure in a notebook without a kernel: its data as JSON, and a still for pages that draw no plotly."""

import base64
import io
import json
from itertools import groupby
from pathlib import Path as FilePath
from typing import Any

import numpy as np
from PIL import Image

from .. import files
from .style import Plot

MIME = "application/vnd.plotly.v1+json"
TILES, TINTS = 26, 14  # a hover's picture: tiles of a side, and colours
FONT = {"family": "DejaVu Sans Mono, Menlo, Consolas, monospace", "size": 11, "color": "black"}
HOVER = {"font": FONT, "align": "left", "bgcolor": "white"}


def graphs() -> Any:
    """plotly's graph objects; ImportError in one line where there is no plotly."""
    try:
        from plotly import graph_objects
    except ImportError:
        raise ImportError("expected plotly for a figure to explore, got none; pip install plotly") from None
    return graph_objects


class Explorable:
    """A plotly figure, `figure`, with its twin of matplotlib, `still`. As a cell's last line a notebook keeps both: the
    figure is alive where plotly's renderer is, GitHub shows the still, and neither asks a kernel."""

    def __init__(self, figure: Any, still: Plot) -> None:
        self.figure, self.still = figure, still

    @property
    def sentence(self) -> str:
        """What there is to see."""
        return self.still.sentence

    def __repr__(self) -> str:
        return f"Explorable: {self.sentence}"

    def html(self, path: str | FilePath) -> FilePath:
        """Write a page that needs nothing else; plotly's script makes it 5 MB."""
        files.write_text(FilePath(path), self.figure.to_html(include_plotlyjs=True))
        return FilePath(path)

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, Any], dict[str, Any]]:
        data = {MIME: json.loads(self.figure.to_json()), "text/plain": self.sentence}
        data["image/png"] = base64.b64encode(self.still.png()).decode()
        return data, {"image/png": {"alt": self.sentence}}


def mosaic(picture: Image.Image, tiles: int = TILES) -> str:
    """A picture as lines of coloured blocks, which a hover label of plotly can show: it takes text alone."""
    small = picture.convert("RGB").resize((tiles, max(1, round(tiles * 0.5 * picture.height / picture.width))))
    flat = small.quantize(TINTS, kmeans=1, dither=Image.Dither.NONE)
    palette = np.array(flat.getpalette()).reshape(-1, 3)
    lines = []
    for row in np.asarray(flat):
        runs = [(tint, len(list(run))) for tint, run in groupby(row.tolist())]
        lines.append("".join(f"<span style='color:{_hex(palette[tint])}'>{'█' * count}</span>" for tint, count in runs))
    return "<br>".join(lines)


def _hex(rgb: np.ndarray) -> str:
    return "#" + "".join(f"{int(value):02x}" for value in rgb)


def address(picture: Image.Image, longest: int = 144) -> str:
    """A picture as an address that holds it, as a small JPEG."""
    small, out = picture.convert("RGB"), io.BytesIO()
    small.thumbnail((longest, longest))
    small.save(out, "JPEG", quality=72)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"
