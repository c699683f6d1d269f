"""Checks of notebook 00."""

import numpy as np

import magedit_lab as mag

from .verdict import Verdict, right, wrong


def check_other_object(answer: object, task: mag.Task, scene: mag.scenes.Scene) -> Verdict:
    """A task whose mask is the look-alike that the given task leaves alone."""
    if answer is None:
        return wrong("my_task is still None; make it with replace(task, mask=scene.masks[…])")
    if not isinstance(answer, mag.Task):
        return wrong(f"my_task should be a Task, not {type(answer).__name__}")
    chosen, first = _masked(answer, scene), _masked(task, scene)
    if chosen == first:
        return wrong("that is the mask of the same object again; take another of scene.masks")
    if scene.things[chosen].kind != scene.things[first].kind:
        return wrong(
            f"mask {chosen} is the {scene.things[chosen].kind}; look for the second {scene.things[first].kind}"
        )
    return right(f"the mask is now the other {scene.things[first].kind}'s; run it as above")


def _masked(task: mag.Task, scene: mag.scenes.Scene) -> int:
    """The thing that a task's mask covers most of."""
    return int(np.argmax([(task.region * mag.masks.as_mask(m)).sum() / m.sum() for m in scene.masks]))


def check_best_step(answer: object, trace: mag.Trace) -> Verdict:
    """The step at which the word's share inside the mask is largest."""
    if answer is None:
        return wrong("best is still None; trace.share(word) gives one number a step")
    share = trace.share(trace.task.words[0])
    best = int(share.argmax())
    if isinstance(answer, float | np.floating) and abs(float(answer) - share[best]) < 1e-6:
        return wrong("that is the largest share itself; the question is at which step: argmax, not max")
    if not isinstance(answer, int | np.integer) or not 0 <= answer < len(share):
        return wrong(f"expected a step from 0 to {len(share) - 1}, got {answer!r}")
    if answer != best:
        return wrong(f"at step {answer} the share is {share[answer]:.0%}, but a larger one can be found")
    return right(f"at step {best} the share is {share[best]:.0%}")
