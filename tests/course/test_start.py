"""What the notebooks begin with, and how they are made."""

import sys
from pathlib import Path

import nbformat
import pytest
from magedit_lab.course.start import Lab, start
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import magedit_lab as mag

sys.path.insert(0, str(Path(__file__).parents[2] / "notebooks"))
import build


def test_a_lesson_keeps_its_steps_and_ci_shortens_them(net):
    assert [Lab(net, "lesson").steps(n) for n in (3, 50)] == [3, 50]
    assert [Lab(net, "ci").steps(n) for n in (3, 50)] == [3, 6]


def test_an_unknown_profile_is_refused(monkeypatch):
    monkeypatch.setenv("MAGEDIT_LAB_PROFILE", "fast")
    with pytest.raises(ValueError, match="lesson or ci, got 'fast'"):
        start()


def test_a_model_is_named_without_the_folders_that_lead_to_it(capsys):
    lab = start(str(mag.model.loading.SHIPPED / "tabletop"))
    assert capsys.readouterr().out == f"tabletop on {lab.net.device}, profile {lab.profile}\n"


def test_tasks_of_another_size_are_fitted_to_the_model(net, task):
    lab = Lab(net, "lesson")
    assert lab.fit(task) is task
    wide = mag.Task(task.image.resize((384, 320)), task.region.numpy().repeat(2, 0)[:320].repeat(2, 1)[:, :384],
                    task.source, task.target, task.words)  # fmt: skip
    assert lab.fit(wide).image.size == (256, 256)
    trace = lab.run(wide, lab.invert(wide, mag.Direct(3, 2.0)), mag.METHODS["plain"])
    assert trace.result.size == (256, 256)
    assert trace.task.image.size == (256, 256)


def book(*cells):
    return new_notebook(cells=list(cells))


def test_students_get_stubs_and_folded_solutions_and_the_solved_copy_has_no_stub():
    source = book(
        new_markdown_cell("[a](../docs/setup.md) ![b](pictures/b.png)"),
        new_code_cell("x = None", metadata={"tags": ["exercise"]}),
        new_code_cell("x = 1", metadata={"tags": ["solution"]}),
    )
    given, solved = build.student(source), build.solution(source)
    assert [c.cell_type for c in given.cells] == ["markdown", "code", "markdown"]
    assert given.cells[2].source.startswith("<details><summary>Solution</summary>")
    assert "x = 1" in given.cells[2].source
    assert [c.source for c in solved.cells[1:]] == ["x = 1"]
    assert solved.cells[0].source == "[a](../../docs/setup.md) ![b](../pictures/b.png)"
    assert source.cells[0].source.startswith("[a](../docs")


def test_the_title_picture_is_the_tagged_figure(tmp_path):
    figure = new_output("display_data", data={"image/png": "aGVsbG8="})
    cells = [new_code_cell("x"), new_code_cell("plot", metadata={"tags": ["title"]}, outputs=[figure])]
    build.write_title(book(*cells), tmp_path / "pictures" / "01.png")
    assert (tmp_path / "pictures" / "01.png").read_bytes() == b"hello"
    build.write_title(book(new_code_cell("x")), tmp_path / "other.png")
    assert not (tmp_path / "other.png").exists()


def test_a_run_leaves_no_widget_state_warnings_or_times(tmp_path):
    cell = new_code_cell("import sys, ipywidgets\nprint('no', file=sys.stderr)\nipywidgets.IntSlider()")
    split = new_code_cell("import sys\nprint('a', flush=True)\nprint('no', file=sys.stderr, flush=True)\nprint('b')")
    made = book(cell, split)
    made.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    assert build.run(made, tmp_path) > 0
    assert "widgets" not in made.metadata
    assert "execution" not in cell.metadata
    assert [o.output_type for o in cell.outputs] == ["execute_result"]
    assert [o.text for o in split.outputs] == ["a\nb\n"]
    path = tmp_path / "made.ipynb"
    nbformat.write(made, path)
    assert nbformat.read(path, 4).cells[0].execution_count == 1
