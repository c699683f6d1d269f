"""A figure of several curves over one axis."""

from collections.abc import Mapping, Sequence
from itertools import cycle

from .figures import LINES, SMALL, TEXT, Plot


def figure(x: Sequence[float], lines: Mapping[str, Sequence[float]], across: str, up: str, log: bool = False) -> Plot:
    """Each line under its name and in a dash of its own; `across` and `up` name the axes, `log` is of the first."""
    if not lines:
        raise ValueError("expected at least one curve, got none; pass a dict of names and values")
    fig = Plot(figsize=(10.0, 5.2), dpi=110, layout="constrained")
    fig.set_label(f"{up} over {across}: {', '.join(lines)}")
    axes = fig.subplots()
    for (name, values), (colour, style) in zip(lines.items(), cycle(LINES), strict=False):
        axes.plot(x, values, color=colour, ls=style, lw=2.8, marker="o", label=name)
    if log:
        axes.set_xscale("log")
        axes.set_xticks(x, [f"{value:g}" for value in x], minor=False)
        axes.minorticks_off()
    axes.set_xlabel(across, fontsize=TEXT)
    axes.set_ylabel(up, fontsize=TEXT)
    axes.tick_params(labelsize=SMALL)
    axes.grid(color="0.88", lw=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    fig.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=TEXT)
    return fig
