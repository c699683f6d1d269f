import pytest
import torch

from magedit_lab.methods.shared import losses

HEADS, PIXELS, TOKENS = 2, 9, 5


@pytest.fixture
def probs():
    torch.manual_seed(0)
    return torch.rand(HEADS, PIXELS, TOKENS, dtype=torch.float64).softmax(-1)


@pytest.fixture
def mask():
    return torch.tensor([0, 1, 1, 0, 1, 0, 0, 0, 1], dtype=torch.float64)


def literal_token_ratio(probs, mask, word, over, per_head):
    maps = list(probs) if per_head else [sum(probs) / len(probs)]
    values = []
    for a in maps:
        total = 0.0
        for pixel in range(PIXELS):
            ratios = [a[pixel, i] / sum(a[pixel, j] for j in over) for i in word]
            total += mask[pixel] * sum(ratios) / len(word)
        values.append((1 - total / sum(mask)) ** 2)
    return sum(values) / len(values)


def literal_spatial_ratio(probs, mask, word, lam, per_head):
    maps = list(probs) if per_head else [sum(probs) / len(probs)]
    values = []
    for a in maps:
        heat = sum(a[:, i] for i in word)
        share = sum(mask[p] * heat[p] for p in range(PIXELS)) / sum(heat)
        values.append(lam * (1 - share) - share)
    return sum(values) / len(values)


@pytest.mark.parametrize("per_head", [True, False])
@pytest.mark.parametrize("word", [[2], [1, 2]])
def test_eq_1_and_eq_2_equal_their_literal_transcription(probs, mask, word, per_head):
    everything = range(TOKENS)
    common = [3, 4]
    found = losses.token_ratio(probs, mask, word, None, per_head)
    assert found.item() == pytest.approx(literal_token_ratio(probs, mask, word, everything, per_head).item(), rel=1e-12)
    found = losses.token_ratio(probs, mask, word, common, per_head)
    assert found.item() == pytest.approx(
        literal_token_ratio(probs, mask, word, [*word, *common], per_head).item(), rel=1e-12
    )
    found = losses.spatial_ratio(probs, mask, word, 3.0, per_head)
    assert found.item() == pytest.approx(literal_spatial_ratio(probs, mask, word, 3.0, per_head).item(), rel=1e-12)


def test_eq_3_and_eq_5_equal_their_literal_transcription():
    a, b = torch.tensor(0.7, dtype=torch.float64), torch.tensor(0.2, dtype=torch.float64)
    assert losses.with_negative(a, b, 2.5, 5.5).item() == pytest.approx(2.5 * 0.7 - 5.5 * 0.2)
    assert losses.weighted([a, b], [0.25, 0.75]).item() == pytest.approx(0.25 * 0.7 + 0.75 * 0.2)


@pytest.mark.parametrize("per_head", [True, False])
def test_gradients_are_right(probs, mask, per_head):
    probs.requires_grad_(True)
    assert torch.autograd.gradcheck(lambda p: losses.token_ratio(p, mask, [2], None, per_head), probs)
    assert torch.autograd.gradcheck(lambda p: losses.token_ratio(p, mask, [1, 2], [3], per_head), probs)
    assert torch.autograd.gradcheck(lambda p: losses.spatial_ratio(p, mask, [1, 2], 3.0, per_head), probs)


def test_a_word_that_takes_all_attention_has_no_loss_left(mask):
    probs = torch.zeros(HEADS, PIXELS, TOKENS, dtype=torch.float64)
    probs[..., 2] = 1
    assert losses.token_ratio(probs, mask, [2]) == 0


def test_the_spatial_ratio_runs_from_lambda_to_minus_one(mask):
    probs = torch.zeros(1, PIXELS, TOKENS, dtype=torch.float64)
    probs[0, :, 2] = mask
    assert losses.spatial_ratio(probs, mask, [2]) == -1
    probs[0, :, 2] = 1 - mask
    assert losses.spatial_ratio(probs, mask, [2], lam=3.0) == 3
