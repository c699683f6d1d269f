import numpy as np
import pytest
import torch

import magedit_lab as mag
from magedit_lab.bench import applications


def test_a_weight_of_one_is_that_word_alone(exact, task, same):
    both = mag.Task(task.image, task.mask, "a ball and a box", "a yellow ball and a red box", ["yellow", "red"])
    path = mag.invert(exact, both, mag.DDIM(steps=2))
    method = mag.MagEdit(iterations=2)
    found = applications.balanced(exact, both, path, method, [(1.0, 0.0), (0.5, 0.5)])
    assert list(found) == ["yellow 1, red 0", "yellow 0.5, red 0.5"]
    alone = mag.Task(task.image, task.mask, both.source, both.target, "yellow")
    ends = [next(iter(mag.edit(exact, t, path, method))).target for t in (alone, found["yellow 1, red 0"].task)]
    assert torch.allclose(*ends, atol=1e-9)
    first, second = (t.losses[0, 0] for t in found.values())
    assert first != second


def test_tasks_edit_the_result_of_the_one_before(net, task):
    more = mag.Task(task.image, 1 - task.region.numpy(), task.target, task.target + " and a red mug", "red")
    one, two = applications.one_after_another(net, [task, more], mag.DDIM(steps=2), mag.METHODS["plain"])
    assert np.array_equal(two.task.image, one.result)
    assert two.task.source == one.task.target


@pytest.mark.parametrize(
    ("share", "expected"),
    [((0.0, 0.0, 0.5, 1.0), np.s_[60:180, 80:120]), ((0.0, 0.0, 1.0, 0.5), np.s_[60:120, 80:160])],
)
def test_a_part_is_a_share_of_the_masks_box(task, share, expected):
    mask = np.zeros((256, 256), np.float32)
    mask[expected] = 1
    assert np.array_equal(applications.within(task, *share).region.numpy(), mask)


@pytest.mark.parametrize("share", [(0.5, 0.0, 0.5, 1.0), (0.0, 0.0, 1.2, 1.0), (-0.1, 0.0, 1.0, 1.0)])
def test_a_part_that_is_none_is_refused(task, share):
    with pytest.raises(ValueError, match="expected 0 <= left < right <= 1"):
        applications.within(task, *share)


@pytest.mark.parametrize(
    "example", [applications.example_balance, applications.example_region, applications.example_part]
)
def test_examples_name_their_words_in_the_target(example):
    found = example()
    assert 0 < found.region.mean() < 0.3
    assert all(word in found.target and word not in found.source for word in found.words)


def test_the_sequence_goes_on_from_its_first_target():
    first, second = applications.example_sequence()
    assert second.source == first.target
    assert not ((first.region > 0.5) & (second.region > 0.5)).any()
