import pytest
import torch
from diffusers import (
    DDIMInverseScheduler,
    DDIMScheduler,
    DPMSolverSinglestepScheduler,
    EulerDiscreteScheduler,
    PNDMScheduler,
)

from magedit_lab.model.schedule import FINAL, Level, Schedule, move, previous, to_eps

CONFIG = {
    "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "clip_sample": False,
    "set_alpha_to_one": False,
}  # fmt: skip


def schedule(**more):
    return Schedule.of(DDIMScheduler(**CONFIG, **more), torch.float32)


def level(alpha):
    return Level(alpha.sqrt(), (1 - alpha).sqrt())


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("offset", [0, 1])
@pytest.mark.parametrize("steps", [1, 7, 10, 50, 999])
def test_a_whole_run_equals_diffusers_ddim(prediction, offset, steps):
    scheduler = DDIMScheduler(**CONFIG, prediction_type=prediction, steps_offset=offset)
    scheduler.set_timesteps(steps)
    own = Schedule.of(scheduler, torch.float32)
    assert own.timesteps(steps) == scheduler.timesteps.tolist()
    generator = torch.Generator().manual_seed(0)
    ours = theirs = torch.randn(1, 4, 8, 8, generator=generator)
    for i, t in list(enumerate(times := tuple(own.timesteps(steps))))[-50:]:
        out = torch.randn(1, 4, 8, 8, generator=generator)
        here, there = own.at(t), own.at(previous(times, i))
        ours = move(ours, to_eps(out, ours, here, prediction), here, there)
        theirs = scheduler.step(out, t, theirs).prev_sample
        assert torch.allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_the_way_up_equals_diffusers_inverse_scheduler():
    scheduler = DDIMInverseScheduler(**CONFIG)
    scheduler.set_timesteps(10)
    z = torch.randn(1, 4, 8, 8)
    eps = torch.randn(1, 4, 8, 8)
    t = 300
    expected = scheduler.step(eps, t, z).prev_sample
    before, after = level(scheduler.alphas_cumprod[t - 100]), level(scheduler.alphas_cumprod[t])
    assert torch.allclose(move(z, eps, before, after), expected, atol=1e-5)


def test_a_move_and_its_way_back_cancel():
    z, eps = torch.randn(2, 1, 4, 8, 8, dtype=torch.float64)
    a, b = (level(torch.tensor(alpha, dtype=torch.float64)) for alpha in (0.9, 0.2))
    assert torch.allclose(move(move(z, eps, a, b), eps, b, a), z)


def test_sigma_is_noise_over_signal():
    own = schedule()
    here = own.at(300)
    assert own.sigma(300) == pytest.approx((here.noise / here.signal).item(), rel=1e-6)


@pytest.mark.parametrize(("offset", "most"), [(0, 1000), (1, 999)])
def test_impossible_step_counts_are_refused(offset, most):
    own = schedule(steps_offset=offset)
    assert own.timesteps(most)[0] == 999
    for steps in (0, -3, most + 1):
        with pytest.raises(ValueError, match=f"expected 1 to {most} steps, got {steps}"):
            own.timesteps(steps)


@pytest.mark.parametrize("kind", [DDIMScheduler, PNDMScheduler, EulerDiscreteScheduler, DPMSolverSinglestepScheduler])
@pytest.mark.parametrize(("steps", "first"), [(10, [901, 801]), (20, [951, 901]), (50, [981, 961])])
def test_where_no_offset_was_set_it_is_the_pipelines_own(kind, steps, first):
    """As the papers' code makes its schedulers. diffusers puts its default of 0 into their configs."""
    scheduler = kind(**{name: value for name, value in CONFIG.items() if "beta" in name})
    assert scheduler.config.get("steps_offset", 0) == 0
    times = Schedule.of(scheduler, torch.float32).timesteps(steps)
    assert (times[:2], times[-1], len(times)) == (first, 1, steps)


def test_an_offset_of_0_that_was_set_is_taken():
    assert schedule(steps_offset=0).timesteps(50)[-1] == 0


def test_a_config_without_an_offset_has_the_pipelines_own():
    scheduler = DDIMScheduler(**CONFIG)
    scheduler._internal_dict = {k: v for k, v in scheduler.config.items() if k != "steps_offset"}
    assert Schedule.of(scheduler, torch.float32).timesteps(50)[-1] == 1


def test_the_last_step_moves_to_the_final_alpha():
    own = schedule(steps_offset=1)
    times = tuple(own.timesteps(50))
    assert previous(times, 49) == FINAL
    assert own.at(previous(times, 49)).signal > own.at(times[49]).signal


def test_an_unknown_prediction_type_is_refused():
    with pytest.raises(ValueError, match="epsilon or v"):
        to_eps(torch.zeros(1), torch.zeros(1), level(torch.tensor(0.5)), "sample")
    with pytest.raises(ValueError, match="epsilon or v"):
        schedule(prediction_type="sample")
