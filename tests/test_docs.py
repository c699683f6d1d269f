"""What the guides name is there."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from magedit_lab import METHODS, cli, inversion

ROOT = Path(__file__).parent.parent
DOCS = sorted((ROOT / "docs").glob("*.md"))
each = pytest.mark.parametrize("path", DOCS, ids=lambda p: p.name)


def test_the_page_of_methods_has_each_name_and_file():
    text = (ROOT / "docs" / "methods.md").read_text()
    assert {name for name in re.findall(r"`([\w+-]+)`", text) if name in METHODS} == set(METHODS)
    files = {p.name for p in (ROOT / "magedit_lab/methods").glob("*.py")} - {"__init__.py"}
    assert {name for name in re.findall(r"`(\w+\.py)`", text)} == files
    for name in re.findall(r"^\| [^|]+ \| `(\w+)` \|[^|`]*(?:20\d\d)", text.split("## Inversions")[1], re.MULTILINE):
        assert hasattr(inversion, name), name


def test_the_table_of_methods_is_the_one_that_the_command_line_prints(capsys):
    assert cli.main(["methods", "--markdown"]) == 0
    text = (ROOT / "docs" / "methods.md").read_text()
    assert (
        capsys.readouterr().out == re.search(r"<!-- methods: begin -->\n(.*?)<!-- methods: end -->", text, re.DOTALL)[1]
    )


@each
def test_links_of_a_guide_lead_somewhere(path):
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text()):
        assert (path.parent / link).exists(), link


@each
def test_make_knows_what_a_guide_tells_to_make(path):
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"^make (?!PYTHON)(\w+)|`make (?!PYTHON)(\w+)`", path.read_text(), re.MULTILINE)) <= {
        pair for name in targets for pair in ((name, ""), ("", name))
    }


def test_lesson_plans_add_up_to_their_minutes():
    text = (ROOT / "docs" / "teaching.md").read_text()
    plans = re.findall(r"^## (\d+) minutes.*?(?=^## )", text, re.MULTILINE | re.DOTALL)
    assert plans == ["45", "90", "180"]
    for minutes in plans:
        plan = re.search(rf"^## {minutes} minutes.*?(?=^## )", text, re.MULTILINE | re.DOTALL)[0]
        spans = [tuple(map(int, s)) for s in re.findall(r"^\| (\d+)\D(\d+) \|", plan, re.MULTILINE)]
        assert spans[0][0] == 0
        assert spans[-1][1] == int(minutes)
        assert all(a[1] == b[0] for a, b in pairwise(spans))
