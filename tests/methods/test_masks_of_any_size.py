"""Every method with masks from one pixel to all but one pixel, at two resolutions: a result, or one line that says why
not, and never another library's error."""

from dataclasses import replace

import numpy as np
import pytest

import magedit_lab as mag
from magedit_lab.methods.mag_edit import MagEdit

SIZES = ((128, 128), (192, 128))  # width, height
METHODS = mag.METHODS | {"released": MagEdit.released(), "paper": MagEdit.paper()}
LESS = {"iterations": 1, "refinements": 1, "maps": 2}  # of what a method does several times


def shapes(width, height):
    """A pixel in the middle and one in a corner, and all but these."""
    masks = {name: np.zeros((height, width), np.float32) for name in ("pixel", "corner")}
    masks["pixel"][height // 2 + 3, width // 2 + 5] = masks["corner"][-1, -1] = 1
    return masks | {f"all but a {name}": 1 - mask for name, mask in masks.items()}


@pytest.fixture(scope="module")
def cases(net, task):
    """For each resolution a task with each mask, and one path: the mask plays no part in an inversion."""
    made = {}
    for size in SIZES:
        masks = shapes(*size)
        tasks = {name: replace(task, image=task.image.resize(size), mask=mask) for name, mask in masks.items()}
        made[size] = mag.invert(net, tasks["pixel"], mag.DDIM(2, guidance_scale=3.0)), tasks
    return made


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", METHODS)
def test_a_result_or_one_line(net, cases, name, size):
    path, tasks = cases[size]
    method = METHODS[name]
    method = replace(method, **{key: value for key, value in LESS.items() if hasattr(method, key)})
    refused = {}
    for shape, task in tasks.items():
        try:
            *_, step = mag.edit(net, task, path, method)
            assert step.target.isfinite().all()
        except ValueError as error:
            refused[shape] = str(error)
    lost = {"pixel", "corner"} if name == "released" else set()  # between the pixels that are sampled
    assert set(refused) == lost
    assert all("\n" not in line and "take cells='coverage'" in line for line in refused.values())
