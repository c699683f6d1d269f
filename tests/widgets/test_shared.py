import asyncio
import base64
import io
import threading

import numpy as np
import pytest
import traitlets
from magedit_lab.widgets.attention_explorer import AttentionExplorer
from magedit_lab.widgets.compare import Compare
from magedit_lab.widgets.gradient_inspector import GradientInspector
from magedit_lab.widgets.mask_painter import MaskPainter
from magedit_lab.widgets.shared import base
from magedit_lab.widgets.shared.esm import CSS
from PIL import Image

import magedit_lab as mag

BOX = {"tool": "box", "mode": "add", "rect": [0.25, 0.25, 0.75, 0.75]}
DOT = {"tool": "brush", "mode": "add", "points": [[0.1, 0.1]], "radius": 0.05}


@pytest.fixture
def painter():
    return MaskPainter(Image.new("RGB", (80, 60), "gray"))


@pytest.fixture(scope="module")
def trace(net):
    task = mag.bench.demo.complex_task(3)
    path = mag.invert(net, task, mag.NullText(steps=3, inner=1))
    return mag.run(net, task, path, mag.MagEdit(iterations=2, stop_step=2))


def test_the_mask_is_what_the_strokes_paint(painter):
    painter.add(BOX)
    assert painter.mask.shape == (60, 80)
    np.testing.assert_array_equal(painter.mask, mag.masks.strokes.rasterise([BOX], 80, 60))


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


def test_each_region_is_painted_for_its_word(painter):
    painter.add(BOX)
    painter.add_region("lamp", "striped", 3.0)
    painter.add(DOT)
    painter.invert()
    assert [s.get("region") for s in painter.strokes] == [None, "lamp", "lamp"]
    np.testing.assert_array_equal(painter.masks["mask"], mag.masks.strokes.rasterise([BOX], 80, 60))
    np.testing.assert_array_equal(painter.masks["lamp"], 1 - mag.masks.strokes.rasterise([DOT], 80, 60))
    with pytest.raises(ValueError, match="expected a word for region 'mask'"):
        _ = painter.goals
    painter.set_state({"regions": [{**painter.regions[0], "word": "red"}, painter.regions[1]]})
    task = mag.Task(painter.image, source="a lamp", target="a red striped lamp", **painter.goals)
    assert [(g.word, g.weight) for g in task.goals] == [("red", 0.25), ("striped", 0.75)]
    assert painter._lambdas == [0.25, 0.75]


def test_a_region_goes_with_its_strokes_or_not_at_all(painter):
    painter.add(BOX)
    painter.add_region("lamp")
    painter.add(DOT)
    first = painter.regions[:1]
    painter.set_state({"regions": first})
    assert painter.names == ["mask", "lamp"]
    assert "expected" in painter.status
    painter.set_state({"regions": first, "active": "mask", "strokes": [BOX], "undone": []})
    assert (painter.names, painter.active, painter.strokes) == (["mask"], "mask", [BOX])


def test_wrong_regions_are_refused(painter):
    for name, value in (
        ("regions", []), ("regions", [{"name": "a", "weight": -1}]), ("active", "nowhere"), ("tolerance", -1.0),
        ("regions", [{"name": "mask", "weight": 0.0}]), ("strokes", [{**BOX, "region": "nowhere"}]),
    ):  # fmt: skip
        with pytest.raises(traitlets.TraitError):
            setattr(painter, name, value)
    assert painter.names == ["mask"]


def test_a_click_grows_and_its_preview_is_the_librarys_patch():
    painter = MaskPainter(mag.scenes.sample(3).image)
    painter.set_state({"strokes": [{"tool": "grow", "mode": "add", "points": [[0.5, 0.9]], "tolerance": 12.0}]})
    patch = mag.masks.flood.grow(painter.image, 0.5, 0.9, 12.0)
    np.testing.assert_array_equal(painter.mask, patch)
    with Image.open(io.BytesIO(painter._grown[0])) as preview:
        np.testing.assert_array_equal(np.asarray(preview.getchannel("A")) > 0, patch)


def test_the_browser_saves_and_loads(painter):
    sent = []
    painter.send = sent.append
    painter.add(BOX)
    painter.add_region("lamp", "red")
    painter._on_message(painter, {"do": "save"}, [])
    painter._paint([], [mag.masks.regions.Region()])
    painter._on_message(painter, {"do": "load", "text": sent[0]["file"]}, [])
    assert (painter.strokes, painter.names) == ([BOX], ["mask", "lamp"])
    for wrong in ({"do": "load", "text": "{"}, {"do": "format"}, "<script>", {"do": "load", "text": 3}):
        painter.status = ""
        painter._on_message(painter, wrong, [])
        assert painter.status.startswith("expected ")
    assert painter.strokes == [BOX]


def test_a_picture_of_a_mask_is_loaded_as_its_outlines(painter, tmp_path):
    mask = mag.masks.strokes.rasterise([BOX, DOT], 80, 60)
    Image.fromarray((mask * 255).astype(np.uint8)).save(tmp_path / "mask.png")
    painter.load(tmp_path / "mask.png")
    np.testing.assert_array_equal(painter.mask, mask)
    Image.new("L", (8, 8)).save(tmp_path / "black.png")
    with pytest.raises(ValueError, match="expected a mask"):
        painter.load(tmp_path / "black.png")


def test_another_picture_takes_another_mask(painter):
    painter.add(BOX)
    before = painter._picture
    painter.show(Image.new("RGB", (40, 40), "navy"), [DOT])
    assert painter.mask.shape == (40, 40)
    assert painter.strokes == [DOT]
    assert painter._picture != before


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
    np.testing.assert_allclose(explorer._word["share"]["target"], trace.share(word), atol=1e-3)
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


@pytest.mark.parametrize(
    "make",
    [lambda t: MaskPainter(t.task.image, [BOX]), AttentionExplorer, GradientInspector, lambda t: Compare({"new": t})],
)
def test_a_page_without_a_kernel_shows_a_picture_and_a_sentence(trace, make):
    widget = make(trace)
    data, metadata = widget._repr_mimebundle_()
    assert data["text/plain"] == widget.sentence == metadata["image/png"]["alt"]
    with Image.open(io.BytesIO(base64.b64decode(data["image/png"]))) as picture:
        assert np.asarray(picture.convert("L")).std() > 5
    assert repr(widget) == f"{type(widget).__name__}: {widget.sentence}"


def test_what_a_cell_shows_is_the_widget_and_its_still_as_an_output_of_its_own(trace, monkeypatch):
    shown = []
    monkeypatch.setattr(base, "display", lambda data, metadata, raw, **_: shown.append((data, metadata, raw)))
    widget = MaskPainter(trace.task.image, [BOX])
    widget._ipython_display_()
    (live, _, _), (still, words, _) = shown
    assert all(raw for _, _, raw in shown)
    assert live["application/vnd.jupyter.widget-view+json"]["model_id"] == widget.model_id
    assert "image/png" not in live
    assert still["image/png"] == widget._repr_mimebundle_()[0]["image/png"]
    assert words == {"image/png": {"alt": widget.sentence}, "needs_background": "light"}
    assert "img.jp-needs-light-background" in CSS


def test_the_still_follows_what_is_painted_once_the_kernel_has_time(painter, monkeypatch):
    drawn = []
    monkeypatch.setattr(base, "QUIET", 0.05)
    monkeypatch.setattr(base, "display", lambda data, **_: None)
    monkeypatch.setattr(base, "update_display", lambda data, **told: drawn.append((data, told)))

    async def paint():
        painter._ipython_display_()
        painter._ipython_display_()  # a second view is of the same still
        painter.add(BOX)
        threading.Thread(target=painter.add, args=(DOT,)).start()
        await asyncio.sleep(1)

    asyncio.run(paint())
    ((data, told),) = drawn
    assert data == {"image/png": base64.b64encode(painter.still()).decode(), "text/plain": painter.sentence}
    assert told["display_id"] == painter._place
    assert told["metadata"]["image/png"]["alt"] == painter.sentence


def test_a_still_shows_the_mask_also_on_an_object_of_its_tint():
    blue = MaskPainter(Image.new("RGB", (80, 60), "#0072b2"))
    bare = blue.still()
    blue.add(BOX)
    seen, before = (np.asarray(Image.open(io.BytesIO(x)).convert("L")).astype(int) for x in (blue.still(), bare))
    assert abs(seen - before).max() > 100


def test_pictures_of_unlike_shapes_are_not_compared(trace):
    with pytest.raises(ValueError, match=r"expected pictures of one shape, got source 256x256, tall 40x80; crop"):
        Compare({"tall": Image.new("RGB", (40, 80))}, source=trace.task.image)
