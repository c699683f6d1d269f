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


@pytest.mark.parametrize("loss", ["token_ratio", "spatial_ratio"])
def test_the_gradient_is_that_of_float32(net, half, task, path, loss):
    ours, exact = (first_nudge(model, task, path, loss=loss) for model in (half, net))
    assert ours.loss == pytest.approx(exact.loss, rel=1e-2)
    cosine = torch.nn.functional.cosine_similarity(ours.gradient.flatten(), exact.gradient.flatten(), 0)
    assert cosine > 0.99
    assert ours.gradient.norm() == pytest.approx(exact.gradient.norm().item(), rel=0.05)


def test_a_loss_too_small_for_half_precision_still_has_a_gradient(half, task, path):
    """Scaled down by 1e-4, its gradient inside the model is below float16's smallest number (6e-8)."""

    def small(probs, mask, word):
        return 1e-4 * mag.methods.shared.losses.spatial_ratio(probs, mask, word)

    tiny = first_nudge(half, task, path, loss=small).gradient / 1e-4
    plain = first_nudge(half, task, path, loss="spatial_ratio").gradient
    assert torch.nn.functional.cosine_similarity(tiny.flatten(), plain.flatten(), 0) > 0.99
