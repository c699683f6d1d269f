"""What a casting gives to read: a table of all candidates, and a sheet of all their pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ... import plots
from .take import Take


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """The candidates, the largest margin first; above 0 a candidate meets the criterion."""
    lines = ["| candidate | target prompt | margin | meets it |", "|---|---|---|---|"]
    for row in sorted(rows, key=lambda row: -row["margin"]):
        meets = "yes" if row["margin"] > 0 else "no"
        lines.append(f"| {row['number']} | {row['target']} | {row['margin']:+.3f} | {meets} |")
    return "\n".join(lines)


def contact(shown: Sequence[tuple[Mapping[str, Any], Mapping[str, Take]]], criterion: str) -> plots.Plot:
    """A row for each candidate with its edits, none left out."""
    pictures = {
        f"{row['number']}: {name}\n{row['margin']:+.3f}": take.picture
        for row, takes in shown
        for name, take in takes.items()
    }
    columns = len(shown[0][1])
    return plots.pictures(pictures, f"All candidates, by the criterion: {criterion}", columns)
