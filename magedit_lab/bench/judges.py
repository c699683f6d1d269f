"""The models that judge a finished edit, and its scores by them."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from .. import scenes
from ..task import Task
from . import metrics
from .cases import Case
from .lpips import Lpips


@dataclass(frozen=True, eq=False)
class Judges:
    """The models that score: local CLIP, structure distance, and for rivals the same CLIP.

    pie: whether PIE-Bench's own columns are scored besides. lpips: for one of them, where its weights are given.
    """

    clip: metrics.Clip
    structure: metrics.Structure
    pie: bool = False
    lpips: Lpips | None = None

    @classmethod
    def load(
        cls, clip: str = "tabletop-clip", structure: str = "tabletop-clip", pie: bool = False, lpips: str | None = None
    ) -> "Judges":
        """By the models' names; lpips: the folder of its weights."""
        own = Lpips.load(lpips) if lpips else None
        return cls(metrics.Clip(clip), metrics.Structure(structure), pie, own)

    def scores(self, case: Case, task: Task, result: Image.Image) -> dict[str, float]:
        """A finished edit's scores; `success` and `ideal` only where the case knows its ideal edit."""
        mask = task.region.numpy()
        before, after = (metrics.crop(image, mask) for image in (task.image, result))
        measures = {
            "clip": self.clip.score(after, case.phrase),
            "structure": self.structure.distance(before, after),
            **metrics.background(task.image, result, mask),
        }
        if self.pie:
            measures |= self.pie_bench(task, result)
        if case.ideal is not None:
            ideal = case.ideal.resize(result.size, Image.Resampling.LANCZOS)
            measures["ideal"] = metrics.error_to_ideal(result, ideal, mask)
            measures["success"] = float(self._success(case, after, result, mask))
        return measures

    def pie_bench(self, task: Task, result: Image.Image) -> dict[str, float]:
        """PIE-Bench's columns, on the scales of its table: structure distance and LPIPS times 1000, MSE times 10000,
        SSIM times 100; the background as it codes it, and CLIP of the whole pictures and of the edited part with the
        rest black. LPIPS is left out where no weights are given, the background where the mask leaves none."""
        mask = task.region.numpy()
        scores = {
            "pie_structure": 1000 * self.structure.distance(task.image, result, as_pie_bench=True),
            "pie_clip_source": self.clip.score(task.image, task.source),
            "pie_clip": self.clip.score(result, task.target),
            "pie_clip_part": self.clip.score(metrics.blackened(result, mask), task.target),
        }
        if (mask >= 0.5).all():
            return scores
        outside = metrics.background(task.image, result, mask)
        scores |= {"pie_psnr": outside["psnr"], "pie_mse": 1e4 * outside["mse"], "pie_ssim": 100 * outside["ssim"]}
        if self.lpips:
            a, b = (metrics.unit(image) * (mask < 0.5)[..., None] for image in (task.image, result))
            scores["pie_lpips"] = 1000 * self.lpips.distance(a, b)
        return scores

    def _success(self, case: Case, after: Image.Image, result: Image.Image, mask: np.ndarray) -> bool:
        """A colour by its mean in the mask, a texture or a kind by CLIP's choice among all there are."""
        if case.change == "colour":
            return scenes.nearest_colour(result, mask) == case.task.words[0]
        return self.clip.choose(after, [case.phrase, *case.rivals]) == 0
