"""A run as a notebook's cell draws it: source, result and loss, with no library but Pillow."""

import base64
import html
import io
from collections.abc import Sequence

from PIL import Image

SIDE = 256  # pixels of a picture's longer side
WIDE, HIGH, LEFT, EDGE = 272, 180, 46, 24  # of the curve, in pixels: its margins hold the ticks
LINE = "#3a8fd6"  # contrast above 3 on white and on black


def figure(inner: str, caption: str) -> str:
    """Something to see with words below it."""
    style = "margin:0;max-width:17rem"
    return f'<figure style="{style}">{inner}<figcaption>{html.escape(caption)}</figcaption></figure>'


def row(figures: Sequence[str]) -> str:
    """Figures side by side, below each other where there is no room."""
    return f'<div style="display:flex;flex-wrap:wrap;gap:1rem;align-items:flex-start">{"".join(figures)}</div>'


def picture(image: Image.Image, words: str) -> str:
    """A picture as an `<img>` that needs no file: JPEG, `SIDE` pixels at most, with alt text."""
    small, data = image.convert("RGB"), io.BytesIO()
    small.thumbnail((SIDE, SIDE))
    small.save(data, "JPEG", quality=88)
    coded = base64.b64encode(data.getvalue()).decode()
    return f'<img src="data:image/jpeg;base64,{coded}" alt="{html.escape(words)}" style="max-width:100%" />'


def curve(values: Sequence[Sequence[float]], words: str) -> str:
    """An SVG of the loss at each nudge, the nudges of one step joined. values: for each guided step its losses, finite
    and at least one in all."""
    every = [v for step in values for v in step]
    low, high = min(every), max(every)
    across, down = (WIDE - LEFT - 8) / max(len(every) - 1, 1), (HIGH - 2 * EDGE) / ((high - low) or 1)
    places = iter([(LEFT + i * across, EDGE + (high - v) * down) for i, v in enumerate(every)])
    lines = [" L".join("{:.1f},{:.1f}".format(*next(places)) for _ in step) for step in values if step]
    drawn = " ".join(f"M{line}" if "L" in line else f"M{line} l0,0" for line in lines)  # a dot for a single nudge
    return (
        f'<svg role="img" aria-label="{html.escape(words)}" viewBox="0 0 {WIDE} {HIGH}" width="{WIDE}" '
        f'style="max-width:100%" font-size="12" fill="currentColor">'
        f'<path d="M{LEFT - 6},{EDGE} V{HIGH - EDGE} H{WIDE - 8}" stroke="currentColor" fill="none" opacity=".5"/>'
        f'<path d="{drawn}" stroke="{LINE}" stroke-width="2.5" stroke-linecap="round" fill="none"/>'
        f"{_text(LEFT - 10, EDGE + 4, f'{high:.3g}')}{_text(LEFT - 10, HIGH - EDGE, f'{low:.3g}')}"
        f"{_text(WIDE - 8, HIGH - 6, f'{len(every)} nudges')}</svg>"
    )


def _text(x: int, y: int, words: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="end">{html.escape(words)}</text>'
