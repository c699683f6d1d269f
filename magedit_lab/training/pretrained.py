"""Training that begins with another model's weights, where shapes allow."""

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import CLIPModel, CLIPTextModel

from .tokenizer import CLIPTokenizer

EMBEDDING = "embeddings.token_embedding.weight"


@dataclass(frozen=True)
class Taken:
    """How many weights came whole, how many came into a corner of a larger or smaller tensor, and how many are new."""

    whole: int
    corner: int
    new: int

    def __str__(self) -> str:
        return f"{self.whole:,} weights taken, {self.corner:,} into a corner, {self.new:,} new"


@torch.no_grad()
def take(module: nn.Module, weights: dict[str, Tensor]) -> Taken:
    """Copy the weights of equal name: whole where shapes agree, else what both have of each dimension.

    A convolution with more input channels thus begins with the old ones. What nothing is copied into stays as drawn.
    """
    whole = corner = new = 0
    for name, ours in module.state_dict().items():
        theirs = weights.get(name)
        if theirs is None or theirs.dim() != ours.dim():
            new += ours.numel()
            continue
        both = tuple(slice(min(a, b)) for a, b in zip(ours.shape, theirs.shape, strict=True))
        ours[both] = theirs[both].to(ours)
        copied = theirs[both].numel()
        if copied == ours.numel():
            whole += copied
        else:
            corner, new = corner + copied, new + ours.numel() - copied
    return Taken(whole, corner, new)


def take_vae(vae: AutoencoderKL, start: str) -> Taken:
    return take(vae, _weights(Path(start) / "vae"))


def take_unet(unet: UNet2DConditionModel, start: str) -> Taken:
    return take(unet, _weights(Path(start) / "unet"))


def take_text(text: CLIPTextModel, tokenizer: CLIPTokenizer, start: str) -> Taken:
    return take_words(text, tokenizer, Path(start) / "text_encoder", Path(start) / "tokenizer")


def take_words(
    model: CLIPTextModel | CLIPModel, tokenizer: CLIPTokenizer, folder: Path, their_tokenizer: Path
) -> Taken:
    """The weights of a text encoder or a CLIP; a word's vector goes to the row that the word has here."""
    weights, names = _weights(folder), list(model.state_dict())
    (ours,), (theirs,) = ([name for name in some if name.endswith(EMBEDDING)] for some in (names, weights))
    if ours != theirs:  # transformers writes `text_model.` before a lone text encoder's names or leaves it out
        old, new = theirs.removesuffix(EMBEDDING), ours.removesuffix(EMBEDDING)
        weights = {new + name.removeprefix(old): value for name, value in weights.items()}
    rows, known = model.state_dict()[ours].clone(), CLIPTokenizer.from_pretrained(their_tokenizer).get_vocab()
    for token, row in tokenizer.get_vocab().items():
        if token in known:
            rows[row] = weights[ours][known[token]].to(rows)
    return take(model, weights | {ours: rows})


def _weights(folder: Path) -> dict[str, Tensor]:
    """The tensors of the one safetensors file in a model's folder."""
    candidates = sorted(folder.glob("*.safetensors"))
    if len(candidates) != 1:
        raise ValueError(
            f"expected one safetensors file in {str(folder)!r}, got {len(candidates)}; name a model's folder"
        )
    return load_file(candidates[0])
