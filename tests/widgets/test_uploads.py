"""Pictures and masks that come from the browser."""

import numpy as np
import pytest
from benchmarks import pictures as drawn
from magedit_lab.widgets.dash.picture_chooser import PictureChooser
from magedit_lab.widgets.mask_painter import MaskPainter


def test_a_chosen_picture_is_given_on_with_its_name():
    taken = []
    chooser = PictureChooser(lambda content, name: taken.append((content, name)), 512)
    chooser._on_message(chooser, {"do": "picture", "name": "a.png"}, [memoryview(b"bytes")])
    assert taken == [(b"bytes", "a.png")]
    assert (chooser.status, chooser.longest) == ("", 512)


@pytest.mark.parametrize(("content", "buffers"), [(None, []), ({}, [b""]), ({"name": 5}, [b""]), ({"name": "a"}, [])])
def test_what_is_no_picture_is_told_and_not_given_on(content, buffers):
    chooser = PictureChooser(lambda *_: pytest.fail("nothing was to be given on"))
    chooser._on_message(chooser, content, buffers)
    assert chooser.status == "expected a picture's name and bytes from the browser"


def test_a_refusal_is_shown_and_goes_with_the_next_picture():
    def refuse(content, name):
        if name == "bad":
            raise ValueError("cannot read 'bad'")

    chooser = PictureChooser(refuse)
    for name, status in (("bad", "cannot read 'bad'"), ("good", "")):
        chooser._on_message(chooser, {"name": name}, [b""])
        assert chooser.status == status


def test_a_mask_loaded_from_a_picture_becomes_strokes():
    painter = MaskPainter(drawn.RGB)
    painter._on_message(painter, {"do": "load"}, [drawn.masks()["mask-16.png"]])
    assert (painter.status, painter.strokes != []) == ("", True)
    np.testing.assert_array_equal(painter.mask, drawn.SHAPE)
    before = painter.strokes
    for name in ("mask-labels.png", "mask-size.png", "mask-text.png"):
        painter._on_message(painter, {"do": "load"}, [drawn.masks()[name]])
        assert painter.status
        assert painter.strokes == before
