"""Checks of notebook 01."""

import torch

import magedit_lab as mag
from magedit_lab.model.schedule import Level

from .verdict import Verdict, called, number, right, wrong


def check_timestep(answer: object, net: mag.Backbone) -> Verdict:
    """Where alpha-bar is a half."""
    half = int((net.schedule.alphas - 0.5).abs().argmin())
    middle = len(net.schedule.alphas) // 2
    return number(
        answer, half, "half", 1, f"at t = {half} signal and noise are equally strong",
        "there, alpha-bar is not 1/2; look for the smallest distance",
        {middle: "that is half of the timesteps, and alpha-bar does not fall evenly",
         0.5: "that is alpha-bar; the question is at which t it has this value"},
    )  # fmt: skip


def check_step(answer: object) -> Verdict:
    """A DDIM step, against the library's on random numbers."""
    generator = torch.Generator().manual_seed(0)
    z, eps = torch.randn(2, 3, generator=generator), torch.randn(2, 3, generator=generator)
    here, there = (Level(torch.tensor(a).sqrt(), torch.tensor(1 - a).sqrt()) for a in (0.3, 0.6))
    result, failed = called(answer, z, eps, here, there)
    if failed:
        return failed
    if not isinstance(result, torch.Tensor) or result.shape != z.shape:
        return wrong(f"step should return a latent of shape {tuple(z.shape)}")
    z0 = mag.model.schedule.to_x0(z, eps, here)
    slips = {
        "that is the foreseen latent without noise; add noise at the level of `there`": z0,
        "here and there have changed places": mag.model.schedule.move(z, eps, there, here),
        "noise was added to z, which is noisy already; add it to the foreseen latent": mag.model.schedule.add_noise(
            z, eps, there
        ),
        "signal and noise are square roots of alpha-bar already; take no more of them": (
            there.signal.sqrt() * z0 + there.noise.sqrt() * eps
        ),
    }
    if torch.allclose(result, mag.model.schedule.move(z, eps, here, there), atol=1e-5):
        return right("that is DDIM, as in schedule.move")
    for why, slip in slips.items():
        if torch.allclose(result, slip, atol=1e-5):
            return wrong(why)
    return wrong("not equal to a DDIM step; check which level stands where")
