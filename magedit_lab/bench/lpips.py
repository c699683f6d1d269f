"""LPIPS (Zhang et al. 2018) on SqueezeNet 1.1, as PIE-Bench takes it; the weights are given, none are shipped."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
FIRES = (3, 4, 6, 7, 9, 10, 11, 12)  # places of the network's fire modules
POOLED = (3, 6, 9)  # those with a pooling before them
LOOKED_AT = (None, 4, 7, 9, 10, 11, 12)  # after which features are compared; None: after the first convolution


@dataclass(frozen=True, eq=False)
class Lpips:
    """weights: torchvision's `squeezenet1_1` (features.*) and LPIPS's own heads for it (lin0 ... lin6)."""

    name: str
    weights: Mapping[str, Tensor]

    @classmethod
    def load(cls, folder: str | Path) -> "Lpips":
        """From a folder with both files, as .safetensors or .pth; ValueError that names a tensor that is missing."""
        weights: dict[str, Tensor] = {}
        for path in sorted(Path(folder).glob("*")):
            if path.suffix == ".safetensors":
                weights |= load_file(path)
            elif path.suffix == ".pth":
                weights |= torch.load(path, map_location="cpu", weights_only=True)
        if missing := [name for name in _names() if name not in weights]:
            raise ValueError(
                f"expected the weights of squeezenet1_1 and LPIPS's heads for it in {str(folder)!r}, got none for "
                f"{missing[0]!r} and {len(missing) - 1} more; put torchvision's file and squeeze.pth there"
            )
        return cls(str(folder), weights)

    @torch.no_grad()
    def distance(self, a: Float[np.ndarray, "h w 3"], b: Float[np.ndarray, "h w 3"]) -> float:
        """Between two pictures in 0-1: of each layer's features, made unit vectors, the squared differences, weighed by
        its head, averaged over places; the sum over layers."""
        pairs = zip(self._features(a), self._features(b), strict=True)
        layers = [self._head(i, (_unit(x) - _unit(y)).square()) for i, (x, y) in enumerate(pairs)]
        return float(torch.stack(layers).sum())

    def _head(self, layer: int, squares: Float[Tensor, "1 c h w"]) -> Float[Tensor, ""]:
        return F.conv2d(squares, self.weights[f"lin{layer}.model.1.weight"]).mean()

    def _features(self, picture: Float[np.ndarray, "h w 3"]) -> Iterator[Float[Tensor, "1 c h w"]]:
        x = 2 * torch.from_numpy(picture).float().permute(2, 0, 1)[None] - 1
        shift, scale = (torch.tensor(v)[:, None, None] for v in (SHIFT, SCALE))
        x = self._conv((x - shift) / scale, "features.0", stride=2)
        yield x
        for place in FIRES:
            if place in POOLED:
                x = F.max_pool2d(x, 3, 2, ceil_mode=True)
            x = self._conv(x, f"features.{place}.squeeze")
            wide = self._conv(x, f"features.{place}.expand3x3", padding=1)
            x = torch.cat([self._conv(x, f"features.{place}.expand1x1"), wide], 1)
            if place in LOOKED_AT:
                yield x

    def _conv(self, x: Tensor, name: str, stride: int = 1, padding: int = 0) -> Tensor:
        return F.conv2d(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], stride, padding).relu()


def _unit(x: Float[Tensor, "1 c h w"]) -> Float[Tensor, "1 c h w"]:
    return x / (1e-8 + x.square().sum(1, keepdim=True)).sqrt()


def _names() -> list[str]:
    parts = [f"features.{place}.{part}" for place in FIRES for part in ("squeeze", "expand1x1", "expand3x3")]
    convolutions = [f"{name}.{kind}" for name in ("features.0", *parts) for kind in ("weight", "bias")]
    return [*convolutions, *(f"lin{i}.model.1.weight" for i in range(len(LOOKED_AT)))]
