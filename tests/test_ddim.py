import pytest
import torch
from diffusers import DDIMInverseScheduler, DDIMScheduler

from magedit_lab import ddim

CONFIG = {
    "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "clip_sample": False,
    "set_alpha_to_one": False,
}  # fmt: skip


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("steps", [1, 10, 50])
def test_a_whole_run_equals_diffusers_ddim(prediction, steps):
    scheduler = DDIMScheduler(**CONFIG, prediction_type=prediction)
    scheduler.set_timesteps(steps)
    alphas = scheduler.alphas_cumprod
    assert ddim.timesteps(steps) == scheduler.timesteps.tolist()
    generator = torch.Generator().manual_seed(0)
    ours = theirs = torch.randn(1, 4, 8, 8, generator=generator)
    for i, t in enumerate(times := ddim.timesteps(steps)):
        out = torch.randn(1, 4, 8, 8, generator=generator)
        there = alphas[times[i + 1]] if i + 1 < steps else scheduler.final_alpha_cumprod
        ours = ddim.move(ours, ddim.to_eps(out, ours, alphas[t], prediction), alphas[t], there)
        theirs = scheduler.step(out, t, theirs).prev_sample
        assert torch.allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_the_way_up_equals_diffusers_inverse_scheduler():
    scheduler = DDIMInverseScheduler(**CONFIG)
    scheduler.set_timesteps(10)
    z = torch.randn(1, 4, 8, 8)
    eps = torch.randn(1, 4, 8, 8)
    t = 300
    expected = scheduler.step(eps, t, z).prev_sample
    before = scheduler.alphas_cumprod[t - 100]
    assert torch.allclose(ddim.move(z, eps, before, scheduler.alphas_cumprod[t]), expected, atol=1e-5)


def test_a_move_and_its_way_back_cancel():
    z, eps = torch.randn(2, 1, 4, 8, 8, dtype=torch.float64)
    a, b = torch.tensor(0.9, dtype=torch.float64), torch.tensor(0.2, dtype=torch.float64)
    assert torch.allclose(ddim.move(ddim.move(z, eps, a, b), eps, b, a), z)


@pytest.mark.parametrize("steps", [0, -3, 1001])
def test_impossible_step_counts_are_refused(steps):
    with pytest.raises(ValueError, match=f"expected 1 to 1000 steps, got {steps}"):
        ddim.timesteps(steps)


def test_an_unknown_prediction_type_is_refused():
    with pytest.raises(ValueError, match="epsilon or v"):
        ddim.to_eps(torch.zeros(1), torch.zeros(1), torch.tensor(0.5), "sample")
