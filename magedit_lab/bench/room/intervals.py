"""How sure a share or a difference is."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

Z = 1.959963984540054  # 95 %


class Interval(NamedTuple):
    """low, high: where the true value lies with 95 % confidence."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


def wilson(passed: int, of: int) -> Interval:
    """A share and its score interval (Wilson 1927), which is never empty: 16 of 16 gives [0.81, 1].

    Raises ValueError unless 0 <= passed <= of and of > 0.
    """
    if not 0 <= passed <= of or of < 1:
        raise ValueError(f"expected 0 to {of} of at least 1 case, got {passed} of {of}; count anew")
    share, z2 = passed / of, Z * Z / of
    middle = (share + z2 / 2) / (1 + z2)
    reach = Z / (1 + z2) * math.sqrt(share * (1 - share) / of + z2 / (4 * of))
    low = 0.0 if passed == 0 else middle - reach
    return Interval(share, low, 1.0 if passed == of else middle + reach)


def paired(first: Sequence[float], second: Sequence[float], draws: int = 4000, seed: int = 0) -> Interval:
    """The mean of first - second over the same cases, with the bootstrap's 95 % interval over cases.

    A case's hardness is in both scores and drops out. Raises ValueError for lists of other lengths, or no case.
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if a.shape != b.shape or a.ndim != 1 or not len(a):
        raise ValueError(f"expected two lists of scores of the same cases, got {a.shape} and {b.shape}; pair them")
    differences = a - b
    chosen = np.random.default_rng(seed).integers(len(a), size=(draws, len(a)))
    low, high = np.quantile(differences[chosen].mean(1), [0.025, 0.975])
    return Interval(float(differences.mean()), float(low), float(high))
