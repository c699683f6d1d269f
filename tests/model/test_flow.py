"""Flow matching's noise levels against diffusers' own Euler scheduler."""

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FlowMatchHeunDiscreteScheduler
from diffusers.pipelines.flux.pipeline_flux import calculate_shift

from magedit_lab.model.schedule import Flow, Level, Schedule, move, previous, to_eps, to_x0

SD3 = FlowMatchEulerDiscreteScheduler(shift=3.0)
FLUX = FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True, base_shift=0.5, max_shift=1.15)


@pytest.mark.parametrize("steps", [1, 4, 28, 50])
def test_timesteps_are_those_that_stable_diffusion_3_asks_for(steps):
    own = Schedule.of(SD3, torch.float64)
    SD3.set_timesteps(steps)
    assert isinstance(own, Flow)
    assert own.timesteps(steps) == pytest.approx(SD3.timesteps.tolist(), rel=1e-6)


@pytest.mark.parametrize(("steps", "cells"), [(4, 256), (28, 1024), (28, 4096)])
def test_timesteps_are_those_that_the_flux_pipeline_asks_for(steps, cells):
    FLUX.set_timesteps(sigmas=np.linspace(1.0, 1 / steps, steps), mu=calculate_shift(cells))
    assert Schedule.of(FLUX, torch.float64).timesteps(steps, cells) == pytest.approx(FLUX.timesteps.tolist(), rel=1e-6)


def test_a_whole_run_equals_diffusers_euler_steps():
    own, steps = Schedule.of(SD3, torch.float32), 20
    SD3.set_timesteps(steps)
    generator = torch.Generator().manual_seed(0)
    ours = theirs = torch.randn(1, 4, 8, 8, generator=generator)
    for i, t in enumerate(times := tuple(own.timesteps(steps))):
        v = torch.randn(1, 4, 8, 8, generator=generator)
        ours = move(ours, v, own.at(t), own.at(previous(times, i)))
        theirs = SD3.step(v, SD3.timesteps[i], theirs).prev_sample
        assert torch.allclose(ours, theirs, rtol=0, atol=1e-6)


@pytest.mark.parametrize("form", ["velocity", "noise"])
def test_every_move_equals_the_euler_step_in_float64(form):
    """z + (s' - s) v, with diffusers' sigmas; as noise, by DDIM's own formula from levels 1 - s and s."""
    own, steps = Schedule.of(SD3, torch.float64), 20
    SD3.set_timesteps(steps)
    sigmas, times = SD3.sigmas.double(), tuple(own.timesteps(steps))
    for i, t in list(enumerate(times))[form == "noise" :]:  # of pure noise, eps says nothing of the picture
        z, v = torch.randn(2, 1, 4, 8, 8, dtype=torch.float64)
        here, there = own.at(t), own.at(previous(times, i))
        if form == "noise":
            here, there = Level(*here[:2]), Level(*there[:2])
            moved = move(z, to_eps(v, z, here, "flow_prediction"), here, there)
        else:
            moved = move(z, v, here, there)
        assert (moved - (z + (sigmas[i + 1] - sigmas[i]) * v)).abs().max() < 1e-12


def test_picture_and_noise_of_a_velocity_make_up_the_latent():
    own = Schedule.of(SD3, torch.float64)
    here, (picture, noise) = own.at(700.0), torch.randn(2, 1, 4, 8, 8, dtype=torch.float64)
    z = here.signal * picture + here.noise * noise
    assert torch.allclose(to_x0(z, noise - picture, here), picture)
    assert torch.allclose(to_eps(noise - picture, z, here, "flow_prediction"), noise)


def test_the_finished_latent_is_all_signal_and_the_first_all_noise():
    own = Schedule.of(SD3, torch.float32)
    assert [x.item() for x in own.at(-1)[:2]] == [1, 0]
    assert [x.item() for x in own.at(own.timesteps(8)[0])[:2]] == [0, 1]
    assert own.sigma(250.0) == 0.25


@pytest.mark.parametrize(
    "scheduler",
    [FlowMatchHeunDiscreteScheduler(), FlowMatchEulerDiscreteScheduler(stochastic_sampling=True),
     FlowMatchEulerDiscreteScheduler(invert_sigmas=True)],
)  # fmt: skip
def test_other_flows_are_refused_in_one_line(scheduler):
    with pytest.raises(ValueError, match=r"^expected .*, got .*; (set|build)"):
        Schedule.of(scheduler, torch.float32)


@pytest.mark.parametrize("steps", [0, 1001])
def test_impossible_step_counts_are_refused(steps):
    with pytest.raises(ValueError, match=f"expected 1 to 1000 steps, got {steps}"):
        Schedule.of(SD3, torch.float32).timesteps(steps)
