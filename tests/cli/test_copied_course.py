"""`magedit-lab notebooks DIR`."""

import json

import nbformat
import pytest

from magedit_lab.cli import main
from magedit_lab.cli.notebooks import alone


def test_the_course_is_copied_with_its_pictures(tmp_path, capsys):
    assert main(["notebooks", str(tmp_path / "course")]) == 0
    names = {f.name for f in (tmp_path / "course").glob("*.ipynb")}
    assert "05_mag_edit_step_by_step.ipynb" in names
    assert (tmp_path / "course" / "pictures" / "unet.svg").exists()
    assert not (tmp_path / "course" / "solutions").exists()
    assert f"{len(names)} notebooks" in capsys.readouterr().out


def test_nothing_that_is_there_is_overwritten(tmp_path, capsys):
    (tmp_path / "00_first_edit.ipynb").write_text("mine")
    assert main(["notebooks", str(tmp_path)]) == 2
    assert "choose another folder" in capsys.readouterr().err
    assert (tmp_path / "00_first_edit.ipynb").read_text() == "mine"


def test_an_installing_cell_comes_first_and_links_to_documents_become_names(tmp_path):
    assert main(["notebooks", str(tmp_path), "--solutions", "--install", "magedit-lab[colab]"]) == 0
    for file in [*tmp_path.glob("*.ipynb"), *(tmp_path / "solutions").glob("*.ipynb")]:
        book = nbformat.read(file, 4)
        nbformat.validate(book)
        assert book.cells[0].source == '%pip install -q "magedit-lab[colab]"'
        assert "](../" not in "".join(c.source for c in book.cells).replace("](../pictures/", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see [methods](../docs/methods.md).", "see methods (`docs/methods.md`)."),
        ("![a cat](../../docs/x.png)", "*a cat*"),
    ],
)
def test_links_that_would_lead_nowhere(text, expected):
    book = json.dumps({"cells": [{"cell_type": "markdown", "source": [text]}]})
    assert json.loads(alone(book, None))["cells"][0]["source"] == expected
