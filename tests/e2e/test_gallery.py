"""The static site and the slides in Chromium, from the disk: no server, no kernel, no network."""

import pytest
from book import OUT
from contrast import FAINT

from notebooks.site import pages
from notebooks.site.__main__ import demo_run
from notebooks.site.lesson import lessons

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
NAMES = [lesson.name for lesson in lessons()]
PAGES = ["index", "attention", *NAMES, *(f"solutions/{name}" for name in NAMES)]


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    out = tmp_path_factory.mktemp("gallery")
    pages.site(out / "site", demo_run(6))
    pages.decks(out / "slides")
    return out


@pytest.fixture
def visit(browser, built):
    """Opens a page; at the end it must have logged no error and asked for nothing but files."""
    opened, said, asked = [], [], []

    def make(name, size=DESK, scheme="light"):
        page = browser.new_page(viewport=size, color_scheme=scheme)
        opened.append(page)
        page.on("console", lambda m: said.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: said.append(str(e)))
        page.on("request", lambda r: asked.append(r.url))
        page.goto((built / f"{name}.html").as_uri())
        return page

    yield make
    for page in opened:
        page.close()
    assert said == []
    assert [url[:80] for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []


def photograph(page, name):
    OUT.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=OUT / f"{name}.png")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_a_phone_and_every_picture_has_words(visit, name):
    page = visit(f"site/{name}", PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    shown = "[...document.images].filter((image) => image.getAttribute('src'))"  # an empty stage shows nothing yet
    assert page.evaluate(f"{shown}.every((image) => image.alt || image.closest('[role=img][aria-label]'))")
    images = page.locator("img")
    images.evaluate_all("all => all.forEach((image) => { image.loading = 'eager'; })")
    page.wait_for_function(f"{shown}.every((image) => image.complete && image.naturalWidth > 0)")
    photograph(page, f"site_phone_{name.replace('/', '_')}")


@pytest.mark.parametrize("name", PAGES)
def test_text_can_be_read_in_light_and_dark(visit, name):
    for scheme in ("light", "dark"):
        page = visit(f"site/{name}", scheme=scheme)
        assert page.evaluate(FAINT) == [], scheme
        photograph(page, f"site_{scheme}_{name.replace('/', '_')}")


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_pages_that_there_are(visit, built, name):
    page = visit(f"site/{name}")
    for link in page.evaluate("[...document.links].map((a) => a.href)"):
        assert link.startswith("https:") or (built / link.split(str(built))[1].strip("/")).exists(), link


@pytest.mark.parametrize("size", [PHONE, DESK])
def test_scrubbing_changes_the_map_without_a_kernel(visit, size):
    page = visit("site/attention", size)
    drawn = "[...document.querySelectorAll('.stage canvas')].map((c) => c.toDataURL()).join()"
    slider = page.get_by_role("slider", name="step")
    seen = [page.evaluate(drawn)]
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
        seen.append(page.evaluate(drawn))
    assert len(set(seen)) == 6
    assert slider.input_value() == "5"
    page.locator("select").nth(0).select_option("box")
    assert "“box”" in page.locator(".status").inner_text()
    assert page.evaluate(drawn) not in seen
    photograph(page, f"site_scrubbed_{size['width']}")


def test_without_scripts_a_picture_is_left(browser, built):
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto((built / "site/attention.html").as_uri())
    assert page.locator("noscript img").get_attribute("alt").startswith("Attention of")
    page.context.close()


def test_formulas_are_drawn_by_the_browser_alone(visit):
    page = visit("site/05_mag_edit_step_by_step")
    assert page.locator("math").count() == page.locator(".drawn svg").count() > 5
    alone = page.locator(".formula .drawn svg").first.bounding_box()
    assert alone["height"] > 30  # display style: a fraction in a bracket
    assert "$" not in page.locator(".prose").all_inner_texts().__str__()


OVER = """() => [...document.querySelectorAll('section:not([hidden]) .face')].flatMap((face) => {
    const foot = face.getBoundingClientRect().bottom - 20;
    return [face, ...face.children].filter((part) => part.scrollHeight > part.clientHeight + 2
        || (part !== face && part.getBoundingClientRect().bottom > foot)).map((part) => part.className);
})"""
WORDS = """() => [...document.querySelectorAll('section:not([hidden]) :is(h1, h2, .said)')].map((part) => {
    const plain = part.cloneNode(true);
    plain.querySelectorAll('.drawn').forEach((formula) => formula.replaceWith('x'));
    return plain.textContent;
}).join(' ').split(/\\s+/).filter((word) => /[\\p{L}\\p{N}]/u.test(word)).length"""


@pytest.mark.parametrize("name", NAMES)
def test_every_slide_fits_a_projector_in_forty_words(visit, name):
    page = visit(f"slides/{name}", {"width": 1280, "height": 720})
    count = page.locator("section").count()
    assert count >= 3
    for number in range(1, count + 1):
        assert page.locator("#place").inner_text() == f"{number} / {count}"
        assert page.locator("section:visible").count() == 1
        assert page.locator("section:visible").bounding_box()["height"] <= 720
        assert page.evaluate(OVER) == [], number
        assert page.evaluate(WORDS) <= 40, number
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280
        if number in (1, 5):
            photograph(page, f"slides_{name}_{number}")
        page.keyboard.press("ArrowRight")


def test_the_speakers_notes_come_by_a_key_and_leave_the_slide_whole(visit):
    page = visit("slides/03_inversion", {"width": 1280, "height": 720})
    notes = page.locator("section:visible .notes")
    assert notes.count() == 1
    assert not notes.is_visible()
    page.keyboard.press("n")
    assert "instructor's guide" in notes.inner_text()
    page.keyboard.press("N")
    assert not notes.is_visible()


def test_a_phone_shows_a_comparison_two_a_row(visit):
    page = visit("site/00_first_edit", PHONE)
    figure = page.locator(".figure.cut").first
    boxes = [panel.bounding_box() for panel in figure.locator(".panel:not(.over)").all()]
    assert len(boxes) >= 2
    assert boxes[0]["y"] == boxes[1]["y"]
    assert boxes[1]["x"] + boxes[1]["width"] <= PHONE["width"]
    assert all(box["width"] > 150 for box in boxes)
    photograph(page, "site_phone_two_a_row")


def test_the_first_screen_of_the_index_shows_an_edit_happening(visit):
    page = visit("site/index", {"width": 1280, "height": 720})
    frames = page.locator(".frames")
    box = frames.bounding_box()
    assert box["y"] + box["height"] <= 720
    look = "getComputedStyle(document.querySelector('.frames')).backgroundPositionY"
    shown = []
    for at in (0, 2000, 5000):
        frames.evaluate("(node, at) => { const a = node.getAnimations()[0]; a.pause(); a.currentTime = at; }", at)
        shown.append(page.evaluate(look))
    assert len(set(shown)) == 3
    assert shown[-1] == "100%"
