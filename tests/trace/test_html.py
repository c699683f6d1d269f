"""A trace as a notebook's cell draws it."""

import ast
import base64
import io
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from PIL import Image

import magedit_lab as mag
from magedit_lab.trace import html

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def trace(net, task, path):
    return mag.run(net, task, path, mag.MagEdit(iterations=3, stop_step=2, step_size=0.1))


def drawn(trace):
    return ET.fromstring(trace._repr_html_())


def pictures(root):
    for img in root.iter("img"):
        head, data = img.get("src").split(",")
        assert head == "data:image/jpeg;base64"
        yield img.get("alt"), Image.open(io.BytesIO(base64.b64decode(data)))


def test_a_cell_that_ends_with_a_trace_has_text_and_html(trace):
    bundle, _ = DisplayFormatter().format(trace)
    assert bundle["text/plain"] == repr(trace) == "Trace(6 steps, 6 nudges, words=yellow)"
    assert bundle["text/html"] == trace._repr_html_()
    assert len(bundle["text/html"]) < 60_000


def test_source_and_result_are_there_with_alt_text(trace):
    (source, first), (result, last) = pictures(drawn(trace))
    assert source == f"Source: {trace.task.source}"
    assert result == f"Result: {trace.task.target}"
    own, other = np.asarray(trace.task.image, float), np.asarray(trace.result, float)
    for picture, near, far in ((first, own, other), (last, other, own)):
        drawn_as = np.asarray(picture, float)
        assert np.abs(drawn_as - near).mean() < np.abs(drawn_as - far).mean() / 4


def test_the_curve_goes_through_every_loss(trace):
    svg = next(drawn(trace).iter("svg"))
    assert svg.get("role") == "img"
    losses = trace.losses[np.isfinite(trace.losses)]
    assert svg.get("aria-label") == f"Loss: {losses[0]:.3g} at the first of 6 nudges, {losses[-1]:.3g} at the last"
    line = svg.findall("path")[1].get("d")
    places = np.array(re.findall(r"([\d.]+),([\d.]+)", line), float)
    assert line.count("M") == 2  # guided steps
    assert (np.diff(places[:, 0]) > 0).all()
    low, high = losses.min(), losses.max()
    wanted = html.EDGE + (high - losses) / (high - low) * (html.HIGH - 2 * html.EDGE)
    assert places[:, 1] == pytest.approx(wanted, abs=0.06)  # written to .1 pixel


def test_no_guidance_no_curve_no_result_no_picture(net, task, path):
    plain = mag.run(net, task, path, "plain")
    assert not list(drawn(plain).iter("svg"))
    unfinished = mag.Trace(task)
    assert [alt for alt, _ in pictures(drawn(unfinished))] == [f"Source: {task.source}"]


def test_prompts_are_text_and_no_markup(task):
    words = 'a <b onload="x">ball</b> & a "box"'
    root = drawn(mag.Trace(mag.Task(task.image, task.mask, words, words, "ball")))
    assert next(root.iter("img")).get("alt") == next(root.iter("figcaption")).text == f"Source: {words}"


def test_one_nudge_and_equal_losses_are_drawn():
    for steps in ([[0.5]], [[0.5, 0.5], [], [0.5]]):
        assert "nan" not in html.curve(steps, "loss")
        ET.fromstring(html.curve(steps, "loss"))


def test_the_layer_of_traces_imports_no_plots():
    for file in Path(html.__file__).parent.glob("*.py"):
        names = [n.module or "" for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.ImportFrom)]
        assert not [name for name in names if "plot" in name], file
