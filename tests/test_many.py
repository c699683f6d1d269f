"""Several edits in one batch are the edits by themselves, but for how products of more rows are rounded."""

import threading
from dataclasses import replace

import pytest
import torch

import magedit_lab as mag
from magedit_lab.model.hooks import count_forwards

METHODS = [
    mag.MagEdit(iterations=3), mag.METHODS["p2p+mask"], mag.MagEdit(iterations=1, per_term=True), mag.METHODS["pnp"],
]  # fmt: skip


@pytest.fixture(scope="module")
def several(exact, task):
    other = mag.Task(
        task.image.rotate(90), task.mask, task.source, "a ball, a ball and a red box on a wooden table", "red"
    )
    pairs = [(each, mag.invert(exact, each, mag.Direct(4, guidance_scale=3.0))) for each in (task, other)]
    return [pairs[0], pairs[1], pairs[1], pairs[0]]


def test_many_edits_are_the_edits_by_themselves(exact, several):
    tasks, paths = zip(*several, strict=True)
    together = list(mag.edit_many(exact, tasks, paths, METHODS))
    for k, (task, path) in enumerate(several):
        for step, alone in zip([steps[k] for steps in together], mag.edit(exact, task, path, METHODS[k]), strict=True):
            near = 1e-9 * alone.target.abs().max()  # float64: only a different formula makes a larger difference
            assert (step.target - alone.target).abs().max() < near
            assert [n.loss for n in step.nudges] == pytest.approx([n.loss for n in alone.nudges], rel=1e-9)
            assert step.target_maps.keys() == alone.target_maps.keys()


def test_a_batch_is_one_call_of_the_model(net, several, task):
    path = mag.invert(net, task, mag.Direct(4, guidance_scale=3.0))
    counts = []
    for n in (1, 3):
        with count_forwards() as counter:
            list(mag.edit_many(net, [task] * n, [path] * n, mag.MagEdit(iterations=2)))
        counts.append(counter.forwards)
    assert counts[0] == counts[1]


def test_an_edit_that_fails_ends_all_and_leaves_no_thread(net, task):
    path = mag.invert(net, task, mag.Direct(4, guidance_scale=3.0))
    before = threading.active_count()
    broken = mag.MagEdit(iterations=1, loss=lambda probs, mask, word: probs.sum() * float("nan"))
    with pytest.raises(FloatingPointError, match="timestep"):
        list(mag.edit_many(net, [task, task], [path, path], [mag.MagEdit(iterations=1), broken]))
    assert threading.active_count() == before


def test_whoever_stops_leaves_no_thread(net, task):
    path = mag.invert(net, task, mag.Direct(4, guidance_scale=3.0))
    before = threading.active_count()
    steps = mag.edit_many(net, [task, task], [path, path], mag.PromptToPrompt())
    next(steps)
    steps.close()
    assert threading.active_count() == before
    assert torch.equal(*(list(mag.edit(net, task, path, "plain"))[-1].target for _ in range(2)))


def test_edits_of_different_timesteps_are_refused(net, task):
    short, long = (mag.invert(net, task, mag.Direct(n, guidance_scale=3.0)) for n in (2, 3))
    with pytest.raises(ValueError, match="group them"):
        next(mag.edit_many(net, [task, task], [short, long], "plain"))
    with pytest.raises(ValueError, match="as many tasks"):
        next(mag.edit_many(net, [task], [short, replace(short)], "plain"))
