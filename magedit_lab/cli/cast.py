"""`magedit-lab bench cast`: which scene meets a role's criterion best."""

import argparse
import json
from pathlib import Path
from typing import Any

from .. import files
from ..bench.casting import ROLES, WORLDS, cast, sheet
from ..inversion.ddim import Direct
from .common import Bar, claim, command, load


def add(which: Any) -> None:
    parser = command(which, "cast", run, "run a role's edits on candidates, and choose by its written criterion")
    parser.add_argument("role", choices=ROLES, help="what the scene is for; docs/casting.md has the criteria")
    parser.add_argument("--world", choices=WORLDS, default="tabletop", help="where scenes come from")
    parser.add_argument("--model", default="tabletop", help="shipped model, folder or hub name")
    parser.add_argument("--candidates", type=int, default=10, help="how many scenes, from the first of the fixed list")
    parser.add_argument("--steps", type=int, default=10, help="DDIM steps, with direct inversion")
    parser.add_argument("--out", type=Path, default=Path("out/cast"), help="folder for rows and the contact sheet")


def run(arguments: argparse.Namespace) -> None:
    """Print the table, best first, and write it beside a sheet of all candidates, chosen or not."""
    a = arguments
    if a.candidates < 1:
        raise ValueError(f"expected at least 1 candidate, got {a.candidates}; raise --candidates")
    claim(a.out, f"{a.role}.jsonl", f"{a.role}.png")
    rows, shown = [], []
    with Bar("candidates") as bar:
        for row, takes in cast(load(a.model), ROLES[a.role], WORLDS[a.world], a.candidates, Direct(a.steps, 4.0)):
            rows.append(row)
            shown.append((row, takes))
            bar(len(rows), a.candidates)
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    files.write(a.out / f"{a.role}.jsonl", lambda p: p.write_text(lines))
    sheet.contact(shown, ROLES[a.role].criterion).save(a.out / f"{a.role}.png")
    print(sheet.markdown(rows))
