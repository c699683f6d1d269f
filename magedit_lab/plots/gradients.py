"""Figures of what guidance does at each nudge: its gradient, the words' own losses, and how far the latent moves."""

from itertools import cycle

import numpy as np

from ..trace.trace import Trace
from . import style as look
from .style import LINES, TEXT, TITLE, Plot


def gradient_inside_outside(trace: Trace) -> Plot:
    """Size of the gradient inside and outside the mask at every nudge, and its mean map if maps were kept."""
    steps, parts = look.guided(trace), {k: trace.gradients[k] for k in ("inside", "outside")}
    columns = 1 + trace.keep.gradients
    label = "Size of the gradient inside and outside the mask at every nudge"
    figure = look.figure(6.0 + 4 * columns, 5.6, label)
    axes, *rest = look.row(figure, columns, (2.1, 1.0)[:columns])
    lines = {}
    for (name, sizes), (colour, style) in zip(parts.items(), LINES, strict=False):
        drawn = axes.plot(look.places(trace).T, sizes[steps].T, color=colour, ls=style, lw=2.4)
        lines[f"{name} the mask"] = drawn[0]
    look.log_if_wide(axes, np.stack([*parts.values()])[:, steps])
    look.step_axis(axes, steps)
    subtitle = "It reaches beyond the mask; the update, which Eq. 4 masks, does not"
    look.titled(axes, "Gradient of the loss", subtitle, "root mean square")
    look.legend(axes, lines)
    for panel in rest:
        heat = np.nanmean(trace.gradient_maps[steps], (0, 1))
        image = look.heat(panel, heat, trace.task.region, heat.max())
        panel.set_title("mean over all nudges", fontsize=TEXT)
        bar = figure.colorbar(image, ax=panel, shrink=0.7)
        bar.set_label("root mean square", fontsize=TEXT)
        bar.ax.ticklabel_format(axis="y", scilimits=(-2, 3))
    return figure


def gradient_maps(trace: Trace, step: int | None = None, word: str | None = None) -> Plot:
    """Maps of the gradient's size over steps (columns) and nudges (rows), all on one colour scale.

    At most four steps and three nudges, from the first to the last, or the nudges of one guided step. word: of that
    word's own loss, where the trace has it.
    """
    look.require(trace, "gradients")
    steps = look.spread(look.guided(trace), 4) if step is None else [look.guided_step(trace, step)]
    nudges = look.spread(range(trace.losses.shape[1]), 3)
    every = trace.gradient_maps if word is None else trace.term_gradient_maps(word)
    maps, of = every[steps][:, nudges], "" if word is None else f" of the loss of “{word}”"
    label = f"Size of the gradient{of} at nudges {', '.join(map(str, nudges))} of steps {', '.join(map(str, steps))}"
    figure = look.figure(2.5 * len(steps) + 1.8, 2.5 * len(nudges) + 0.9, label)
    panels = figure.subplots(len(nudges), len(steps), squeeze=False)
    for (row, column), axes in np.ndenumerate(panels):
        image = look.heat(axes, maps[column, row], trace.task.region, np.nanmax(maps))
    for axes, at in zip(panels[0], steps, strict=True):
        axes.set_title(f"step {at}", fontsize=TITLE)
    for axes, at in zip(panels[:, 0], nudges, strict=True):
        axes.set_ylabel(f"nudge {at}", fontsize=TEXT)
    bar = figure.colorbar(image, ax=panels, shrink=0.75)
    bar.set_label("root mean square of the gradient", fontsize=TEXT)
    bar.ax.ticklabel_format(axis="y", scilimits=(-2, 3))
    figure.suptitle(look.escaped(f"Where the gradient{of} acts"), fontsize=TITLE, weight="bold")
    return figure


def loss_terms(trace: Trace) -> Plot:
    """Each word's own term of the loss at every nudge, before the weights of Eq. 5 and Eq. 3."""
    steps, words = look.guided(trace), trace.term_words
    figure = look.figure(10.0, 5.6, f"Each word's own loss at every nudge: {', '.join(words)}")
    axes, lines = figure.subplots(), {}
    for word, (colour, style) in zip(words, cycle(LINES), strict=False):
        drawn = axes.plot(look.places(trace).T, trace.term(word)[steps].T, color=colour, ls=style, lw=2.4)
        lines[f"“{word}”"] = drawn[0]
    look.step_axis(axes, steps)
    axes.ticklabel_format(axis="y", useOffset=False)
    look.titled(axes, "Each word's own loss", "The loss is their weighted sum (Eq. 5)", "loss")
    look.legend(axes, lines)
    return figure


def moves(trace: Trace) -> Plot:
    """The step size of every nudge, delta, and how far the nudge moved the latent (Euclidean norm)."""
    steps, parts = look.guided(trace), trace.gradients
    figure = look.figure(12.0, 5.2, "Step size delta and the distance that the latent moved, at every nudge")
    named = {"step_size": "step size δ", "moved": "distance that the latent moved"}
    for axes, (name, title), (colour, style) in zip(look.row(figure, 2), named.items(), LINES, strict=False):
        axes.plot(look.places(trace).T, parts[name][steps].T, color=colour, ls=style, lw=2.4)
        look.step_axis(axes, steps)
        look.log_if_wide(axes, parts[name][steps])
        axes.set_title(title, fontsize=TEXT)
    figure.suptitle("How large the nudges are", fontsize=TITLE, weight="bold")
    return figure
