import numpy as np
import pytest
from PIL import Image

import magedit_lab as mag
from magedit_lab.bench import demo
from magedit_lab.prompts import words


@pytest.mark.parametrize("seed", range(8))
def test_the_prompt_does_not_tell_the_two_objects_apart(seed):
    task = demo.complex_task(seed)
    kinds = [w for w in words.split(task.source) if w in mag.scenes.KINDS]
    assert len(kinds) == 3
    assert kinds[0] == kinds[1] != kinds[2]
    assert not [w for w in words.split(task.source.split(" on ")[0]) if w in mag.scenes.COLOURS]
    assert task.target == task.source.replace(kinds[0], f"{task.words[0]} {kinds[0]}", 1).replace(
        "a orange", "an orange"
    )


@pytest.mark.parametrize("seed", range(4))
def test_the_ideal_edit_has_the_colour_inside_the_mask_and_nothing_else(seed):
    task, ideal = demo.complex_task(seed), demo.ideal(seed)
    mask, changed = task.region.numpy(), (np.asarray(ideal) != np.asarray(task.image)).any(-1)
    assert mag.scenes.nearest_colour(ideal, mask) == task.words[0] != mag.scenes.nearest_colour(task.image, mask)
    assert changed[mask > 0.9].all()
    assert not changed[mask == 0].any()


def test_the_demo_edits_the_shipped_model_and_writes_its_figures(tmp_path):
    settings = demo.Demo(steps=2, inner=1, iterations=1)
    seen = []
    traces = demo.play(mag.Backbone.load("tabletop", "cpu"), settings, lambda done, of: seen.append((done, of)))
    assert list(dict.fromkeys(seen)) == [(i + 1, 8) for i in range(8)]
    written = dict(demo.write(traces, tmp_path))
    assert {p.name for p in written} == {"comparison.png", "loss.png", "attention.png", "gradient.png", "trace"}
    for path in written:
        if path.suffix == ".png":
            with Image.open(path) as image:
                assert np.asarray(image).std() > 10


def test_a_colour_is_judged_by_the_masked_pixels():
    task = demo.complex_task(0)
    trace = mag.Trace(task)
    for name, rgb in mag.scenes.COLOURS.items():
        trace.result = Image.new("RGB", task.image.size, rgb)
        assert demo.colour_of(trace) == name
