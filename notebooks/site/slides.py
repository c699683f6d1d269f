"""A notebook as slides: one idea, figure or formula each, in at most 40 words; the rest is in the speaker's notes."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from nbformat import NotebookNode

from .prose import displayed

MOST = 40  # words that a slide shows, its heading included
LINES = 12  # of code that a slide shows; longer cells are in the notes
FORMULA = re.compile(r"\$\$.+?\$\$", re.DOTALL)
PICTURE = re.compile(r"!\[[^]]+\]\([^)]+\)")
BREAK = re.compile(r"(?<=[.!?:])\s+(?=[A-Z*$“`])")  # after a sentence
SHORT = re.compile(r"(?:et al|e\.g|i\.e|Fig|Eq|vs)\.$")


@dataclass
class Slide:
    """What is shown: a heading, a text in Markdown, and one of a formula or picture (Markdown), code, or an output.

    notes: Markdown that the speaker sees. kind: title, text, equation, predict, cell (code) or figure.
    """

    kind: str
    heading: str
    text: str = ""
    shown: str = ""
    code: str = ""
    output: NotebookNode | None = None
    notes: list[str] = field(default_factory=list)


def cut(notebook: NotebookNode, guide: str = "") -> list[Slide]:
    """The slides of a notebook; solutions stay in it. guide: notes of the instructor's guide, for the first one."""
    slides: list[Slide] = []
    heading, cells = "", notebook.cells
    for i, cell in enumerate(cells):
        if cell.cell_type == "markdown":
            for section in re.split(r"^(?=#{1,3} )", cell.source, flags=re.MULTILINE):
                heading = _heading(section) or heading
                slides += _of_prose(displayed(section), heading, first=not slides)
        elif cell.cell_type == "code":
            after = cells[i + 1].source if i + 1 < len(cells) and cells[i + 1].cell_type == "markdown" else ""
            slides += _of_code(cell, heading, after, slides)
    if guide and slides:
        slides[0].notes.append(guide)
    return slides


def _heading(section: str) -> str:
    match = re.match(r"#{1,3} (.+)", section)
    return match[1].strip() if match else ""


def _of_prose(section: str, heading: str, first: bool) -> Iterator[Slide]:
    """A slide for the heading with its first sentences, one for each prediction, and one for each formula."""
    body = re.sub(r"<details>.*?</details>", "", re.sub(r"^#{1,3} .+\n?", "", section), flags=re.DOTALL)
    paragraphs = [p for p in re.split(r"\n\s*\n", body) if p.strip()]
    plain = [p for p in paragraphs if not p.lstrip().startswith(("**Predict", "|", "```"))]
    pictures = PICTURE.findall(body)
    if _heading(section):
        words = [p for p in plain if not PICTURE.search(p) and not FORMULA.search(p)]
        notes = [p for p in paragraphs if not PICTURE.fullmatch(p.strip())]
        kind = "title" if first else "text"
        yield Slide(kind, heading, brief(words, heading), "\n".join(pictures[:1]), notes=["\n\n".join(notes)])
    for at, paragraph in enumerate(paragraphs):
        if paragraph.lstrip().startswith("**Predict"):
            asked = re.sub(r"^\**Predict[.:]?\**[.:]?\s*", "", paragraph.strip())
            yield Slide("predict", "Predict", brief([asked[:1].upper() + asked[1:]], "Predict"), notes=[paragraph])
        for formula in FORMULA.findall(paragraph):
            near = paragraphs[max(0, at - 1) : at + 2]
            yield Slide("equation", heading, shown=formula, notes=["\n\n".join(near)])


def _of_code(cell: NotebookNode, heading: str, after: str, before: list[Slide]) -> Iterator[Slide]:
    """A slide for code that is short, then one for each figure with its caption; long code goes to the notes."""
    figures = [output for output in cell.get("outputs", []) if "image/png" in output.get("data", {})]
    note = f"```python\n{cell.source}\n```"
    if 0 < len(cell.source.splitlines()) <= LINES:
        yield Slide("cell", heading, code=cell.source)
    elif figures or not before:
        pass
    else:
        before[-1].notes.append(note)
    for output in figures:
        caption = next(iter(re.findall(r"^\*[^*].+?[^*]\*(?=\s|$)", after, re.MULTILINE | re.DOTALL)[:1]), "")
        long = [note] if len(cell.source.splitlines()) > LINES else []
        yield Slide("figure", heading, brief([caption], heading), output=output, notes=[after, *long])


def brief(paragraphs: Iterable[str], heading: str = "", most: int = MOST) -> str:
    """As many whole sentences as a slide has words for; of a first one that is longer, its beginning."""
    kept: list[str] = []
    left = most - words(heading)
    for sentence in (s for p in paragraphs for s in sentences(p)):
        if words(sentence) > left:
            return " ".join(kept) or _begun(sentence, left)
        left -= words(sentence)
        kept.append(sentence)
    return " ".join(kept)


def sentences(paragraph: str) -> list[str]:
    """The sentences of a paragraph of Markdown; a break within a formula, code, or after `et al.` is none."""
    made: list[str] = []
    for part in BREAK.split(" ".join(paragraph.split())):
        open_ = made and (made[-1].count("$") % 2 or made[-1].count("`") % 2 or made[-1].count("**") % 2)
        if made and (open_ or SHORT.search(made[-1])):
            made[-1] += f" {part}"
        else:
            made.append(part)
    return made


def _begun(sentence: str, most: int) -> str:
    """The beginning of a sentence, cut before a word at a comma where there is one."""
    some = sentence.split(" ")[: most - 1]
    while some and any(" ".join(some).count(mark) % 2 for mark in ("$", "`", "**", "*", "(")) and len(some) > 1:
        some.pop()
    text = " ".join(some)
    if "," in text[len(text) // 2 :]:
        text = text.rpartition(",")[0]
    return f"{text} …"


def words(text: str) -> int:
    """Words of Markdown as they are counted on a slide: a formula is one, marks are none."""
    plain = re.sub(r"\$[^$]+\$", " x ", re.sub(r"!?\[([^]]*)\]\([^)]*\)", r"\1", text))
    return sum(bool(re.search(r"\w", word)) for word in plain.split())
