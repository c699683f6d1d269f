"""Backbone: the frozen parts of a latent diffusion model, and the only call of its denoiser."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import overload

import numpy as np
import torch
from diffusers import AutoencoderKL, DiffusionPipeline, UNet2DConditionModel
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from transformers import CLIPTextModel, PreTrainedTokenizerBase

from ..prompts import words
from . import attention
from .hooks import Hooks, call, detach
from .layout import Layout, measure
from .loading import load_pipeline
from .schedule import Level, Schedule, to_eps

Latent = Float[Tensor, "n channels h w"]
Text = Float[Tensor, "n tokens dim"]


@dataclass(frozen=True, eq=False, repr=False)
class Backbone:
    """A latent diffusion model with frozen weights. Latents are float32 or better, whatever the model computes in."""

    denoiser: UNet2DConditionModel
    vae: AutoencoderKL
    text_encoder: CLIPTextModel
    tokenizer: PreTrainedTokenizerBase
    schedule: Schedule
    name: str = "model"
    _layouts: dict[tuple[int, int], Layout] = field(default_factory=dict)

    def __post_init__(self) -> None:
        attention.install(self.denoiser)  # first, so that a refusal changes nothing
        for part in (self.denoiser, self.vae, self.text_encoder):
            part.requires_grad_(False).eval()

    def __repr__(self) -> str:
        millions = sum(p.numel() for p in self.denoiser.parameters()) / 1e6
        kind = type(self.denoiser).__name__
        return f"Backbone({self.name!r}, {kind} of {millions:.1f} M, {self.size} px, {self.dtype}, {self.device})"

    @classmethod
    def load(cls, name: str = "tabletop", device: str | None = None, dtype: torch.dtype = torch.float32) -> "Backbone":
        """A shipped model by its name, a local folder in diffusers' layout, or a name on the model hub.

        Only safetensors are read. By default CUDA where there is one, and float32 everywhere: many of guidance's
        gradients are too small for float16. Raises ValueError in one line where there is no such model.
        """
        return cls.of(load_pipeline(name, device, dtype), name)

    @classmethod
    def of(cls, pipe: DiffusionPipeline, name: str = "model") -> "Backbone":
        """The parts of a diffusers pipeline. They are shared, frozen, and given the `probs` hook point.

        A U-Net wrapped by `torch.compile` is unwrapped. ValueError for one compiled in place, one that takes more than
        a latent (inpainting) or a prompt (SDXL), one that predicts neither noise nor v, and one whose attention
        processors do more than diffusers' own.
        """
        unet = getattr(pipe.unet, "_orig_mod", pipe.unet)
        _require_text_to_image(pipe, unet)
        dtype = torch.promote_types(unet.dtype, torch.float32)
        schedule = Schedule.of(pipe.scheduler, dtype)
        return cls(unet, pipe.vae, pipe.text_encoder, pipe.tokenizer, schedule, name)

    @property
    def _weight(self) -> Tensor:
        return self.denoiser.conv_in.weight

    @property
    def device(self) -> torch.device:
        return self._weight.device

    @property
    def dtype(self) -> torch.dtype:
        """What the denoiser computes in."""
        return self._weight.dtype

    @property
    def precision(self) -> torch.dtype:
        """What latents and noise are kept in: float32, or float64 for a model in float64."""
        return torch.promote_types(self.dtype, torch.float32)

    @property
    def channels(self) -> int:
        """Of a latent."""
        return self.denoiser.config.in_channels

    @property
    def factor(self) -> int:
        """Pixels to a latent's cell."""
        return 2 ** (len(self.vae.config.block_out_channels) - 1)

    @property
    def size(self) -> int:
        """The side, in pixels, of the pictures that the model was trained on."""
        return self.denoiser.config.sample_size * self.factor

    def level(self, t: int) -> Level:
        """Signal and noise at timestep t; below 0 those of the finished latent."""
        return self.schedule.at(t)

    # ------------------------------------------------------------ words and pictures

    @torch.no_grad()
    def embed(self, prompt: str) -> Text:
        """The prompt as the denoiser reads it; ValueError where it has more tokens than the model can read."""
        words.encode(self.tokenizer, prompt)
        ids = self.tokenizer(
            prompt, padding="max_length", max_length=self.tokenizer.model_max_length, return_tensors="pt"
        ).input_ids
        return self.text_encoder(ids.to(self.device))[0].to(self.precision)

    @torch.no_grad()
    def encode(self, image: Image.Image) -> Latent:
        """The picture's latent (the posterior's mean, scaled); ValueError where its sides don't fit the model."""
        unit = self.factor * 2 ** (len(self.denoiser.config.block_out_channels) - 1)
        if image.width % unit or image.height % unit:
            raise ValueError(
                f"expected sides that are multiples of {unit}, got {image.width}x{image.height}; "
                f"use task.fit({self.size}, {self.size})"
            )
        x = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)[None].float() / 127.5 - 1
        z = self.vae.encode(x.to(self.device, self.vae.dtype)).latent_dist.mean.to(self.precision)
        return (z - self._shift) * self.vae.config.scaling_factor

    @torch.no_grad()
    def decode(self, z: Latent) -> Image.Image:
        """The picture of a latent; FloatingPointError where the autoencoder overflows."""
        z = z.to(self.device) / self.vae.config.scaling_factor + self._shift
        x = self.vae.decode(z.to(self.vae.dtype)).sample[0]
        if not x.isfinite().all():
            raise FloatingPointError(
                f"expected a finite picture, got NaN or infinity from an autoencoder in {self.vae.dtype}; "
                "load the model in float32 or bfloat16"
            )
        return Image.fromarray(((x.float().clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).cpu().numpy())

    @property
    def _shift(self) -> float:
        return self.vae.config.get("shift_factor") or 0.0

    def positions(self, prompt: str, word: str) -> list[int]:
        """Columns of a word's tokens in the attention maps, all its occurrences taken together."""
        return words.positions(self.tokenizer, prompt, word)

    # ------------------------------------------------------------ the denoiser

    @overload
    def predict(self, z: Latent, t: int, text: Text, hooks: Hooks | None = None, until: None = None) -> Latent: ...

    @overload
    def predict(self, z: Latent, t: int, text: Text, hooks: Hooks | None = None, *, until: str) -> None: ...

    def predict(self, z, t, text, hooks=None, until=None):
        """The noise in `z` at timestep `t`. Hooks read or replace what named modules put out.

        With `until` the denoiser stops at that site, after its hook, and None comes back: guidance needs nothing above
        the last guided map. HookError where a hook did not run.
        """
        self._require_no_checkpointing()
        order = self.layout(z).order if until else None
        inputs = (z.to(self.dtype), t, text.to(self.dtype))
        out = call(self.denoiser, hooks or {}, *inputs, until=until, order=order, return_dict=False)
        if out is None:
            return None
        return to_eps(out[0].to(self.precision), z, self.level(t), self.schedule.prediction)

    def _require_no_checkpointing(self) -> None:
        if torch.is_grad_enabled() and getattr(self.denoiser.mid_block, "gradient_checkpointing", False):
            raise ValueError(
                "expected a denoiser without gradient checkpointing, which runs layers again outside of the forward, "
                "without their hooks; call disable_gradient_checkpointing()"
            )

    def layout(self, z: Latent) -> Layout:
        """The order of the denoiser's modules, and its attention sites with their sizes for this latent."""
        shape = (z.shape[-2], z.shape[-1])
        if shape not in self._layouts:
            self._layouts[shape] = measure(self.denoiser, *shape)
        return self._layouts[shape]

    def sites(self, z: Latent) -> tuple[attention.Site, ...]:
        """All attention sites with the size that they have for this latent, in the order in which they run."""
        return self.layout(z).sites


@contextmanager
def inspect(pipe: DiffusionPipeline, name: str = "model") -> Iterator[Backbone]:
    """Lend a diffusers pipeline: a Backbone inside, and the pipeline as it was afterwards (attention processors,
    `requires_grad` of each weight, training mode of each module).

    with mag.inspect(pipe) as net: ...
    """
    unet = getattr(pipe.unet, "_orig_mod", pipe.unet)
    parts, processors = (unet, pipe.vae, pipe.text_encoder), dict(unet.attn_processors)
    grads = [(p, p.requires_grad) for part in parts for p in part.parameters()]
    modes = [(m, m.training) for part in parts for m in part.modules()]
    try:
        yield Backbone.of(pipe, name)
    finally:
        attention.remove(unet, processors)
        detach(unet)
        for weight, needed in grads:
            weight.requires_grad_(needed)
        for m, training in modes:
            m.training = training


def _require_text_to_image(pipe: DiffusionPipeline, unet: UNet2DConditionModel) -> None:
    if unet._compiled_call_impl is not None:
        raise ValueError(
            "expected a U-Net that is not compiled in place, got one after unet.compile(), which freezes its hooks; "
            "load it anew"
        )
    if more := unet.config.get("addition_embed_type"):
        raise ValueError(
            f"expected a U-Net that takes a latent and a prompt, got one that wants more ({more}, as Stable "
            "Diffusion XL does); take a Stable Diffusion 1 or 2"
        )
    takes, has = unet.config.in_channels, pipe.vae.config.latent_channels
    if takes != has:
        raise ValueError(
            f"expected a U-Net that takes the {has} channels of a latent, got one that takes {takes}; "
            "take a text-to-image model, not one for inpainting or depth"
        )
    if pipe.tokenizer.model_max_length > 10_000:
        raise ValueError(
            "expected a tokenizer that knows how many tokens the model reads, got one without; "
            "set model_max_length in tokenizer_config.json"
        )
