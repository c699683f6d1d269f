"""The static site and the slides in Chromium, from the disk: no server, no kernel, no network."""

import pytest
from book import OUT
from contrast import FAINT
from gallery.__main__ import demo_run

from notebooks.site import pages
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
    assert page.locator("math").count() > 5
    assert page.locator("math msup, math mfrac").first.bounding_box()["height"] > 10
    assert "$" not in page.locator(".prose").all_inner_texts().__str__()


@pytest.mark.parametrize("name", NAMES)
def test_slides_are_walked_by_arrow_keys_and_fit_the_width(visit, name):
    page = visit(f"slides/{name}")
    count = page.locator("section").count()
    assert count >= 3
    for number in range(1, count + 1):
        assert page.locator("#place").inner_text() == f"{number} / {count}"
        assert page.locator("section:visible").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth") <= DESK["width"]
        if number in (1, 5):
            photograph(page, f"slides_{name}_{number}")
        page.keyboard.press("ArrowRight")
