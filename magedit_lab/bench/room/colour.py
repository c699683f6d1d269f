"""Colours and patterns of an area as numbers that do not depend on where a pattern starts."""

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage
from skimage import color

Area = Bool[np.ndarray, "h w"]
SHARES = np.linspace(0.1, 0.9, 9)
FREQUENCIES = 48  # periods over the picture, at most: a period of 5 pixels of 256


def lab(image: np.ndarray) -> Float[np.ndarray, "h w 3"]:
    """uint8 sRGB to CIELAB under D65: lightness 0-100, a, b."""
    return np.asarray(color.rgb2lab(image), np.float64)


def apart(a: np.ndarray, b: np.ndarray) -> Float[np.ndarray, "h w"]:
    """Distance of two Lab pictures at each pixel (CIE 1976 Delta E)."""
    return np.asarray(np.linalg.norm(a - b, axis=-1))


def blurred(image: np.ndarray, sigma: float = 2.0) -> Float[np.ndarray, "h w 3"]:
    """A Lab picture as seen from a little farther away: what JPEG or a VAE does to a fine pattern is no change."""
    return np.asarray(ndimage.gaussian_filter(image, (sigma, sigma, 0)))


def spread(image: np.ndarray, area: Area) -> Float[np.ndarray, "9 3"]:
    """Nine quantiles of each channel of a Lab picture in an area: robust, and the same wherever a stripe begins."""
    return np.asarray(np.quantile(image[area], SHARES, axis=0))


def spectrum(image: np.ndarray, area: Area) -> Float[np.ndarray, "f g"]:
    """Amplitudes of lightness in an area, its mean taken off, up to `FREQUENCIES`; lightness units, a pixel's mean."""
    light = np.where(area, image[..., 0] - image[..., 0][area].mean(), 0)
    amplitudes = np.abs(np.fft.rfft2(light))[:, :FREQUENCIES] / np.sqrt(light.size * area.sum())
    return np.concatenate([amplitudes[:FREQUENCIES], amplitudes[-FREQUENCIES + 1 :]])


def smooth(values: np.ndarray, area: Area, sigma: float) -> np.ndarray:
    """A Gaussian mean of the area's values alone."""
    weight = ndimage.gaussian_filter(area.astype(np.float64), sigma)
    return np.asarray(ndimage.gaussian_filter(np.where(area, values, 0.0), sigma) / np.maximum(weight, 1e-6))


def grain(image: np.ndarray, area: Area) -> float:
    """How much lightness differs from its neighbourhood's (Gaussian, 1 pixel), standard deviation."""
    light = image[..., 0]
    return float((light - smooth(light, area, 1.0))[area].std())


def nearest(found: np.ndarray, known: dict[str, np.ndarray]) -> str:
    """The name of what is nearest by mean absolute difference."""
    return min(known, key=lambda name: float(np.abs(known[name] - found).mean()))
