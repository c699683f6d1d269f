"""The page of `make web`, as a visitor uses it: from the first paint to a live edit in its worker."""

import functools
import http.server
import os
import re
import threading
from pathlib import Path

import pytest
from contrast import FAINT
from playwright.sync_api import expect

BUILT = Path(__file__).parents[2] / "out" / "web"
SHOTS = Path(os.environ.get("MAGEDIT_LAB_SHOTS", Path(__file__).parents[2] / "out" / "e2e" / "page"))
SIZES = {"projector": (1280, 720), "phone": (390, 844), "tablet": (820, 1180)}
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
WIDE = "document.documentElement.scrollWidth - innerWidth"


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Files without a line for each."""

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address():
    if not (BUILT / "index.html").exists():
        pytest.fail("expected the built page in out/web, got none; run: make web")
    handler = functools.partial(Quiet, directory=str(BUILT))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


@pytest.fixture
def visit(browser, address):
    """Opens the page as one visitor; no script may fail. `before` sees the page before it loads."""
    contexts, failed = [], []

    def open_page(size=(1280, 720), before=None, **options):
        width, height = size
        chosen = {"reduced_motion": "reduce", "service_workers": "block", **options}
        context = browser.new_context(viewport={"width": width, "height": height}, **chosen)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: failed.append(f"{error.message}\n{error.stack}"))
        if before:
            before(page)
        page.goto(address)
        page.locator(".card[aria-label*=attention]").nth(3).wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert failed == []


def where(page):
    return page.locator("#time output").inner_text()


def test_the_first_bytes_show_an_edit_and_the_first_paint_is_early(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert page.locator("img.poster").evaluate("(image) => image.naturalWidth") == 256
    assert "red" in page.locator("#prompt").inner_text()
    context.close()
    context = browser.new_context()
    page = context.new_page()
    page.goto(address)
    page.wait_for_function(f"{PAINT} !== undefined")
    assert page.evaluate(PAINT) < 1000
    context.close()


def test_the_first_screen_plays_an_edit_without_a_model(visit):
    asked = []
    page = visit(reduced_motion="no-preference", before=lambda p: p.on("request", lambda r: asked.append(r.url)))
    page.locator("#dots button").nth(5).click()
    expect(page.locator("#time .play")).to_have_text("Pause")
    first = where(page)
    page.wait_for_function("(first) => document.querySelector('#time output').textContent !== first", arg=first)
    assert not [url for url in asked if "/models/" in url or ".wasm" in url]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_every_part_of_the_story_sets_the_page_and_is_readable(visit, size, scheme):
    page = visit(SIZES[size], color_scheme=scheme)
    shown = set()
    for i in range(8):
        page.locator("#dots button").nth(i).click()
        expect(page.locator("#story section.here small").first).to_have_text(f"{i + 1} of 8")
        page.wait_for_timeout(500)
        view = page.locator("#views [aria-pressed=true]").inner_text()
        shown.add((page.locator("#lab").get_attribute("data-run"), where(page), view))
        SHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SHOTS / f"{size}-{scheme}-{i + 1}.png")
        assert page.evaluate(WIDE) <= 0
    assert len(shown) == 8
    faint = page.evaluate(f"({FAINT})(document.querySelector('main'))")
    parts = [text for text in faint if "SECTION" not in text]
    assert [text for text in parts if not in_other_part(page, text)] == []


def in_other_part(page, text):
    """Parts of the story that are not the one that is read are faint on purpose, and so are tiles without a nudge."""
    tail = text.split(" ", 2)[-1].strip()
    return page.evaluate(
        """([tail, faint]) => [...document.querySelectorAll(faint)].some((part) => part.textContent.includes(tail))""",
        [tail, "#story section:not(.here), .loop.still .loss, .loop.still .gradient"],
    )


def test_keys_play_step_and_choose_and_the_slider_says_where_it_is(visit):
    page = visit()
    page.locator("#dots button").nth(3).click()
    page.wait_for_timeout(400)
    page.locator("body").click(position={"x": 640, "y": 20})
    first = where(page)
    page.keyboard.press("ArrowRight")
    expect(page.locator("#time output")).not_to_have_text(first)
    page.keyboard.press("1")
    expect(page.locator(".card").first).to_have_attribute("aria-pressed", "true")
    scrub = page.get_by_label("step and nudge, from noise to picture")
    scrub.focus()
    page.keyboard.press("End")
    expect(page.locator("#time output")).to_contain_text("step 20 of 20")
    assert scrub.get_attribute("aria-valuetext") == where(page)
    page.locator("body").click(position={"x": 640, "y": 20})
    page.keyboard.press("Space")
    expect(page.locator("#time .play")).to_have_text("Pause")


def test_every_picture_has_words(visit):
    page = visit()
    stage = page.locator("#stage").get_attribute("aria-label")
    assert "step 20 of 20" in stage
    for tile in page.locator(".tile").all():
        assert ":" in tile.get_attribute("aria-label")
    for card in page.locator(".card").all():
        assert "% of the attention inside the mask" in card.get_attribute("aria-label")
    assert page.locator("img:not([alt])").count() == 0
    for button in page.locator("button").all():
        assert (button.get_attribute("aria-label") or button.text_content()).strip()


def test_a_click_on_another_object_is_another_mask_and_an_empty_one_is_refused(visit):
    page = visit()
    page.locator("#paint").click()
    paint = page.locator("canvas.paint")
    paint.wait_for()
    box = paint.bounding_box()
    page.mouse.click(box["x"] + 0.8 * box["width"], box["y"] + 0.65 * box["height"])
    expect(page.locator("#run")).to_have_text("Run again")
    page.get_by_role("button", name="clear").click()
    page.wait_for_timeout(300)
    page.locator("#run").click()
    expect(page.locator("#status")).to_have_text("expected a mask, got an empty one: paint or click an object")
    page.locator("#paint").click()
    page.locator("canvas.paint").focus()
    for key in ("[", "Space", "Control+z"):
        page.keyboard.press(key)
    page.get_by_role("button", name="done").click()
    expect(page.locator("#painter")).to_be_hidden()


def test_a_word_is_typed_where_it_stands_and_another_is_picked(visit):
    page = visit()
    field = page.get_by_label("the edit word")
    field.fill("yellow")
    page.locator("details.more summary").click()
    expect(page.locator("#target")).to_have_value("a yellow mug, a mug and a box on a wooden table with a blue wall")
    page.get_by_role("button", name="edit the word box").click()
    expect(field).to_have_value("box")
    page.locator("#target").fill("a lamp")
    page.locator("#target").blur()
    page.locator("#run").click()
    expect(page.locator("#status")).to_contain_text("expected a word of the target prompt, got “box”")


def test_a_broken_download_gets_one_line_and_the_recorded_edit_stays(visit):
    page = visit(before=lambda p: p.route("**/models/**", lambda route: route.abort()))
    page.locator("#run").click()
    expect(page.locator("#status")).to_have_class("say error", timeout=60_000)
    line = page.locator("#status").inner_text()
    assert line.startswith("expected")
    assert line.endswith(("again", "reload"))
    assert "\n" not in line
    expect(page.locator("#run")).to_have_text("Run live")
    assert page.locator(".card:not(.empty)").count() == 4


def test_a_browser_without_webassembly_is_told_so(visit):
    page = visit(before=lambda p: p.add_init_script("delete globalThis.WebAssembly"))
    page.locator("#run").click()
    expect(page.locator("#status")).to_contain_text("expected a browser with WebAssembly, got none")


def test_an_edit_runs_live_is_saved_and_opened_and_cancel_acts(visit, tmp_path):
    page = visit()
    page.keyboard.press("4")
    page.locator("details.more summary").click()
    for label, value in (("steps", 5), ("nudges a step", 1), ("guided steps τ", 1)):
        page.get_by_label(label, exact=True).evaluate(
            "(input, value) => { input.value = value; input.dispatchEvent(new Event('input')); }", str(value)
        )
    page.locator("#run").click()
    expect(page.locator("#time output")).to_contain_text("of 5, timestep", timeout=240_000)
    page.screenshot(path=SHOTS / "live.png")
    expect(page.locator("#status")).to_contain_text("done in", timeout=240_000)
    assert "step 5 of 5" in where(page)
    assert page.locator("#engine").get_attribute("data-ready") == "true"
    with page.expect_download() as saved:
        page.locator("#save").click()
    saved.value.save_as(tmp_path / "run.zip")
    page.locator("#chosen").set_input_files(tmp_path / "run.zip")
    expect(page.locator("#status")).to_have_text("opened: 5 steps", timeout=60_000)
    assert "step 5 of 5" in where(page)
    page.locator("#run").click()
    page.locator("#run", has_text="Cancel").click()
    expect(page.locator("#status")).to_have_text("cancelled", timeout=60_000)


def test_a_plain_server_s_page_is_isolated_from_the_second_visit_on(visit):
    page = visit(service_workers="allow")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.reload()
    page.locator(".card[aria-label*=attention]").nth(3).wait_for()
    assert page.evaluate("crossOriginIsolated")


def test_another_scene_has_its_own_words_and_edits(visit):
    page = visit()
    page.get_by_role("button", name="two vases and a ball").click()
    expect(page.get_by_label("the edit word")).to_have_value("yellow")
    expect(page.locator("#stage")).to_have_attribute("aria-label", re.compile("yellow vase|“yellow”"))
    assert page.locator(".card.stale").count() == 0
