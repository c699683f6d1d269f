"""What an edit is worth: pure image metrics, and scores by CLIP and DINO models through transformers."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, CLIPModel, CLIPProcessor

from ..files import reason
from ..model.loading import SHIPPED

Array = Float[np.ndarray, "h w 3"]
Plane = Float[np.ndarray, "h w"]


def unit(image: Image.Image | np.ndarray) -> Array:
    """A picture as floats in 0-1."""
    return np.asarray(image, np.float64) / 255


def mse(a: Array, b: Array) -> float:
    """Mean squared difference of two pictures in 0-1."""
    return float(np.square(a - b).mean())


def psnr(a: Array, b: Array) -> float:
    """-10 log10 of the mean squared difference, in dB; infinite for equal pictures."""
    error = mse(a, b)
    return float("inf") if error == 0 else float(-10 * np.log10(error))


def ssim(a: Array, b: Array) -> float:
    """Structural similarity (Wang et al. 2004) of two pictures in 0-1, averaged over pixels and channels.

    As torchmetrics has it, and so PIE-Bench: an 11x11 Gaussian of sigma 1.5, biased variances, borders reflected, in
    float32, whose rounding shows: in the sixth digit, and in flat pictures in the fourth, so that equal ones may have
    .9999. ValueError for pictures of less than 6x6.
    """
    if min(a.shape[:2]) < 6:
        raise ValueError(f"expected pictures of 6x6 pixels or more, got {a.shape[1]}x{a.shape[0]}; enlarge them")
    x, y = (
        nn.functional.pad(torch.from_numpy(picture).float().permute(2, 0, 1)[None], (5, 5, 5, 5), mode="reflect")
        for picture in (a, b)
    )
    line = torch.exp(-((torch.arange(-5.0, 6.0) / 1.5) ** 2) / 2)
    line = line / line.sum()
    window = torch.outer(line, line).expand(3, 1, 11, 11)
    means = nn.functional.conv2d(torch.cat([x, y, x * x, y * y, x * y]), window, groups=3)
    mx, my, xx, yy, xy = means
    spread = (xx - mx * mx).clamp(min=0) + (yy - my * my).clamp(min=0)
    c1, c2 = 0.01**2, 0.03**2
    alike = (2 * mx * my + c1) * (2 * (xy - mx * my) + c2)
    return float((alike / ((mx * mx + my * my + c1) * (spread + c2))).mean())


def background(source: Image.Image | np.ndarray, result: Image.Image | np.ndarray, mask: Plane) -> dict[str, float]:
    """PSNR, MSE and SSIM outside the mask, as PIE-Bench codes them: both pictures times (1 - mask), then the mean over
    the whole frame. A large mask therefore flatters; compare only at equal masks."""
    a, b = (unit(image) * (mask < 0.5)[..., None] for image in (source, result))
    return {"psnr": psnr(a, b), "mse": mse(a, b), "ssim": ssim(a, b)}


def blackened(image: Image.Image, mask: Plane) -> Image.Image:
    """The edited part as PIE-Bench shows it to CLIP: the whole frame, black outside the mask."""
    return Image.fromarray(np.asarray(image.convert("RGB")) * (mask >= 0.5)[..., None].astype(np.uint8))


def error_to_ideal(result: Image.Image, ideal: Image.Image, mask: Plane) -> float:
    """Root mean square difference to the ideal edit inside the mask, in 0-1."""
    inside = mask >= 0.5
    return float(np.sqrt(np.square(unit(result)[inside] - unit(ideal)[inside]).mean()))


def crop(image: Image.Image, mask: Plane) -> Image.Image:
    """The mask's bounding box, as the paper crops for its local scores (it names no margin; none here)."""
    rows, columns = np.nonzero(mask >= 0.5)
    return image.crop((int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1))


def located(name: str) -> str | Path:
    """The folder of a shipped model, or the name as it is."""
    shipped = any((SHIPPED / name / index).exists() for index in ("config.json", "model_index.json"))
    return SHIPPED / name if shipped else name


class Clip:
    """A CLIP by name: the shipped `tabletop-clip`, a folder, or a hub name such as openai/clip-vit-large-patch14."""

    def __init__(self, name: str = "tabletop-clip") -> None:
        self.name = name
        try:
            self.model = CLIPModel.from_pretrained(located(name), use_safetensors=True, dtype=torch.float32).eval()
            self.processor = CLIPProcessor.from_pretrained(located(name))
        except Exception as error:  # the libraries raise all kinds for broken folders
            raise ValueError(
                f"cannot load CLIP {name!r}: {reason(error)}; expected a shipped model, folder or name"
            ) from None

    def __repr__(self) -> str:
        return f"Clip({self.name!r})"

    @torch.no_grad()
    def similarity(self, images: Sequence[Image.Image], texts: Sequence[str]) -> Float[Tensor, "images texts"]:
        """Cosine of each picture with each text."""
        inputs = self.processor(
            text=list(texts), images=list(images), return_tensors="pt", padding=True, truncation=True
        )
        outputs = self.model(**inputs)
        return outputs.image_embeds @ outputs.text_embeds.T

    def score(self, image: Image.Image, text: str) -> float:
        """100 times the cosine, not below 0: the CLIP score. Numbers of different CLIP models do not compare."""
        return 100 * max(self.similarity([image], [text]).item(), 0.0)

    def choose(self, image: Image.Image, texts: Sequence[str]) -> int:
        """Which of the texts fits best."""
        return int(self.similarity([image], texts).argmax())


class Structure:
    """DINO-ViT self-similarity distance (Tumanyan et al. 2022): how far the layout of keys has changed.

    Keys of the last layer, cosine of every pair of tokens, mean squared difference of the two tables. By name:
    facebook/dino-vitb8 for photographs, or a CLIP's picture half: the shipped `tabletop-clip` stands in offline. A crop
    that is no square is squeezed into one, where published code scales its short side. Numbers of different models do
    not compare.
    """

    def __init__(self, name: str = "tabletop-clip") -> None:
        self.name, folder = name, located(name)
        try:
            config = AutoConfig.from_pretrained(folder)
            loader: Any = CLIPModel if config.model_type == "clip" else AutoModel
            model = loader.from_pretrained(folder, use_safetensors=True, dtype=torch.float32).eval()
        except Exception as error:  # the libraries raise all kinds for broken folders
            raise ValueError(
                f"cannot load ViT {name!r}: {reason(error)}; expected a shipped model, folder or name"
            ) from None
        self.model, self.mean, self.std = model, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        if config.model_type == "clip":
            eye = CLIPProcessor.from_pretrained(folder).image_processor
            self.model, self.mean, self.std = model.vision_model, eye.image_mean, eye.image_std
        self.side = self.model.config.image_size

    def __repr__(self) -> str:
        return f"Structure({self.name!r})"

    @cached_property
    def keys(self) -> nn.Linear:
        """The last layer's projection to keys."""
        layers = [m for n, m in self.model.named_modules() if n.split(".")[-1] in ("key", "k_proj")]
        if not layers:
            raise ValueError(f"expected a ViT with keys, got {self.name!r}, in which no layer is named key or k_proj")
        return layers[-1]

    def distance(self, a: Image.Image, b: Image.Image, as_pie_bench: bool = False) -> float:
        """Between two pictures; 0 for equal ones.

        as_pie_bench: PIE-Bench's code normalises values of 0-255 as if they were 0-1, and shrinks without smoothing;
        its published distances are made so.
        """
        return float((self._table(a, as_pie_bench) - self._table(b, as_pie_bench)).square().mean())

    @torch.no_grad()
    def _table(self, image: Image.Image, as_pie_bench: bool) -> Float[Tensor, "tokens tokens"]:
        key_outputs: list[Tensor] = []
        handle = self.keys.register_forward_hook(lambda _module, _inputs, output: key_outputs.append(output[0]))
        try:
            self.model(self._pixels(image, as_pie_bench))
        finally:
            handle.remove()
        unit_keys = nn.functional.normalize(key_outputs[0], dim=-1)
        return unit_keys @ unit_keys.T

    def _pixels(self, image: Image.Image, as_pie_bench: bool) -> Tensor:
        size = (self.side, self.side)
        if as_pie_bench:
            x = torch.from_numpy(255 * unit(image.convert("RGB"))).float().permute(2, 0, 1)[None]
            x = nn.functional.interpolate(x, size, mode="bilinear")
        else:
            square = image.convert("RGB").resize(size, Image.Resampling.BICUBIC)
            x = torch.from_numpy(unit(square)).float().permute(2, 0, 1)[None]
        mean, std = (torch.tensor(v)[:, None, None] for v in (self.mean, self.std))
        return (x - mean) / std
