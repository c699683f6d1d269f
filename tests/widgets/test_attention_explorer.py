import io

import numpy as np
import pytest
import traitlets
from magedit_lab.widgets import attention_explorer
from magedit_lab.widgets.attention_explorer import AttentionExplorer
from magedit_lab.widgets.shared.planes import Planes, rounded
from PIL import Image

import magedit_lab as mag
from magedit_lab.trace.measured import END, START


@pytest.fixture(scope="module")
def trace(net):
    task = mag.bench.demo.complex_task(3)
    path = mag.invert(net, task, mag.NullText(steps=3, inner=1))
    return mag.run(net, task, path, mag.MagEdit(iterations=2, stop_step=2))


@pytest.fixture
def explorer(trace):
    return AttentionExplorer(trace)


def sent(explorer, number):
    """A plane as the browser cuts it out."""
    height, width = explorer._meta["height"], explorer._meta["width"]
    data = np.frombuffer(explorer._maps, np.uint8).reshape(-1, height, width)
    return data[number]


def edit_word(explorer):
    return next(w for w in explorer._meta["words"] if w["word"] == explorer.word)


def test_each_nudges_map_lies_where_it_is_said_on_the_words_scale(explorer, trace):
    word = edit_word(explorer)
    inner = trace.inner_attention(word["word"])
    for step, nudge in ((0, 0), (0, 1), (1, 1)):
        plane = sent(explorer, word["inner"]["at"][step][nudge])
        np.testing.assert_allclose(plane / 255 * word["top"], inner[step, nudge], atol=word["top"] / 500)
        assert word["inner"]["share"][step][nudge] == pytest.approx(
            trace.inside(inner, word["word"])[step, nudge], 1e-4
        )
    assert word["inner"]["at"][2] == [-1, -1]


def test_each_heads_map_lies_where_it_is_said_on_its_own_scale(explorer, trace):
    word = edit_word(explorer)
    heads = trace.head_attention(word["word"])
    assert list(word["sites"]) == trace.sites == list(explorer._heads)
    for site, maps in heads.items():
        for name, whole in (("", maps.mean(1)), ("1", maps[:, 1])):
            lot = word["sites"][site][name]
            assert lot["top"] == pytest.approx(whole.max())
            np.testing.assert_allclose(sent(explorer, lot["at"][2]) / 255 * lot["top"], whole[2], atol=lot["top"] / 500)


def test_start_and_end_are_there_and_no_others_have_heads(explorer, trace):
    words = {w["word"]: w for w in explorer._meta["words"]}
    assert {START, END} < set(words)
    np.testing.assert_allclose(words[END]["share"]["target"], trace.share(END), rtol=1e-4)
    assert all(bool(w["sites"]) == ("inner" in w) == w["edited"] for w in words.values())
    explorer.word = END
    assert f"Attention of “{END}” in the target branch" in explorer.sentence


def test_with_little_room_heads_are_sent_for_fewer_steps(trace, monkeypatch):
    whole = AttentionExplorer(trace)
    sent_whole = len(whole._maps) + sum(map(len, (*whole._pictures.values(), *whole._foreseen)))
    monkeypatch.setattr(attention_explorer, "BUDGET", sent_whole - 1)
    thin = AttentionExplorer(trace)
    assert (whole._meta["every"], thin._meta["every"]) == (1, 2)
    assert thin.payload < whole.payload
    site = trace.sites[0]
    lots = [edit_word(one)["sites"][site]["0"] for one in (whole, thin)]
    np.testing.assert_array_equal(sent(thin, lots[1]["at"][1]), sent(whole, lots[0]["at"][2]))
    assert lots[0]["share"] == lots[1]["share"]


@pytest.mark.parametrize(
    "state", [{"site": "attic"}, {"head": 0}, {"nudge": 2}, {"nudge": -1}, {"step": 3}, {"branch": "left"}]
)
def test_what_is_not_there_is_refused_and_told(explorer, state):
    before = {name: getattr(explorer, name) for name in state}
    explorer.set_state(state)
    assert {name: getattr(explorer, name) for name in state} == before
    assert explorer.status
    with pytest.raises(traitlets.TraitError):
        setattr(explorer, *next(iter(state.items())))


def test_a_head_belongs_to_its_site(explorer, trace):
    first, second = trace.sites[:2]
    explorer.set_state({"site": first, "head": 1})
    assert (explorer.site, explorer.head) == (first, 1)
    share = trace.inside(trace.head_attention(explorer.word)[first][:, 1], explorer.word)[0]
    assert f"head 1, {share:.1%} of it inside" in explorer.sentence
    explorer.site = second
    assert explorer.head == 1
    with pytest.raises(traitlets.TraitError, match="expected a head of"):
        explorer.head = 99
    explorer.site = ""
    assert explorer.head is None


def test_the_sentence_speaks_of_the_nudge_that_is_shown(explorer, trace):
    explorer.nudge = 1
    share = trace.inside(trace.inner_attention(explorer.word), explorer.word)[0, 1]
    assert f"before nudge 1, {share:.1%} of it inside the mask" in explorer.sentence
    explorer.step = 2  # which has none
    assert "nudge" not in explorer.sentence
    explorer.branch = "both"
    assert "target branch" in explorer.sentence


def test_a_run_that_kept_little_is_shown_with_what_there_is(net, trace):
    path = mag.invert(net, trace.task, mag.Direct(steps=2))
    plain = mag.run(net, trace.task, path, mag.PromptToPrompt(), mag.Keep(nudges=False, heads=False))
    explorer = AttentionExplorer(plain)
    assert explorer._heads == {}
    assert "inner" not in edit_word(explorer)
    with pytest.raises(traitlets.TraitError, match="expected a site of none"):
        explorer.site = trace.sites[0]


def test_planes_leave_out_what_is_not_finite():
    planes = Planes()
    maps = np.ones((2, 2, 1, 1)) * [[[[1.0]], [[np.nan]]], [[[2.0]], [[4.0]]]]
    assert planes.add(maps, 4.0) == [[0, -1], [1, 2]]
    assert planes.add(np.zeros((1, 1)), 0.0) == 3
    assert list(planes.tobytes()) == [64, 128, 255, 0]
    assert rounded(np.array([[1 / 3, np.nan], [np.inf, 2.0]])) == [[0.333333, None], [None, 2.0]]


def test_each_step_lies_over_the_picture_that_it_foresees(explorer, trace):
    assert len(explorer._foreseen) == len(trace.times)
    for step, sent_picture in enumerate(explorer._foreseen):
        shown = Image.open(io.BytesIO(sent_picture))
        far = [
            np.abs(np.asarray(shown, float) - np.asarray(p.resize(shown.size), float)).mean() for p in trace.previews
        ]
        assert int(np.argmin(far)) == step
    assert explorer.payload > sum(map(len, explorer._foreseen))


def test_without_previews_the_finished_picture_is_left(net):
    task = mag.bench.demo.complex_task(3)
    plain = mag.run(net, task, mag.invert(net, task, mag.Direct(steps=2)), "p2p", mag.Keep(previews=False))
    assert AttentionExplorer(plain)._foreseen == []
