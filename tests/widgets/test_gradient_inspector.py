import numpy as np
import pytest
import traitlets
from magedit_lab.widgets.gradient_inspector import GradientInspector

import magedit_lab as mag


@pytest.fixture(scope="module")
def trace(net, task, path):
    return mag.run(net, task, path, mag.MagEdit(iterations=2, stop_step=3))


@pytest.fixture
def inspector(trace):
    return GradientInspector(trace)


def test_every_map_and_every_curve_is_the_traces_own(inspector, trace):
    meta = inspector._meta
    assert meta["places"] == [[s, n] for s in range(3) for n in range(2)]
    planes = np.frombuffer(inspector._maps, np.uint8).reshape(6, meta["height"], meta["width"])
    for (step, nudge), plane, top in zip(meta["places"], planes, meta["tops"], strict=True):
        real = trace.gradient_maps[step, nudge]
        assert top == pytest.approx(real.max(), 1e-5)
        np.testing.assert_allclose(plane / 255 * top, real, atol=top / 500)
    for name in ("inside", "outside", "step_size", "moved"):
        np.testing.assert_allclose(meta["curves"][name], trace.gradients[name][:3].flatten(), rtol=1e-5)
    np.testing.assert_allclose(meta["terms"]["yellow"], trace.term("yellow")[:3].flatten(), rtol=1e-5)


def test_the_gradient_of_each_words_own_loss_is_shown(net, task, path):
    target = "a yellow ball, a green ball and a box on a wooden table"
    several = mag.Task(task.image, task.mask, task.source, target, ["yellow", "green"])
    trace = mag.run(net, several, path, mag.MagEdit(iterations=2, stop_step=2, per_term=True))
    inspector = GradientInspector(trace, step=1, nudge=1)
    whole, before = inspector.sentence, inspector.still()
    meta = inspector._meta
    assert meta["apart"] == ["yellow", "green"]
    planes = np.frombuffer(inspector._maps, np.uint8).reshape(3, 4, meta["height"], meta["width"])
    for i, word in enumerate(["yellow", "green"], 1):
        maps, tops = trace.term_gradient_maps(word)[:2].reshape(planes[i].shape), meta["tops"][4 * i : 4 * i + 4]
        np.testing.assert_allclose(planes[i] / 255 * np.reshape(tops, (4, 1, 1)), maps, atol=max(tops) / 500)
        for side, sizes in trace.term_gradients(word).items():
            np.testing.assert_allclose(meta["curves"][f"{side} {word}"], sizes[:2].flatten(), rtol=1e-5)
    inspector.set_state({"term": "green"})
    assert f"of the loss of “green” at step 1, nudge 1: size {trace.term_gradients('green')['inside'][1, 1]:.3g}" in (
        inspector.sentence
    )
    assert inspector.sentence != whole
    assert inspector.still() != before
    inspector.set_state({"term": "ball"})
    assert inspector.term == "green"
    assert "expected a term of '', 'yellow', 'green', got 'ball'" in inspector.status


def test_it_opens_a_run_from_disk_without_a_model(inspector, trace, tmp_path):
    loaded = GradientInspector(mag.Trace.load(trace.save(tmp_path / "run")))
    assert loaded._maps == inspector._maps
    assert loaded._meta == inspector._meta


@pytest.mark.parametrize("state", [{"step": 3}, {"step": -1}, {"nudge": 2}, {"scale": "year"}, {"view": "left"}])
def test_what_is_not_there_is_refused_and_told(inspector, state):
    inspector.set_state(state)
    assert (inspector.step, inspector.nudge, inspector.scale, inspector.view) == (0, 0, "run", "overlay")
    assert inspector.status
    with pytest.raises(traitlets.TraitError):
        setattr(inspector, *next(iter(state.items())))


def test_the_sentence_speaks_of_the_nudge_that_is_shown(inspector, trace):
    inspector.set_state({"step": 2, "nudge": 1})
    size = trace.gradients["inside"][2, 1]
    assert f"step 2, nudge 1: size {size:.3g} inside the mask" in inspector.sentence


def test_a_step_with_fewer_nudges_shows_its_last(task):
    rows = [{name: np.ones(n) for name in ("loss", "inside", "outside", "step_size", "moved")} for n in (3, 1)]
    for row in rows:
        row["gradient_maps"] = np.ones((len(row["loss"]), 4, 4), np.float32)
    uneven = mag.Trace(task, times=[9, 1], terms=[[{"yellow": 1.0}] * 3, [{"yellow": 1.0}]], _rows=rows)
    inspector = GradientInspector(uneven, nudge=2)
    inspector.step = 1
    assert inspector.nudge == 0
    assert inspector._meta["places"] == [[0, 0], [0, 1], [0, 2], [1, 0]]


def test_without_gradients_there_is_nothing_to_inspect(net, task, path, trace):
    with pytest.raises(ValueError, match="expected a trace of guidance"):
        GradientInspector(mag.run(net, task, path, mag.PromptToPrompt()))
    bare = mag.run(net, task, path, mag.MagEdit(iterations=1, stop_step=1), mag.Keep(gradients=False))
    with pytest.raises(ValueError, match=r"expected a trace that keeps gradients.*Keep\(gradients=True\)"):
        GradientInspector(bare)
