"""Figures to explore: what plotly is given is what the trace holds, without a kernel, and a still lies beside it."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

import magedit_lab as mag
from magedit_lab.plots import interactive

MOST = 300_000  # bytes in a notebook


@pytest.fixture(scope="module")
def trace(net, task):
    path = mag.invert(net, task, mag.Direct(steps=28))
    return mag.run(net, task, path, mag.MagEdit(iterations=2, stop_step=3), mag.Keep())


@pytest.fixture(scope="module")
def bundle(trace):
    return mag.plots.explore(trace)._repr_mimebundle_()


def numbers(packed):
    """An array as plotly's JSON has it."""
    return np.frombuffer(base64.b64decode(packed["bdata"]), packed["dtype"])


def test_its_curves_are_the_traces_numbers(bundle, trace):
    curves = {line["name"]: line for line in bundle[0][interactive.MIME]["data"]}
    guided = [i for i, terms in enumerate(trace.terms) if terms]
    for name, values in (
        ("loss", trace.losses),
        *((f"gradient {n}", trace.gradients[n]) for n in ("inside", "outside")),
    ):
        drawn = numbers(curves[name]["y"]).reshape(len(guided), -1)
        np.testing.assert_allclose(drawn[:, :-1], values[guided], rtol=1e-6)
        assert np.isnan(drawn[:, -1]).all()
    np.testing.assert_allclose(numbers(curves["attention of yellow"]["y"]), trace.share("yellow"), rtol=1e-6)


def test_the_slider_and_the_hover_show_the_picture_foreseen_there(bundle, trace):
    figure = bundle[0][interactive.MIME]
    steps = figure["layout"]["sliders"][0]["steps"]
    assert 2 <= len(steps) <= 25
    assert [steps[0]["label"], steps[-1]["label"]] == ["0", "27"]
    assert figure["layout"]["images"][0]["source"] == steps[-1]["args"][0]["images[0].source"]
    for step in (steps[0], steps[len(steps) // 2]):
        source = step["args"][0]["images[0].source"]
        shown = Image.open(io.BytesIO(base64.b64decode(source.split(",")[1])))
        far = [
            np.abs(np.asarray(shown, float) - np.asarray(p.resize(shown.size), float)).mean() for p in trace.previews
        ]
        assert int(np.argmin(far)) == int(step["label"])
    texts = figure["data"][-1]["text"]
    assert [bool(text) for text in texts] == [str(i) in {s["label"] for s in steps} for i in range(28)]


def test_a_mosaic_has_the_pictures_colours_where_they_are():
    picture = Image.new("RGB", (40, 40), "red")
    picture.paste("blue", (20, 0, 40, 40))
    lines = interactive.mosaic(picture, 8).split("<br>")
    assert len(lines) == 4  # a letter is twice as high as wide
    for line in lines:
        runs = re.findall(r"<span style='color:(#\w{6})'>(█+)</span>", line)
        assert sum(len(run) for _, run in runs) == 8
        ends = [tint[1:3] + tint[5:] for tint in (runs[0][0], runs[-1][0])]
        assert ends in (["fe00", "00fe"], ["ff00", "00ff"])


def test_it_needs_no_kernel_and_is_small_and_a_still_lies_beside_it(bundle):
    data, metadata = bundle
    assert set(data) == {interactive.MIME, "image/png", "text/plain"}
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert metadata["image/png"]["alt"] == data["text/plain"]
    assert len(json.dumps(data)) < MOST  # though these pictures are of a model without training, and half noise


def test_what_a_trace_lacks_is_named(net, task, path):
    plain = mag.run(net, task, path, "p2p", mag.Keep(previews=False))
    with pytest.raises(ValueError, match="expected a trace of guidance"):
        mag.plots.explore(plain)
    bare = mag.run(net, task, path, mag.MagEdit(iterations=1, stop_step=1), mag.Keep(previews=False))
    with pytest.raises(ValueError, match="keeps previews"):
        mag.plots.explore(bare)


ROWS = [
    {"setting": f"steps={n}", "success": (0.5 + n / 100, 0.4, 0.9), "structure": (n / 100, 0.0, 0.4)} for n in (10, 20)
]
PICTURES = {
    line["setting"]: Image.new("RGB", (32, 32), colour) for line, colour in zip(ROWS, ("red", "blue"), strict=True)
}


@pytest.mark.parametrize(
    "draw", [mag.plots.scatter, lambda rows, shown: mag.plots.explore_setting(rows, "steps", shown)]
)
def test_points_are_the_tables_and_their_hover_has_their_pictures(draw):
    data, _ = draw(ROWS, PICTURES)._repr_mimebundle_()
    text = json.dumps(data[interactive.MIME])
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert len(json.dumps(data)) < MOST
    assert [interactive.mosaic(p).split("'")[1] in text for p in PICTURES.values()] == [True, True]
    with pytest.raises(ValueError, match="expected a picture of every row, got none of 'steps=20'"):
        draw(ROWS, {"steps=10": PICTURES["steps=10"]})
    with pytest.raises(ValueError, match="expected at least one row"):
        draw([], {})


def test_a_scatters_points_lie_at_their_means():
    figure = mag.plots.scatter(ROWS, PICTURES).figure
    assert [(p.x[0], p.y[0], p.name) for p in figure.data] == [(0.1, 0.6, "steps=10"), (0.2, 0.7, "steps=20")]
    assert figure.data[0].error_y.array[0] == pytest.approx(0.3)
    assert figure.data[0].error_y.arrayminus[0] == pytest.approx(0.2)
