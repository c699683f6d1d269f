"""`magedit-lab bench judges`: RoomBench's judges, judged."""

import argparse
from pathlib import Path
from typing import Any

from .. import files
from .common import Bar, claim, command


def add(which: Any) -> None:
    parser = command(which, "judges", judges, "RoomBench's judges on ideal edits, untouched sources and cheats")
    parser.add_argument("--cases", type=int, default=100, help="cases of RoomBench's tuning set; no model is needed")
    parser.add_argument("--out", type=Path, default=Path("out/judges"), help="folder for the table and the picture")


def judges(arguments: argparse.Namespace) -> None:
    """Print the shares, and write them beside a picture of the cheats. An interrupted run goes on where it was."""
    from ..bench.room import cases, table

    if arguments.cases < 1:
        raise ValueError(f"expected at least 1 case, got {arguments.cases}; raise --cases")
    claim(arguments.out, "judges.md", "cheats.jpg")
    rows = []
    with Bar("cases") as bar:
        for row in table.measure(range(arguments.cases), "tuning", arguments.out):
            rows.append(row)
            bar(len(rows), arguments.cases)
    text = table.markdown(rows)
    files.write(arguments.out / "judges.md", lambda p: p.write_text(text + "\n"))
    files.write(
        arguments.out / "cheats.jpg", lambda p: table.zoo(cases.cases(min(5, len(rows)), "tuning")).save(p, quality=88)
    )
    print(text)
