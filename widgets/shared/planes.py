"""Maps as bytes, sent to the browser once, and where each of them lies."""

from typing import Any

import numpy as np
from jaxtyping import Float


class Planes:
    """Collects maps plane after plane, 0 to 255 between 0 and a `top` that the caller chooses for each lot."""

    def __init__(self) -> None:
        self.parts: list[np.ndarray] = []
        self.count = 0

    def add(self, maps: Float[np.ndarray, "*more h w"], top: float) -> Any:
        """Nested lists of each plane's number, as `maps` is nested; -1 for maps with a NaN, which are not sent."""
        whole = np.isfinite(maps).all((-1, -2))
        numbers = np.full(whole.shape, -1)
        numbers[whole] = self.count + np.arange(whole.sum())
        self.count += int(whole.sum())
        self.parts.append((maps[whole] / (top or 1.0) * 255).round().clip(0, 255).astype(np.uint8))
        return numbers.tolist()

    @property
    def size(self) -> int:
        """Bytes so far."""
        return sum(part.size for part in self.parts)

    def tobytes(self) -> bytes:
        """All planes, one after the other."""
        return b"".join(part.tobytes() for part in self.parts)


def top(*maps: np.ndarray) -> float:
    """The largest value in all of these maps, NaN aside; 0 where there is none."""
    return max((float(m[np.isfinite(m)].max()) for m in maps if np.isfinite(m).any()), default=0.0)


def rounded(values: np.ndarray | np.floating) -> Any:
    """Nested lists of numbers in six digits, None for NaN and infinity, as JSON has neither."""
    if isinstance(values, np.ndarray) and values.ndim:
        return [rounded(value) for value in values]
    return float(f"{values:.6g}") if np.isfinite(values) else None
