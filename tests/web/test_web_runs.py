"""A run goes from the page to Python and back."""

import base64
import io
import zipfile

import numpy as np
import pytest
from node import needs_node, node

import magedit_lab as mag

TOKENS = ["<|startoftext|>", "a</w>", "red</w>", "mug</w>", "<|endoftext|>"]
TEXTS = {
    "source": "a mug", "target": "a red mug", "words": ["red"],
    "wordColumns": [{"word": "a", "columns": [1]}, {"word": "red", "columns": [2]}, {"word": "mug", "columns": [3]}],
    "sourceColumns": [{"word": "a", "columns": [1]}, {"word": "mug", "columns": [2]}],
}  # fmt: skip
GIVEN = {
    "texts": TEXTS, "tokens": TOKENS, "sourceTokens": [t for t in TOKENS if t != "red</w>"], "columns": [2],
    "nudges": [3, 0], "side": 64, "cells": 16,
}  # fmt: skip


def counted(n, start=0):
    return ((start + np.arange(n)) % 97 / np.float32(97)).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the page's download holds."""
    place = tmp_path_factory.mktemp("run")
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(node("runs.mjs", GIVEN)["zip"]))) as archive:
        assert archive.testzip() is None
        archive.extractall(place)
    return place


def sent(place):
    """A folder's files as a browser gives them: by name, without their folders."""
    return {f.name: base64.b64encode(f.read_bytes()).decode() for f in place.rglob("*") if f.is_file()}


@needs_node
def test_a_downloaded_run_opens_in_python(folder):
    trace = mag.Trace.load(folder)
    assert (trace.task.source, trace.task.target, trace.task.words) == ("a mug", "a red mug", ("red",))
    np.testing.assert_allclose(trace.losses[0], [0.9, 0.8, 0.7])
    assert np.isnan(trace.losses[1]).all()
    assert trace.gradients["inside"][0].tolist() == [2, 3, 4]
    np.testing.assert_array_equal(trace.attention("red")[1], counted(6 * 256, 1)[512:768].reshape(16, 16))
    np.testing.assert_array_equal(trace.inner_attention("red")[0, 2], counted(256, 2).reshape(16, 16))
    np.testing.assert_array_equal(trace.gradient_maps[0, 1], counted(1024, 1).reshape(32, 32))
    pixels = (np.arange(4 * 64 * 64) * 7 % 256).reshape(64, 64, 4)[..., :3]
    np.testing.assert_array_equal(np.asarray(trace.result), pixels)
    assert trace.task.goals[0].mask.sum() == 64 * 64 / 4


@needs_node
def test_the_page_opens_what_it_downloaded_and_what_python_saved(folder, tmp_path, net, task, path):
    first = node("runs.mjs", {"files": sent(folder)})
    assert first["losses"] == [[pytest.approx(x) for x in (0.9, 0.8, 0.7)], []]
    assert first["columns"] == [2]
    trace = mag.run(net, task, path, mag.MagEdit(iterations=2))
    answer = node("runs.mjs", {"files": sent(trace.save(tmp_path / "saved"))})
    np.testing.assert_allclose(answer["losses"][:3], trace.losses[:3])
    np.testing.assert_allclose(answer["inside"][:3], trace.gradients["inside"][:3])
    assert answer["losses"][3:] == [[]] * 3
    assert answer["words"] == list(task.words)
    assert answer["columns"] == trace.columns("yellow")
    assert answer["times"] == trace.times
    assert answer["share"] == pytest.approx(trace.share("yellow")[0], rel=1e-3)
    assert answer["image"][:3] == list(task.image.getpixel((0, 0)))
    assert answer["result"][4:7] == list(trace.result.getpixel((1, 0)))


@needs_node
def test_files_that_are_no_run_are_one_line(folder):
    files = sent(folder)
    for name in ("trace.json", "trace.safetensors", "image.png"):
        less = {k: v for k, v in files.items() if k != name}
        assert node("runs.mjs", {"files": less})["error"].startswith(f"expected a run's folder with {name}, got ")
    text = base64.b64encode(b"no numbers").decode()
    assert "as safetensors, got" in node("runs.mjs", {"files": files | {"trace.safetensors": text}})["error"]
    assert "as PNG, got" in node("runs.mjs", {"files": files | {"image.png": text}})["error"]
