"""Figures from traces. Each function returns a matplotlib Figure whose label is a sentence fit for an alt text."""

import textwrap
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from .masks import to_cells
from .trace import Trace

INSIDE, OUTSIDE = "#0072B2", "#E69F00"
plain = {"fontsize": 13}


def comparison(traces: Mapping[str, Trace]) -> Figure:
    """The source with its mask outlined, as in the paper's Fig. 1, and each trace's result beside it."""
    task = next(iter(traces.values())).task
    pictures = [("source", task.image), *((name, t.result) for name, t in traces.items())]
    figure = _figure(3.1 * len(pictures), 4.4, f"{len(pictures) - 1} edits of one picture: {', '.join(traces)}")
    for axes, (name, picture) in zip(_row(figure, len(pictures)), pictures, strict=True):
        _show(axes, picture, name)
    outline(figure.axes[0], task.region.numpy(), task.image.size)
    wide = 34 * len(pictures)
    words = " and ".join(f"“{w}”" for w in task.words)
    prompts = f"from:  {_wrapped(task.source, wide)}\nto:  {_wrapped(task.target, wide)}"
    figure.suptitle(f"{prompts}\n{words} belongs inside the dashed line", fontsize=13)
    return figure


def loss_curves(trace: Trace) -> Figure:
    """The loss at every inner iteration, step by step; within a step the nudges should push it down."""
    losses, x = _guided(trace, trace.losses)
    figure = _figure(9, 4.6, f"Loss of {' and '.join(trace.task.words)} over {losses.size} inner iterations")
    axes = figure.subplots()
    for i, (at, line) in enumerate(zip(x, losses, strict=True)):
        axes.plot(
            at, line, color=INSIDE, lw=1.6, marker=".", ms=4, label="within one denoising step" if not i else None
        )
    axes.plot(x[:, -1], losses[:, -1], color="black", lw=1, ls=":", label="after each step's last update but one")
    axes.set(xlabel="denoising step (noisy to clean)", ylabel="loss", xticks=range(len(losses)))
    axes.set_title("Each short line is one step's inner iterations: guidance works where it falls", **plain)
    axes.legend(frameon=False)
    axes.grid(axis="y", alpha=0.3)
    return figure


def attention_before_after(trace: Trace, word: str | None = None) -> Figure:
    """A word's attention before a step's first nudge and its last, early, midway and late, on one colour scale."""
    word = word or trace.task.words[0]
    maps, _ = _guided(trace, trace.nudge_attention(word))
    steps = sorted({0, len(maps) // 2, len(maps) - 1})
    figure = _figure(2.9 * len(steps) + 1, 6.4, f"Attention of “{word}” before and after guidance, with the mask")
    top = max(maps[i].max() for i in steps)
    grid = figure.subplots(2, len(steps), squeeze=False)
    mask = to_cells(trace.task.region, *maps.shape[-2:]).numpy()
    for column, step in enumerate(steps):
        for row, when in enumerate(("first", "last")):
            heat = maps[step, row]
            image = grid[row, column].imshow(heat, cmap="cividis", vmin=0, vmax=top)
            _bare(grid[row, column], f"step {step}, before the {when} nudge")
            grid[row, column].set_xlabel(f"{(heat * mask).sum() / heat.sum():.0%} of it inside", **plain)
            outline(grid[row, column], mask, heat.shape[::-1])
    figure.colorbar(image, ax=grid, shrink=0.7, label="attention probability")
    figure.suptitle(f"Where “{word}” is looked at: guidance gathers it inside the dashed line", fontsize=14)
    return figure


def attention_share(traces: Mapping[str, Trace], word: str | None = None) -> Figure:
    """The share of a word's attention that falls inside the mask, over the steps of each trace."""
    figure = _figure(8, 4.4, f"Share of attention inside the mask over the steps of {', '.join(traces)}")
    axes = figure.subplots()
    for (name, trace), style in zip(traces.items(), ("-", "--", ":", "-."), strict=False):
        axes.plot(trace.share(word or trace.task.words[0]), ls=style, lw=2, label=name)
    axes.set(xlabel="denoising step (noisy to clean)", ylabel="share inside the mask", ylim=(0, 1))
    axes.legend(frameon=False)
    axes.grid(alpha=0.3)
    return figure


def gradients(trace: Trace) -> Figure:
    """Size of the loss's gradient inside and outside the mask; only the inside moves the latent (Eq. 4)."""
    inside, x = _guided(trace, trace.gradients["inside"])
    outside, _ = _guided(trace, trace.gradients["outside"])
    figure = _figure(11, 4.6, "Gradient size inside and outside the mask, and a map of it")
    curve, image = figure.subplots(1, 2, width_ratios=(2.2, 1))
    for values, colour, style, name in ((inside, INSIDE, "-", "inside"), (outside, OUTSIDE, "--", "outside")):
        for i, (at, line) in enumerate(zip(x, values, strict=True)):
            curve.plot(at, line, color=colour, ls=style, lw=1.8, label=f"{name} the mask" if not i else None)
    curve.set(xlabel="denoising step (noisy to clean)", ylabel="gradient, root mean square", yscale="log")
    curve.set_title("The gradient reaches beyond the mask; the update (Eq. 4) does not", **plain)
    curve.legend(frameon=False)
    curve.grid(alpha=0.3)
    heat = np.nanmean(trace.gradient_maps, axis=(0, 1))
    figure.colorbar(image.imshow(heat, cmap="cividis"), ax=image, shrink=0.7)
    _bare(image, "mean size at each latent cell")
    outline(image, to_cells(trace.task.region, *heat.shape).numpy(), heat.shape[::-1])
    return figure


def previews(trace: Trace, count: int = 6) -> Figure:
    """The finished picture as some of the steps foresee it."""
    pictures = trace.previews
    if not pictures:
        raise ValueError("expected a trace with previews, got none; run with Keep(previews=True)")
    picked = np.unique(np.linspace(0, len(pictures) - 1, count).round().astype(int))
    figure = _figure(2.6 * len(picked), 3.2, f"Predicted pictures at steps {', '.join(map(str, picked))}")
    for axes, i in zip(_row(figure, len(picked)), picked, strict=True):
        _show(axes, pictures[i], f"step {i}")
    return figure


def outline(axes: Axes, mask: np.ndarray, size: tuple[int, int]) -> None:
    """The border of a mask as a white dashed line with a dark halo, on axes that show a picture of `size`."""
    height, width = mask.shape
    x = (np.arange(-1, width + 1) + 0.5) / width * size[0] - 0.5
    y = (np.arange(-1, height + 1) + 0.5) / height * size[1] - 0.5
    padded = np.pad(mask, 1)
    axes.contour(x, y, padded, [0.5], colors="black", linewidths=2.6, alpha=0.6)
    axes.contour(x, y, padded, [0.5], colors="white", linewidths=1.6, linestyles="dashed")
    axes.set(xlim=(-0.5, size[0] - 0.5), ylim=(size[1] - 0.5, -0.5))


def _guided(trace: Trace, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows of guided steps, and where on the step axis their nudges lie."""
    if not any(trace.terms):
        raise ValueError("expected a trace of a guided method, got one without nudges; run MagEdit with iterations > 0")
    rows = values[[bool(t) for t in trace.terms]]
    places = np.flatnonzero([bool(t) for t in trace.terms])
    return rows, places[:, None] + np.linspace(0, 0.85, rows.shape[1])[None]


def _figure(width: float, height: float, label: str) -> Figure:
    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    figure.set_label(label)
    return figure


def _row(figure: Figure, count: int) -> list[Axes]:
    return list(figure.subplots(1, count, squeeze=False)[0])


def _show(axes: Axes, picture: Image.Image | None, title: str) -> None:
    if picture is None:
        raise ValueError(f"expected a finished trace for {title!r}, got one without a result; run it to its last step")
    axes.imshow(picture, interpolation="lanczos")
    _bare(axes, title)


def _bare(axes: Axes, title: str) -> None:
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, **plain)


def _wrapped(text: str, width: int) -> str:
    return textwrap.fill(text.replace("$", r"\$"), width, max_lines=3)
