"""Checks of notebook 06."""

import numpy as np
from PIL import Image

import magedit_lab as mag

from .verdict import Verdict, right, wrong

ENOUGH = 0.7


def check_strokes(answer: object, image: Image.Image, mask: np.ndarray) -> Verdict:
    """Strokes that cover an object: at least ENOUGH of what either of both covers is covered by both."""
    try:
        painted = mag.masks.strokes.rasterise(mag.masks.strokes.check(answer), image.width, image.height, image) > 0
    except ValueError as error:
        return wrong(str(error))
    thing = np.asarray(mask) >= 0.5
    if not painted.any():
        return wrong("nothing is painted yet; one box or polygon over the object is enough to begin with")
    both, either = (painted & thing).sum(), (painted | thing).sum()
    if both / either >= ENOUGH:
        return right(f"the strokes share {both / either:.0%} with the object's own mask")
    missed, over = 1 - both / thing.sum(), 1 - both / painted.sum()
    if not both:
        return wrong("the strokes do not touch the object; x runs to the right and y runs down, both from 0 to 1")
    if missed > over:
        return wrong(f"{missed:.0%} of the object is not covered; make the shape larger, or add a stroke")
    return wrong(f"{over:.0%} of what is painted lies beside the object; make it smaller, or erase")


def check_no_guidance(answer: object) -> Verdict:
    """A change of settings with which MAG-Edit is its base method, bit for bit."""
    if answer is None:
        return wrong("change is still None; it should be a dict with one setting and its value")
    if not isinstance(answer, dict):
        return wrong(f'change should be a dict such as {{"loss": "spatial_ratio"}}, not {type(answer).__name__}')
    try:
        method = mag.settings.change(mag.MagEdit(), answer)
    except ValueError as error:
        return wrong(str(error))
    if method.iterations == 0 or method.stop_step == 0:
        return right("no nudge is made, so what remains is the base method")
    if method.step_size == 0:
        return wrong("the picture would be the same, but every gradient is still computed, and multiplied by 0")
    guided = "half of the steps" if method.stop_step is None else f"the first {method.stop_step} steps"
    return wrong(f"there would still be {method.iterations} nudges in each of {guided}")
