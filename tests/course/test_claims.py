"""Claims: a number beside each, compared where a lesson is run; and the drawings of the course."""

import xml.etree.ElementTree as ET

import pytest
from magedit_lab.course.start import GONE, Lab
from nbformat.v4 import new_code_cell, new_output
from test_notebooks import NOTEBOOKS, SOURCES, prose, source, told

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(("value", "mark"), [(0.5, "holds"), (0.1, GONE), (float("nan"), GONE)])
def test_a_claim_is_compared_in_a_lesson(net, capsys, value, mark):
    Lab(net, "lesson").claim("the share", value, least=0.3)
    assert capsys.readouterr().out.strip().endswith(f"expected at least 0.3: {mark}")


def test_a_claim_is_not_compared_in_a_short_run(net, capsys):
    Lab(net, "ci").claim("the share", 0.1, least=0.3, most=0.4, unit=" %")
    assert "0.1 %, expected at least 0.3 % and at most 0.4 %: not compared" in capsys.readouterr().out


def test_a_claim_without_a_bound_is_refused(net):
    with pytest.raises(ValueError, match="got neither"):
        Lab(net, "lesson").claim("the share", 1.0)


def test_a_notebook_whose_claim_is_gone_is_complained_of(tmp_path):
    text = new_output("stream", text=f"Claim: x. 1, expected at least 2: {GONE}\n")
    assert "claims what is not so" in told(tmp_path, new_code_cell("1", outputs=[text]))


def test_most_notebooks_claim_something():
    code = {name: "\n".join(c.source for c in source(name).cells if c.cell_type == "code") for name in SOURCES}
    assert sum("lab.claim(" in text for text in code.values()) >= 12


@pytest.mark.parametrize("name", SOURCES)
def test_every_notebook_shows_its_place_in_the_course(name):
    assert f"](pictures/course-{name[:2]}.svg)" in prose(name)


@pytest.mark.parametrize("path", sorted((NOTEBOOKS / "pictures").glob("*.svg")), ids=lambda p: p.stem)
def test_a_drawing_is_whole_and_has_words_and_dark_colours(path):
    root = ET.parse(path).getroot()
    assert len(root.find(f"{SVG}title").text) > 5
    assert len(root.find(f"{SVG}desc").text) > 60
    assert "prefers-color-scheme:dark" in root.find(f"{SVG}style").text
    width, height = map(float, root.get("viewBox").split()[2:])
    for text in root.iter(f"{SVG}text"):
        assert 0 <= float(text.get("x")) <= width
        assert 0 <= float(text.get("y")) <= height


def test_the_drawings_are_those_of_the_code(tmp_path):
    import sys

    sys.path.insert(0, str(NOTEBOOKS.parent))
    from notebooks.diagrams.course_map import PARTS, course
    from notebooks.diagrams.drawings import DRAWINGS

    drawn = {name: draw() for name, draw in DRAWINGS.items()} | {f"course-{p[0]}": course(p[0]) for p in PARTS}
    for name, canvas in drawn.items():
        assert (NOTEBOOKS / "pictures" / f"{name}.svg").read_text() == canvas.svg(), (
            f"{name}: python -m notebooks.diagrams"
        )
