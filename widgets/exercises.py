"""Checks of the notebooks' exercises: each explains what is wrong, and raises nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

import magedit_lab as mag


@dataclass(frozen=True)
class Verdict:
    """Whether an answer is right, and why; shown as a line of text."""

    right: bool
    words: str

    def __repr__(self) -> str:
        return f"{'Right' if self.right else 'Not yet'}: {self.words}"


def check_other_object(answer: object, task: mag.Task, scene: mag.scenes.Scene) -> Verdict:
    """00: a task whose mask is the look-alike that the given task leaves alone."""
    if answer is None:
        return Verdict(False, "my_task is still None; make it with replace(task, mask=scene.masks[…])")
    if not isinstance(answer, mag.Task):
        return Verdict(False, f"my_task should be a Task, not {type(answer).__name__}")
    overlap = [(answer.region * mag.masks.as_mask(m)).sum() / m.sum() for m in scene.masks]
    chosen = int(np.argmax(overlap))
    first = int(np.argmax([(task.region * mag.masks.as_mask(m)).sum() / m.sum() for m in scene.masks]))
    if chosen == first:
        return Verdict(False, "that is the mask of the same object again; take another of scene.masks")
    if scene.things[chosen].kind != scene.things[first].kind:
        return Verdict(False, f"mask {chosen} is the {scene.things[chosen].kind}; look for the second "
                              f"{scene.things[first].kind}")  # fmt: skip
    return Verdict(True, f"the mask is now the other {scene.things[first].kind}'s; run it as above")


def check_best_step(answer: object, trace: mag.Trace) -> Verdict:
    """00: the step at which the word's share inside the mask is largest."""
    if answer is None:
        return Verdict(False, "best is still None; trace.share(word) gives one number a step")
    share, best = trace.share(trace.task.words[0]), int(trace.share(trace.task.words[0]).argmax())
    if not isinstance(answer, int | np.integer) or not 0 <= answer < len(share):
        return Verdict(False, f"expected a step from 0 to {len(share) - 1}, got {answer!r}")
    if answer != best:
        return Verdict(False, f"at step {answer} the share is {share[answer]:.0%}, but a larger one can be found")
    return Verdict(True, f"at step {best} the share is {share[best]:.0%}")


def _number(answer: object, right: float, name: str, tolerance: float, good: str, bad: str) -> Verdict:
    """A number within `tolerance` of the right one."""
    if answer is None:
        return Verdict(False, f"{name} is still None; fill in the cell above and run it")
    try:
        value = float(answer)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return Verdict(False, f"{name} should be a number, not {type(answer).__name__}")
    return Verdict(True, good) if abs(value - right) <= tolerance else Verdict(False, f"{value:g}: {bad}")


def check_timestep(answer: object, net: mag.Backbone) -> Verdict:
    """01: where alpha-bar is a half."""
    right = int((net.alphas - 0.5).abs().argmin())
    return _number(answer, right, "half", 1, f"at t = {right} signal and noise are equally strong",
                   "there, alpha-bar is not 1/2; look for the smallest distance")  # fmt: skip


def check_step(answer: Callable) -> Verdict:
    """01: a DDIM step, against the library's on random numbers."""
    torch.manual_seed(0)
    z, eps, here, there = torch.randn(2, 3), torch.randn(2, 3), torch.tensor(0.3), torch.tensor(0.6)
    found = answer(z, eps, here, there)
    if found is None:
        return Verdict(False, "step returns None; it should return the latent at the next noise level")
    if not isinstance(found, torch.Tensor) or found.shape != z.shape:
        return Verdict(False, f"step should return a latent of shape {tuple(z.shape)}")
    if torch.allclose(found, mag.ddim.move(z, eps, here, there), atol=1e-5):
        return Verdict(True, "that is DDIM, as in ddim.move")
    if torch.allclose(found, mag.ddim.to_x0(z, eps, here), atol=1e-5):
        return Verdict(False, "that is the foreseen latent without noise; add noise at the level of `there`")
    return Verdict(False, "not equal to a DDIM step; check which alpha-bar stands where")


def check_sum(answer: object, probs: torch.Tensor) -> Verdict:
    """02: attention sums to one over the tokens."""
    if answer is None:
        return Verdict(False, "axis is still None; try probs.sum(0), probs.sum(1) and probs.sum(2)")
    if answer not in (0, 1, 2):
        return Verdict(False, f"axis should be 0, 1 or 2, not {answer!r}")
    sums = probs.sum(int(answer))
    if answer == 2:
        return Verdict(True, "each cell shares out its attention among all tokens")
    return Verdict(False, f"over axis {answer} the sums run from {sums.min():.2f} to {sums.max():.2f}")


def check_share(answer: object, trace: mag.Trace, step: int) -> Verdict:
    """02: the share of the edit word's attention inside the mask."""
    right = trace.share(trace.task.words[0])[step]
    return _number(answer, right, "inside", 0.005, f"{right:.1%}, as trace.share says",
                   "divide what lies inside by the sum of the whole map")  # fmt: skip


def check_drift(answer: object, psnr: Mapping[str, float]) -> Verdict:
    """03: the inversion with the lowest PSNR."""
    worst = min(psnr, key=lambda name: psnr[name])
    if answer is None:
        return Verdict(False, "worst is still None; it should be one of the names in psnr")
    if answer not in psnr:
        return Verdict(False, f"{answer!r} is none of: {', '.join(psnr)}")
    if answer == worst:
        return Verdict(True, f"{worst} reaches {psnr[worst]:.1f} dB only: guidance leaves the inverted route")
    return Verdict(False, f"{answer} has {psnr[str(answer)]:.1f} dB, and there is a lower one")


def check_exact(answer: object) -> Verdict:
    """03: only direct inversion ends at the latent itself."""
    if answer is None:
        return Verdict(False, "exact is still None; compare path.latents[-1:] with net.encode(task.image)")
    if answer == ["direct"]:
        return Verdict(True, "direct inversion replays the recorded latents; null-text comes near, and records that")
    return Verdict(False, f"{answer}: the path must replay its latents, and the last must equal the picture's own")


def check_alignment(answer: object, net: mag.Backbone) -> Verdict:
    """04: which source token a target token repeats."""
    right = int(mag.words.refinement(net.tokenizer, "a ball and a box", "a red ball and a box")[3])
    return _number(answer, right, "origin", 0, f"token {right}: start is 0, a is 1, ball is 2",
                   "count in the source, from the start token, which is 0")  # fmt: skip


def check_outside(answer: object, task: mag.Task, runs: Mapping[str, mag.Trace]) -> Verdict:
    """04: background PSNR without and with the mask's blend."""
    if answer is None:
        return Verdict(False, "outside is still None; it should be a list of two numbers")
    mask = task.region.numpy()
    results = [runs[name].result for name in ("P2P", "blend by mask")]
    right = [mag.metrics.background(task.image, result, mask)["psnr"] for result in results if result is not None]
    if not isinstance(answer, list | tuple) or len(answer) != 2:
        return Verdict(False, "outside should be a list of two numbers, first P2P's")
    if np.allclose(answer, right, atol=0.05):
        return Verdict(
            True, f"{right[0]:.1f} dB without and {right[1]:.1f} dB with the blend; the rest is the decoder's"
        )
    return Verdict(False, f"expected PSNR outside the mask, got {[round(float(a), 1) for a in answer]}")


def check_token_ratio(answer: Callable) -> Verdict:
    """05: Eq. 1 for one head, against the library's."""
    torch.manual_seed(0)
    probs, mask = torch.rand(6, 4).softmax(1), torch.tensor([1.0, 1.0, 0.0, 0.0, 1.0, 0.0])
    found = answer(probs, mask, 2)
    if found is None:
        return Verdict(False, "token_ratio returns None; it should return the loss")
    right = mag.losses.token_ratio(probs[None], mask, [2]).item()
    mean = 1 - right**0.5
    if abs(float(found) - mean) < 1e-5:
        return Verdict(False, "that is the mean ratio; the loss is the square of what is missing to 1")
    return _number(found, right, "the loss", 1e-5, f"{right:.4f}, as losses.token_ratio says",
                   f"on the test's map the loss is {right:.4f}")  # fmt: skip


def check_spatial(answer: object) -> Verdict:
    """05: Eq. 2 at a half."""
    return _number(answer, 1.0, "loss", 1e-6, "3 x 0.5 - 0.5 = 1", "put a = 0.5 into lambda (1 - a) - a")
