"""Checks of notebook 08."""

import numpy as np
import torch

import magedit_lab as mag
from magedit_lab.methods.masactrl import MasaCtrl

from .verdict import Verdict, right, wrong


def reads_mask(name: str) -> bool:
    """Whether the method of this name reads the task's mask."""
    return mag.METHODS[name].needs_mask


def check_mask_readers(answer: object, names: list[str]) -> Verdict:
    """Those of `names` that never read the task's mask."""
    if answer is None:
        return wrong("blind is still None; it should be a set of names")
    if not isinstance(answer, set | frozenset | list | tuple):
        return wrong(f"blind should be a set of names, not {type(answer).__name__}")
    given = {str(name) for name in answer}
    if strange := given - set(names):
        return wrong(f"{min(strange)!r} is none of: {', '.join(names)}")
    if readers := sorted(filter(reads_mask, given)):
        return wrong(f"{readers[0]} does read it: look at what its settings say of the mask")
    if missing := sorted({name for name in names if not reads_mask(name)} - given):
        return wrong(f"{len(missing)} more of them never read it; compare with the figures above")
    return right(f"{', '.join(sorted(given))}: the words, or the noise, must find the place")


def check_base(answer: object) -> Verdict:
    """MAG-Edit on MasaCtrl with its mask."""
    if answer is None:
        return wrong("method is still None; mag.MagEdit takes a base")
    if isinstance(answer, MasaCtrl):
        return wrong("that is the base alone; put it into mag.MagEdit(base=…)")
    if not isinstance(answer, mag.MagEdit):
        return wrong(f"method should be a MagEdit, not {type(answer).__name__}")
    if not isinstance(answer.base, MasaCtrl):
        return wrong(f"its base is {type(answer.base).__name__}; take MasaCtrl")
    if not answer.base.masked:
        return wrong("its base looks at the whole source; MasaCtrl(masked=True) keeps inside and outside apart")
    if answer.iterations == 0:
        return wrong("with 0 iterations it is MasaCtrl itself")
    return right("self attention comes from the source, and the nudges bring the word into the mask")


def check_paste(answer: object, net: mag.Backbone, task: mag.Task, path: mag.Path) -> Verdict:
    """A method of one's own that puts the source back outside the mask after every step."""
    if not isinstance(answer, mag.Method):
        return wrong(f"expected a method with bind(run), got {type(answer).__name__}; make one: Paste()")
    try:
        steps = list(mag.edit(net, task, path, answer))
    except Exception as error:  # whatever a first try raises, it is shown as a reason
        return wrong(f"the run raised {type(error).__name__}: {' '.join(str(error).split())[:160]}")
    mask = mag.masks.to_cells(task.region, *path.latents.shape[-2:]).to(path.latents) > 0
    inside, outside = (_same(steps, m) for m in (mask, ~mask))
    if outside.all():
        if inside.all():
            return wrong("nothing is edited: inside the mask, too, the source was put back")
        return right("outside the mask every step is the source; that is what a blend does")
    if inside.all():
        return wrong("the mask is the wrong way round: the source stands inside, the edit outside")
    if outside[-1]:
        return wrong(f"only {outside.sum()} of {len(outside)} steps have the source outside; blend at every step")
    return wrong("outside the mask the latent is not the source's; blend(now, step) should return the mixture")


def _same(steps: list[mag.Step], where: torch.Tensor) -> np.ndarray:
    """At which steps the target equals the source in these cells."""
    return np.array([torch.allclose(s.target[..., where], s.source[..., where], atol=1e-5) for s in steps])
