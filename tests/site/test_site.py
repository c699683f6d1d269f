"""The site's pages as text; `tests/e2e/test_gallery.py` opens them in a browser."""

import base64
import html
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from magedit_lab.widgets.attention_explorer import AttentionExplorer
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

import magedit_lab as mag
from notebooks.site import frozen, guide, pages, slides
from notebooks.site.drawn import svg
from notebooks.site.lesson import NOTEBOOKS, Lesson, lessons
from notebooks.site.maths import mathml
from notebooks.site.once import once
from notebooks.site.panels import boxes
from notebooks.site.prose import displayed, to_html

COURSE = lessons()
each = pytest.mark.parametrize("lesson", COURSE, ids=lambda x: x.name)


class Elements(HTMLParser):
    """Every start tag with its attributes."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def trace(net, task, path):
    return mag.run(net, task, path, mag.PromptToPrompt())


@pytest.fixture(scope="module")
def explorer(trace):
    return AttentionExplorer(trace)


@pytest.fixture(scope="module")
def site(trace, tmp_path_factory):
    out = tmp_path_factory.mktemp("site")
    pages.site(out, trace)
    return out


def test_every_committed_notebook_is_a_page_and_the_index_leads_to_it(site):
    links = {a.get("href") for tag, a in Elements((site / "index.html").read_text()).found if tag == "a"}
    for path in sorted(NOTEBOOKS.glob("*.ipynb")) + sorted(NOTEBOOKS.glob("solutions/*.ipynb")):
        name = path.relative_to(NOTEBOOKS).with_suffix(".html")
        assert (site / name).exists()
        assert str(name) in links


def test_nothing_is_fetched_when_a_page_is_read(site):
    for file in site.rglob("*.html"):
        for tag, a in Elements(file.read_text()).found:
            address = a.get("src") or (tag == "link" and a.get("href")) or ""
            assert not re.match(r"(https?:)?//", address), (file.name, address)
        assert "@import" not in file.read_text()


def test_every_picture_has_words_and_every_page_its_name(site):
    for file in site.rglob("*.html"):
        found = Elements(file.read_text()).found
        assert all(a.get("alt") for tag, a in found if tag == "img"), file
        assert {"html", "title", "main", "h1"} <= {tag for tag, _ in found}, file


@each
def test_a_page_has_every_cell_in_order(lesson, site):
    text = (site / f"{lesson.name}.html").read_text()
    code = [c for c in lesson.notebook.cells if c.cell_type == "code"]
    assert sum(a.get("class") == "code" for _, a in Elements(text).found) == len(code)
    shown = iter([a["src"].partition(",")[2] for tag, a in Elements(text).found if tag == "img"])
    figures = [
        o.data["image/png"].replace("\n", "") for c in code for o in c.outputs if "image/png" in o.get("data", {})
    ]
    for figure in dict.fromkeys(figures):  # each once
        assert figure in shown


@each
def test_every_formula_of_the_course_becomes_mathml(lesson):
    for cell in lesson.notebook.cells:
        if cell.cell_type == "markdown":
            prose = re.sub(r"```.*?```|`[^`]*`", "", cell.source, flags=re.DOTALL)
            assert to_html(cell.source, lesson.path.parent).count("<math ") == len(re.findall(r"\$[^$]+\$", prose))


def test_a_formula_keeps_its_structure():
    made = html.unescape(mathml(r"\frac{1}{|M|}\mathcal L"))
    assert "<mfrac><mrow><mn>1</mn></mrow>" in made
    assert "\N{SCRIPT CAPITAL L}" in made
    assert "mathvariant" not in made


def test_a_formula_in_a_folded_hint_is_drawn():
    made = to_html("<details><summary>Hint</summary>where $z_t$ is</details>", NOTEBOOKS)
    assert "<msub><mi>z</mi><mi>t</mi></msub>" in made
    assert "$" not in made


def test_a_command_that_is_not_known_is_told():
    with pytest.raises(ValueError, match=r"got \\nosuchthing in '\\\\nosuchthing"):
        mathml(r"\nosuchthing x")


def test_links_to_notebooks_lead_to_pages_and_other_files_keep_their_words():
    made = to_html("[next](01_x.ipynb) [code](../magedit_lab/losses.py) [web](https://example.org)", NOTEBOOKS)
    assert [a["href"] for tag, a in Elements(made).found if tag == "a"] == ["01_x.html", "https://example.org"]
    assert "code" in made


def test_a_picture_without_words_or_file_is_refused():
    with pytest.raises(ValueError, match="expected words for the picture"):
        to_html("![](../docs/comparison.png)", NOTEBOOKS)
    with pytest.raises(ValueError, match="expected a picture at"):
        to_html("![a cat](nowhere.png)", NOTEBOOKS)


def test_a_figure_without_words_is_refused(tmp_path):
    figure = new_output("display_data", data={"image/png": base64.b64encode(bytes(40)).decode()})
    book = new_notebook(cells=[new_markdown_cell("# 1"), new_code_cell("x", outputs=[figure])])
    with pytest.raises(ValueError, match="expected words for every figure"):
        pages.page(Lesson(tmp_path / "1.ipynb", book), tmp_path)


def test_a_notebook_without_goals_is_told(tmp_path):
    with pytest.raises(ValueError, match=r"expected a paragraph .* in 1\.ipynb"):
        Lesson(tmp_path / "1.ipynb", new_notebook(cells=[new_markdown_cell("# 1")])).goals  # noqa: B018


def test_a_hostile_output_is_text(tmp_path):
    outputs = [new_output("stream", text="<script>alert(1)</script>")]
    book = new_notebook(cells=[new_code_cell("'<b id=x>'", outputs=outputs), new_markdown_cell("# 1")])
    text = pages.page(Lesson(tmp_path / "1.ipynb", book), tmp_path).read_text()
    assert not {"script", "b"} & {tag for tag, _ in Elements(text).found}


def test_the_frozen_explorer_has_every_map_and_picture(explorer):
    text = frozen.element(explorer)
    state = json.loads(re.search(r"id='state'>(.*?)</script>", text, re.DOTALL)[1])
    assert base64.b64decode(state["_maps"]["base64"]) == explorer._maps
    assert {k: base64.b64decode(v["base64"]) for k, v in state["_pictures"].items()} == explorer._pictures
    assert state["word"] == explorer.word
    assert state["_meta"]["times"] == explorer.trace.times


def test_a_hostile_word_cannot_leave_the_frozen_state():
    class Hostile:
        _esm, _css = "const x = '</script><img>';", ""

        def get_state(self):
            return {"word": "</script><img src=x onerror=alert(1)>", "_view_name": "no"}

    text = frozen.element(Hostile())
    assert "img" not in {tag for tag, _ in Elements(text).found}
    assert "_view_name" not in text


@each
def test_slides_show_every_figure_once_and_all_code_and_no_solution(lesson):
    cut = slides.cut(once(lesson.notebook))
    code = [c for c in lesson.notebook.cells if c.cell_type == "code"]
    figures = [o.data["image/png"] for c in code for o in c.outputs if "image/png" in o.get("data", {})]
    assert [s.output.data["image/png"] for s in cut if s.output] == list(dict.fromkeys(figures))
    everything = "\n".join(s.code + "\n".join(s.notes) for s in cut)
    assert all(c.source in everything for c in code)
    assert "<summary>Solution" not in everything
    assert cut[0].kind == "title"


@each
def test_a_slide_has_forty_words_at_most_and_its_notes_the_whole_text(lesson):
    cut = slides.cut(lesson.notebook)
    assert [s for s in cut if slides.words(s.heading) + slides.words(s.text) > 40] == []
    notes = " ".join(" ".join(note.split()) for s in cut for note in s.notes)
    for slide in (s for s in cut if s.kind in ("text", "predict") and s.text and "…" not in s.text):
        assert slides.sentences(slide.text)[-1].lower() in notes.lower()


def test_a_slide_takes_whole_sentences_and_knows_where_they_end():
    text = "It is by Mao et al. (2024), who say so. A score $s. T$ is `a. B`. And **more. Than** that."
    assert slides.sentences(text) == [
        "It is by Mao et al. (2024), who say so.", "A score $s. T$ is `a. B`.", "And **more. Than** that.",
    ]  # fmt: skip
    assert slides.brief([text], "", 16) == "It is by Mao et al. (2024), who say so. A score $s. T$ is `a. B`."
    assert slides.brief(["one two three, four five six seven"], "", 6) == "one two three …"
    assert slides.words("[two words](x) $a + b$ — `c`") == 4


def test_the_speaker_has_what_the_instructors_guide_says(tmp_path):
    file = tmp_path / "teaching.md"
    table = "| minutes | notebook | do |\n|---|---|---|\n| 0-5 | 03 §1 | hands up |"
    file.write_text(f"{table}\n\n**Noise (03).** Why?\n\n**Other (04).**")
    assert guide.notes("03_inversion", file) == (
        "**From the instructor's guide**\n\n- minutes 0-5: 03 §1; hands up\n\n**Noise (03).** Why?"
    )
    assert guide.notes("09_x", file) == ""
    assert "Why does DDIM drift?" in guide.notes("03_inversion")


def test_a_formula_is_drawn_and_spoken():
    made = svg(r"\hat A_x = \frac{1}{|\mathcal M|}")
    assert made.count("<path ") == made.count("<math ") == 1
    tall = [float(re.search(r"height:([\d.]+)em", svg(r"\frac{a}{b}", style))[1]) for style in ("inline", "block")]
    assert tall[1] > 1.2 * tall[0]  # display style: a fraction's parts are of full size
    with pytest.raises(ValueError, match=r"expected LaTeX that \w+ knows"):
        svg(r"\begin{cases}a\end{cases}")


def test_a_formula_on_a_line_of_its_own_stands_alone():
    assert displayed("where\n$z_t = a + b + c$.\nis") == "where\n\n$$z_t = a + b + c.$$\n\nis"
    assert displayed("where\n$z_t$\nis") == "where\n$z_t$\nis"
    assert '<div class="formula">' in to_html("where\n$z_t = a + b + c$.\nis", NOTEBOOKS)


def drawn(panel_count, titled=True):
    """A row of pictures as matplotlib draws them."""
    images = {f"method {i}": Image.new("RGB", (64, 64), "teal") for i in range(panel_count)}
    if not titled:
        return mag.plots.curves.figure([1, 2], {"a": [1, 2]}, "x", "y").png()
    return mag.plots.pictures(images, "pictures").png()


@pytest.mark.parametrize("count", [4, 5, 6])
def test_a_row_of_pictures_is_cut_into_its_panels(count):
    png = drawn(count)
    whole = Image.open(io.BytesIO(png)).convert("RGB")
    cut = boxes(png)
    panels = [box for box in cut if box[3] == whole.height]
    assert len(panels) == count
    for box in panels:
        shown = np.asarray(whole.crop(box))
        assert (np.abs(shown.astype(int) - (0, 128, 128)).sum(-1) < 30).mean() > 0.6  # one whole picture
    assert sum(box[2] - box[0] for box in panels) == whole.width


def test_a_figure_that_is_no_row_of_pictures_is_left_whole():
    assert boxes(drawn(0, titled=False)) == []
    assert boxes(drawn(1)) == []


def test_no_figure_stands_on_a_page_twice(site):
    for file in site.rglob("*.html"):
        pictures = [a["src"] for tag, a in Elements(file.read_text()).found if tag == "img" and a.get("src")]
        assert len(pictures) == len(set(pictures)), file.name


def test_the_index_opens_with_an_edit_happening(site, trace):
    text = (site / "index.html").read_text()
    assert text.index('class="frames"') < text.index("<article>")
    strip = base64.b64decode(re.search(r"background-image: url\(data:image/jpeg;base64,([^)]+)\)", text)[1])
    size = Image.open(io.BytesIO(strip)).size
    assert size == (320, 320 * (len(trace.times) + 1))  # every step and the result
    assert f"--last: {len(trace.times)};" in text


def test_a_goal_is_whole_where_it_names_its_authors(tmp_path):
    text = "# 1\n\n**You will** *read* MAG-Edit (Mao et al. 2024) whole. Then more.\n\n**Time** 1 min."
    book = new_notebook(cells=[new_markdown_cell(text)])
    assert Lesson(tmp_path / "1.ipynb", book).goals == "Read MAG-Edit (Mao et al. 2024) whole."
