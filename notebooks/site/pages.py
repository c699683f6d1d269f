"""Write the site: a page for each notebook, an index with pictures, and a run whose attention can be scrubbed."""

import base64
import html
import struct
from pathlib import Path
from typing import Any

import jinja2
from magedit_lab.widgets.attention_explorer import AttentionExplorer
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from pygments.formatters import HtmlFormatter

import magedit_lab as mag

from . import frozen, guide, slides
from .hero import Hero, hero
from .lesson import NOTEBOOKS, Lesson, lessons
from .once import once
from .panels import boxes
from .prose import to_html

TEMPLATES = Path(__file__).parent / "templates"


def site(out: Path, trace: mag.Trace) -> list[Path]:
    """All pages; returns their paths, the index first."""
    course = lessons()
    paths = [index(out, course, hero(trace)), explorer(out, trace)]
    paths += [page(lesson, out) for lesson in course]
    solved = lessons(NOTEBOOKS / "solutions")
    return paths + [page(lesson, out / "solutions", "../", ", solved") for lesson in solved]


def decks(out: Path) -> list[Path]:
    """Slides of every notebook."""
    return [deck(lesson, out) for lesson in lessons()]


def page(lesson: Lesson, out: Path, top: str = "", more: str = "") -> Path:
    text = _export(lesson, "index.html.j2", top=top, more=more)
    return _written(out / f"{lesson.name}.html", text)


def deck(lesson: Lesson, out: Path) -> Path:
    shown = slides.cut(once(lesson.notebook), guide.notes(lesson.name))
    look = (TEMPLATES / "slides.css").read_text()
    text = _export(lesson, "slides.html.j2", slides=shown, slide_style=look)
    return _written(out / f"{lesson.name}.html", text)


def index(out: Path, course: list[Lesson], first: Hero) -> Path:
    """An edit happening, then cards with a picture, goals and time; the cards' pictures are written beside."""
    out.mkdir(parents=True, exist_ok=True)
    cards = []
    for lesson in course:
        png, words = lesson.picture()
        (out / f"{lesson.name}.png").write_bytes(png)
        cards.append({"lesson": lesson, "alt": words})
    return _written(
        out / "index.html", _template("gallery.html.j2").render(cards=cards, hero=first, top="", **_looks())
    )


def explorer(out: Path, trace: mag.Trace) -> Path:
    """AttentionExplorer with all maps of one run, alive without a kernel."""
    widget = AttentionExplorer(trace)
    element = frozen.element(widget, frozen.picture(widget.still(), widget.sentence))
    widget.close()
    text = _template("attention.html.j2").render(element=element, task=trace.task, top="", **_looks())
    return _written(out / "attention.html", text)


def _export(lesson: Lesson, file: str, **resources: Any) -> str:
    exporter = HTMLExporter(template_name="gallery", template_file=file, extra_template_basedirs=[str(TEMPLATES)])
    exporter.register_filter("prose", lambda text: to_html(text, lesson.path.parent))
    exporter.register_filter("inline", lambda text: to_html(text, lesson.path.parent).strip()[3:-4])  # without its <p>
    exporter.register_filter("alt", _alt)
    exporter.register_filter("wide", _wide)
    exporter.register_filter("panels", _panels)
    return exporter.from_notebook_node(once(lesson.notebook), {"lesson": lesson, **resources, **_looks()})[0]


def _alt(output: NotebookNode) -> str:
    """The words of a figure; ValueError where it has none."""
    words = output.metadata.get("image/png", {}).get("alt")
    if not words:
        raise ValueError(f"expected words for every figure, got none for {output.data.get('text/plain')!r}; add `alt`")
    return html.escape(words)


def _wide(output: NotebookNode) -> bool:
    """Whether a phone should show a figure at a size that can be read, and scroll it."""
    head = base64.b64decode(output.data["image/png"][:32])
    width, height = struct.unpack(">II", head[16:24])
    return width > 2 * height


def _panels(output: NotebookNode) -> list[dict[str, Any]]:
    """A figure's pictures as boxes, and whether each lies over the others."""
    found = boxes(base64.b64decode(output.data["image/png"]))
    return [
        {"box": f"{x0} {y0} {x1 - x0} {y1 - y0}", "over": y1 < found[-1][3]}
        for x0, y0, x1, y1 in found
    ]  # fmt: skip


def _looks() -> dict[str, str]:
    light, dark = (HtmlFormatter(style=s).get_style_defs(".highlight") for s in ("xcode", "github-dark"))
    code = f"{light}\n@media (prefers-color-scheme: dark) {{ {dark} }}"
    return {"style": (TEMPLATES / "style.css").read_text(), "code_style": code}


def _template(name: str) -> jinja2.Template:
    folders = [TEMPLATES / "gallery"]
    return jinja2.Environment(loader=jinja2.FileSystemLoader(folders), autoescape=True).get_template(name)


def _written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
