"""Checks of notebook 12."""

from collections.abc import Sequence

import magedit_lab as mag

from .verdict import Verdict, right, wrong


def check_times(answer: object, net: mag.Backbone) -> Verdict:
    """The first and last of 50 timesteps, with the offset of Stable Diffusion's pipelines."""
    expected = (net.schedule.timesteps(50)[0], net.schedule.timesteps(50)[-1])
    if answer is None or answer == (None, None):
        return wrong("first, last are still None; the stride is 1000 // 50")
    if not isinstance(answer, tuple) or len(answer) != 2:
        return wrong("expected two numbers: the first timestep and the last")
    if tuple(answer) == expected:
        return right(f"{expected[0]} ... {expected[1]}: the offset of 1 moves all fifty")
    if tuple(answer) == (expected[0] - 1, expected[1] - 1):
        return wrong("that is without the offset, which the pipeline sets to 1 for every scheduler")
    if tuple(answer) == (999, 0):
        return wrong("evenly spaced from 999 to 0 is another spacing; here each is a multiple of the stride, plus 1")
    return wrong(f"{answer}: multiples of 1000 // 50 from 0 to 980, plus the offset")


def check_largest(answer: object, sizes: Sequence[mag.bench.departures.Size]) -> Verdict:
    """The departure that changes the latent most, presets left out."""
    single = {size.departure.setting: size.latent for size in sizes if not size.departure.setting.startswith("all of")}
    if answer is None:
        return wrong("largest is still None; give the name of a setting")
    if not isinstance(answer, str) or answer not in single:
        return wrong(f"{answer!r} is none of: {', '.join(single)}")
    largest = max(single, key=lambda name: single[name])
    if answer == largest:
        return right(f"{largest} changes {single[largest]:.0%} of the latent on this scene; another may say otherwise")
    return wrong(f"{answer} changes {single[answer]:.1%}, and another changes more")
