"""Checks of the student's own MAG-Edit: each piece against the library, with the same numbers."""

from functools import cache
from typing import Any

import torch

import magedit_lab as mag
from magedit_lab.methods.prompt_to_prompt import PromptToPrompt
from magedit_lab.methods.shared.blend import LATE

from .latents import check_step
from .mag_edit import check_nudge, check_token_ratio
from .verdict import Verdict, called, right, wrong

__all__ = ["check_inject", "check_invert", "check_loop", "check_maps", "check_nudge", "check_step", "check_token_ratio"]

STEPS, NUDGES, DELTA = 4, 1, 5.0


@cache
def _lesson() -> Any:
    """A short edit of a small scene by the shipped model, for checks."""
    from ..given import Given

    net = mag.Backbone.load("tabletop")
    task, _ = mag.bench.demo.complex_task(mag.bench.demo.Demo().seed).fit(net.size, net.size)
    return Given(net, task, mag.invert(net, task, mag.Direct(STEPS, 4.0)))


def _near(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Equal but for the order of additions."""
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-4, atol=1e-5)


def check_maps(answer: object) -> Verdict:
    """A reader of maps: every site that is asked for, unchanged or as `change` makes it."""
    given = _lesson()
    z, t, names = given.noise, given.times[0], given.sites[:2]
    half = {names[0]: lambda probs: probs / 2}
    with torch.no_grad():
        maps, failed = called(answer, given.net, z, t, given.target, names)
        if failed:
            return failed
        if not isinstance(maps, dict) or set(maps) != set(names):
            return wrong(f"expected a dict with the {len(names)} names that were asked for, got {_keys(maps)}")
        changed, failed = called(answer, given.net, z, t, given.target, names, half)
    if failed:
        return failed
    expected: dict[str, torch.Tensor] = {}
    hooks = {name: mag.model.hooks.recorder(expected, name) for name in names}
    with torch.no_grad():
        given.net.predict(z, t, given.target, hooks, until=names[-1])
    if not all(_near(maps[name], expected[name]) for name in names):
        return wrong("the maps are not those of the library's recorder; does the hook keep what it gets?")
    if not _near(changed[names[0]], expected[names[0]] / 2):
        return wrong("with `change` the map should be kept after the change, since the loss reads what the model uses")
    if _near(changed[names[1]], expected[names[1]]):
        return wrong("the model went on with the old map: the hook should also return what it keeps")
    return right("the maps of each site, as the library's recorder has them")


def _keys(maps: object) -> str:
    return ", ".join(map(str, maps)) or "none" if isinstance(maps, dict) else type(maps).__name__


def check_invert(answer: object) -> Verdict:
    """DDIM run backwards, against the path of the library's own inversion."""
    given = _lesson()
    z, text, times = given.path.latents[-1:], given.path.cond, list(given.times)
    with torch.no_grad():
        path, failed = called(answer, given.net, z, text, times)
    if failed:
        return failed
    if not isinstance(path, list) or len(path) != STEPS + 1:
        got = len(path) if isinstance(path, list) else type(path).__name__
        return wrong(f"expected a list of {STEPS + 1} latents, one more than there are steps, got {got}")
    latents = torch.cat(path)
    if _near(latents, given.path.latents):
        return right("the same latents as mag.invert, from noise to picture")
    if _near(latents.flip(0), given.path.latents):
        return wrong("the latents are right, in the other order; edits want them from noise to picture")
    if torch.equal(latents[-1:], z):
        return wrong("it ends at the picture, but the noise is another: from which level to which goes each step?")
    return wrong("the last latent of the list should be the picture's own")


def check_inject(answer: object) -> Verdict:
    """Source columns into the target's map, where a token has a partner."""
    source, probs = torch.rand(2, 3, 4), torch.rand(2, 3, 4)
    origin = torch.tensor([0, -1, 1, 3])
    hook, failed = called(answer, source, origin)
    if failed:
        return failed
    found, failed = called(hook, probs)
    if failed:
        return failed
    expected = torch.stack([source[..., 0], probs[..., 1], source[..., 1], source[..., 3]], -1)
    if not isinstance(found, torch.Tensor) or found.shape != probs.shape:
        return wrong("the hook should return a map of the same shape")
    if torch.equal(found, expected):
        return right("common tokens take the source's columns, the new one keeps its own")
    if torch.equal(found[..., 1], source[..., origin[1]]):
        return wrong("the new token took column -1, which is the last one: keep its own where origin is -1")
    if torch.equal(found, torch.where(origin >= 0, source, probs)):
        return wrong("each token took the column of the same number; a word that moved stands elsewhere in the source")
    return wrong("a common token should take the source's column `origin`, a new one keep its own")


def check_loop(answer: object) -> Verdict:
    """All of Algorithm 1: the final latent of mag.edit, to 1e-4."""
    given = _lesson()
    result, failed = called(answer, given, given.noise, NUDGES, DELTA)
    if failed:
        return failed
    method = mag.MagEdit(base=PromptToPrompt(blend=LATE), iterations=NUDGES, step_size=DELTA)
    unguided = mag.MagEdit(base=PromptToPrompt(blend=LATE), iterations=0)
    expected, plain = (list(mag.edit(given.net, given.task, given.path, m))[-1].target for m in (method, unguided))
    if not isinstance(result, torch.Tensor) or result.shape != expected.shape:
        return wrong(f"mag_edit should return a latent of shape {tuple(expected.shape)}")
    far = (result - expected).abs().max().item()
    if far < 1e-4:
        return right(f"the library's latent to {far:.0e}: this is MAG-Edit")
    if _near(result, plain):
        return wrong("that is Prompt-to-Prompt: no nudge moved the latent")
    return wrong(f"the latent is {far:.1e} from the library's; compare your loop with Algorithm 1 line by line")
