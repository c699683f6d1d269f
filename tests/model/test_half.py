"""float16: the loss and the softmax are in float32 and the gradient is scaled, so that guidance has the gradient of
float32 but for what half precision rounds."""

import copy

import pytest
import torch

import magedit_lab as mag


@pytest.fixture(scope="module")
def half(pipe):
    return mag.Backbone.of(copy.deepcopy(pipe).to(torch.float16), "half")


def first_nudge(net, task, path, **settings):
    step = next(mag.edit(net, task, path, mag.MagEdit(iterations=1, step_size=1e-3, **settings)))
    return step.nudges[0]


def apart(pipe, dtype, task, path, loss):
    """1 less the cosine of a model's first gradient and of that in float32 with the same, rounded, weights."""
    rounded = copy.deepcopy(pipe).to(dtype)
    ours = first_nudge(mag.Backbone.of(copy.deepcopy(rounded), "rounded"), task, path, loss=loss)
    exact = first_nudge(mag.Backbone.of(rounded.to(torch.float32), "exact"), task, path, loss=loss)
    assert dtype != torch.float16 or ours.loss == pytest.approx(exact.loss, rel=1e-2)
    return 1 - torch.nn.functional.cosine_similarity(ours.gradient.flatten(), exact.gradient.flatten(), 0)


@pytest.mark.parametrize("loss", ["token_ratio", "spatial_ratio"])
def test_float16_has_a_better_gradient_than_bfloat16_which_has_three_bits_less(pipe, task, path, loss):
    half, brain = (apart(pipe, dtype, task, path, loss) for dtype in (torch.float16, torch.bfloat16))
    assert half < brain / 2


def test_a_loss_too_small_for_half_precision_still_has_a_gradient(half, task, path):
    """Scaled down by 1e-4, its gradient inside the model is below float16's smallest number (6e-8)."""

    def small(probs, mask, word):
        return 1e-4 * mag.methods.shared.losses.spatial_ratio(probs, mask, word)

    tiny = first_nudge(half, task, path, loss=small).gradient / 1e-4
    plain = first_nudge(half, task, path, loss="spatial_ratio").gradient
    assert torch.nn.functional.cosine_similarity(tiny.flatten(), plain.flatten(), 0) > 0.99
