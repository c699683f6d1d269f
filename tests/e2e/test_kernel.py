"""Uploads that Jupyter would drop, a kernel that is busy, and one that is gone, as a person meets them."""

import numpy as np
from PIL import Image

CELLS = (
    """
import time
import magedit_lab as mag
from magedit_lab import pictures
from magedit_lab.widgets.live_run import LiveRun
from magedit_lab.widgets.mask_painter import MaskPainter
from magedit_lab.widgets.dash.picture_chooser import PictureChooser
net, task, taken = mag.Backbone.load("tabletop", "cpu"), mag.bench.demo.complex_task(0), []
""",
    "chooser = PictureChooser(lambda content, name: taken.append((name, pictures.read(content).rgb.size))); chooser",
    "painter = MaskPainter(task.image); painter",
    "live = LiveRun(net, task); live",
    "print(taken)",
    "print(len(painter.strokes) > 0, painter.status)",
    "time.sleep(5)",
)


def test_what_a_person_can_not_see_is_said(opened, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (1800, 2400, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    (tmp_path / "words.txt").write_text("no picture " * 1_100_000)
    mask = np.zeros((256, 256), np.uint8)
    mask[50:90, 60:120] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    assert min((tmp_path / name).stat().st_size for name in ("noise.png", "words.txt")) > 10 * 2**20
    book, _ = opened(*CELLS)
    for index in range(4):
        book.run(index)
    chooser, painter, live = (book.cell(index).locator(".mag") for index in (1, 2, 3))

    chooser.locator("input").set_input_files(tmp_path / "words.txt")
    chooser.get_by_text("expected a picture, got words.txt (12.1 MB)").wait_for()
    chooser.locator("input").set_input_files(tmp_path / "noise.png")
    book.say(4, "[('noise.png', (1024, 768))]")
    painter.locator("input[type=file]").set_input_files(tmp_path / "words.txt")
    painter.get_by_text("expected a picture, got words.txt").wait_for()
    painter.locator("input[type=file]").set_input_files(tmp_path / "mask.png")
    book.say(5, "True")

    book.start(6)
    book.page.wait_for_timeout(500)
    live.get_by_role("button", name="run the edit").click()
    live.get_by_text("asked; the kernel is busy with a cell").wait_for(timeout=1000)

    book.page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    for widget in (chooser, painter, live):
        widget.get_by_text("the kernel is gone: run this cell anew").wait_for()
    canvas = painter.locator("canvas.paint").bounding_box()
    book.page.mouse.move(canvas["x"] + 20, canvas["y"] + 20)
    book.page.mouse.down()
    book.page.mouse.move(canvas["x"] + 90, canvas["y"] + 60)
    book.page.mouse.up()
    painter.get_by_text("the kernel is gone: run this cell anew").wait_for()
    assert live.get_by_role("button", name="run the edit").is_disabled()
    book.photograph(3, "kernel_gone")
