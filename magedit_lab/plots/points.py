"""Methods or settings to explore as points, whose hover shows their pictures."""

from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from . import style as look
from .figures import ablation
from .interactive import HOVER, Explorable, graphs, mosaic
from .style import INSIDE, OUTSIDE, TEXT, Plot

COLUMNS = {"success": "success ↑", "structure": "structure distance ↓"}


def scatter(table: Sequence[Mapping[str, Any]], pictures: Mapping[str, Image.Image]) -> Explorable:
    """Each row's success over its structure distance, with 95 % intervals; resting on a point shows its picture.

    table: rows as `bench` gives them: `setting`, and success and structure as (mean, low, high). pictures: an edit by
    each, by its `setting`; ValueError where one is missing.
    """
    _require(table, pictures)
    figure = graphs().Figure()
    for line in table:
        figure.add_trace(_point(line, line["structure"], "success", line["setting"], pictures[line["setting"]]))
    figure.update_layout(
        width=860, height=560, template="plotly_white", hoverlabel=HOVER, hovermode="closest",
        xaxis={"title": {"text": COLUMNS["structure"]}, "rangemode": "tozero"},
        yaxis={"title": {"text": COLUMNS["success"]}, "range": [0, 1.05], "tickformat": ".0%"},
    )  # fmt: skip
    return Explorable(figure, _scatter_still(table))


def explore_setting(table: Sequence[Mapping[str, Any]], name: str, pictures: Mapping[str, Image.Image]) -> Explorable:
    """Success and structure distance over the values of one setting (`name=value`), as `plots.ablation` draws them;
    resting on a value shows its edit. pictures: by the row's `setting`."""
    _require(table, pictures)
    values = [line["setting"].split("=", 1)[1] for line in table]
    figure = graphs().Figure()
    for column, (axis, colour) in {"success": ("y", INSIDE), "structure": ("y2", OUTSIDE)}.items():
        means, low, high = ([line[column][i] for line in table] for i in range(3))
        figure.add_trace(graphs().Scatter(
            x=values, y=means, yaxis=axis, name=COLUMNS[column], mode="lines+markers", line={"color": colour},
            error_y=_interval(means, low, high), text=[mosaic(pictures[line["setting"]]) for line in table],
            hovertemplate="%{x}: %{y:.3g}<br>%{text}",
        ))  # fmt: skip
    figure.update_layout(
        width=860, height=480, template="plotly_white", hoverlabel=HOVER, xaxis={"title": {"text": name}},
        yaxis={"title": {"text": COLUMNS["success"]}, "rangemode": "tozero"},
        yaxis2={"title": {"text": COLUMNS["structure"]}, "rangemode": "tozero", "overlaying": "y", "side": "right"},
        legend={"orientation": "h", "y": 1.12},
    )  # fmt: skip
    return Explorable(figure, ablation(table, name))


def _require(table: Sequence[Mapping[str, Any]], pictures: Mapping[str, Image.Image]) -> None:
    if not table:
        raise ValueError("expected at least one row, got none; measure it first")
    if missing := [line["setting"] for line in table if line["setting"] not in pictures]:
        raise ValueError(f"expected a picture of every row, got none of {missing[0]!r}")


def _interval(means: Sequence[float], low: Sequence[float], high: Sequence[float]) -> dict[str, Any]:
    up = [h - m for m, h in zip(means, high, strict=True)]
    return {"type": "data", "array": up, "arrayminus": [m - a for m, a in zip(means, low, strict=True)]}


def _point(line: Mapping[str, Any], across: Sequence[float], column: str, name: str, picture: Image.Image) -> Any:
    mean, low, high = line[column]
    return graphs().Scatter(
        x=[across[0]], y=[mean], name=name, mode="markers+text", text=[name], textposition="top center",
        error_x=_interval(across[:1], across[1:2], across[2:3]), error_y=_interval([mean], [low], [high]),
        customdata=[mosaic(picture)], marker={"size": 13}, showlegend=False,
        hovertemplate=f"{name}: success %{{y:.0%}}, structure %{{x:.3g}}<br>%{{customdata}}<extra></extra>",
    )  # fmt: skip


def _scatter_still(table: Sequence[Mapping[str, Any]]) -> Plot:
    names = ", ".join(line["setting"] for line in table)
    figure = look.figure(8.6, 5.6, f"Success over structure distance, with 95 % intervals, of {names}")
    axes = figure.subplots()
    for line in table:
        x, y = line["structure"], line["success"]
        axes.errorbar(
            x[0], y[0], [[y[0] - y[1]], [y[2] - y[0]]], [[x[0] - x[1]], [x[2] - x[0]]], fmt="o", ms=9, capsize=4
        )
        axes.annotate(
            look.escaped(line["setting"]), (x[0], y[0]), (6, 6), textcoords="offset points", fontsize=look.SMALL
        )
    axes.set(xlim=(0, None), ylim=(0, 1.05))
    axes.set_xlabel(COLUMNS["structure"], fontsize=TEXT)
    axes.set_ylabel(COLUMNS["success"], fontsize=TEXT)
    axes.grid(color="0.88", lw=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    return figure
