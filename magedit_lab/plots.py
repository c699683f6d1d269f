"""Figures from traces. Each function returns a Plot: a matplotlib Figure that knows its own alt text."""

import io
import re
import textwrap
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path as FilePath
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator, PercentFormatter
from PIL import Image
from torch import Tensor

from . import files
from .masks import to_cells
from .task import Task
from .trace import Trace
from .words import occurrences

INSIDE, OUTSIDE = "#0072B2", "#E69F00"
LINES = ((INSIDE, "-"), (OUTSIDE, "--"), ("black", "-."), ("#CC79A7", ":"), ("#56B4E9", (0, (9, 2))))
TITLE, TEXT, SMALL = 17, 14, 12


class Plot(Figure):
    """A matplotlib Figure that a notebook shows as a small PNG with its sentence as alt text; no pyplot needed."""

    @property
    def sentence(self) -> str:
        """What there is to see."""
        return str(self.get_label())

    def png(self) -> bytes:
        """The figure as a PNG of at most 256 colours, a third of the size of a full one."""
        drawn = io.BytesIO()
        self.savefig(drawn, format="png")
        small = io.BytesIO()
        Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
        return small.getvalue()

    def save(self, path: FilePath) -> None:
        files.write(path, lambda p: p.write_bytes(self.png()))

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, object], dict[str, object]]:
        return {"image/png": self.png(), "text/plain": self.sentence}, {"image/png": {"alt": self.sentence}}


def task(task: Task) -> Plot:
    """The picture with its mask outlined, and the two prompts."""
    label = f"A picture with its mask outlined; to be edited from “{task.source}” to “{task.target}”"
    figure = _figure(7.2, 4.6, label)
    axes = _row(figure, 1)[0]
    _show(axes, task.image, "")
    outline(axes, task.region, task.image.size)
    figure.suptitle(_prompts(task, 56), fontsize=TEXT)
    return figure


def pictures(shown: Mapping[str, Image.Image], sentence: str, columns: int = 6) -> Plot:
    """Pictures in rows under their names; `sentence` says what there is to see."""
    if not shown:
        raise ValueError("expected at least one picture, got none; pass a dict of names and pictures")
    width, rows = min(columns, len(shown)), -(-len(shown) // columns)
    figure = _figure(2.2 * width, 2.55 * rows, sentence)
    panels = list(figure.subplots(rows, width, squeeze=False).flat)
    for axes, (name, picture) in zip(panels, shown.items(), strict=False):
        axes.imshow(picture, interpolation="nearest" if max(picture.size) < 64 else "lanczos")
        axes.set(xticks=[], yticks=[])
        axes.set_title(name, fontsize=TEXT)
    for axes in panels[len(shown) :]:
        axes.set_axis_off()
    return figure


def channels(z: Tensor) -> list[Image.Image]:
    """Each channel of a latent as a grey picture, from its least to its largest value."""
    planes = z[0].float().cpu().numpy()
    scaled = [(p - p.min()) / max(float(np.ptp(p)), 1e-9) for p in planes]
    return [Image.fromarray((p * 255).round().astype(np.uint8)).convert("RGB") for p in scaled]


def attention_of_words(trace: Trace, branch: str = "target", step: int | None = None) -> Plot:
    """The map of every word of a prompt at one step, or averaged over all; each on a scale of its own.

    The number is the share of the word's attention inside the mask.
    """
    _require(trace, "attention")
    names = list(dict.fromkeys(trace.words(branch)))
    when = "averaged over all steps" if step is None else f"at step {step}"
    figure = _figure(
        1.75 * min(8, len(names)), 2.3 * -(-len(names) // 8), f"Attention of each word {when}: {', '.join(names)}"
    )
    panels = list(figure.subplots(-(-len(names) // 8), min(8, len(names)), squeeze=False).flat)
    for axes, word in zip(panels, names, strict=False):
        maps = trace.attention(word, branch)
        heat = np.nanmean(maps, 0) if step is None else maps[step]
        _heat(axes, heat, trace.task.region, heat.max(), share=True)
        axes.set_title(word, fontsize=TEXT)
        axes.xaxis.label.set_size(SMALL - 2)
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    return figure


def comparison(traces: Mapping[str, Trace]) -> Plot:
    """The source with its mask outlined, as in the paper's Fig. 1, and each trace's result beside it."""
    if not traces:
        raise ValueError("expected at least one trace, got none; pass a dict of names and traces")
    task = next(iter(traces.values())).task
    pictures = [("source", task.image), *((name, _result(name, t)) for name, t in traces.items())]
    label = f"A picture with its mask outlined, and its edits to “{task.target}” by {', '.join(traces)}"
    figure = _figure(3.3 * len(pictures), 4.35, label)
    for axes, (name, picture) in zip(_row(figure, len(pictures)), pictures, strict=True):
        _show(axes, picture, name)
    outline(figure.axes[0], task.region, task.image.size)
    figure.suptitle(_prompts(task, 24 * len(pictures)), fontsize=TITLE)
    return figure


def _prompts(task: Task, width: int) -> str:
    source, target = (textwrap.fill(p, width) for p in (task.source, task.target))
    return f"from:  {_escaped(source)}\nto:  {_emphasised(target, task.words)}"


def loss_curves(trace: Trace) -> Plot:
    """The loss at every nudge: a thin line for each denoising step, and a bold one through their ends."""
    steps = _guided(trace)
    losses, x = trace.losses[steps], _places(trace)
    words = " and ".join(f"“{w}”" for w in trace.task.words)
    figure = _figure(10.0, 5.6, f"Loss of {words} at {losses.size} nudges in {len(steps)} denoising steps")
    axes = figure.subplots()
    dots: dict[str, Any] = {"marker": "o", "ms": 4.5, "mec": "white", "mew": 0.7, "zorder": 3}
    thin, *_ = axes.plot(x.T, losses.T, color=INSIDE, lw=1.8, **dots)
    (bold,) = axes.plot(x[:, -1], losses[:, -1], color="black", lw=4)
    _step_axis(axes, steps)
    axes.ticklabel_format(axis="y", useOffset=False)
    subtitle = "A row of dots is one denoising step: guidance works where it falls"
    _titled(axes, f"Loss of {words} at every nudge", subtitle, "loss")
    _legend(axes, {"the nudges of a step": thin, "through the last nudge of each step": bold})
    return figure


def attention_before_after(trace: Trace, word: str | None = None, step: int | None = None) -> Plot:
    """A word's attention before a step's first and its last nudge, all maps on one colour scale.

    Below each map stands the share inside the word's mask. By default at the first, the middle and the last
    guided step; ValueError where `step` was not guided.
    """
    word, guided = word or trace.task.words[0], _guided(trace)
    if step is not None and step not in guided:
        known = ", ".join(map(str, guided))
        raise ValueError(f"expected a guided step, got {step}; choose one of: {known}")
    _require(trace, "nudges")
    steps = _spread(guided, 3) if step is None else [step]
    maps = trace.nudge_attention(word)[steps]
    label = f"Attention of “{word}” before the first and last nudge of step {', '.join(map(str, steps))}"
    figure = _figure(3.0 * len(steps) + 2.2, 7.4, label)
    panels = figure.subplots(2, len(steps), squeeze=False)
    for (row, column), axes in np.ndenumerate(panels):
        image = _heat(axes, maps[column, row], _goal(trace, word), maps.max(), share=True)
    for axes, step in zip(panels[0], steps, strict=True):
        axes.set_title(f"step {step}", fontsize=TITLE)
    for axes, when in zip(panels[:, 0], ("first", "last"), strict=True):
        axes.set_ylabel(f"before the {when} nudge", fontsize=TEXT)
    figure.colorbar(image, ax=panels, shrink=0.75).set_label("attention probability", fontsize=TEXT)
    figure.suptitle(f"Where “{word}” is looked at", fontsize=TITLE, weight="bold")
    return figure


def attention_over_time(traces: Mapping[str, Trace], word: str | None = None) -> Plot:
    """The share of a word's attention that falls inside its mask, over the steps of each trace."""
    first = next(iter(traces.values()))
    word = word or first.task.words[0]
    label = f"Share of the attention of “{word}” inside the mask, over the steps of {', '.join(traces)}"
    figure = _figure(10.0, 5.6, label)
    axes = figure.subplots()
    for (name, trace), (colour, style) in zip(traces.items(), cycle(LINES), strict=False):
        _require(trace, "attention")
        axes.plot(trace.share(word), color=colour, ls=style, lw=2.8, label=name)
    even = _cells(_goal(first, word), first.attention(word).shape[1:]).mean().item()
    axes.axhline(even, color="0.5", lw=1.5, ls=(0, (1, 2)), label="if spread evenly")
    axes.set_ylim(0)
    axes.yaxis.set_major_formatter(PercentFormatter(1, 0))
    _step_axis(axes, range(len(first.times)))
    subtitle = "The higher above the dotted line, the more the word keeps to its mask"
    _titled(axes, f"Attention of “{word}” inside the mask", subtitle, "share of the word's attention")
    _legend(axes)
    return figure


def gradient_inside_outside(trace: Trace) -> Plot:
    """Size of the gradient inside and outside the mask at every nudge, and its mean map if maps were kept."""
    steps, parts = _guided(trace), {k: trace.gradients[k] for k in ("inside", "outside")}
    columns = 1 + trace.keep.gradients
    label = "Size of the gradient inside and outside the mask at every nudge"
    figure = _figure(6.0 + 4 * columns, 5.6, label)
    axes, *rest = _row(figure, columns, (2.1, 1.0)[:columns])
    lines = {}
    for (name, sizes), (colour, style) in zip(parts.items(), LINES, strict=False):
        drawn = axes.plot(_places(trace).T, sizes[steps].T, color=colour, ls=style, lw=2.4)
        lines[f"{name} the mask"] = drawn[0]
    _log_if_wide(axes, np.stack([*parts.values()])[:, steps])
    _step_axis(axes, steps)
    subtitle = "It reaches beyond the mask; the update, which Eq. 4 masks, does not"
    _titled(axes, "Gradient of the loss", subtitle, "root mean square")
    _legend(axes, lines)
    for panel in rest:
        heat = trace.gradient_maps[steps].mean((0, 1))
        image = _heat(panel, heat, trace.task.region, heat.max())
        panel.set_title("mean over all nudges", fontsize=TEXT)
        figure.colorbar(image, ax=panel, shrink=0.7).ax.ticklabel_format(axis="y", scilimits=(-2, 3))
    return figure


def previews(trace: Trace, count: int = 6) -> Plot:
    """The finished picture as `count` of the steps foresee it."""
    pictures = trace.previews
    if not pictures:
        raise ValueError("expected a trace with previews, got one without; run with Keep(previews=True)")
    steps = _spread(range(len(pictures)), count)
    label = f"The finished picture as foreseen at steps {', '.join(map(str, steps))}"
    figure = _figure(2.6 * len(steps), 3.35, label)
    for axes, i in zip(_row(figure, len(steps)), steps, strict=True):
        _show(axes, pictures[i], f"step {i}")
    figure.suptitle("The finished picture, as each step foresees it", fontsize=TITLE, weight="bold")
    return figure


def ablation(table: Sequence[Mapping[str, Any]], name: str) -> Plot:
    """Success and structure distance over the values of one setting (`name=value`), with their 95 % intervals."""
    if not table:
        raise ValueError("expected at least one setting, got none; measure it first")
    values = [line["setting"].split("=", 1)[1] for line in table]
    figure = _figure(10.0, 5.2, f"Success and structure distance over {name}: {', '.join(values)}")
    for axes, column, (colour, style) in zip(_row(figure, 2), ("success", "structure"), LINES, strict=False):
        means, low, high = (np.array([line[column][i] for line in table]) for i in range(3))
        axes.errorbar(values, means, [means - low, high - means], color=colour, ls=style, lw=2.4, marker="o", capsize=5)
        axes.set_ylim(0)
        axes.set_xlabel(name, fontsize=TEXT)
        axes.set_title({"success": "success ↑", "structure": "structure distance ↓"}[column], fontsize=TITLE)
        axes.grid(axis="y", color="0.88", lw=0.8)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def outline(axes: Axes, mask: Tensor, size: tuple[int, int]) -> None:
    """The border of a mask as a white dashed line with a dark halo, on axes that show a picture of `size`."""
    times = -(-256 // max(mask.shape))
    fine = np.pad(np.kron(mask.numpy(), np.ones((times, times))), 1)
    x, y = ((np.arange(n) - 0.5) / (n - 2) * s - 0.5 for n, s in zip(fine.shape[::-1], size, strict=True))
    line = axes.contour(x, y, fine, [0.5], colors="white", linewidths=2.4, linestyles=[(0, (2.6, 1.4))])
    line.set_path_effects([withStroke(linewidth=5, foreground="#202020")])
    axes.set(xlim=(-0.5, size[0] - 0.5), ylim=(size[1] - 0.5, -0.5))


# ---------------------------------------------------------------- what a trace holds


def _guided(trace: Trace) -> list[int]:
    """The steps that have nudges."""
    if steps := [i for i, nudges in enumerate(trace.terms) if nudges]:
        return steps
    raise ValueError("expected a trace of guidance, got one without nudges; run MagEdit with iterations > 0")


def _require(trace: Trace, part: str) -> None:
    if not getattr(trace.keep, part):
        raise ValueError(f"expected a trace that keeps {part}, got {trace.keep}; run with Keep({part}=True)")


def _result(name: str, trace: Trace) -> Image.Image:
    if trace.result is None:
        raise ValueError(f"expected a finished trace for {name!r}, got one without a result; run all steps")
    return trace.result


def _goal(trace: Trace, word: str) -> Tensor:
    """The mask of a word; that of all words for one that has none."""
    return {g.word: g.mask for g in trace.task.goals}.get(word, trace.task.region)


def _cells(mask: Tensor, shape: tuple[int, ...]) -> Tensor:
    return to_cells(mask, *shape)


def _places(trace: Trace) -> np.ndarray:
    """Where the nudges of the guided steps lie on the step axis, each step's within its own unit."""
    steps = _guided(trace)
    return np.array(steps)[:, None] + np.linspace(-0.38, 0.38, trace.losses.shape[1])


def _spread(steps: Sequence[int], count: int) -> list[int]:
    """`count` of the steps at most, from the first to the last."""
    return [steps[i] for i in np.unique(np.linspace(0, len(steps) - 1, count).round().astype(int))]


# ---------------------------------------------------------------- how it looks


def _figure(width: float, height: float, label: str) -> Plot:
    figure = Plot(figsize=(width, height), dpi=110, layout="constrained")
    figure.set_label(label)
    return figure


def _row(figure: Figure, count: int, ratios: Sequence[float] | None = None) -> list[Axes]:
    return list(figure.subplots(1, count, squeeze=False, width_ratios=ratios)[0])


def _show(axes: Axes, picture: Image.Image, title: str) -> None:
    axes.imshow(picture, interpolation="lanczos")
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, fontsize=TITLE)


def _heat(axes: Axes, heat: np.ndarray, mask: Tensor, top: float, share: bool = False) -> AxesImage:
    """A map from 0 to `top` with the mask's outline, and below it the share that lies inside."""
    cells = _cells(mask, heat.shape)
    image = axes.imshow(heat, cmap="cividis", vmin=0, vmax=top)
    axes.set(xticks=[], yticks=[])
    outline(axes, cells, (heat.shape[1], heat.shape[0]))
    if share:
        axes.set_xlabel(f"{(heat * cells.numpy()).sum() / heat.sum():.1%} inside the mask", fontsize=TEXT)
    return image


def _titled(axes: Axes, title: str, subtitle: str, ylabel: str) -> None:
    figure = axes.get_figure()
    assert isinstance(figure, Figure)
    figure.suptitle(title, fontsize=TITLE, weight="bold")
    axes.set_title(subtitle, fontsize=TEXT, color="0.3")
    axes.set_ylabel(ylabel, fontsize=TEXT)


def _step_axis(axes: Axes, steps: Sequence[int]) -> None:
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


def _log_if_wide(axes: Axes, values: np.ndarray) -> None:
    """A logarithmic axis where the values span more than a decade, else one from 0."""
    if np.nanmin(values) > 0 and np.nanmax(values) > 10 * np.nanmin(values):
        axes.set_yscale("log")
        return
    axes.set_ylim(0)
    axes.ticklabel_format(axis="y", scilimits=(-2, 3))


def _legend(axes: Axes, lines: Mapping | None = None) -> None:
    entries = (list(lines.values()), list(lines)) if lines else axes.get_legend_handles_labels()
    figure = axes.get_figure()
    assert isinstance(figure, Figure)
    figure.legend(*entries, loc="outside lower center", ncols=4, frameon=False, fontsize=TEXT)


def _emphasised(text: str, words: Sequence[str]) -> str:
    """The text for matplotlib, the words in bold."""
    parts: list[str] = []
    at = 0
    for start, end in sorted({span for word in words for span in occurrences(text, word)}):
        if start >= at:
            bold = re.sub(r"\w+", lambda m: rf"$\mathbf{{{m.group()}}}$".replace("_", r"\_"), text[start:end])
            parts, at = [*parts, _escaped(text[at:start]), bold], end
    return "".join([*parts, _escaped(text[at:])])


def _escaped(text: str) -> str:
    return text.replace("$", r"\$")
