"""Checks of the notebooks' exercises: each explains what is wrong, and raises nothing."""

from dataclasses import dataclass

import numpy as np

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
