"""The dashboard on the screens that it is used on: a projector, a tablet, a phone, a zoomed page, and in the dark."""

import pytest
from book import OUT

PROLOGUE = """
import magedit_lab as mag
from magedit_lab.widgets.app import App
net = mag.Backbone.load("tabletop", "cpu")
app = App(net)
"""
LOW = """(root) => [...root.querySelectorAll('button, select, input[type=text], input[type=number]')]
    .filter((node) => node.getClientRects().length && node.getBoundingClientRect().height < 40)
    .map((node) => `${node.tagName} ${node.textContent.slice(0, 20)} ${node.getBoundingClientRect().height}`)"""


@pytest.fixture
def app(opened):
    """The dashboard in a notebook without Jupyter's side bars."""
    book, _ = opened(PROLOGUE, "app", "app.live.run(); print(app.live.wait())", "print(app.live._line)")
    book.page.set_viewport_size({"width": 1280, "height": 720})
    book.page.evaluate("window.jupyterapp.shell.collapseLeft()")
    book.run(0)
    book.run(1)
    book.cell(1).locator(".magapp .mag.run").wait_for()
    return book


def box(book, part):
    return book.cell(1).locator(part).first.bounding_box()


def test_a_projector_shows_picture_prompt_run_and_result_in_one_view(app):
    whole = box(app, ".magapp")
    pane = app.page.locator(".jp-Notebook").first.bounding_box()
    assert whole["height"] <= pane["height"]
    for part in (".paint", ".prompts input", ".run button.main", ".preview img", ".timeline"):
        inner = box(app, part)
        assert inner["y"] + inner["height"] <= whole["y"] + whole["height"], part
    assert app.cell(1).locator(".magapp").evaluate(LOW) == []
    app.photograph(1, "app_projector", ".magapp")


def test_it_takes_the_whole_screen_and_gives_it_back(app):
    button = app.cell(1).get_by_role("button", name="full screen")
    button.click()
    app.page.wait_for_function("document.fullscreenElement?.classList.contains('magapp')")
    app.page.wait_for_timeout(300)
    tall = "[document.fullscreenElement.scrollHeight, innerHeight]"
    whole, screen = app.page.evaluate(tall)
    assert whole <= screen
    app.page.screenshot(path=OUT / "app_full_screen.png")
    app.cell(1).get_by_role("button", name="leave full screen").click()
    app.page.wait_for_function("document.fullscreenElement === null")


@pytest.mark.parametrize(("width", "height"), [(820, 1180), (390, 844), (853, 480)], ids=["tablet", "phone", "zoomed"])
def test_other_screens_keep_every_tab_whole_and_nothing_is_cut(app, width, height):
    app.page.set_viewport_size({"width": width, "height": height})
    app.page.wait_for_timeout(300)
    root = app.cell(1).locator(".magapp")
    cut = """(root) => [...root.querySelectorAll('.lm-TabBar-tabLabel, .mag button')].filter((node) =>
        node.getClientRects().length && node.scrollWidth > node.clientWidth + 1).map((node) => node.textContent)"""
    assert root.evaluate(cut) == []
    assert root.evaluate(LOW) == []
    painter, run = box(app, ".paint"), box(app, ".preview img")
    assert painter["width"] >= 150
    beside = run["x"] >= painter["x"] + painter["width"] - 1
    assert beside == (width > 600)
    app.photograph(1, f"app_{width}", ".magapp")


def test_in_the_dark_it_can_be_read(app):
    from contrast import FAINT

    app.theme("dark")
    app.page.wait_for_timeout(300)
    assert app.cell(1).locator(".magapp").evaluate(FAINT) == []
    app.photograph(1, "app_dark", ".magapp")


def test_the_keyboard_alone_reaches_run_and_the_time_line_tells_its_stages(app):
    run = app.cell(1).get_by_role("button", name="run the edit")
    app.cell(1).locator("summary", has_text="settings of the next run").focus()
    app.page.keyboard.press("Enter")
    app.cell(1).get_by_label("steps", exact=True).fill("8")
    run.focus()
    app.page.keyboard.press("Enter")
    current = app.cell(1).locator(".timeline [aria-current=step]")
    current.wait_for()
    app.cell(1).get_by_text("done:").wait_for(timeout=180_000)
    assert current.count() == 0
    assert app.cell(1).locator(".strip img").count() == 16
    names = app.cell(1).locator(".timeline .stagename").all_inner_texts()
    assert names[0] == "inverting"
    assert any(name.startswith("nudging, steps 0") for name in names)
    app.photograph(1, "app_run", ".magapp")
