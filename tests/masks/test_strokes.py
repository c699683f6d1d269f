import json
import math

import numpy as np
import pytest

from magedit_lab.masks import strokes

BOX = {"tool": "box", "mode": "add", "rect": [0.25, 0.25, 0.75, 0.75]}


def test_a_box_covers_the_pixels_whose_middle_it_holds():
    mask = strokes.rasterise([BOX], 8, 4)
    middles_x, middles_y = (np.arange(8) + 0.5) / 8, (np.arange(4) + 0.5) / 4
    want = (abs(middles_y[:, None] - 0.5) < 0.25) & (abs(middles_x[None] - 0.5) < 0.25)
    np.testing.assert_array_equal(mask, want)


def test_a_dot_of_the_brush_is_a_disc_of_the_shorter_side():
    mask = strokes.rasterise([{"tool": "brush", "points": [[0.5, 0.5]], "radius": 0.2}], 400, 200)
    assert mask.sum() == pytest.approx(math.pi * 40**2, rel=0.02)


def test_the_mask_means_the_same_at_every_resolution():
    painted = [BOX, {"tool": "lasso", "mode": "erase", "points": [[0.3, 0.3], [0.6, 0.35], [0.4, 0.6]]}]
    small, large = strokes.rasterise(painted, 64, 64), strokes.rasterise(painted, 512, 512)
    assert abs(small.mean() - large.mean()) < 0.01


def test_erasing_inverting_and_clearing():
    erase = BOX | {"mode": "erase"}
    assert strokes.rasterise([BOX, erase], 16, 16).sum() == 0
    inverted = strokes.rasterise([BOX, {"tool": "invert"}], 16, 16)
    np.testing.assert_array_equal(inverted, 1 - strokes.rasterise([BOX], 16, 16))
    assert strokes.rasterise([BOX, {"tool": "clear"}], 16, 16).sum() == 0
    with_both_corners_swapped = BOX | {"rect": [0.75, 0.75, 0.25, 0.25]}
    np.testing.assert_array_equal(
        strokes.rasterise([with_both_corners_swapped], 16, 16), strokes.rasterise([BOX], 16, 16)
    )


def test_what_is_written_is_read_back_and_draws_the_same():
    painted = [BOX, {"tool": "brush", "points": [[0.1, 0.2], [0.3, 0.4]], "radius": 0.05, "mode": "erase"}]
    again = strokes.loads(strokes.dumps(painted))
    np.testing.assert_array_equal(strokes.rasterise(again, 50, 40), strokes.rasterise(painted, 50, 40))


WRONG = {
    "no list": "a mask",
    "no dict": [3],
    "no tool": [{"tool": "laser"}],
    "half a box": [{"tool": "box", "rect": [0, 1]}],
    "one corner": [{"tool": "polygon", "points": [[0, 0]]}],
    "no mode": [BOX | {"mode": "burn"}],
    "no place": [{"tool": "brush", "points": [[0, math.nan]], "radius": 0.1}],
    "no radius": [{"tool": "brush", "points": [[0, 0]], "radius": "wide"}],
    "a huge number": [{"tool": "brush", "points": [[10**400, 0]], "radius": 0.1}],
    "far away": [{"tool": "brush", "points": [[1e300, 0]], "radius": 0.1}],
    "too many strokes": [BOX] * 10_000,
    "too many": [{"tool": "brush", "points": [[0, 0]] * 30_000, "radius": 0.1}],
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_what_is_no_stroke_is_refused_in_one_line(wrong):
    with pytest.raises(ValueError, match=r"^expected [^\n]*got[^\n]*$"):
        strokes.check(wrong)


@pytest.mark.parametrize("text", ["", "{", "[]", json.dumps({"schema": 2, "strokes": []}), json.dumps({"schema": 1})])
def test_another_file_is_refused_in_one_line(text):
    with pytest.raises(ValueError, match=r"^expected [^\n]*$"):
        strokes.loads(text)
