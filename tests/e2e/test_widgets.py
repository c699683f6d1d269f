"""Widgets as a person uses them."""

import json
import statistics
import time

from book import OUT

SCENE = """
import magedit_lab as mag
from magedit_lab.widgets.mask_painter import MaskPainter
from magedit_lab.widgets.attention_explorer import AttentionExplorer
from magedit_lab.widgets.live_run import LiveRun
demo = mag.bench.demo.Demo()
task = mag.bench.demo.complex_task(demo.seed)
"""
RUN = """
net = mag.Backbone.load("tabletop", "cpu")
live = LiveRun(net, task, mag.METHODS["p2p+mag-edit"], mag.Direct(16, demo.guidance_scale))
live
"""


def test_a_mask_painted_with_the_mouse_is_read_in_python(opened):
    book, _ = opened(SCENE, "painter = MaskPainter(task.image); painter", "print(round(painter.mask.mean(), 3))")
    book.run(0)
    book.run(1)
    canvas = book.cell(1).locator("canvas.paint")
    canvas.wait_for()
    assert book.run(2).strip() == "0.0"
    box = canvas.bounding_box()
    page = book.page
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.5 * box["height"], steps=8)
    page.mouse.up()
    page.wait_for_timeout(500)
    stroke = 0.4 * 0.08 + 3.1416 * 0.04**2  # a line of the brush's radius 0.04, with round ends
    assert abs(float(book.run(2)) - stroke) < 0.01
    book.photograph(1, "mask_painter")


def test_a_mask_is_painted_by_keyboard_alone(opened):
    book, _ = opened(
        SCENE, "painter = MaskPainter(task.image); painter", "print(len(painter.strokes), painter.mask.sum())"
    )
    book.run(0)
    book.run(1)
    book.cell(1).locator("canvas.paint").focus()
    keys = book.page.keyboard
    for key in ("ArrowRight", "ArrowRight", "Space", "ArrowDown", "Space"):
        keys.press(key)
    widget = book.cell(1).locator(".mag")
    widget.get_by_text("2 strokes", exact=True).wait_for()
    _, dots = book.run(2).split()
    assert float(dots) > 0
    widget.get_by_role("button", name="polygon", exact=True).focus()
    keys.press("Space")
    book.cell(1).locator("canvas.paint").focus()
    for key in ("Space", *["ArrowUp"] * 10, "Space", *["ArrowLeft"] * 10, "Space", "Enter"):
        keys.press(key)
    widget.get_by_text("3 strokes", exact=True).wait_for()
    _, more = book.run(2).split()
    assert abs(float(more) - float(dots) - 0.2 * 0.2 / 2 * 256**2) < 300  # a triangle of two sides of .2
    book.cell(1).locator("canvas.paint").focus()
    keys.press("Control+z")
    widget.get_by_text("2 strokes", exact=True).wait_for()
    assert book.run(2).split() == ["2", dots]
    book.cell(1).locator("canvas.paint").focus()
    keys.press("Control+y")
    widget.get_by_text("3 strokes", exact=True).wait_for()
    assert book.run(2).split() == ["3", more]


def test_run_cancel_and_run_again_while_the_kernel_is_in_use(opened):
    book, _ = opened(SCENE, RUN, "print(live.state, len(live.losses))", "live.wait(); print(live.state)")
    book.run(0)
    book.run(1)
    buttons = book.cell(1).locator("button")
    buttons.get_by_text("run", exact=True).click()
    book.page.wait_for_function("document.querySelector('.mag .status').textContent.includes('step ')", timeout=90_000)
    state, nudges = book.run(2).split()
    assert state == "running"
    assert int(nudges) > 0
    buttons.get_by_text("cancel", exact=True).click()
    book.page.wait_for_function("document.querySelector('.mag .status').textContent.startsWith('cancelled')")
    buttons.get_by_text("run", exact=True).click()
    book.page.wait_for_function("document.querySelector('.mag .status').textContent.includes('step ')", timeout=90_000)
    buttons.get_by_text("pause", exact=True).click()
    book.page.wait_for_function("document.querySelector('.mag .status').textContent.startsWith('paused')")
    held = book.run(2).strip()
    book.page.wait_for_timeout(600)
    assert book.run(2).strip() == held
    assert held.startswith("paused ")
    buttons.get_by_text("resume", exact=True).click()
    book.page.wait_for_function(
        "document.querySelector('.mag .status').textContent.startsWith('done')", timeout=120_000
    )
    assert book.run(3).strip() == "done"
    assert len(book.cell(1).locator("polyline").first.get_attribute("points").split()) == 8 * 15
    assert book.cell(1).locator("figcaption").first.inner_text() == "the result"
    book.photograph(1, "live_run")


def test_attention_is_scrubbed_while_a_run_is_going(opened):
    book, _ = opened(
        SCENE, RUN, "live.run(); live.wait(); explorer = AttentionExplorer(live.trace); explorer",
        "live.run(); print(live.state)", "print(explorer.step, live.state)", "live.cancel(); live.wait()",
    )  # fmt: skip
    book.run(0)
    for index in (1, 2, 3):
        book.run(index)
    slider = book.cell(2).locator("input.wide").first
    slider.wait_for()
    frames = book.page.evaluate(
        """async () => { const slider = document.querySelectorAll('.jp-Cell')[2].querySelector('input.wide');
        const taken = [];
        for (let i = 0; i < 60; i++) { const start = performance.now(); slider.value = i % 6;
          slider.dispatchEvent(new Event('input', { bubbles: true })); taken.push(performance.now() - start);
          await new Promise(requestAnimationFrame); }
        slider.value = 4; slider.dispatchEvent(new Event('input', { bubbles: true }));
        slider.dispatchEvent(new Event('change', { bubbles: true })); return taken; }"""
    )
    print(f"scrubbing: {statistics.median(frames):.2f} ms a frame, worst {max(frames):.2f} ms")
    assert statistics.median(frames) < 16
    book.page.wait_for_timeout(500)
    step, state = book.run(4).split()
    assert step == "4"
    assert state == "running"
    book.run(5)


def test_a_saved_notebook_shows_what_was_painted_without_a_kernel(opened):
    book, file = opened(SCENE, "painter = MaskPainter(task.image); painter", "print(len(painter.strokes))")
    book.run(0)
    book.run(1)
    book.cell(1).locator("canvas.paint").wait_for()
    book.cell(1).locator("canvas.paint").click()
    book.say(2, "1")
    for _ in range(60):
        book.save()
        time.sleep(0.25)
        saved = json.loads(file.read_text())
        outputs = saved["cells"][1]["outputs"]
        if outputs and "1 stroke " in "".join(outputs[1]["data"]["text/plain"]):
            break
    assert "widgets" not in saved["metadata"]
    data = outputs[1]["data"]
    assert data["image/png"]
    assert "".join(data["text/plain"]).startswith("A picture of 256x256 with a mask of 1 stroke over 0.5%")
    assert file.stat().st_size < 1_000_000
    still = "img.jp-needs-light-background"
    book.cell(1).locator(still).wait_for(state="attached")
    assert book.cell(1).locator(still).is_hidden()  # the widget itself is there
    book.page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    again, _ = opened(name=file.stem)
    again.cell(1).locator(still).wait_for()
    context = "window.jupyterapp.shell.currentWidget.sessionContext"
    again.page.wait_for_function(f"{context}.session?.kernel?.status === 'idle'")
    again.page.wait_for_timeout(3000)  # Jupyter's own widget manager asks the new kernel for its widgets
    again.page.evaluate(f"{context}.shutdown()")
    again.page.wait_for_function(f"{context}.session === null")
    assert again.cell(1).locator(still).is_visible()
    again.photograph(1, "saved", ".jp-OutputArea", OUT)
