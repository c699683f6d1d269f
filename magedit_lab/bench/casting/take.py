"""One edit of a candidate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from .. import metrics


@dataclass(frozen=True, eq=False)
class Take:
    """One edit of a candidate: its scores, its picture, and the mask inside which takes are compared."""

    scores: Mapping[str, Any]
    picture: Image.Image
    mask: np.ndarray

    def difference(self, other: Take) -> float:
        """Root mean square difference of two pictures inside the mask, of 1."""
        return metrics.error_to_ideal(self.picture, other.picture, self.mask)
