"""The widgets that look into finished runs, as a person uses them: none of them has a model in the kernel."""

from book import OUT
from contrast import FAINT

RUNS = """
import magedit_lab as mag
from magedit_lab.widgets.attention_explorer import AttentionExplorer
from magedit_lab.widgets.compare import Compare
from magedit_lab.widgets.gradient_inspector import GradientInspector
runs = {name: mag.Trace.load(name) for name in ("P2P", "P2P+Mask", "P2P+MAG-Edit")}
trace = runs["P2P+MAG-Edit"]
"""
DRAWN = "(stage) => [...stage.querySelectorAll('canvas')].map((one) => one.toDataURL()).join()"
PLACE = "print(widget.step, widget.nudge, widget.site, widget.head, widget.word)"


def shown(book, index):
    """A widget once it is there."""
    widget = book.cell(index).locator(".mag")
    widget.first.wait_for()
    return widget


def chart_at(widget, nth, share):
    """Click a chart at a share of its axis, from its first place to the last."""
    chart = widget.locator("svg.chart").nth(nth)
    whole, axes = chart.bounding_box(), chart.locator("path.axes").bounding_box()
    across = axes["x"] - whole["x"] + share * axes["width"]
    chart.click(position={"x": across, "y": whole["height"] / 2})


def test_attention_by_step_nudge_layer_head_and_special_token(opened, runs):
    book, _ = opened(RUNS, "widget = AttentionExplorer(trace); widget", PLACE)
    book.run(0)
    book.run(1)
    widget, word = shown(book, 1), runs["P2P+MAG-Edit"].task.words[0]
    stage, keys = widget.locator(".stage").first, book.page.keyboard
    seen = [stage.evaluate(DRAWN)]
    nudge = widget.get_by_label("nudge", exact=True)
    nudge.focus()
    for key in ("Home", "ArrowRight", "ArrowRight"):
        keys.press(key)
    assert nudge.get_attribute("aria-valuetext") == "before nudge 2"
    book.say(2, f"0 2  None {word}")
    seen.append(stage.evaluate(DRAWN))
    chart_at(widget, 0, 10 / 49)
    assert widget.get_by_label("step", exact=True).input_value() == "10"
    book.say(2, f"10 2  None {word}")
    seen.append(stage.evaluate(DRAWN))
    layer, head = widget.get_by_label("layer", exact=True), widget.get_by_label("head", exact=True)
    site = runs["P2P+MAG-Edit"].sites[1]
    layer.select_option(site)
    seen.append(stage.evaluate(DRAWN))
    head.select_option("1")
    assert nudge.is_disabled()
    book.say(2, f"10 2 {site} 1 {word}")
    seen.append(stage.evaluate(DRAWN))
    assert len(set(seen)) == len(seen)
    book.photograph(1, "attention_explorer_head")
    widget.get_by_label("word", exact=True).select_option("<end>")
    assert layer.is_disabled()
    assert "end token and padding in the target branch, step 10" in widget.locator(".status").inner_text()
    widget.get_by_label("word", exact=True).select_option(word)
    layer.select_option("")
    widget.get_by_label("branch", exact=True).select_option("both")
    assert widget.locator(".stage:visible").count() == 2
    chart_at(widget, 1, 1)
    assert nudge.get_attribute("aria-valuetext") == "after all 15"
    book.say(2, f"10 None  None {word}")
    book.photograph(1, "attention_explorer")


def test_gradients_by_step_and_nudge(opened, runs):
    book, _ = opened(
        RUNS, "widget = GradientInspector(trace); widget", "print(widget.step, widget.nudge, widget.scale)"
    )
    book.run(0)
    book.run(1)
    widget, page = shown(book, 1), book.page
    stage = widget.locator(".stage")
    first = stage.evaluate(DRAWN)
    widget.get_by_label("step", exact=True).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    book.say(2, "1 3 run")
    assert stage.evaluate(DRAWN) != first
    chart_at(widget, 0, 1)
    book.say(2, "24 14 run")
    widget.get_by_label("colours", exact=True).select_option("nudge")
    book.say(2, "24 14 nudge")
    inside = runs["P2P+MAG-Edit"].gradients["inside"][24, 14]
    said = widget.locator(".status").inner_text()
    assert (
        abs(float(said.split("gradient ")[1].split()[0].replace("\N{MINUS SIGN}", "-")) / inside - 1) < 0.051
    )  # two digits
    assert widget.locator("svg.chart").count() == 4
    chart_at(widget, 0, 0.5)
    book.photograph(1, "gradient_inspector")


def test_results_are_compared_under_one_zoom(opened, runs):
    book, _ = opened(
        RUNS, "widget = Compare(runs); widget",
        "print(widget.left, widget.right, round(widget.position, 2), widget.zoom, widget.centre)",
    )  # fmt: skip
    book.run(0)
    book.run(1)
    widget, page = shown(book, 1), book.page
    pair = widget.locator(".pair")
    widget.get_by_label("how much of the left picture is shown").focus()
    for key in ("Home", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    book.say(2, "source P2P+MAG-Edit 0.02 1.0 [0.5, 0.5]")
    assert "98%" in pair.locator(".upper").get_attribute("style")
    widget.get_by_role("button", name="compare P2P+Mask").click()
    box = widget.locator(".grid .frame").nth(2).bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(*middle)
    page.keyboard.down("Control")
    for _ in range(4):
        page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    page.mouse.down()
    page.mouse.move(middle[0] + 40, middle[1], steps=4)
    page.mouse.up()
    moves = widget.locator(".sheet").evaluate_all("(all) => all.map((one) => one.style.transform)")
    assert len(moves) == 6  # the two of the slider, and the grid's four
    assert len(set(moves)) == 1
    zoom = round(1.25**4, 2)
    x = round(0.5 - 40 / box["width"] / zoom, 2)
    assert f"scale({zoom}" in moves[0]
    page.wait_for_timeout(1000)  # each move is a message that waits for the one before
    said = book.run(2).split()
    assert (said[1], float(said[3])) == ("P2P+Mask", zoom)
    assert abs(float(said[4].strip("[,")) - x) < 0.02
    widget.get_by_label("mask", exact=True).check()
    widget.get_by_role("button", name="compare P2P+MAG-Edit").click()
    widget.get_by_role("button", name="whole picture").click()
    widget.get_by_label("how much of the left picture is shown").fill("0.5")
    book.say(2, "source P2P+MAG-Edit 0.5 1.0 [0.5, 0.5]")
    book.photograph(1, "compare")


def test_a_missing_run_is_made_on_demand(opened, runs):
    method = runs["P2P+MAG-Edit"]
    book, _ = opened(
        RUNS + "from magedit_lab.widgets.ablate import Ablate\nnet = mag.Backbone.load('tabletop', 'cpu')\n"
        "method, task = mag.METHODS['p2p+mag-edit'], trace.task\n"
        "path = mag.invert(net, task, mag.Direct(16, mag.bench.demo.Demo().guidance_scale))\n"
        "before = dict(mag.bench.ablations.sweep(net, task, path, method, 'iterations', (0, 1)))",
        "widget = Ablate(net, task, method, path, 'iterations', (0, 1, 5, 15), before); widget",
        "print(widget.value, widget.missing, widget.state)",
    )  # fmt: skip
    assert method.result
    book.run(0)
    book.run(1)
    widget = shown(book, 1)
    after = widget.locator("figure").nth(1).locator("img")
    pictures = [after.get_attribute("src")]
    widget.get_by_label("iterations", exact=True).focus()
    book.page.keyboard.press("ArrowRight")
    assert after.get_attribute("src") not in pictures
    run = widget.get_by_role("button", name="run this value")
    assert run.is_disabled()
    widget.get_by_role("button", name="iterations 5").click()
    widget.locator(".blank").get_by_text("not run yet").wait_for()
    book.say(2, "5 [5, 15] idle")
    run.click()
    widget.locator(".status").get_by_text("done: 1 run in").wait_for(timeout=180_000)
    after.wait_for()
    assert after.evaluate("(image) => image.naturalWidth") == runs["P2P"].task.image.size[0]
    book.say(2, "5 [15] done")
    widget.get_by_role("button", name="run all missing").click()
    widget.get_by_role("button", name="cancel the run").click()
    widget.locator(".status").get_by_text("cancelled: ").wait_for(timeout=60_000)
    book.say(2, "5 [15] cancelled")
    widget.get_by_role("button", name="run all missing").click()
    widget.locator(".status").get_by_text("done: 1 run in").wait_for(timeout=180_000)
    widget.get_by_role("button", name="iterations 15").click()
    book.say(2, "15 [] done")
    book.photograph(1, "ablate")


def test_all_is_reached_and_moved_by_keyboard_and_jupyter_takes_none_of_it(opened, runs):
    book, _ = opened(
        RUNS, "explorer = AttentionExplorer(trace); explorer", "pair = Compare(runs); pair",
        "print(explorer.step, explorer.nudge, explorer.branch, pair.zoom, pair.right)",
    )  # fmt: skip
    for index in range(3):
        book.run(index)
    shown(book, 2)
    page = book.page
    cells = book.page.locator(".jp-Notebook .jp-Cell").count()
    shown(book, 1).get_by_label("word", exact=True).focus()
    found = []
    for _ in range(40):
        name, widget, ring = page.evaluate(FOCUS)
        found.append(name)
        assert name, found
        assert ring, name
        keys = {"step": ["ArrowRight"] * 3, "nudge": ["Home"], "branch": ["ArrowDown"] * 2, "compare P2P": ["Space"]}
        for key in keys.get(name, ["x"] if widget == "compare" else []):  # x would cut Jupyter's cell
            page.keyboard.press(key)
        if widget == "compare" and name.startswith("P2P:"):
            page.keyboard.press("+")
        page.keyboard.press("Tab")
        if name == "compare P2P+MAG-Edit":
            break
    wanted = {"word", "branch", "layer", "show", "opacity", "step", "nudge", "left", "right", "zoom", "whole picture"}
    assert wanted <= set(found)
    assert book.page.locator(".jp-Notebook .jp-Cell").count() == cells
    book.say(3, "3 0 both 1.25 P2P")


def test_all_can_be_read_in_the_dark(opened, runs):
    book, _ = opened(
        RUNS + "from magedit_lab.widgets.mask_painter import MaskPainter\n"
        "from magedit_lab.widgets.prompt_editor import PromptEditor\n"
        "net = mag.Backbone.load('tabletop', 'cpu'); task = trace.task",
        "AttentionExplorer(trace)", "GradientInspector(trace)", "Compare(runs)",
        "MaskPainter(task.image, mag.masks.strokes.trace(task.region.numpy()))",
        "PromptEditor(net.tokenizer, task.source, task.target, ['zebra'])",
    )  # fmt: skip
    for index in range(6):
        book.run(index)
    for theme in ("light", "dark"):
        book.theme(theme)
        for index in range(1, 6):
            shown(book, index)
            assert book.cell(index).locator(".mag").evaluate(FAINT) == [], f"cell {index}, {theme}"
            book.photograph(index, f"{theme}_{index}", folder=OUT)
        for index, name in ((1, "attention_explorer_dark"), (2, "gradient_inspector_dark")):
            if theme == "dark":
                book.photograph(index, name)
    book.theme("light")


# The name of what has the focus, its widget, and whether a ring is drawn around it.
FOCUS = """() => {
  const at = document.activeElement, style = getComputedStyle(at);
  const name = at.getAttribute('aria-label') ?? at.closest('label')?.innerText ?? at.innerText;
  const ring = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  return [name.trim(), at.closest('.mag')?.className.replace('mag ', '') ?? '', ring];
}"""
