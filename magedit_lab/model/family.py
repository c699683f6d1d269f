"""What differs between kinds of denoisers; each kind is a file of its own."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from diffusers import DiffusionPipeline
from jaxtyping import Float
from torch import Tensor, nn

from .attention import Site
from .schedule import Time
from .text import Reader, Text

MOST_CELLS = 1024  # of a latent's side; the largest models have 128
Latent = Float[Tensor, "n channels h w"]


class Family(ABC):
    """How a denoiser is called, where its attention probabilities are, and how it reads a prompt.

    denoiser, encoders: its modules. readers: the tokenizers whose tokens have columns in its maps. channels: of a
    latent. side: of a latent, in cells, as it was trained. unit: a latent's sides are multiples of so many cells.
    factor: pixels to a cell. blocks: a transformer's blocks whose maps are guided; empty, the family's own choice.
    """

    part: ClassVar[str]  # the pipeline's name for its denoiser
    denoiser: Any  # modules whose configurations are diffusers' and transformers'
    encoders: tuple[Any, ...]
    readers: tuple[Reader, ...]
    channels: int
    side: int
    unit: int
    factor: int
    blocks: tuple[int, ...] = ()

    def __init__(self, pipe: DiffusionPipeline) -> None:
        denoiser = getattr(pipe, self.part)
        self.denoiser = getattr(denoiser, "_orig_mod", denoiser)
        if self.denoiser._compiled_call_impl is not None:
            raise ValueError(
                f"expected a denoiser that is not compiled in place, got one after {self.part}.compile(), which "
                "freezes its hooks; load it anew"
            )
        self.factor = 2 ** (len(pipe.vae.config.block_out_channels) - 1)
        self.channels = pipe.vae.config.latent_channels

    @abstractmethod
    def text(self, prompt: str) -> Text:
        """The prompt as the denoiser reads it; ValueError where it is longer than that."""

    @abstractmethod
    def inputs(self, z: Latent, t: Time | Tensor, text: Text) -> Mapping[str, Any]:
        """The denoiser's arguments by name, on the latent's device, which may be `meta`. t: a number, or one on that
        device, which is read there alone."""

    def output(self, out: Tensor, z: Latent) -> Latent:
        """What the denoiser puts out, in the shape of a latent."""
        return out

    @abstractmethod
    def install(self, denoiser: nn.Module) -> None:
        """Give each attention layer its hook points; ValueError for a denoiser that this cannot serve."""

    @abstractmethod
    def remove(self, processors: Mapping[str, Any]) -> None:
        """Take them away and put the former processors back."""

    @abstractmethod
    def sites(self, twin: nn.Module, sizes: Mapping[str, tuple[int, int]], height: int, width: int) -> list[Site]:
        """The attention sites of a latent of this size, in any order. sizes: of the pictures inside, by module."""

    @abstractmethod
    def guided(self, sites: Sequence[Site]) -> list[Site]:
        """Where edits are guided and shown."""

    @abstractmethod
    def example(self) -> Text:
        """A text on torch's meta device, as the denoiser takes it."""

    @property
    def checkpointing(self) -> bool:
        """Whether layers are run again in the backward pass, outside of the forward."""
        return bool(getattr(self.denoiser, "gradient_checkpointing", False))

    def image_cells(self, z: Latent) -> int:
        """How many image tokens a latent has."""
        return z.shape[-2] * z.shape[-1] // self.unit**2


def each(t: Time | Tensor, z: Latent) -> Tensor:
    """A timestep for each latent."""
    if isinstance(t, Tensor):
        return t.to(torch.float32).expand(len(z))
    return torch.full((len(z),), float(t), device=z.device, dtype=torch.float32)


def require_side(value: Any, where: str) -> int:
    """A latent's side from a configuration; ValueError for none, and for one that no computer holds."""
    sides = set(value) if isinstance(value, list | tuple) else {value}
    side = sides.pop()
    if sides or isinstance(side, bool) or not isinstance(side, int) or not 1 <= side <= MOST_CELLS:
        raise ValueError(
            f"expected sample_size of 1 to {MOST_CELLS} latent cells, got {value!r}; correct it in {where}/config.json"
        )
    return side


def require_latents(pipe: DiffusionPipeline, takes: int, what: str) -> None:
    """ValueError for a denoiser that takes more than a latent."""
    has = pipe.vae.config.latent_channels
    if takes != has:
        raise ValueError(
            f"expected a {what} that takes the {has} channels of a latent, got one that takes {takes}; "
            "take a text-to-image model, not one for inpainting or depth"
        )


def require_length(tokenizer: Any, positions: int | None) -> None:
    """ValueError for a tokenizer that does not know how many tokens the text encoder has places for."""
    most = tokenizer.model_max_length
    if most > 10_000 or (positions is not None and most > positions):
        has = "one without" if most > 10_000 else f"{most} for {positions} places"
        raise ValueError(
            f"expected a tokenizer that knows how many tokens the model reads, got {has}; "
            "set model_max_length in tokenizer_config.json"
        )


def require_width(text: int, expected: int) -> None:
    """ValueError where the text encoder and the denoiser are not of one model."""
    if text != expected:
        raise ValueError(
            f"expected text of {expected} channels, as the denoiser reads it, got a text encoder of {text}; "
            "take both from one model"
        )
