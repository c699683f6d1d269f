"""The models that judge a finished edit, and its scores by them."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from .. import scenes
from ..task import Task
from . import metrics
from .cases import Case


@dataclass(frozen=True, eq=False)
class Judges:
    """The models that score: local CLIP, structure distance, and for rivals the same CLIP."""

    clip: metrics.Clip
    structure: metrics.Structure

    @classmethod
    def load(cls, clip: str = "tabletop-clip", structure: str = "tabletop-clip") -> "Judges":
        return cls(metrics.Clip(clip), metrics.Structure(structure))

    def scores(self, case: Case, task: Task, result: Image.Image) -> dict[str, float]:
        """A finished edit's scores; `success` and `ideal` only where the case knows its ideal edit."""
        mask = task.region.numpy()
        before, after = (metrics.crop(image, mask) for image in (task.image, result))
        found = {
            "clip": self.clip.score(after, case.phrase),
            "structure": self.structure.distance(before, after),
            **metrics.background(task.image, result, mask),
        }
        if case.ideal is not None:
            ideal = case.ideal.resize(result.size, Image.Resampling.LANCZOS)
            found["ideal"] = metrics.error_to_ideal(result, ideal, mask)
            found["success"] = float(self._success(case, after, result, mask))
        return found

    def _success(self, case: Case, after: Image.Image, result: Image.Image, mask: np.ndarray) -> bool:
        """A colour by its mean in the mask, a texture or a kind by CLIP's choice among all there are."""
        if case.change == "colour":
            return scenes.nearest_colour(result, mask) == case.task.words[0]
        return self.clip.choose(after, [case.phrase, *case.rivals]) == 0
