"""The kinds and textures of objects as signed distance functions, negative inside, so that a scene renders at any size.

`u` runs to the right from an object's middle and `v` up from its foot, both in units of its height; `phase` in 0-1
shifts a pattern.
"""

from collections.abc import Callable

import numpy as np


def _box(u: np.ndarray, v: np.ndarray, a: float, b: float, r: float = 0.0) -> np.ndarray:
    qu, qv = np.abs(u) - a + r, np.abs(v) - b + r
    return np.hypot(np.maximum(qu, 0), np.maximum(qv, 0)) + np.minimum(np.maximum(qu, qv), 0) - r


def _vase(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    h = np.clip(v, 0, 1)
    half = 0.17 + 0.17 * np.sin(h * np.pi * 1.25 + 0.15) ** 2 + 0.05 * np.clip((h - 0.84) * 20, 0, 1)
    return np.maximum(np.abs(u) - half, np.abs(v - 0.5) - 0.5)


def _lamp(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    half = 0.22 + 0.3 * (1 - np.clip((v - 0.48) / 0.5, 0, 1))
    shade = np.maximum((np.abs(u) - half) * 0.86, np.abs(v - 0.74) - 0.26)
    return np.minimum(np.minimum(shade, _box(u, v - 0.27, 0.06, 0.27)), _box(u, v - 0.05, 0.24, 0.05, 0.02))


def _mug(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    body = _box(u + 0.08, v - 0.46, 0.36, 0.46, 0.05)
    return np.minimum(body, np.abs(np.hypot(u - 0.3, v - 0.47) - 0.21) - 0.065)


def _star(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    c = v - 0.5
    fifth = 2 * np.pi / 5
    turn = np.abs((np.arctan2(u, c) + fifth / 2) % fifth - fifth / 2) / (fifth / 2)
    return (np.hypot(u, c) - 0.56 * (1 - 0.5 * turn)) * 0.75


OUTLINES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "ball": lambda u, v: np.hypot(u, v - 0.5) - 0.5,
    "box": lambda u, v: _box(u, v - 0.46, 0.46, 0.46, 0.03),
    "pillow": lambda u, v: ((np.abs(u / 0.62) ** 3.2 + np.abs((v - 0.38) / 0.38) ** 3.2) ** (1 / 3.2) - 1) * 0.4,
    "vase": _vase,
    "lamp": _lamp,
    "cone": lambda u, v: np.maximum(np.abs(u) * 0.88 + (v - 1) * 0.47, -v),
    "mug": _mug,
    "star": _star,
}


def _stripes(u: np.ndarray, v: np.ndarray, phase: float) -> np.ndarray:
    period = 0.3
    return (np.abs(((u * 0.35 + v * 0.94) / period + phase) % 1 - 0.5) - 0.25) * period


def _dots(u: np.ndarray, v: np.ndarray, phase: float) -> np.ndarray:
    period = 0.29
    return (0.3 - np.hypot((u / period + phase) % 1 - 0.5, (v / period + phase) % 1 - 0.5)) * period


def _checks(u: np.ndarray, v: np.ndarray, phase: float) -> np.ndarray:
    period = 0.52
    a, b = ((np.abs((w / period + phase) % 1 - 0.5) - 0.25) * period for w in (u, v))
    return np.maximum(np.minimum(a, b), np.minimum(-a, -b))


PATTERNS: dict[str, Callable[[np.ndarray, np.ndarray, float], np.ndarray]] = {
    "plain": lambda u, v, phase: np.full_like(u, -1.0),
    "striped": _stripes,
    "dotted": _dots,
    "checkered": _checks,
}
