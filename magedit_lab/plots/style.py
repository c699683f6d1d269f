"""What figures have in common: the Plot, its colours and axes, and what a trace must hold for one."""

import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.image import AxesImage
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator
from PIL import Image
from torch import Tensor

from .. import files
from ..masks.raster import to_cells
from ..prompts.words import occurrences
from ..trace.trace import Trace

INSIDE = "#0072B2"
OUTSIDE = "#E69F00"
LINES = ((INSIDE, "-"), (OUTSIDE, "--"), ("black", "-."), ("#CC79A7", ":"), ("#56B4E9", (0, (9, 2))))
TITLE = 17  # points
TEXT = 14
SMALL = 12
OURS = (r"$\mathdefault{", r"$\mathbf{", r"\$")  # ticks, words in bold, and dollars in a text with bold words


class Plot(Figure):
    """A matplotlib Figure that a notebook shows as a small PNG with its sentence as alt text; no pyplot needed."""

    @property
    def sentence(self) -> str:
        """What there is to see."""
        return str(self.get_label())

    def savefig(self, *arguments: Any, **options: Any) -> None:
        """As in matplotlib; a `$` in a user's text is drawn as it stands, and is no formula."""
        dollars = [text for text in self.findobj(Text) if "$" in text.get_text()]
        for text in dollars:
            text.set_parse_math(any(mark in text.get_text() for mark in OURS))
        try:
            super().savefig(*arguments, **options)
        except ValueError:  # a letter that the bold face lacks
            for text in dollars:
                text.set_parse_math(text.get_text().startswith(OURS[0]))
            super().savefig(*arguments, **options)

    def png(self) -> bytes:
        """The figure as a PNG of at most 256 colours, a third of the size of a full one."""
        drawn = io.BytesIO()
        self.savefig(drawn, format="png")
        small = io.BytesIO()
        Image.open(drawn).convert("RGB").quantize(256, kmeans=3, dither=Image.Dither.NONE).save(
            small, "PNG", optimize=True
        )
        return small.getvalue()

    def save(self, path: FilePath) -> None:
        files.write(path, lambda p: p.write_bytes(self.png()))

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, object], dict[str, object]]:
        return {"image/png": self.png(), "text/plain": self.sentence}, {"image/png": {"alt": self.sentence}}


def figure(width: float, height: float, label: str) -> Plot:
    figure = Plot(figsize=(width, height), dpi=110, layout="constrained")
    figure.set_label(label)
    return figure


def row(figure: FigureBase, count: int, ratios: Sequence[float] | None = None) -> list[Axes]:
    return list(figure.subplots(1, count, squeeze=False, width_ratios=ratios)[0])


def show(axes: Axes, picture: Image.Image, title: str) -> None:
    axes.imshow(picture, interpolation="lanczos")
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, fontsize=TITLE)


def heat(axes: Axes, heat: np.ndarray, mask: Tensor, top: float, share: bool = False) -> AxesImage:
    """A map from 0 to `top` with the mask's outline, and below it the share that lies inside."""
    cells = to_cells(mask, *heat.shape)
    image = axes.imshow(heat, cmap="cividis", vmin=0, vmax=top)
    axes.set(xticks=[], yticks=[])
    outline(axes, cells, (heat.shape[1], heat.shape[0]))
    if share:
        axes.set_xlabel(f"{(heat * cells.numpy()).sum() / heat.sum():.1%} inside the mask", fontsize=TEXT)
    return image


def titled(axes: Axes, title: str, subtitle: str, ylabel: str) -> None:
    figure = axes.get_figure()
    assert isinstance(figure, Figure)
    figure.suptitle(title, fontsize=TITLE, weight="bold")
    axes.set_title(subtitle, fontsize=TEXT, color="0.3")
    axes.set_ylabel(ylabel, fontsize=TEXT)


def step_axis(axes: Axes, steps: Sequence[int]) -> None:
    """A grid line at the border of each step, its number in between."""
    axes.set_xlim(steps[0] - 0.6, steps[-1] + 0.6)
    axes.xaxis.set_major_locator(MaxNLocator(12, integer=True, min_n_ticks=1))
    axes.set_xticks([s - 0.5 for s in (*steps, steps[-1] + 1)], minor=True)
    axes.grid(axis="x", which="minor", color="0.88", lw=0.8)
    axes.grid(axis="y", color="0.88", lw=0.8)
    axes.tick_params(labelsize=SMALL)
    axes.tick_params(axis="x", which="minor", length=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("denoising step, from noise to picture", fontsize=TEXT)


def log_if_wide(axes: Axes, values: np.ndarray) -> None:
    """A logarithmic axis where the values span more than a decade, else one from 0."""
    if np.nanmin(values) > 0 and np.nanmax(values) > 10 * np.nanmin(values):
        axes.set_yscale("log")
        return
    axes.set_ylim(0)
    axes.ticklabel_format(axis="y", scilimits=(-2, 3))


def legend(axes: Axes, lines: Mapping | None = None) -> None:
    entries = (list(lines.values()), list(lines)) if lines else axes.get_legend_handles_labels()
    figure = axes.get_figure()
    assert isinstance(figure, Figure)
    figure.legend(*entries, loc="outside lower center", ncols=4, frameon=False, fontsize=TEXT)


def emphasised(text: str, words: Sequence[str]) -> str:
    """The text for matplotlib, the words in bold."""
    parts: list[str] = []
    at = 0
    for start, end in sorted({span for word in words for span in occurrences(text, word)}):
        if start >= at:
            bold = re.sub(r"\w+", lambda m: rf"$\mathbf{{{m.group()}}}$".replace("_", r"\_"), text[start:end])
            parts, at = [*parts, escaped(text[at:start]), bold], end
    return "".join([*parts, escaped(text[at:])])


def escaped(text: str) -> str:
    return text.replace("$", r"\$")


def outline(axes: Axes, mask: Tensor, size: tuple[int, int]) -> None:
    """The border of a mask as a white dashed line with a dark halo, on axes that show a picture of `size`."""
    times = -(-256 // max(mask.shape))
    fine = np.pad(np.kron(mask.numpy(), np.ones((times, times))), 1)
    x, y = ((np.arange(n) - 0.5) / (n - 2) * s - 0.5 for n, s in zip(fine.shape[::-1], size, strict=True))
    line = axes.contour(x, y, fine, [0.5], colors="white", linewidths=2.4, linestyles=[(0, (2.6, 1.4))])
    line.set_path_effects([withStroke(linewidth=5, foreground="#202020")])
    axes.set(xlim=(-0.5, size[0] - 0.5), ylim=(size[1] - 0.5, -0.5))


# ---------------------------------------------------------------- what a trace holds


def guided(trace: Trace) -> list[int]:
    """The steps that have nudges."""
    if steps := [i for i, nudges in enumerate(trace.terms) if nudges]:
        return steps
    raise ValueError("expected a trace of guidance, got one without nudges; run MagEdit with iterations > 0")


def guided_step(trace: Trace, step: int) -> int:
    """The step; ValueError where it has no nudges."""
    if step not in guided(trace):
        known = ", ".join(map(str, guided(trace)))
        raise ValueError(f"expected a guided step, got {step}; choose one of: {known}")
    return step


def require(trace: Trace, part: str) -> None:
    if not getattr(trace.keep, part):
        raise ValueError(f"expected a trace that keeps {part}, got {trace.keep}; run with Keep({part}=True)")


def result(name: str, trace: Trace) -> Image.Image:
    if trace.result is None:
        raise ValueError(f"expected a finished trace for {name!r}, got one without a result; run all steps")
    return trace.result


def goal(trace: Trace, word: str) -> Tensor:
    """The mask of a word; that of all words for one that has none."""
    return {g.word: g.mask for g in trace.task.goals}.get(word, trace.task.region)


def places(trace: Trace) -> np.ndarray:
    """Where the nudges of the guided steps lie on the step axis, each step's within its own unit."""
    steps = guided(trace)
    return np.array(steps)[:, None] + np.linspace(-0.38, 0.38, trace.losses.shape[1])


def spread(steps: Sequence[int], count: int) -> list[int]:
    """`count` of the steps at most, from the first to the last."""
    return [steps[i] for i in np.unique(np.linspace(0, len(steps) - 1, count).round().astype(int))]
