import base64
import io

import numpy as np
import pytest
import traitlets
from PIL import Image

import magedit_lab as mag
from widgets.attention_explorer import AttentionExplorer
from widgets.mask_painter import MaskPainter

BOX = {"tool": "box", "mode": "add", "rect": [0.25, 0.25, 0.75, 0.75]}
DOT = {"tool": "brush", "mode": "add", "points": [[0.1, 0.1]], "radius": 0.05}


@pytest.fixture
def painter():
    return MaskPainter(Image.new("RGB", (80, 60), "gray"))


@pytest.fixture(scope="module")
def trace(net):
    task = mag.demo.complex_task(3)
    path = mag.invert(net, task, mag.NullText(steps=3, inner=1))
    return mag.run(net, task, path, mag.MagEdit(iterations=2, stop_step=2))


def test_the_mask_is_what_the_strokes_paint(painter):
    painter.add(BOX)
    assert painter.mask.shape == (60, 80)
    np.testing.assert_array_equal(painter.mask, mag.strokes.rasterise([BOX], 80, 60))


def test_undo_and_redo_walk_through_the_strokes(painter):
    painter.undo()
    painter.redo()
    assert painter.strokes == []
    painter.add(BOX)
    painter.add(DOT)
    painter.clear()
    assert painter.mask.sum() == 0
    painter.undo()
    painter.undo()
    assert painter.strokes == [BOX]
    painter.redo()
    assert painter.strokes == [BOX, DOT]
    painter.undo()
    painter.invert()
    painter.redo()  # nothing: a new stroke forgets what was undone
    assert [s["tool"] for s in painter.strokes] == ["box", "invert"]


def test_a_wrong_value_from_the_browser_is_told_and_taken_back(painter):
    painter.add(BOX)
    painter.set_state({"strokes": [BOX, {"tool": "laser"}]})
    assert painter.strokes == [BOX]
    assert "laser" in painter.status
    painter.set_state({"strokes": [BOX, DOT]})
    assert painter.strokes == [BOX, DOT]
    with pytest.raises(traitlets.TraitError):
        painter.strokes = ["<script>"]
    with pytest.raises(traitlets.TraitError):
        painter.tool = "laser"


def test_strokes_are_saved_and_loaded(painter, tmp_path):
    painter.add(BOX)
    file = painter.save(tmp_path / "mask.json")
    painter.clear()
    painter.load(file)
    assert painter.strokes == [BOX]
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"expected a file of strokes, got .*mask\.json"):
        painter.load(file)
    assert painter.strokes == [BOX]


def test_every_map_of_every_word_is_sent_once(trace):
    explorer = AttentionExplorer(trace)
    assert explorer.word == trace.task.words[0]
    assert explorer.payload < 2_000_000
    sent = len(explorer._maps)
    explorer.step, explorer.view, explorer.branch = 2, "map", "source"
    assert len(explorer._maps) == sent


def test_the_share_inside_the_mask_is_the_traces_own(trace):
    explorer = AttentionExplorer(trace)
    word = trace.task.words[0]
    np.testing.assert_allclose(explorer._at(word)["target"], trace.share(word), atol=1e-3)
    assert f"{trace.share(word)[0]:.1%} of it inside the mask" in explorer.sentence


def test_a_place_that_is_none_is_refused(trace):
    explorer = AttentionExplorer(trace)
    for name, value in (("step", len(trace.times)), ("word", "zebra"), ("branch", "left"), ("step", -1)):
        with pytest.raises(traitlets.TraitError):
            setattr(explorer, name, value)
    explorer.set_state({"step": 99})
    assert explorer.step == 0
    assert explorer.status


def test_it_opens_a_run_from_disk_without_a_model(trace, tmp_path):
    loaded = mag.Trace.load(trace.save(tmp_path / "run"))
    assert AttentionExplorer(loaded)._maps == AttentionExplorer(trace)._maps


def test_without_attention_there_is_nothing_to_explore(trace):
    bare = mag.Trace(trace.task, mag.Keep(attention=False))
    with pytest.raises(ValueError, match=r"expected a trace that keeps attention.*Keep\(attention=True\)"):
        AttentionExplorer(bare)


@pytest.mark.parametrize("make", [lambda t: MaskPainter(t.task.image, [BOX]), AttentionExplorer])
def test_a_page_without_a_kernel_shows_a_picture_and_a_sentence(trace, make):
    widget = make(trace)
    data, metadata = widget._repr_mimebundle_()
    assert data["text/plain"] == widget.sentence == metadata["image/png"]["alt"]
    with Image.open(io.BytesIO(base64.b64decode(data["image/png"]))) as picture:
        assert np.asarray(picture.convert("L")).std() > 5
    assert repr(widget) == f"{type(widget).__name__}: {widget.sentence}"
