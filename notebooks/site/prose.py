"""A notebook's Markdown as HTML: formulas drawn and spoken, pictures inside the page, links to the site's own pages."""

import base64
import html
import mimetypes
import re
from pathlib import Path

from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from .drawn import svg

ALONE = re.compile(r"^\$([^$\n]{12,})\$([.,;]?)$", re.MULTILINE)  # a formula that has a line to itself


def displayed(text: str) -> str:
    """Markdown whose formulas on lines of their own stand alone, in display style; in a notebook they are inline."""
    return ALONE.sub(r"\n$$\1\2$$\n", text)


def to_html(text: str, folder: Path) -> str:
    """Markdown whose pictures and links are relative to `folder`."""
    return MarkdownWithMath(renderer=Prose(folder)).render(displayed(text))


def data_url(picture: Path) -> str:
    """A picture as an address that holds it."""
    if not picture.exists():
        raise ValueError(f"expected a picture at {str(picture)!r}, got none; mend the link")
    kind = mimetypes.guess_type(picture.name)[0]
    return f"data:{kind};base64,{base64.b64encode(picture.read_bytes()).decode()}"


class Prose(IPythonRenderer):
    """nbconvert's renderer, with what it leaves to MathJax and to the folder done here."""

    def __init__(self, folder: Path) -> None:
        super().__init__(escape=False, exclude_anchor_links=True)
        self.folder = folder

    def inline_math(self, body: str) -> str:
        return svg(body)

    def block_math(self, body: str) -> str:
        return f'<div class="formula">{svg(body, "block")}</div>'

    def latex_environment(self, name: str, body: str) -> str:
        return self.block_math(f"\\begin{{{name}}}{body}\\end{{{name}}}")

    def block_html(self, text: str) -> str:
        """Such as a folded hint; its formulas are drawn too, as JupyterLab does."""
        return re.sub(r"\$([^$\n]+)\$", lambda m: svg(html.unescape(m[1])), super().block_html(text))

    def image(self, text: str, url: str, title: str | None = None) -> str:
        if not text:
            raise ValueError(f"expected words for the picture {url!r}, got none; write ![what is to see]({url})")
        return f'<img src="{data_url(self.folder / url)}" alt="{html.escape(text)}">'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """Notebooks become pages; files that are not on the site keep their words and lose the link."""
        if url.startswith(("https:", "http:", "#")):
            return super().link(text, url, title)
        if url.endswith(".ipynb"):
            return super().link(text, url.removesuffix("ipynb") + "html", title)
        return f"<span>{text}</span>"
