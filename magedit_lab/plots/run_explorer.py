"""A run to explore: loss, gradient and attention over steps and nudges, with the picture foreseen at each step."""

from typing import Any

import numpy as np
from matplotlib.ticker import PercentFormatter

from ..trace.trace import Trace
from . import style as look
from .interactive import HOVER, Explorable, address, graphs, mosaic
from .style import INSIDE, OUTSIDE, TEXT, TITLE, Plot

PICTURES = 25  # foreseen pictures at most
MOST = 290_000  # bytes in a notebook, with the still
PANELS = ("loss", "gradient (rms)", "attention inside")


def explore(trace: Trace, word: str | None = None) -> Explorable:
    """Loss and gradient at every nudge, and a word's share of attention inside its mask at every step, over one axis.

    Resting on a step shows its numbers and, coarsely, the picture that it foresees; the slider shows it whole.
    ValueError for a trace without nudges, attention or previews. word: by default the first edit word.
    """
    word, steps = word or trace.task.words[0], look.guided(trace)
    for part in ("attention", "previews"):
        look.require(trace, part)
    beside = still(trace, word)
    pictures, texts = _pictures(trace, MOST - 4 * len(beside.png()) // 3 - 50 * trace.losses.size - 12_000)
    figure = _panels(word)
    x = look.places(trace)
    nudges = np.broadcast_to(np.arange(x.shape[1]), x.shape)
    curves: list[tuple[str, np.ndarray, str, int, str | None]] = [("loss", trace.losses, INSIDE, 1, None)]
    curves += [(f"gradient {n}", trace.gradients[n], c, 2, d) for n, c, d in _SIDES]
    for name, values, colour, panel, dash in curves:
        figure.add_trace(_curve(name, x, values[steps], nudges, colour, panel, dash))
    figure.add_trace(_shares(trace, word, texts))
    _scrubber(figure, pictures)
    return Explorable(figure, beside)


def _pictures(trace: Trace, room: int) -> tuple[dict[int, str], dict[int, str]]:
    """Addresses and mosaics of the pictures foreseen, by step: of as many steps, spread evenly, as have room."""
    count = PICTURES
    while True:
        shown = look.spread(range(len(trace.times)), count)
        pictures = {i: address(trace.preview(i)) for i in shown}
        texts = {i: mosaic(trace.preview(i)) for i in shown}
        if count <= 2 or sum(map(len, (*pictures.values(), *map(repr, texts.values())))) <= room:
            return pictures, texts
        count = count * 3 // 4


_SIDES = (("inside", INSIDE, "solid"), ("outside", OUTSIDE, "dash"))


def _panels(word: str) -> Any:
    """Three panels over one axis of steps, and room for a picture at the right."""
    go = graphs()
    figure = go.Figure()
    tops = [(0.7, 1.0), (0.36, 0.62), (0.02, 0.28)]
    axes = {
        name: {"domain": top, "title": {"text": title}, "exponentformat": "e"}
        for name, top, title in zip(("yaxis", "yaxis2", "yaxis3"), tops, PANELS, strict=True)
    }
    figure.update_layout(
        **axes, width=940, height=620, margin={"l": 70, "r": 20, "t": 50, "b": 90}, hovermode="x unified",
        hoversubplots="axis", hoverlabel=HOVER, template="plotly_white", legend={"x": 0.75, "y": 0.3},
        title={"text": f"A run of “{word}”, nudge by nudge"},
        xaxis={"domain": [0, 0.72], "anchor": "y3", "title": {"text": "denoising step, from noise to picture"}},
    )  # fmt: skip
    figure.update_layout(yaxis3={"tickformat": ".0%", "rangemode": "tozero"})
    return figure


def _curve(
    name: str, x: np.ndarray, values: np.ndarray, nudges: np.ndarray, colour: str, panel: int, dash: str | None
) -> Any:
    """A line for each step, with gaps between them."""
    gap = np.full((len(x), 1), np.nan)
    across, up = (np.hstack([part, gap]).ravel().astype(np.float32) for part in (x, values))
    return graphs().Scatter(
        x=across, y=up, customdata=np.hstack([nudges, gap]).ravel().astype(np.float32), name=name, mode="lines+markers",
        line={"color": colour, "dash": dash or "solid"}, marker={"size": 4}, yaxis=f"y{panel if panel > 1 else ''}",
        hovertemplate="%{y:.4g} at nudge %{customdata:.0f}",
    )  # fmt: skip


def _shares(trace: Trace, word: str, texts: dict[int, str]) -> Any:
    """The share of each step, whose hover has the picture where there is one."""
    return graphs().Scatter(
        x=np.arange(len(trace.times)), y=trace.share(word).astype(np.float32), name=f"attention of {word}",
        yaxis="y3", mode="lines+markers", line={"color": "black"},
        text=[texts.get(i, "") for i in range(len(trace.times))],
        hovertemplate="%{y:.1%} inside the mask<br>%{text}",
    )  # fmt: skip


def _scrubber(figure: Any, pictures: dict[int, str]) -> None:
    """A slider that lays the picture foreseen at a step beside the curves."""
    place = {"xref": "paper", "yref": "paper", "x": 0.75, "y": 1.0, "sizex": 0.25, "sizey": 0.42, "layer": "above"}
    figure.update_layout(
        images=[{"source": list(pictures.values())[-1], **place}],
        sliders=[{
            "active": len(pictures) - 1, "pad": {"t": 36}, "len": 0.72,
            "currentvalue": {"prefix": "picture foreseen at step "},
            "steps": [
                {"label": str(i), "method": "relayout", "args": [{"images[0].source": picture}]}
                for i, picture in pictures.items()
            ],
        }],
    )  # fmt: skip


def still(trace: Trace, word: str) -> Plot:
    """The same panels as a figure of matplotlib, with six of the foreseen pictures above."""
    label = f"Loss and gradient at every nudge, attention of “{word}” inside the mask and the pictures foreseen"
    figure, steps, x = look.figure(9.4, 8.4, label), look.guided(trace), look.places(trace)
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=(1.0, 3.4))[:, 0]
    some = look.spread(range(len(trace.times)), 6)
    for axes, i in zip(look.row(above, len(some)), some, strict=True):
        look.show(axes, trace.preview(i), f"step {i}")
        axes.title.set_fontsize(TEXT)
    panels = below.subplots(3, 1, sharex=True)
    panels[0].plot(x.T, trace.losses[steps].T, color=INSIDE, lw=2)
    for name, colour, _ in _SIDES:
        lines = panels[1].plot(
            x.T, trace.gradients[name][steps].T, color=colour, lw=2, ls="-" if name == "inside" else "--"
        )
        lines[0].set_label(name)
    panels[2].plot(trace.share(word), color="black", lw=2)
    panels[1].legend(frameon=False, fontsize=look.SMALL)
    for axes, title in zip(panels, PANELS, strict=True):
        look.step_axis(axes, range(len(trace.times)))
        axes.set_ylabel(title, fontsize=TEXT)
    for axes in panels[:2]:
        axes.set_xlabel("")
    panels[2].set_ylim(0)
    panels[2].yaxis.set_major_formatter(PercentFormatter(1, 0))
    above.suptitle(f"A run of “{word}”, nudge by nudge", fontsize=TITLE, weight="bold")
    return figure
