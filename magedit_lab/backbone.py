"""Backbone: the frozen parts of a Stable Diffusion, and the only call of its U-Net."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import overload

import diffusers
import numpy as np
import torch
import transformers
from diffusers import AutoencoderKL, DiffusionPipeline, UNet2DConditionModel
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from transformers import CLIPTextModel, PreTrainedTokenizerBase

from . import attention, ddim, words
from .files import reason
from .taps import Taps, tapped

SHIPPED = Path(__file__).with_name("models")
Latent = Float[Tensor, "n channels h w"]
Text = Float[Tensor, "n tokens dim"]


def quiet() -> None:
    """Turn off diffusers' and transformers' progress bars and notices."""
    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()


@dataclass(frozen=True, eq=False)
class Backbone:
    """A latent diffusion model with frozen weights. Latents are float32 or better, whatever the model computes in.

    alphas: the cumulative alpha-bar of each training timestep. final_alpha: the one that a last step moves to.
    """

    unet: UNet2DConditionModel
    vae: AutoencoderKL
    text_encoder: CLIPTextModel
    tokenizer: PreTrainedTokenizerBase
    alphas: Float[Tensor, " train_steps"]
    final_alpha: Float[Tensor, ""]
    prediction: str
    name: str = "model"
    _sites: dict[tuple[int, int], list[attention.Site]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for part in (self.unet, self.vae, self.text_encoder):
            part.requires_grad_(False).eval()
        attention.install(self.unet)

    @classmethod
    def load(cls, name: str = "tabletop", device: str | None = None, dtype: torch.dtype = torch.float32) -> "Backbone":
        """A shipped model by its name, a local folder in diffusers' layout, or a name on the model hub.

        Only safetensors are read. By default CUDA where there is one, and float32 everywhere: many of guidance's
        gradients are too small for float16.
        Raises ValueError in one line where there is no such model.
        """
        from diffusers import StableDiffusionPipeline  # here, so that `quiet` can come before its notices

        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        torch.set_flush_denormal(True)  # softmax and SiLU make numbers near 1e-40, 30 times slower on a CPU
        folder = SHIPPED / name if (SHIPPED / name / "model_index.json").exists() else name
        try:
            pipe = StableDiffusionPipeline.from_pretrained(
                folder, dtype=dtype, use_safetensors=True, safety_checker=None, requires_safety_checker=False
            )
        except Exception as error:  # the libraries raise all kinds for broken folders
            shipped = ", ".join(sorted(p.name for p in SHIPPED.glob("*") if (p / "model_index.json").exists()))
            raise ValueError(
                f"cannot load model {name!r}: {reason(error)}; expected a shipped model ({shipped}), a folder in "
                "diffusers' layout with safetensors, or a hub name"
            ) from None
        try:
            pipe = pipe.to(device)
        except (RuntimeError, AssertionError) as error:  # what torch raises for a device that is not there
            raise ValueError(f"cannot use device {device!r}: {reason(error)}; expected cpu or cuda") from None
        return cls.of(pipe, name)

    @classmethod
    def of(cls, pipe: DiffusionPipeline, name: str = "model") -> "Backbone":
        """The parts of a diffusers pipeline. They are shared, frozen, and given the `probs` hook point.

        ValueError for a U-Net that takes more than a latent (inpainting) or a prompt (SDXL), and one that predicts
        neither noise nor v.
        """
        if more := pipe.unet.config.get("addition_embed_type"):
            raise ValueError(
                f"expected a U-Net that takes a latent and a prompt, got one that wants more ({more}, as Stable "
                "Diffusion XL does); take a Stable Diffusion 1 or 2"
            )
        takes, has = pipe.unet.config.in_channels, pipe.vae.config.latent_channels
        if takes != has:
            raise ValueError(
                f"expected a U-Net that takes the {has} channels of a latent, got one that takes {takes}; "
                "take a text-to-image model, not one for inpainting or depth"
            )
        alphas = pipe.scheduler.alphas_cumprod.to(pipe.unet.device, torch.promote_types(pipe.unet.dtype, torch.float32))
        to_one = pipe.scheduler.config.get("set_alpha_to_one", False)
        prediction = pipe.scheduler.config.get("prediction_type", "epsilon")
        if prediction not in ddim.PREDICTIONS:
            raise ValueError(f"expected a model that predicts {' or '.join(ddim.PREDICTIONS)}, got {prediction!r}")
        final = torch.ones_like(alphas[0]) if to_one else alphas[0]
        if pipe.tokenizer.model_max_length > 10_000:
            raise ValueError(
                "expected a tokenizer that knows how many tokens the model reads, got one without; "
                "set model_max_length in tokenizer_config.json"
            )
        return cls(pipe.unet, pipe.vae, pipe.text_encoder, pipe.tokenizer, alphas, final, prediction, name)

    @property
    def device(self) -> torch.device:
        return self.unet.device

    @property
    def precision(self) -> torch.dtype:
        """What latents and noise are kept in: float32, or float64 for a model in float64."""
        return torch.promote_types(self.unet.dtype, torch.float32)

    @property
    def factor(self) -> int:
        """Pixels to a latent's cell."""
        return 2 ** (len(self.vae.config.block_out_channels) - 1)

    @property
    def size(self) -> int:
        """The side, in pixels, of the pictures that the model was trained on."""
        return self.unet.config.sample_size * self.factor

    def alpha(self, t: int) -> Float[Tensor, ""]:
        """alpha-bar at timestep t; below 0 the one of the finished latent."""
        return self.alphas[t] if t >= 0 else self.final_alpha

    # ------------------------------------------------------------ words and pictures

    @torch.no_grad()
    def embed(self, prompt: str) -> Text:
        """The prompt as the U-Net reads it; ValueError where it has more tokens than the model can read."""
        words.encode(self.tokenizer, prompt)
        ids = self.tokenizer(
            prompt, padding="max_length", max_length=self.tokenizer.model_max_length, return_tensors="pt"
        ).input_ids
        return self.text_encoder(ids.to(self.device))[0].to(self.precision)

    @torch.no_grad()
    def encode(self, image: Image.Image) -> Latent:
        """The picture's latent (the posterior's mean, scaled); ValueError where its sides don't fit the model."""
        unit = self.factor * 2 ** (len(self.unet.config.block_out_channels) - 1)
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
        x = self.vae.decode((z / self.vae.config.scaling_factor + self._shift).to(self.vae.dtype)).sample[0]
        if not x.isfinite().all():
            raise FloatingPointError(
                f"expected a finite picture, got NaN or infinity from an autoencoder in {self.vae.dtype}; "
                "load the model in float32 or bfloat16"
            )
        return Image.fromarray(((x.float().clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).cpu().numpy())

    @property
    def _shift(self) -> float:
        return self.vae.config.get("shift_factor") or 0.0

    # ------------------------------------------------------------ the U-Net

    @overload
    def predict(self, z: Latent, t: int, text: Text, taps: Taps | None = None, until: None = None) -> Latent: ...

    @overload
    def predict(self, z: Latent, t: int, text: Text, taps: Taps | None = None, *, until: str) -> None: ...

    def predict(self, z, t, text, taps=None, until=None):
        """The noise in `z` at timestep `t`. Taps read or replace what named modules put out.

        With `until` the U-Net stops at that site, after its tap, and None comes back: guidance needs nothing above
        the last guided map.
        """
        out = None
        with tapped(self.unet, taps or {}, until):
            out = self.unet(z.to(self.unet.dtype), t, text.to(self.unet.dtype), return_dict=False)[0]
        return None if out is None else ddim.to_eps(out.to(self.precision), z, self.alpha(t), self.prediction)

    def sites(self, z: Latent) -> list[attention.Site]:
        """All attention sites with the size that they have for this latent, in the order in which they run."""
        shape = (z.shape[-2], z.shape[-1])
        if shape not in self._sites:
            self._sites[shape] = attention.sites(self.unet, *shape)
        return self._sites[shape]

    def positions(self, prompt: str, word: str) -> list[int]:
        """Columns of a word's tokens in the attention maps."""
        return words.positions(self.tokenizer, prompt, word)
