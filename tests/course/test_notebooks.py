"""The notebooks: what their sources promise, and the committed copies as a reader without a kernel meets them."""

import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import jupytext
import nbformat
import pytest
from conftest import pipeline
from diffusers import AutoencoderKL
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LIBRARY = NOTEBOOKS.parent / "magedit_lab"
sys.path.insert(0, str(NOTEBOOKS))
import build  # noqa: E402
import check  # noqa: E402

SOURCES = sorted(p.stem for p in (NOTEBOOKS / "source").glob("*.py"))
COPIES = [NOTEBOOKS / folder / f"{name}.ipynb" for name in SOURCES for folder in (".", "solutions")]
shown = pytest.mark.parametrize("path", COPIES, ids=lambda p: f"{p.parent.name}/{p.stem}")
each = pytest.mark.parametrize("name", SOURCES)


def code(path):
    return [c for c in nbformat.read(path, 4).cells if c.cell_type == "code"]


def source(name):
    return jupytext.read(NOTEBOOKS / "source" / f"{name}.py")


def prose(name):
    return "\n\n".join(c.source for c in source(name).cells if c.cell_type == "markdown")


def test_the_course_has_fourteen_notebooks_in_order():
    assert [int(name[:2]) for name in SOURCES] == list(range(14))


# ---------------------------------------------------------------- what a source promises


@each
def test_it_opens_with_a_title_a_picture_goals_needs_and_time(name):
    first = source(name).cells[0].source
    assert re.match(rf"# {name[:2]} · ", first)
    ((words, picture),) = re.findall(r"!\[([^]]+)\]\(([^)]+\.png)\)", first)
    assert len(words) > 20
    assert (NOTEBOOKS / picture).exists()
    goals = re.search(r"\*\*You will\*\* (.+?)\n\n", first, re.DOTALL)[1]
    assert 3 <= len(re.findall(r"\*(\w+)\*", goals)) <= 5, goals
    assert "**You need**" in first
    assert "**Time** {time}" in first


@each
def test_it_predicts_looks_and_checks_and_ends_with_help(name):
    text = prose(name)
    for part in (r"\*\*Predict", r"\*\*Look", r"\*\*Check"):
        assert re.search(part, text), part
    assert text.rstrip().split("\n## ")[-1].startswith("If something goes wrong")
    assert len(re.findall(r"^## ", text, re.M)) >= 5


@each
def test_it_has_two_or_three_exercises_each_with_all_that_belongs_to_one(name):
    cells = source(name).cells
    parts = re.split(r"^## Exercise ", prose(name), flags=re.M)[1:]
    assert 2 <= len(parts) <= 3
    for part in parts:
        assert re.search(r"Difficulty [●○]{3} · .*\bminutes\b", part), part[:80]
        assert "<details><summary>Hint</summary>" in part
    kinds = [next((t for t in build.tags(c) if t in ("exercise", "solution")), "") for c in cells]
    for kind in ("exercise", "solution"):
        assert kinds.count(kind) == len(parts)
    for place, kind in enumerate(kinds):
        if kind == "exercise":
            assert kinds[place + 1] == "solution"
    assert sum(c.source.startswith(("check_", "keep(")) for c in cells) >= len(parts)


@each
def test_code_cells_are_short(name):
    for cell in source(name).cells:
        assert cell.cell_type != "code" or len(cell.source.splitlines()) <= 10, cell.source


@each
def test_code_that_is_quoted_beside_a_formula_is_in_the_library(name):
    quoted = re.findall(r"\*\*In code\*\* \(`([\w/.]+)`\):\s`([^`]+)`", prose(name))
    assert len(quoted) == prose(name).count("**In code**")
    for file, line in quoted:
        assert line in re.sub(r"\s+", " ", (LIBRARY / file).read_text()), (file, line)


def test_some_outputs_of_most_notebooks_are_compared():
    tagged = [name for name in SOURCES if any("nbval-check-output" in build.tags(c) for c in source(name).cells)]
    assert len(tagged) >= 6


# ---------------------------------------------------------------- the committed copies


@shown
def test_nobody_would_complain(path):
    assert check.complaints(path) == []


@shown
def test_cells_that_show_something_have_their_picture_or_text(path):
    for cell in code(path):
        if re.search(r"^(mag\.plots|mag\.curves|leaderboard\.figure|check_|print|\w+$)", cell.source.splitlines()[-1]):
            assert cell.outputs, cell.source


@shown
def test_every_picture_has_words(path):
    for cell in code(path):
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                assert len(output.metadata["image/png"]["alt"]) > 20, cell.source
                assert output.data["text/plain"] == output.metadata["image/png"]["alt"]


@shown
def test_every_figure_is_followed_by_a_caption_and_what_to_see(path):
    cells = nbformat.read(path, 4).cells
    for place, cell in enumerate(cells):
        if any("image/png" in o.get("data", {}) for o in cell.get("outputs", [])):
            after = cells[place + 1]
            assert after.cell_type == "markdown", cell.source
            caption = re.match(r"\*[^*].*?[.:?!]\*", after.source, re.DOTALL)
            assert caption, after.source[:80]
            following = after.source[caption.end() :].split("\n## ")[0]
            assert len(following.split()) >= 6, f"nothing says what to see: {caption[0]}"


@each
def test_stubs_fail_helpfully_and_solutions_are_right(name):
    for folder, verdict in ((".", "Not yet: "), ("solutions", "Right: ")):
        checks = [c for c in code(NOTEBOOKS / folder / f"{name}.ipynb") if c.source.startswith(("check_", "keep("))]
        assert checks
        for cell in checks:
            text = cell.outputs[-1].data["text/plain"]
            assert text.startswith(verdict), text
            assert len(text) > len(verdict) + 15


@each
def test_a_solution_can_be_reached_but_is_folded_away(name):
    cells = nbformat.read(NOTEBOOKS / f"{name}.ipynb", 4).cells
    folded = [c.source for c in cells if c.source.startswith("<details><summary>Solution")]
    assert len(folded) == sum("exercise" in c.metadata.get("tags", []) for c in cells)


@pytest.mark.parametrize("folder", [".", "solutions"])
def test_each_notebook_leads_to_the_next(folder):
    for name, following in pairwise(SOURCES):
        last = nbformat.read(NOTEBOOKS / folder / f"{name}.ipynb", 4).cells[-1]
        assert f"]({following}.ipynb)" in last.source


def test_notebook_10_runs_another_model_by_changing_one_cell(tmp_path, monkeypatch):
    """Stable Diffusion's classes, four levels, latents an eighth of the picture; random weights."""
    pipe = pipeline()
    pipe.vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(8, 8, 8, 8), latent_channels=4, norm_num_groups=4, sample_size=256,
    )  # fmt: skip
    pipe.save_pretrained(tmp_path / "other")
    book = build.solution(build.read(NOTEBOOKS / "source" / "10_stable_diffusion.py"))
    (cell,) = [c for c in book.cells if c.source.startswith("MODEL = ")]
    cell.source = re.sub(r"^MODEL = .*$", f"MODEL = {str(tmp_path / 'other')!r}", cell.source, flags=re.M)
    monkeypatch.setenv("MAGEDIT_LAB_PROFILE", "ci")
    build.run(book, NOTEBOOKS)
    text = "".join(o.get("text", "") for c in book.cells if c.cell_type == "code" for o in c.outputs)
    assert "other on c" in text
    assert "pictures of 256 x 256, latents of 32 x 32" in text
    assert "384x352, cut at" in text
    said = [c.outputs[-1].data["text/plain"] for c in book.cells if c.source.startswith("check_")]
    assert [words[:7] for words in said] == ["Right: "] * 2


# ---------------------------------------------------------------- what the checks would notice


def written(tmp_path, *cells, **metadata):
    for number, cell in enumerate((c for c in cells if c.cell_type == "code"), 1):
        cell.execution_count = number
    path = tmp_path / "book.ipynb"
    nbformat.write(new_notebook(cells=list(cells), metadata=metadata), path)
    return path


def told(tmp_path, *cells, **metadata):
    return " ".join(check.complaints(written(tmp_path, *cells, **metadata)))


def test_a_sound_notebook_gets_no_complaint(tmp_path):
    text = new_output("stream", text="4\n")
    (tmp_path / "next.ipynb").touch()
    assert told(tmp_path, new_code_cell("2", outputs=[text]), new_markdown_cell("[on](next.ipynb#x)")) == ""


@pytest.mark.parametrize(
    ("output", "complaint"),
    [
        (new_output("error", ename="ValueError", evalue="no", traceback=["no"]), "failed: ValueError: no"),
        (new_output("stream", name="stderr", text="careful"), "warned: careful"),
        (new_output("display_data", data={"application/vnd.plotly.v1+json": {}}), "is empty"),
        (new_output("display_data", data={"text/plain": "  "}), "is empty"),
        (new_output("display_data", data={"image/png": "aGk="}), "has no words"),
    ],
)
def test_a_bad_output_is_complained_of(tmp_path, output, complaint):
    assert complaint in told(tmp_path, new_code_cell("2", outputs=[output]))


def test_bad_links_pictures_state_size_width_and_order_are_complained_of(tmp_path):
    assert "gone.ipynb leads nowhere" in told(tmp_path, new_markdown_cell("[on](gone.ipynb)"))
    assert "gone.png leads nowhere" in told(tmp_path, new_markdown_cell("![a cat](gone.png)"))
    assert "has no words" in told(tmp_path, new_markdown_cell("![](https://example.org/cat.png)"))
    assert "widget state" in told(tmp_path, widgets={"application/vnd.jupyter.widget-state+json": {}})
    assert "expected less than" in told(tmp_path, new_markdown_cell("x" * check.LIMIT))
    assert "a line of 105 characters" in told(tmp_path, new_code_cell("1" * (check.WIDTH + 1)))
    path = written(tmp_path, new_code_cell("1"), new_code_cell("2"))
    book = nbformat.read(path, 4)
    book.cells[1].execution_count = 7
    nbformat.write(book, path)
    assert "count 7" in " ".join(check.complaints(path))


def up_to_the_first_tagged(path):
    """The first cells of a real notebook, as far as the first one whose output is compared."""
    book = nbformat.read(path, 4)
    place = next(i for i, cell in enumerate(book.cells) if "nbval-check-output" in build.tags(cell))
    book.cells = book.cells[: place + 1]
    return book


@pytest.mark.parametrize(("broken", "status"), [(False, 0), (True, 1)])
def test_nbval_goes_red_when_a_value_of_a_real_notebook_is_wrong(tmp_path, broken, status):
    book = up_to_the_first_tagged(NOTEBOOKS / "01_diffusion_in_latent_space.ipynb")
    (output,) = book.cells[-1].outputs
    if broken:
        assert "4096" in output.text
        output.text = output.text.replace("4096", "4097")
    nbformat.write(book, tmp_path / "real.ipynb")
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", "-p", "no:cacheprovider"]
    command += ["-c", "/dev/null", "--rootdir", str(tmp_path), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == status, done.stdout
    assert ("4097" in done.stdout) is broken


def test_new_texts_keep_the_outputs_of_the_same_code_and_no_other(tmp_path):
    path = NOTEBOOKS / "02_cross_attention.ipynb"
    book = build.student(build.read(NOTEBOOKS / "source" / "02_cross_attention.py"))
    seconds = build.keep(book, path)
    committed = nbformat.read(path, 4)
    assert f"**Time** {seconds:.0f} s" in committed.cells[0].source
    outputs, kept = ([c.get("outputs") for c in n.cells if c.cell_type == "code"] for n in (committed, book))
    assert kept == outputs
    assert book.metadata == committed.metadata
    next(c for c in book.cells if c.cell_type == "code").source += "\n"
    with pytest.raises(
        ValueError, match=r"expected the code of 02_cross_attention\.ipynb as it was run, got other code"
    ):
        build.keep(book, path)
