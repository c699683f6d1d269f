"""PromptEditor, the painter's regions and clicks, and the dashboard, as a person uses them."""

PROLOGUE = """
import magedit_lab as mag
from magedit_lab.widgets.app import App
from magedit_lab.widgets.mask_painter import MaskPainter
from magedit_lab.widgets.prompt_editor import PromptEditor
net = mag.Backbone.load("tabletop", "cpu")
task = mag.bench.demo.complex_task(mag.bench.demo.Demo().seed)
"""


def test_words_are_picked_by_click_and_what_would_be_refused_is_told(opened):
    book, _ = opened(
        PROLOGUE, "editor = PromptEditor(net.tokenizer, task.source, task.target); editor",
        "print(editor.words, len(editor.warnings))", "print(editor.negative, editor.negative_words)",
    )  # fmt: skip
    book.run(0)
    book.run(1)
    widget = book.cell(1).locator(".mag")
    widget.get_by_text("A run would be refused: 1 reason above").wait_for()
    assert "expected at least one edit word" in widget.locator(".warnings").inner_text()
    picked = widget.get_by_role("list", name="tokens of the target prompt").locator("button.new").first
    picked.focus()
    book.page.keyboard.press("Enter")
    widget.get_by_text("is to come true").wait_for()
    assert book.run(2).strip() == f"{[task_word(book)]} 0"
    assert widget.locator(".lines path").count() > 5
    hostile = "a pink ball <b onclick=x>"
    widget.get_by_label("negative: what is to fade").fill(hostile)
    widget.get_by_role("list", name="tokens of the negative prompt").get_by_text("pink", exact=True).click()
    widget.get_by_text("away from pink").wait_for()
    assert book.run(3).strip() == f"{hostile} ['pink']"
    assert widget.locator("b").count() == 0
    widget.get_by_label("negative: what is to fade").fill("a pink ball")
    marks = widget.get_by_role("list", name="tokens of the negative prompt").get_by_text("<", exact=True)
    marks.wait_for(state="detached")
    book.photograph(1, "prompt_editor")


def task_word(book):
    return book.cell(1).locator("button.token[aria-pressed=true]").first.inner_text().strip("+")


def test_a_click_grows_and_a_second_region_is_painted_by_keyboard(opened):
    book, _ = opened(
        PROLOGUE, "painter = MaskPainter(task.image, words=['red', 'striped']); painter",
        "print([s['tool'] + ' ' + s.get('region', 'mask') for s in painter.strokes])",
        "print((painter.masks['mask'] == mag.masks.flood.grow(painter.image, *painter.strokes[0]['points'][0])).all())",
        "print([(r['name'], r['word'], r['weight']) for r in painter.regions], painter._lambdas)",
        "print(painter.mask.mean())",
    )  # fmt: skip
    book.run(0)
    book.run(1)
    widget, page = book.cell(1).locator(".mag"), book.page
    canvas = widget.locator("canvas.paint")
    canvas.wait_for()
    widget.get_by_role("button", name="grow", exact=True).click()
    box = canvas.bounding_box()
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.9 * box["height"])
    widget.get_by_text("1 stroke", exact=True).wait_for()
    assert book.run(3).strip() == "True"
    name = widget.get_by_label("name of a new region")
    name.fill("second")
    page.keyboard.press("Enter")
    widget.get_by_label("edit word of region second").select_option("striped")
    widget.get_by_label("edit word of region mask").select_option("red")
    widget.get_by_role("button", name="box", exact=True).focus()
    page.keyboard.press("Space")
    canvas.focus()
    for key in ("Space", *["ArrowLeft"] * 8, *["ArrowUp"] * 8, "Space"):
        page.keyboard.press(key)
    widget.get_by_text("2 strokes", exact=True).wait_for()
    assert book.run(2).strip() == "['grow mask', 'box second']"
    assert book.run(4).strip() == "[('mask', 'red', 1.0), ('second', 'striped', 1.0)] [0.5, 0.5]"
    shown = """(canvas) => [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]
        .filter((value, i) => i % 4 === 3 && value > 127).length / canvas.width / canvas.height"""
    covered = widget.locator("canvas.mask").evaluate(shown)
    assert abs(covered - float(book.run(5))) < 0.01
    book.photograph(1, "mask_painter_regions")


def test_the_dashboard_runs_an_edit_and_shows_its_attention(opened):
    book, _ = opened(
        PROLOGUE,
        "app = App(net); app",
        "print(app.live.state, len(app.results), len(app.live.trace.times), app.inside.explorer is not None)",
    )
    book.run(0)
    book.run(1)
    book.page.set_viewport_size({"width": 1900, "height": 2300})
    cell = book.cell(1)
    run = cell.locator(".mag.run")
    run.wait_for()
    run.locator("summary", has_text="settings of the next run").click()
    run.get_by_label("steps", exact=True).fill("16")
    run.get_by_label("method", exact=True).select_option("p2p+mag-edit")
    run.get_by_label("inversion", exact=True).select_option("direct")
    run.get_by_role("button", name="run the edit").click()
    run.get_by_text("done:").wait_for(timeout=120_000)
    book.say(2, "done 1 16 True")
    book.photograph(1, "app", ".jp-OutputArea-output")
    for tab, kind in (
        ("attention", "explorer"),
        ("gradient", "inspector"),
        ("compare", "compare"),
        ("one setting", "ablate"),
    ):
        cell.get_by_role("tab", name=tab, exact=True).click()
        cell.locator(f".mag.{kind}").wait_for()
    book.photograph(1, "app_setting", ".jp-OutputArea-output")
    cell.get_by_role("tab", name="paint and run").click()
    cell.locator(".mag.prompts.checks button.token[aria-pressed=true]").first.click()
    cell.locator(".mag.prompts.checks").get_by_text("A run would be refused").wait_for()
    run.get_by_role("button", name="run the edit").click()
    run.get_by_text("expected at least one edit word").wait_for()
    cell.locator(".mag.prompts.checks button.token.new").first.click()
    cell.locator(".mag.prompts.checks").get_by_text("is to come true").wait_for()
