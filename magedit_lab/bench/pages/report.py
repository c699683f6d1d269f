"""A benchmark's rows as Markdown and as one HTML page with a grid of pictures, as in the paper's Fig. 4."""

import base64
import html
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ... import files, masks
from ...task import Task
from ..cases import Case
from ..run import COLUMNS, differences, summary

SHOWN = 8  # cases in the grid
CHECKER = 4  # pixels to a dash of the mask's outline


def write(
    rows: Sequence[Mapping[str, Any]], cases: Sequence[Case], out: Path, title: str, notes: Sequence[str],
    measured: Path | None = None, first: str | None = None,
) -> None:  # fmt: skip
    """`report.md` and `report.html` in `out`, both whole at any moment; pictures are read from `measured`, or `out`.

    first: a setting that is compared with each other case by case.
    """
    groups = {"all cases": rows}
    for words, is_complex in (("simple scenes", False), ("complex scenes", True)):
        if some := [row for row in rows if row.get("complex") is is_complex]:
            groups[words] = some
    for change in dict.fromkeys(row["change"] for row in rows if "change" in row):
        groups[f"change: {change}"] = [row for row in rows if row.get("change") == change]
    if some := [row for row in rows if row.get("success") == 1]:
        groups["solved cases only, each method's own"] = some
    tables = {name: summary(some) for name, some in groups.items()}
    for name in ("all cases", "complex scenes"):
        if first is not None and (compared := differences(groups.get(name, []), first)):
            tables[f"{name}: {first} minus each other, on the same cases"] = compared
    settings = list(dict.fromkeys(row["setting"] for row in rows))
    sections = [f"## {html.escape(name, quote=False)}\n\n{markdown(table)}" for name, table in tables.items()]
    text = [f"# {title}", *notes, *sections]
    files.write_text(out / "report.md", "\n\n".join(text) + "\n")
    parts = [f"<h2>{html.escape(name)}</h2>{_table(table)}" for name, table in tables.items()]
    parts.append(f"<h2>pictures</h2>{_grid(cases, settings, measured or out)}")
    page = _page(title, notes, parts)
    files.write_text(out / "report.html", page)


def markdown(table: Sequence[Mapping[str, Any]]) -> str:
    """A table of means with 95 % intervals; the best of each column is bold, references (in brackets) and differences
    apart."""
    columns = [c for c in COLUMNS if any(c in line for line in table)]
    lines = ["| method | cases | " + " | ".join(_heading(c) for c in columns) + " |", "|---" * (len(columns) + 2) + "|"]
    best = _best(table, columns)
    for line in table:
        cells = [_cell(line, c, line["setting"] == best.get(c), "**{}**") for c in columns]
        lines.append(f"| {line['setting']} | {line['cases']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _heading(column: str) -> str:
    name, high = COLUMNS[column]
    return f"{name} {'↑' if high else '↓'}"


def _best(table: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> dict[str, str]:
    leaders = {}
    for column in columns:
        means = {line["setting"]: line[column][0] for line in table if column in line and _is_method(line)}
        if means:
            leaders[column] = (max if COLUMNS[column][1] else min)(means, key=lambda name: means[name])
    return leaders


def _is_method(line: Mapping[str, Any]) -> bool:
    return line["setting"][0] != "(" and " - " not in line["setting"]


def _cell(line: Mapping[str, Any], column: str, best: bool, bold: str) -> str:
    if column not in line:
        return "-"
    mean, low, high = line[column]
    digits = 0 if abs(mean) >= 100 else 1 if abs(mean) >= 10 else 2 if abs(mean) >= 0.1 else 4
    value = f"{mean:.{digits}f}"
    return f"{bold.format(value) if best else value} [{low:.{digits}f}, {high:.{digits}f}]"


def _table(table: Sequence[Mapping[str, Any]]) -> str:
    columns = [c for c in COLUMNS if any(c in line for line in table)]
    best = _best(table, columns)
    head = "".join(f"<th>{html.escape(_heading(c))}</th>" for c in columns)
    body = ""
    for line in table:
        cells = "".join(f"<td>{_cell(line, c, line['setting'] == best.get(c), '<b>{}</b>')}</td>" for c in columns)
        body += f"<tr><th>{html.escape(line['setting'])}</th><td>{line['cases']}</td>{cells}</tr>"
    return f"<table><tr><th>method</th><th>cases</th>{head}</tr>{body}</table>"


def _grid(cases: Sequence[Case], settings: Sequence[str], out: Path) -> str:
    """A row a case: the source with its mask dashed, each setting's result, and the ideal edit where it is known."""
    rows = ""
    for case in cases[:SHOWN]:
        results = _results(case, settings, out)
        cells = [_picture(_source(case, results), f"source: {case.task.source}", "source")]
        cells += [_picture(picture, f"{name}: {case.task.target}", name) for name, picture in results.items()]
        if case.ideal is not None:
            cells.append(_picture(case.ideal, f"ideal edit: {case.task.target}", "ideal"))
        caption = f"{case.task.source} → {case.task.target}"
        rows += f"<h3>{html.escape(caption)}</h3><div class=row>{''.join(cells)}</div>"
    return rows


def picture_rows(cases: Sequence[Case], settings: Sequence[str], measured: Path) -> Iterator[list[Image.Image]]:
    """For each case that was measured in all settings, complex scenes first: the source, and each setting's result."""
    for case in sorted(cases, key=lambda case: not case.complex):
        results = _results(case, settings, measured)
        if len(results) == len(settings):
            yield [_source(case, results), *results.values()]


def _results(case: Case, settings: Sequence[str], measured: Path) -> dict[str, Image.Image]:
    """The pictures that there are of a case, by setting."""
    paths = {name: measured / "pictures" / f"{case.name}.{name}.png" for name in settings}
    return {name: masks.open_image(path) for name, path in paths.items() if path.exists()}


def _source(case: Case, results: Mapping[str, Image.Image]) -> Image.Image:
    """The source as the model saw it for these results."""
    return outlined(next((fitted(case, result) for result in results.values()), case.task))


def fitted(case: Case, result: Image.Image) -> Task:
    """The task as the model saw it: cut and resized as its result is."""
    return case.task.fit(*result.size)[0]


def outlined(task: Task) -> Image.Image:
    """The source with the border of its mask dashed in white and black."""
    inside = task.region.numpy() >= 0.5
    grown = np.pad(inside, 1)
    border = inside & ~(grown[:-2, 1:-1] & grown[2:, 1:-1] & grown[1:-1, :-2] & grown[1:-1, 2:])
    y, x = np.indices(inside.shape)
    picture = np.array(task.image)
    picture[border] = np.where(((x + y) // CHECKER % 2 == 0)[border][:, None], 255, 20)
    return Image.fromarray(picture)


def _picture(image: Image.Image, alt: str, caption: str) -> str:
    data = io.BytesIO()
    image.save(data, "JPEG", quality=88)
    source = base64.b64encode(data.getvalue()).decode()
    words = html.escape(alt, quote=True)
    return (
        f'<figure><img alt="{words}" src="data:image/jpeg;base64,{source}"><figcaption>{html.escape(caption)}'
        "</figcaption></figure>"
    )


STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:90rem;padding:0 1rem;color:#222;background:#fff}
table{border-collapse:collapse}th,td{padding:.3rem .6rem;border-bottom:1px solid #ccc;text-align:right;
font-variant-numeric:tabular-nums}th:first-child{text-align:left}.row{display:flex;flex-wrap:wrap;gap:.6rem}
figure{margin:0;width:8.5rem}img{width:100%;border-radius:4px}figcaption{font-size:.85rem;text-align:center}
@media(prefers-color-scheme:dark){body{color:#eee;background:#181818}th,td{border-color:#444}}
"""


def _page(title: str, notes: Sequence[str], parts: Sequence[str]) -> str:
    paragraphs = "".join(f"<p>{html.escape(note)}</p>" for note in notes)
    name = html.escape(title)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{name}</title><style>{STYLE}</style><h1>{name}</h1>{paragraphs}{''.join(parts)}</html>"
    )
