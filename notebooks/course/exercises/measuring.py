"""Checks of notebook 09."""

import numpy as np
from PIL import Image

from magedit_lab.bench import metrics, run
from magedit_lab.bench.cases import Case
from magedit_lab.bench.judges import Judges

from .verdict import Verdict, called, number, right, wrong

VALUES = (0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0)


def check_psnr(answer: object) -> Verdict:
    """PSNR of two pictures in 0-1, in decibels."""
    rng = np.random.default_rng(0)
    a = rng.random((8, 8, 3))
    b = (a + 0.1 * rng.standard_normal(a.shape)).clip(0, 1)
    result, failed = called(answer, a, b)
    if failed:
        return failed
    expected, error = metrics.psnr(a, b), metrics.mse(a, b)
    return number(
        result, expected, "psnr", 1e-3, f"{expected:.2f} dB on two test pictures, as metrics.psnr says",
        f"on the test's pictures it is {expected:.2f} dB",
        {-expected: "the sign: less error is more decibels",
         2 * expected: "a factor of 20 belongs to the root of the error; the mean square takes 10",
         -10 * np.log(error): "decibels take the logarithm to base 10: np.log10",
         error: "that is the mean squared difference; take -10 log10 of it"},
    )  # fmt: skip


def check_interval(answer: object) -> Verdict:
    """A bootstrap interval of the mean, against the library's on a dozen successes and failures."""
    values = np.array(VALUES)
    result, failed = called(answer, values)
    if failed:
        return failed
    try:
        low, high = (float(x) for x in result)
    except (TypeError, ValueError):
        return wrong("interval should return two numbers, the low and the high end")
    mean, least, most = run.interval(list(values))
    if low > high:
        return wrong("the low end comes first")
    if abs(low - least) <= 0.06 and abs(high - most) <= 0.06:
        return right(f"[{low:.2f}, {high:.2f}] around {mean:.2f}: with {len(values)} cases not much is certain")
    if high - low < 1e-9:
        return wrong("every mean is the same: draw with replacement, so that cases can be missing or come twice")
    if low <= 0 and high >= 1:
        return wrong("those are quantiles of the values; take them of the means of many samples")
    if high - low < 0.75 * (most - least):
        return wrong("the interval is too narrow: each sample has as many cases as there are, and the ends are 2.5 %")
    return wrong(f"expected about [{least:.2f}, {most:.2f}] on the test's values, got [{low:.2f}, {high:.2f}]")


def check_fool(answer: object, case: Case, judges: Judges) -> Verdict:
    """A picture with a perfect background and a perfect structure that is no edit."""
    if answer is None:
        return wrong("fool is still None; it should be a picture of the case's size")
    if not isinstance(answer, Image.Image) or answer.size != case.task.image.size:
        return wrong(f"fool should be a picture of {case.task.image.size[0]}x{case.task.image.size[1]}")
    scores = judges.scores(case, case.task, answer.convert("RGB"))
    if np.isfinite(scores["psnr"]):
        return wrong(f"its background PSNR is {scores['psnr']:.1f} dB; a perfect background is left as it was")
    if scores["structure"] > 1e-6:
        return wrong(f"its structure distance is {scores['structure']:.4f}; which picture is like the source itself?")
    return right("doing nothing wins the columns of background and structure; that is why success stands beside them")
