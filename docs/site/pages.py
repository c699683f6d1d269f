"""What `make docs` does besides Markdown: pages from files elsewhere, links between them, and one package to read.

mkdocs calls the functions whose names begin with `on_`.
"""

import posixpath
import re
import shutil
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "out" / "package" / "magedit_lab"
PAGES = {  # a page, and the file of the repository that it is made of
    "index.md": "README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "models/tabletop.md": "magedit_lab/models/tabletop/README.md",
}
LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)\s#]+)(#[^)\s]*)?\)")


def on_config(config: Any) -> Any:
    """Put the package together as it is installed: `widgets` and the course are folders of their own here."""
    shutil.rmtree(PACKAGE.parent, ignore_errors=True)
    parts = {"": "magedit_lab", "widgets": "widgets", "course": "notebooks/course"}
    for part, folder in parts.items():
        shutil.copytree(ROOT / folder, PACKAGE / part, ignore=shutil.ignore_patterns("models", "__pycache__", "*.js"))
    return config


def on_files(files: Any, config: Any) -> Any:
    """The pages that no file in docs/ has."""
    for page, source in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    files.append(File.generated(config, "gallery.md", content=gallery()))
    for picture in (ROOT / "magedit_lab" / "models").glob("*/*.png"):
        name = f"models/{picture.parent.name}/{picture.name}"
        files.append(File.generated(config, name, abs_src_path=str(picture)))
    return files


def gallery() -> str:
    """A line for each notebook's page, which `make site` writes beside."""
    lines = ["# Notebooks", "", "Each as a page with its outputs, and with the exercises solved.", ""]
    for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        name, page = path.stem.replace("_", " "), f"gallery/{path.stem}.html"
        lines.append(f'- <a href="{page}">{name}</a> (<a href="gallery/solutions/{path.stem}.html">solved</a>)')
    return "\n".join([*lines, '- <a href="gallery/attention.html">attention, to scrub through</a>', ""])


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links as they lead in the repository, turned into links of the site; a file that has no page is named only."""
    here = page.file.src_uri
    source = PAGES.get(here, f"docs/{here}")
    return LINK.sub(lambda link: relinked(link, posixpath.dirname(source), here), markdown)


def relinked(link: re.Match[str], folder: str, here: str) -> str:
    mark, words, address, part = link.groups()
    target = posixpath.normpath(posixpath.join(folder, address))
    if target.startswith("notebooks/") and target.endswith(".ipynb"):
        page = "gallery/" + target.removeprefix("notebooks/").replace(".ipynb", ".html")
        return f'<a href="{relative(page, here)}">{words}</a>'
    page = next((p for p, source in PAGES.items() if source == target), None)
    if page is None and target.startswith("docs/"):
        page = target.removeprefix("docs/")
    if page is None and mark and target.startswith("magedit_lab/models/"):
        page = target.removeprefix("magedit_lab/")
    return f"{mark}[{words}]({relative(page, here)}{part or ''})" if page else words


def relative(page: str, here: str) -> str:
    return posixpath.relpath(page, posixpath.dirname(here) or ".")
