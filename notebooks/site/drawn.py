"""LaTeX formulas as SVG: drawn once, here, with matplotlib's Computer Modern, so that no font is asked of a reader."""

import html
import re
from functools import lru_cache

from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import MathTextParser
from matplotlib.textpath import TextPath

from .maths import mathml

SIZE = 20.0  # points that the path is drawn at; the page scales it to its text
LOOK = FontProperties(size=SIZE, math_fontfamily="cm")
SAME = (  # what mathtext wants
    (r"\\[lr]Vert", r"\\|"),
    (r"\\(mathcal|sqrt) ?([A-Za-z])(?![A-Za-z])", r"\\\1{\2}"),
    (r"\\[Bb]ig+l?([(\[])", r"\\left\1"),
    (r"\\[Bb]ig+r?([)\]])", r"\\right\1"),
)


@lru_cache(1024)
def svg(formula: str, display: str = "inline") -> str:
    """The formula as a picture in the colour of the text, with MathML for screen readers.

    Fractions of a formula that stands alone are in display style. ValueError for LaTeX that matplotlib does not know.
    """
    spoken, wanted = mathml(formula, display), " ".join(formula.split())
    for pattern, other in SAME:
        wanted = re.sub(pattern, other, wanted)
    wanted = wanted.replace(r"\frac", r"\dfrac") if display == "block" else wanted
    try:
        width, height, depth, *_ = MathTextParser("path").parse(f"${wanted}$", 72, LOOK)
    except ValueError as error:
        why = str(error).strip().splitlines()[-1]
        raise ValueError(f"expected LaTeX that matplotlib knows, got {formula!r}: {why}; write it otherwise") from None
    box = f"0 {-height:.2f} {width:.2f} {height + depth:.2f}"
    size = f"width:{width / SIZE:.3f}em;height:{(height + depth) / SIZE:.3f}em;vertical-align:{-depth / SIZE:.3f}em"
    path = f'<path d="{_outline(wanted)}"/>'
    long = " long" if width > 14 * SIZE else ""
    return (
        f'<span class="drawn{long}"><svg viewBox="{box}" style="{size}" aria-hidden="true">{path}</svg>'
        f'<span class="spoken">{spoken}</span></span>'
    )


def _outline(formula: str) -> str:
    """The letters' outlines as an SVG path; its y runs down."""
    parts = []
    for vertices, kind in TextPath((0, 0), f"${formula}$", prop=LOOK).iter_segments(curves=True, simplify=False):
        points = " ".join(f"{v:.2f}" if i % 2 == 0 else f"{-v:.2f}" for i, v in enumerate(vertices))
        parts.append("Z" if kind == 79 else f"{'?MLQC'[kind]}{points}")
    return html.escape("".join(parts))
