import numpy as np
import pytest
from PIL import Image

import magedit_lab as mag
from magedit_lab.masks import regions, strokes
from magedit_lab.masks.regions import Region

LEFT = {"tool": "box", "mode": "add", "rect": [0.0, 0.0, 0.5, 1.0]}
RIGHT = {"tool": "box", "mode": "add", "rect": [0.6, 0.0, 1.0, 1.0], "region": "lamp"}
TWO = [Region("mask", "red", 1.0), Region("lamp", "striped", 3.0)]


@pytest.fixture
def image():
    """Black left of the middle, white right of it, and a gray that differs from black by a little at the very left."""
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:, 30:] = 255
    picture[:, :6] = 12
    return Image.fromarray(picture)


def test_a_click_takes_the_connected_patch_of_its_colour(image):
    patch = mag.masks.flood.grow(image, 0.3, 0.5, 1.0)
    want = np.zeros((40, 60), bool)
    want[:, 6:30] = True
    np.testing.assert_array_equal(patch, want)
    assert mag.masks.flood.grow(image, 0.3, 0.5, 10.0)[:, :30].all()
    assert not mag.masks.flood.grow(image, 0.3, 0.5, 10.0)[:, 30:].any()


def test_a_patch_beyond_a_wall_is_not_taken():
    picture = np.zeros((9, 9, 3), np.uint8)
    picture[:, 4] = 255
    assert mag.masks.flood.grow(Image.fromarray(picture), 0.1, 0.1).sum() == 9 * 4


def test_a_stroke_that_grows_means_the_same_at_every_resolution(image):
    stroke = {"tool": "grow", "mode": "add", "points": [[0.9, 0.5]], "tolerance": 5.0}
    small, large = strokes.rasterise([stroke], 60, 40, image), strokes.rasterise([stroke], 120, 80, image)
    np.testing.assert_array_equal(small, mag.masks.flood.grow(image, 0.9, 0.5, 5.0))
    np.testing.assert_array_equal(large[::2, ::2], small)
    with pytest.raises(ValueError, match="expected the picture for a stroke that grows"):
        strokes.rasterise([stroke], 60, 40)
    with pytest.raises(ValueError, match="from inside the picture"):
        strokes.check([stroke | {"points": [[1.2, 0.5]]}])


def test_outlines_paint_the_mask_anew():
    generator = np.random.default_rng(0)
    for _ in range(20):
        mask = np.zeros((24, 32), np.float32)
        for _ in range(4):
            y, x = generator.integers(0, 24), generator.integers(0, 32)
            mask[y : y + generator.integers(2, 12), x : x + generator.integers(2, 12)] = generator.integers(0, 2)
        if mask.any():
            np.testing.assert_array_equal(strokes.rasterise(strokes.trace(mask), 32, 24), mask)
    ring = np.ones((20, 20), np.float32)
    ring[5:15, 5:15], ring[8:12, 8:12] = 0, 1
    np.testing.assert_array_equal(strokes.rasterise(strokes.trace(ring), 20, 20), ring)


def test_each_region_has_its_own_strokes(image):
    painted = [LEFT, RIGHT, {"tool": "invert", "region": "lamp"}]
    masks = regions.masks(painted, TWO, image)
    np.testing.assert_array_equal(masks["mask"], strokes.rasterise([LEFT], 60, 40))
    np.testing.assert_array_equal(masks["lamp"], 1 - strokes.rasterise([RIGHT], 60, 40))


def test_goals_are_what_a_task_takes(image):
    goals = regions.goals([LEFT, RIGHT], TWO, image)
    task = mag.Task(image, source="a lamp", target="a red striped lamp", **goals)
    assert [(g.word, g.weight) for g in task.goals] == [("red", 0.25), ("striped", 0.75)]
    np.testing.assert_array_equal(task.goals[1].mask, strokes.rasterise([RIGHT], 60, 40))


def test_what_a_task_can_not_take_is_refused(image):
    with pytest.raises(ValueError, match="expected a word for region 'lamp'"):
        regions.goals([LEFT, RIGHT], [TWO[0], Region("lamp")], image)
    with pytest.raises(ValueError, match="expected a painted region 'lamp'"):
        regions.goals([LEFT], TWO, image)
    with pytest.raises(ValueError, match="expected a region with a weight above 0"):
        regions.lambdas([Region(weight=0.0)])


def test_strokes_and_regions_are_read_back():
    assert regions.loads(regions.dumps([LEFT, RIGHT], TWO)) == ([LEFT, RIGHT], TWO)
    assert regions.loads(strokes.dumps([LEFT])) == ([LEFT], [Region()])
    assert strokes.loads(regions.dumps([LEFT, RIGHT], TWO)) == [LEFT, RIGHT]
    with pytest.raises(ValueError, match="got one of 'lamp'"):
        regions.loads(strokes.dumps([RIGHT]))


@pytest.mark.parametrize(
    "wrong",
    [None, [], [3], [{"name": ""}], [{"name": 3}], [{"weight": -1}], [{"weight": True}], [{"word": 3}], [{"size": 1}],
     [{"name": "a"}, {"name": "a"}], [{"name": f"{i}"} for i in range(13)]],
)  # fmt: skip
def test_what_is_no_region_is_refused_in_one_line(wrong):
    with pytest.raises(ValueError, match=r"^expected [^\n]*got[^\n]*$"):
        regions.parse(wrong)
