"""The committed notebooks, as a reader without a kernel meets them."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
SOURCES = sorted(p.stem for p in (NOTEBOOKS / "source").glob("*.py"))
COPIES = [NOTEBOOKS / folder / f"{name}.ipynb" for name in SOURCES for folder in (".", "solutions")]
shown = pytest.mark.parametrize("path", COPIES, ids=lambda p: f"{p.parent.name}/{p.stem}")


def code(path):
    return [c for c in nbformat.read(path, 4).cells if c.cell_type == "code"]


@shown
def test_every_cell_was_run_and_none_failed(path):
    counts = [c.execution_count for c in code(path)]
    assert counts == list(range(1, len(counts) + 1))
    assert not [o for c in code(path) for o in c.outputs if o.output_type == "error" or o.get("name") == "stderr"]


@shown
def test_cells_that_show_something_have_their_picture_or_text(path):
    for cell in code(path):
        if re.search(r"^(mag\.plots|check_|print)", cell.source.splitlines()[-1]):
            assert cell.outputs, cell.source


@shown
def test_every_picture_has_words(path):
    for cell in code(path):
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                assert len(output.metadata["image/png"]["alt"]) > 20, cell.source
                assert output.data["text/plain"] == output.metadata["image/png"]["alt"]
    for cell in nbformat.read(path, 4).cells:
        assert "![](" not in cell.source


@shown
def test_links_lead_somewhere(path):
    for cell in nbformat.read(path, 4).cells:
        if cell.cell_type == "markdown":
            for link in re.findall(r"\]\((?!https?:)([^)#]+)", cell.source):
                assert (path.parent / link).exists(), link


@shown
def test_notebooks_are_small_and_hold_no_widget_state(path):
    assert path.stat().st_size < 1_000_000
    assert "widgets" not in nbformat.read(path, 4).metadata


@shown
def test_code_cells_are_short(path):
    for cell in code(path):
        assert len(cell.source.splitlines()) <= 10, cell.source


@pytest.mark.parametrize("name", SOURCES)
def test_stubs_fail_helpfully_and_solutions_are_right(name):
    for folder, verdict in ((".", "Not yet: "), ("solutions", "Right: ")):
        checks = [c for c in code(NOTEBOOKS / folder / f"{name}.ipynb") if c.source.startswith("check_")]
        assert checks
        for cell in checks:
            text = cell.outputs[-1].data["text/plain"]
            assert text.startswith(verdict), text
            assert len(text) > len(verdict) + 15


@pytest.mark.parametrize("name", SOURCES)
def test_a_solution_can_be_reached_but_is_folded_away(name):
    cells = nbformat.read(NOTEBOOKS / f"{name}.ipynb", 4).cells
    folded = [c.source for c in cells if c.source.startswith("<details><summary>Solution")]
    assert len(folded) == sum("exercise" in c.metadata.get("tags", []) for c in cells)


@pytest.mark.parametrize(("value", "code"), [("4", 0), ("5", 1)])
def test_nbval_goes_red_when_a_value_is_wrong(tmp_path, value, code):
    cell = nbformat.v4.new_code_cell("print(2 + 2)", metadata={"tags": ["nbval-check-output"]}, execution_count=1)
    cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=f"{value}\n")]
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "sum.ipynb")
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", "-p", "no:cacheprovider"]
    command += ["-c", "/dev/null", "--rootdir", str(tmp_path), str(tmp_path)]
    assert subprocess.run(command, capture_output=True, timeout=120).returncode == code
