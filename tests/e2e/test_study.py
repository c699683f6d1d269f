"""The page of a study: one vote a press, votes that a closed page keeps, one name for each voter."""

import json

import pytest

from magedit_lab import scenes
from magedit_lab.bench import study

ROWS = [{"case": f"c{i}", "setting": s} for i in range(3) for s in ("ours", "p2p")]


@pytest.fixture
def address(tmp_path):
    image = scenes.sample(3).image
    for row in ROWS:
        image.save(tmp_path / f"{row['case']}.{row['setting']}.png")
    chosen = study.pairs(ROWS, {f"c{i}": f"prompt {i}" for i in range(3)}, "ours")
    study.write(chosen, {p.case: image for p in chosen}, tmp_path, tmp_path / "study.html")
    return (tmp_path / "study.html").as_uri()


def saved(page):
    with page.expect_download() as download:
        page.keyboard.press("s")
    return json.loads(download.value.path().read_text()), download.value.suggested_filename


def test_a_held_key_is_one_vote_and_a_closed_page_keeps_it(browser, address):
    context = browser.new_context(accept_downloads=True)
    page, asked = context.new_page(), []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.goto(address)
    for _ in range(40):
        page.keyboard.down("ArrowLeft")  # down again without up: a key that is held
    page.keyboard.up("ArrowLeft")
    assert page.text_content("#count") == "2 of 9"
    page.focus("[data-choice=tie]")
    for _ in range(40):
        page.keyboard.down("Enter")
    page.keyboard.up("Enter")
    assert page.text_content("#count") == "3 of 9"
    page.reload()
    assert asked == ["beforeunload"]
    assert page.text_content("#count") == "3 of 9"
    ballot, name = saved(page)
    assert [v["choice"] for v in ballot["votes"]] == ["left", "tie"]
    assert name == f"votes-{ballot['voter']}.json"
    page.reload()
    assert asked == ["beforeunload"]  # nothing is left to save
    other = browser.new_context(accept_downloads=True).new_page()
    other.goto(address)
    assert other.text_content("#count") == "1 of 9"
    other.keyboard.press("ArrowRight")
    assert saved(other)[0]["voter"] != ballot["voter"]
    context.close()
