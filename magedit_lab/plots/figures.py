"""Figures from traces. Each function returns a Plot: a matplotlib Figure that knows its own alt text."""

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
import torch
from matplotlib.ticker import PercentFormatter
from PIL import Image
from torch import Tensor

from ..masks.raster import to_cells
from ..task import Task
from ..trace.trace import Trace
from . import style as look
from .gradients import gradient_inside_outside as gradient_inside_outside
from .gradients import gradient_maps as gradient_maps
from .gradients import loss_terms as loss_terms
from .gradients import moves as moves
from .style import INSIDE, LINES, SMALL, TEXT, TITLE, Plot, outline
from .style import OUTSIDE as OUTSIDE


def task(task: Task) -> Plot:
    """The picture with its mask outlined, and the two prompts."""
    label = f"A picture with its mask outlined; to be edited from “{task.source}” to “{task.target}”"
    figure = look.figure(8.6, 4.8, label)
    axes = look.row(figure, 1)[0]
    look.show(axes, task.image, "")
    outline(axes, task.region, task.image.size)
    figure.suptitle(_prompts(task, 74), fontsize=TEXT, x=0.02, ha="left")
    return figure


def pictures(
    images: Mapping[str, Image.Image], sentence: str, columns: int = 6,
    masks: Mapping[str, Iterable[np.ndarray]] | None = None,
) -> Plot:  # fmt: skip
    """Pictures in rows under their names; `sentence` says what there is to see. masks: by a picture's name, those that
    are outlined on it."""
    if not images:
        raise ValueError("expected at least one picture, got none; pass a dict of names and pictures")
    width, rows = min(columns, len(images)), -(-len(images) // columns)
    figure = look.figure(2.2 * width, 2.55 * rows, sentence)
    panels = list(figure.subplots(rows, width, squeeze=False).flat)
    for axes, (name, picture) in zip(panels, images.items(), strict=False):
        axes.imshow(picture, interpolation="nearest" if max(picture.size) < 64 else "lanczos")
        axes.set(xticks=[], yticks=[])
        axes.set_title(name, fontsize=TEXT)
        for mask in (masks or {}).get(name, ()):
            if mask.any():
                outline(axes, torch.from_numpy(mask), picture.size)
    for axes in panels[len(images) :]:
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
    look.require(trace, "attention")
    names = list(dict.fromkeys(trace.words(branch)))
    when = "averaged over all steps" if step is None else f"at step {step}"
    figure = look.figure(
        1.75 * min(8, len(names)), 2.3 * -(-len(names) // 8), f"Attention of each word {when}: {', '.join(names)}"
    )
    panels = list(figure.subplots(-(-len(names) // 8), min(8, len(names)), squeeze=False).flat)
    for axes, word in zip(panels, names, strict=False):
        maps = trace.attention(word, branch)
        heat = np.nanmean(maps, 0) if step is None else maps[step]
        look.heat(axes, heat, trace.task.region, heat.max(), share=True)
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
    pictures = [("source", task.image), *((name, look.result(name, t)) for name, t in traces.items())]
    label = f"A picture with its mask outlined, and its edits to “{task.target}” by {', '.join(traces)}"
    figure = look.figure(3.3 * len(pictures), 4.35, label)
    for axes, (name, picture) in zip(look.row(figure, len(pictures)), pictures, strict=True):
        look.show(axes, picture, name)
    outline(figure.axes[0], task.region, task.image.size)
    figure.suptitle(_prompts(task, 24 * len(pictures)), fontsize=TITLE)
    return figure


def _prompts(task: Task, width: int) -> str:
    source, target = textwrap.fill(f"from:  {task.source}", width), textwrap.fill(f"to:  {task.target}", width)
    return f"{look.escaped(source)}\n{look.emphasised(target, task.words)}"


def loss_curves(trace: Trace) -> Plot:
    """The loss at every nudge: a thin line for each denoising step, and a bold one through their ends."""
    steps = look.guided(trace)
    losses, x = trace.losses[steps], look.places(trace)
    words = " and ".join(f"“{w}”" for w in trace.task.words)
    figure = look.figure(10.0, 5.6, f"Loss of {words} at {losses.size} nudges in {len(steps)} denoising steps")
    axes = figure.subplots()
    dots: dict[str, Any] = {"marker": "o", "ms": 4.5, "mec": "white", "mew": 0.7, "zorder": 3}
    thin, *_ = axes.plot(x.T, losses.T, color=INSIDE, lw=1.8, **dots)
    (bold,) = axes.plot(x[:, -1], losses[:, -1], color="black", lw=4)
    look.step_axis(axes, steps)
    axes.ticklabel_format(axis="y", useOffset=False)
    subtitle = "A row of dots is one denoising step: guidance works where it falls"
    look.titled(axes, f"Loss of {words} at every nudge", subtitle, "loss")
    look.legend(axes, {"the nudges of a step": thin, "through the last nudge of each step": bold})
    return figure


def attention_before_after(trace: Trace, word: str | None = None, step: int | None = None) -> Plot:
    """A word's attention before a step's first and its last nudge, all maps on one colour scale.

    Below each map stands the share inside the word's mask. By default at the first, the middle and the last
    guided step; ValueError where `step` was not guided.
    """
    word, guided = word or trace.task.words[0], look.guided(trace)
    steps = look.spread(guided, 3) if step is None else [look.guided_step(trace, step)]
    look.require(trace, "nudges")
    maps = trace.nudge_attention(word)[steps]
    label = f"Attention of “{word}” before the first and last nudge of step {', '.join(map(str, steps))}"
    figure = look.figure(3.0 * len(steps) + 2.2, 7.4, label)
    panels = figure.subplots(2, len(steps), squeeze=False)
    for (row, column), axes in np.ndenumerate(panels):
        image = look.heat(axes, maps[column, row], look.goal(trace, word), maps.max(), share=True)
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
    figure = look.figure(10.0, 5.6, label)
    axes = figure.subplots()
    for (name, trace), (colour, style) in zip(traces.items(), cycle(LINES), strict=False):
        look.require(trace, "attention")
        axes.plot(trace.share(word), color=colour, ls=style, lw=2.8, label=name)
    even = to_cells(look.goal(first, word), *first.attention(word).shape[1:]).mean().item()
    axes.axhline(even, color="0.5", lw=1.5, ls=(0, (1, 2)), label="if spread evenly")
    axes.set_ylim(0)
    axes.yaxis.set_major_formatter(PercentFormatter(1, 0))
    look.step_axis(axes, range(len(first.times)))
    subtitle = "The higher above the dotted line, the more the word keeps to its mask"
    look.titled(axes, f"Attention of “{word}” inside the mask", subtitle, "share of the word's attention")
    look.legend(axes)
    return figure


def previews(trace: Trace, count: int = 6) -> Plot:
    """The finished picture as `count` of the steps foresee it."""
    pictures = trace.previews
    if not pictures:
        raise ValueError("expected a trace with previews, got one without; run with Keep(previews=True)")
    steps = look.spread(range(len(pictures)), count)
    label = f"The finished picture as foreseen at steps {', '.join(map(str, steps))}"
    figure = look.figure(2.6 * len(steps), 3.35, label)
    for axes, i in zip(look.row(figure, len(steps)), steps, strict=True):
        look.show(axes, pictures[i], f"step {i}")
    figure.suptitle("The finished picture, as each step foresees it", fontsize=TITLE, weight="bold")
    return figure


def ablation(table: Sequence[Mapping[str, Any]], name: str, rows: Sequence[Sequence[Image.Image]] = ()) -> Plot:
    """Success and structure distance over the values of one setting (`name=value`), with their 95 % intervals.

    rows: pictures above the curves, in each row a source and its edit at each value; ValueError for another number.
    """
    if not table:
        raise ValueError("expected at least one setting, got none; measure it first")
    values = [line["setting"].split("=", 1)[1] for line in table]
    if wrong := [len(row) for row in rows if len(row) != 1 + len(values)]:
        raise ValueError(f"expected rows of a source and {len(values)} edits, got one of {wrong[0]} pictures")
    label = f"Success and structure distance over {name}: {', '.join(values)}"
    wide = max(10.0, 1.7 * (1 + len(values)))
    side = min(2.6, wide / (1 + len(values)))  # of a picture
    figure = look.figure(wide, 4.6 + side * len(rows), label + (f"; {len(rows)} sources and their edits" * bool(rows)))
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=(max(side * len(rows), 0.01), 4.6))[:, 0]
    if rows:
        grid = above.subplots(len(rows), 1 + len(values), squeeze=False)
        for axes, picture in zip(grid.flat, (p for row in rows for p in row), strict=True):
            look.show(axes, picture, "")
        for axes, value in zip(grid[0], ("source", *values), strict=True):
            axes.set_title(value, fontsize=TEXT)
    joined = all(re.fullmatch(r"[\d.]+", value) for value in values)  # no line from one name to another
    for axes, column, (colour, style) in zip(look.row(below, 2), ("success", "structure"), LINES, strict=False):
        means, low, high = (np.array([line[column][i] for line in table]) for i in range(3))
        drawn: dict[str, Any] = {"ls": style if joined else "none", "marker": "o", "lw": 2.4, "capsize": 5}
        axes.errorbar(values, means, [means - low, high - means], color=colour, **drawn)
        axes.margins(x=0.05 if joined else 0.5 / len(values))
        axes.set_ylim(0)
        axes.tick_params(labelsize=look.SMALL)
        axes.set_xlabel(name, fontsize=TEXT)
        axes.set_title({"success": "success ↑", "structure": "structure distance ↓"}[column], fontsize=TITLE)
        axes.grid(axis="y", color="0.88", lw=0.8)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def sweep(traces: Mapping[Any, Trace], setting: str) -> Plot:
    """The source, the result for each value of a setting, and below them each run's loss at its nudges."""
    if not traces:
        raise ValueError("expected at least one run, got none; see ablations.sweep")
    names = ", ".join(map(str, traces))
    count = 1 + len(traces)
    figure = look.figure(max(8.0, 2.3 * count), 7.0, f"The source, its edits with {setting} at {names}, and their loss")
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=(1.0, 1.3))[:, 0]
    task = next(iter(traces.values())).task
    images = {"source": task.image, **{f"{setting} {v}": look.result(str(v), t) for v, t in traces.items()}}
    for axes, (name, picture) in zip(above.subplots(1, count), images.items(), strict=True):
        look.show(axes, picture, name)
        axes.title.set_fontsize(TEXT)
    axes, guided = below.subplots(), {value: t for value, t in traces.items() if any(t.terms)}
    for (value, trace), (colour, style) in zip(guided.items(), cycle(LINES), strict=False):
        steps = look.guided(trace)
        alone = "o" if trace.losses.shape[1] == 1 else None  # one nudge draws no line
        drawn = axes.plot(look.places(trace).T, trace.losses[steps].T, color=colour, ls=style, lw=2.4, marker=alone)
        drawn[0].set_label(f"{setting} {value}")
    if guided:
        look.step_axis(axes, sorted({s for t in guided.values() for s in look.guided(t)}))
        axes.ticklabel_format(axis="y", useOffset=False)
        below.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=TEXT)
    else:
        axes.set_axis_off()
    axes.set_ylabel("loss", fontsize=TEXT)
    return figure
