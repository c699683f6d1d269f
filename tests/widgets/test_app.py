import base64
import io

import numpy as np
import pytest
from magedit_lab.widgets.app import EXAMPLES, App
from magedit_lab.widgets.dash.inside import MOST
from PIL import Image
from waiting import until

import magedit_lab as mag

BOX = {"tool": "box", "mode": "add", "rect": [0.25, 0.25, 0.75, 0.75]}


@pytest.fixture
def app(net):
    made = App(net)
    made.live.method, made.live.inversion = mag.MagEdit(iterations=2), mag.Direct(steps=2)
    made.live._fill("method", "inversion")
    made.live.settings = {**made.live.settings, "steps": 2}
    yield made
    made.live.cancel()
    made.live.wait()


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_becomes_strokes_and_comes_back_as_the_task(app, name):
    app._examples.value = name
    want, got = EXAMPLES[name](), app.task
    assert app.status == ""
    assert got.image.tobytes() == want.image.tobytes()
    assert (got.source, got.target, got.words) == (want.source, want.target, want.words)
    for one, other in zip(got.goals, want.goals, strict=True):
        np.testing.assert_array_equal(one.mask, other.mask >= 0.5)  # strokes have no soft edge


def test_a_run_shows_its_result_and_its_attention(app):
    app.live._on_message(app.live, {"do": "run"}, [])
    assert app.live.wait() == "done"
    assert list(app.results) == [f"1. {app.task.words[0]}"]
    inside = app.inside
    assert inside.explorer.trace is inside.inspector.trace is app.live.trace
    assert inside.children[1:4] == (inside.explorer, inside.inspector, inside.compare)
    assert list(inside.compare.pictures) == ["source", *app.results]
    app.live.run()
    app.live.wait()
    assert len(app.results) == 2
    app.start(EXAMPLES["half of a ball"]())
    assert (app.results, inside.explorer, inside.ablate, inside.selected_index) == ({}, None, None, 0)


def test_a_run_of_a_picture_that_is_gone_is_not_shown(app):
    app.live.settings = {**app.live.settings, "iterations": 200}
    app.live.run()
    until(lambda: len(app.live.losses) > 1)
    app.take(Image.new("RGB", (3000, 2000), "navy"))
    assert app.live.wait() == "cancelled"
    assert (app.results, app.inside.explorer) == ({}, None)
    assert app.painter.image.size == (1024, 683)


def test_an_example_can_be_chosen_again_after_a_picture_of_ones_own(app):
    name = app._examples.value
    drawn = io.BytesIO()
    Image.new("RGB", (200, 120), "navy").save(drawn, "PNG")
    app._upload._on_message(app._upload, {"name": "room.png"}, [memoryview(drawn.getvalue())])
    assert (app._examples.value, app.status) == (None, "")
    app._examples.value = name
    assert app.painter.image.size == (256, 256)
    assert app.status == ""


def test_a_run_without_nudges_says_why_there_is_no_gradient(app):
    app.live.set_state({"method_name": "p2p"})
    app.live.run()
    assert app.live.wait() == "done"
    assert app.inside.inspector is app.inside.ablate is None
    assert "no nudges" in app.inside.children[2].value
    assert "MAG-Edit" in app.inside.children[4].value


def test_one_setting_is_moved_from_the_run_that_there_is(app):
    app.live.run()
    app.live.wait()
    chosen, ablate = app.inside.children[4].children
    assert ablate.value == 2
    assert ablate.runs == {2: app.live.trace}
    assert list(chosen.options) == ["iterations", "stop_step", "step_size", "loss"]
    chosen.value = "stop_step"
    other = app.inside.ablate
    assert (other.setting, other.value) == ("stop_step", 1)
    other.run(0)
    assert other.wait() == "done"
    assert other.inversion is app.live.used[1]
    np.testing.assert_array_equal(np.asarray(other.runs[1].result), np.asarray(app.live.trace.result))
    chosen.value = "iterations"
    assert app.inside.ablate.runs == {2: app.live.trace}
    chosen.value = "stop_step"
    assert app.inside.ablate.runs == other.runs  # what was run took its time
    app.inside.forget()
    assert other.job.state == "done"


def test_only_the_last_runs_are_kept(app):
    app.live.settings = {**app.live.settings, "steps": 1}
    for _ in range(MOST + 1):
        app.live.run()
        assert app.live.wait() == "done"
    assert len(app.results) == MOST
    assert next(iter(app.results)).startswith("2. ")


def test_what_would_be_refused_is_told_where_it_is_run(app):
    app.editor.words = ["zebra"]
    app.live.run()
    assert "word 'zebra' is not in the target prompt" in app.live.status
    assert app.live.state == "idle"
    app.start(EXAMPLES["two look-alikes, one to recolour"]())
    app.painter.clear()
    app.live.run()
    assert "expected a mask with at least one pixel" in app.live.status


def test_several_regions_need_a_word_each(app):
    app.start(EXAMPLES["colour and texture of one object"]())
    app.painter.add_region("spot", "green")
    app.painter.add(BOX)
    with pytest.raises(ValueError, match="expected a word for region 'mask'"):
        _ = app.task
    app.painter.regions = [{**app.painter.regions[0], "word": "striped"}, app.painter.regions[1]]
    assert {g.word for g in app.task.goals} == {"green", "striped"}
    app.painter.regions = [{**r, "word": "green"} for r in app.painter.regions]
    with pytest.raises(ValueError, match="expected a region for each of the words"):
        _ = app.task


def test_a_picture_of_ones_own_is_opened_and_fitted_to_the_model(app):
    drawn = io.BytesIO()
    Image.new("RGB", (200, 120), "navy").save(drawn, "PNG")
    app._upload._on_message(app._upload, {"name": "room.png"}, [memoryview(drawn.getvalue())])
    app.painter.add(BOX)
    assert app.task.image.size == (app.net.size, app.net.size)
    app._upload._on_message(app._upload, {"name": "room.txt"}, [memoryview(b"no picture")])
    assert "cannot read 'room.txt' as a picture" in app._upload.status


def test_the_painter_offers_the_edit_words(app):
    app.editor.set_state({"words": ["ball", "box"]})
    assert app.painter.words == ["ball", "box"]


def test_a_page_without_a_kernel_shows_a_picture_and_a_sentence(app):
    data, metadata = app._repr_mimebundle_()
    assert data["text/plain"] == app.sentence == metadata["image/png"]["alt"]
    with Image.open(io.BytesIO(base64.b64decode(data["image/png"]))) as picture:
        assert np.asarray(picture.convert("L")).std() > 5
