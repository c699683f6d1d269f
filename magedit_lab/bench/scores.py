"""What can be said of an edit in a few numbers, without a model that judges."""

from PIL import Image

from .. import scenes
from ..trace.trace import Trace
from . import metrics

Scores = dict[str, float | str]


def of(trace: Trace, ideal: Image.Image | None = None) -> Scores:
    """PSNR and SSIM outside the mask; for each edit word that is a colour, the colour nearest to what came of it; with
    the ideal edit, the error to it inside the mask. ValueError for a trace without a result."""
    if trace.result is None:
        raise ValueError("expected a finished trace, got one without a result; run it to its last step")
    task = trace.task
    outside = metrics.background(task.image, trace.result, task.region.numpy())
    scores: Scores = {"background PSNR": outside["psnr"], "background SSIM": outside["ssim"]}
    for goal in task.goals:
        if goal.word in scenes.COLOURS:
            scores[f"“{goal.word}” looks"] = scenes.nearest_colour(trace.result, goal.mask.numpy())
    if ideal is not None:
        scores["error to the ideal"] = metrics.error_to_ideal(trace.result, ideal, task.region.numpy())
    return scores


def spoken(scores: Scores) -> list[str]:
    """Each score in a few words, PSNR in decibels, numbers in three digits."""
    units = {"background PSNR": " dB"}
    return [
        f"{name} {value if isinstance(value, str) else f'{value:.3g}'}{units.get(name, '')}"
        for name, value in scores.items()
    ]
