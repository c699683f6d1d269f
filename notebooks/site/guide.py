"""What the instructor's guide has to say of a notebook, for the speaker's notes."""

import re
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs" / "teaching.md"


def notes(name: str, path: Path = GUIDE) -> str:
    """The guide's paragraphs and table rows that name a notebook by its number, such as "05", as Markdown."""
    number = name[:2]
    text = path.read_text(encoding="utf-8")
    rows = [line.strip("| ").split("|") for line in text.splitlines() if re.match(rf"\|[^|]*\| {number}\b", line)]
    timed = [f"- minutes {row[0].strip()}: {row[1].strip()}; {row[2].strip()}" for row in rows if len(row) >= 3]
    asked = [p for p in re.split(r"\n\s*\n", text) if re.match(rf"\*\*[^*]+\({number}\)", p.strip())]
    return "\n\n".join(["**From the instructor's guide**", "\n".join(timed), *asked]) if timed or asked else ""
