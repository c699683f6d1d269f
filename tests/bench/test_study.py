import json

import numpy as np
import pytest

from magedit_lab import scenes
from magedit_lab.bench import study

ROWS = [{"case": f"c{i}", "setting": s} for i in range(10) for s in ("ours", "p2p", "pnp")]
PROMPTS = {f"c{i}": f"</script><b>prompt {i}" for i in range(10)}


@pytest.fixture
def pictures(tmp_path):
    for row in ROWS:
        scenes.sample(3).image.save(tmp_path / f"{row['case']}.{row['setting']}.png")
    return tmp_path


def test_every_rival_is_met_once_a_case_on_random_sides():
    found = study.pairs(ROWS, PROMPTS, "ours")
    assert sorted((p.case, p.other) for p in found) == sorted((f"c{i}", o) for i in range(10) for o in ("p2p", "pnp"))
    assert 3 < sum(p.swapped for p in found) < 17
    assert found == study.pairs(ROWS, PROMPTS, "ours")
    assert found != study.pairs(ROWS, PROMPTS, "ours", seed=1)


def test_a_missing_method_is_named():
    with pytest.raises(ValueError, match="'mine' and another setting, found none; settings there: ours, p2p, pnp"):
        study.pairs(ROWS, PROMPTS, "mine")


def test_the_page_is_self_contained_and_a_prompt_cannot_close_its_script(pictures):
    chosen = study.pairs(ROWS, PROMPTS, "ours")[:3]
    text = study.page(chosen, {p.case: scenes.sample(3).image for p in chosen}, pictures)
    assert text.count("</script>") == 1
    assert "http" not in text
    data = json.loads(text.split("const {study, questions, items} = ")[1].split(";\nconst keys")[0])
    assert [i["prompt"] for i in data["items"]] == [p.prompt for p in chosen]
    for item, pair in zip(data["items"], chosen, strict=True):
        assert {item["left"], item["right"]} == {"ours", pair.other}
        assert (item["right"] == "ours") == pair.swapped
    assert all("ours" not in line for line in text.split("<script>")[0].splitlines())


def vote(choice, swapped=False, other="p2p", question="text", case="c0"):
    left, right = ("p2p", "ours") if swapped else ("ours", other)
    return {"case": case, "question": question, "left": left, "right": right, "choice": choice}


def test_shares_count_ties_as_half_and_sides_do_not_matter():
    cast = [vote("left"), vote("right", swapped=True), vote("tie"), vote("right")]
    (line,) = study.shares(cast, "ours")
    assert (line["question"], line["against"], line["votes"], line["share"]) == ("text", "p2p", 4, 2.5 / 4)
    assert line["low"] <= line["share"] <= line["high"]
    assert "62% [" in study.markdown([line], "ours")


def write(path, *cast, **more):
    path.write_text(json.dumps({"schema": 2, "votes": list(cast), **more}))
    return path


def test_votes_of_several_voters_are_read_together(tmp_path):
    files = [write(tmp_path / name, vote("left"), voter=name) for name in "ab"]
    assert len(study.votes(files)) == 2


def test_a_voter_counts_once_however_many_files_there_are(tmp_path):
    first = write(tmp_path / "first", vote("left"), voter="a")
    more = write(tmp_path / "more", vote("right"), vote("tie", case="c1"), voter="a")
    assert study.votes([first] * 10) == [vote("left")]
    assert study.votes([first, more]) == [vote("right"), vote("tie", case="c1")]
    old = write(tmp_path / "old", vote("left"))
    copy = write(tmp_path / "copy", vote("left"))
    other = write(tmp_path / "other", vote("tie"))
    assert len(study.votes([old, copy, other])) == 2


def test_what_is_no_vote_is_named_with_its_file(tmp_path):
    (tmp_path / "c").write_text("[1")
    with pytest.raises(ValueError, match="cannot read votes from"):
        study.votes([tmp_path / "c"])
    for wrong in (
        {"left": 5},
        {"question": "taste"},
        {"right": "p2p\n| evil |"},
        {"choice": "both"},
        {"right": "ours"},
    ):
        with pytest.raises(
            ValueError, match=r"cannot read votes from .*c.* expected a vote of left, right, tie between"
        ):
            study.votes([write(tmp_path / "c", vote("left") | wrong)])
    with pytest.raises(ValueError, match="expected one vote on each question, got 2 on c0, text, ours, p2p"):
        study.votes([write(tmp_path / "c", vote("left"), vote("right", swapped=True))])
    with pytest.raises(ValueError, match="expected votes on 'mine', got none; methods there: ours, p2p"):
        study.shares([vote("left")], "mine")


def test_the_interval_narrows_with_votes():
    widths = []
    for count in (20, 2000):
        cast = [vote("left" if r < 0.7 else "right") for r in np.random.default_rng(0).random(count)]
        (line,) = study.shares(cast, "ours")
        widths.append(line["high"] - line["low"])
    assert widths[1] < widths[0] / 5
