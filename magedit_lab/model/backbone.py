"""Backbone: the frozen parts of a latent diffusion model, and the only call of its denoiser."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np
import torch
from diffusers import AutoencoderKL, DiffusionPipeline
from PIL import Image
from torch import Tensor, nn

from ..prompts import words
from . import attention
from .captures import Captures, Fast
from .families import family_of
from .family import Family, Latent
from .hooks import Hooks, call, detach
from .layout import Layout, measure
from .loading import load_pipeline
from .meeting import Meeting
from .schedule import Level, Schedule, Time, to_eps
from .text import Reader, Text
from .unet import UNet, placed


@dataclass(frozen=True, eq=False, repr=False)
class Backbone:
    """A latent diffusion model with frozen weights. Latents are float32 or better, whatever the model computes in."""

    family: Family
    vae: AutoencoderKL
    schedule: Schedule
    name: str = "model"
    _layouts: dict[tuple[int, int], Layout] = field(default_factory=dict)
    _times: dict[tuple[Time, torch.device], Tensor] = field(default_factory=dict)
    _fast: Fast = field(default_factory=Fast)
    _meeting: Meeting | None = None

    def __new__(cls, *parts: Any, **more: Any) -> "Backbone":
        """ValueError for a pipeline or a name, which have constructors of their own."""
        first = parts[0] if parts else more.get("family")
        if (parts or more) and not isinstance(first, Family):  # none at all: a copy is being made
            call_ = "Backbone.load(name)" if isinstance(first, str) else "Backbone.of(pipe) or mag.inspect(pipe)"
            raise ValueError(f"expected a model's parts, got {type(first).__name__}; call {call_}")
        return super().__new__(cls)

    def __post_init__(self) -> None:
        self.family.install(self.denoiser)  # first, so that a refusal changes nothing
        for part in self.parts:
            part.requires_grad_(False).eval()

    def __repr__(self) -> str:
        millions = sum(p.numel() for p in self.denoiser.parameters()) / 1e6
        kind = type(self.denoiser).__name__
        return f"Backbone({self.name!r}, {kind} of {millions:.1f} M, {self.size} px, {self.dtype}, {self.device})"

    @classmethod
    def load(
        cls, name: str = "tabletop", device: str | None = None, dtype: torch.dtype = torch.float32, *,
        variant: str | None = None, config: str | None = None, blocks: Sequence[int] = (), **hub: Any,
    ) -> "Backbone":  # fmt: skip
        """A shipped model by its name, a local folder in diffusers' layout, one file of safetensors, or a name on the
        model hub.

        Only safetensors are read. By default CUDA or Apple's GPU where there is one, and float32 everywhere: many of
        guidance's gradients are too small for float16. variant: such as "fp16", of the files; a folder that has one
        alone needs none. config: of a single file, the folder (or hub name) with its model_index.json, its parts'
        configurations and tokenizer; else the hub is asked. blocks: as in `of`. hub: revision, token, cache_dir and
        local_files_only.
        Raises ValueError in one line where there is no such model, or where weights are missing, cut off or not finite.
        """
        return cls.of(load_pipeline(name, device, dtype, variant, config, **hub), name, blocks)

    @classmethod
    def of(cls, pipe: DiffusionPipeline, name: str = "model", blocks: Sequence[int] = ()) -> "Backbone":
        """The parts of a diffusers pipeline. They are shared, frozen, and given hook points at their attention.

        A denoiser wrapped by `torch.compile` is unwrapped. blocks: which of a transformer's maps are guided, by number,
        in place of its middle third. ValueError for a model compiled in place, one that takes more than a latent and a
        prompt (inpainting, ControlNet), one of no known family, one that predicts neither noise, v nor a velocity, and
        one whose attention processors do more than diffusers' own.
        """
        family = family_of(pipe)
        if blocks and isinstance(family, UNet):
            raise ValueError("expected blocks for a transformer, got a U-Net, which is guided at its coarsest maps")
        family.blocks = tuple(blocks)
        dtype = torch.promote_types(next(family.denoiser.parameters()).dtype, torch.float32)
        return cls(family, pipe.vae, Schedule.of(pipe.scheduler, dtype), name)

    @property
    def denoiser(self) -> Any:
        """The U-Net or the transformer."""
        return self.family.denoiser

    @property
    def text_encoder(self) -> nn.Module:
        """The first of them, where a model has several."""
        return self.family.encoders[0]

    @property
    def readers(self) -> tuple[Reader, ...]:
        """The tokenizers whose tokens have columns in the attention maps."""
        return self.family.readers

    @property
    def tokenizer(self) -> Any:
        """The tokenizer of the first columns."""
        return self.readers[0].tokenizer

    @property
    def _weight(self) -> Tensor:
        return next(self.denoiser.parameters())

    @property
    def parts(self) -> tuple[nn.Module, ...]:
        """All modules with weights."""
        return (self.denoiser, self.vae, *self.family.encoders)

    @property
    def device(self) -> torch.device:
        """Where the denoiser computes."""
        return placed(self.denoiser)

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
        return self.family.channels

    @property
    def factor(self) -> int:
        """Pixels to a latent's cell."""
        return self.family.factor

    @property
    def size(self) -> int:
        """The side, in pixels, of the pictures that the model was trained on."""
        return self.family.side * self.factor

    def empty(self, height: int, width: int) -> Latent:
        """A latent of zeros, its sides in cells."""
        return torch.zeros(1, self.channels, height, width, device=self.device, dtype=self.precision)

    def level(self, t: Time) -> Level:
        """Signal and noise at timestep t; below 0 those of the finished latent."""
        return self.schedule.at(t)

    def timesteps(self, steps: int, z: Latent) -> list[Time]:
        """So many timesteps from noise to a picture of this latent's size."""
        return self.schedule.timesteps(steps, self.family.image_cells(z))

    # ------------------------------------------------------------ words and pictures

    @torch.no_grad()
    def embed(self, prompt: str) -> Text:
        """The prompt as the denoiser reads it; ValueError where it has more tokens than the model can read."""
        return self.family.text(prompt).to(self.precision)

    @torch.no_grad()
    def encode(self, image: Image.Image) -> Latent:
        """The picture's latent (the posterior's mean, scaled); ValueError where its sides don't fit the model."""
        unit = self.factor * self.family.unit
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
        z = z.to(self.device)  # a trace keeps its latents on the CPU
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

    def positions(self, prompt: str, word: str) -> list[int]:
        """Columns of a word's tokens in the attention maps, all its occurrences taken together."""
        return words.positions(self.tokenizer, prompt, word)

    # ------------------------------------------------------------ the denoiser

    @overload
    def predict(
        self, z: Latent, t: Time, text: Text | Tensor, hooks: Hooks | None = None, until: None = None
    ) -> Latent: ...

    @overload
    def predict(self, z: Latent, t: Time, text: Text | Tensor, hooks: Hooks | None = None, *, until: str) -> None: ...

    def predict(self, z, t, text, hooks=None, until=None):
        """The noise in `z` at timestep `t`, or a flow model's velocity. Hooks read or replace what named modules put
        out. text: or an embedding by itself, where the family wants no more.

        With `until` the denoiser stops at that site, after its hook, and None comes back: guidance needs nothing above
        the last guided map. HookError where a hook did not run.
        """
        words_ = text if isinstance(text, Text) else Text(text)
        plain = not hooks and until is None and not (z.requires_grad or words_.embedding.requires_grad)
        if plain and self.shared():
            return self.noise(self._replayed(z, self.time(t), words_), z, t)
        out = self.output(z, self.time(t), words_, hooks, until)
        return None if out is None else self.noise(out, z, t)

    def output(
        self, z: Latent, t: Tensor, text: Text, hooks: Hooks | None = None, until: str | None = None
    ) -> Latent | None:
        """What the denoiser itself puts out, whatever it predicts. t: on the device, of `time`."""
        if self._meeting:
            return self._meeting.output(z, t, text, hooks or {}, until)
        self._require_no_checkpointing()
        order = self.layout(z).order if until else None
        dtype = self.dtype
        inputs = self.family.inputs(z.to(dtype), t, text.to(dtype))
        out = call(self.denoiser, hooks or {}, until=until, order=order, return_dict=False, **inputs)
        return None if out is None else self.family.output(out[0], z).to(self.precision)

    def noise(self, out: Latent, z: Latent, t: Time) -> Latent:
        """The noise that the denoiser's output stands for; in a flow the output itself, the velocity."""
        return self.noise_at(self.level(t), out, z)

    def noise_at(self, level: Level, out: Latent, z: Latent) -> Latent:
        """The same at a level by itself."""
        return out if level.flow else to_eps(out, z, level, self.schedule.prediction)

    def time(self, t: Time | Tensor) -> Tensor:
        """A timestep on the device, sent there once; a tensor as it is."""
        if isinstance(t, Tensor):
            return t
        key = (t, self.device)
        if key not in self._times:
            self._times[key] = torch.tensor([t], dtype=None if isinstance(t, int) else torch.float32, device=key[1])
        return self._times[key]

    def compile(self, on: bool = True, tf32: bool = True, channels_last: bool = True) -> "Backbone":
        """From now on passes are recorded and replayed (`captures`): CUDA graphs where CUDA is, elsewhere the same
        calls one after another, with the same bits. Returns the model itself.

        tf32, channels_last: on CUDA, also round the factors of float32 products to 10 bits, for the whole process, and
        keep a U-Net's weights in the layout that convolutions want. Without them float32 gives the bits of a model that
        was not compiled. on=False ends it and gives the memory of what was recorded back.
        """
        self._fast.on = on
        if not on:
            self._fast.forget()
        elif self.device.type == "cuda":
            if tf32:
                torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
            if channels_last and isinstance(self.family, UNet):
                self.denoiser.to(memory_format=torch.channels_last)
        return self

    def captures(self) -> Captures | None:
        """For the hooked passes of one run; None where the model is not compiled."""
        return Captures(self.device) if self._records else None

    def shared(self) -> Captures | None:
        """For passes without hooks, which all runs of this thread share; None where the model is not compiled."""
        return self._fast.here(self.device) if self._records else None

    @property
    def _records(self) -> bool:
        """float16 does not: its gradient's scale is chosen by looking at numbers."""
        return self._fast.on and not self._meeting and self.dtype != torch.float16

    def joining(self, meeting: Meeting) -> "Backbone":
        """The same model, whose passes and gradients are those of a member of a meeting."""
        member = copy.copy(self)
        object.__setattr__(member, "_meeting", meeting)
        return member

    def gradient(self, loss: Tensor, z: Latent, retain: bool = False) -> Latent:
        """The gradient of a loss by a latent; with retain, another can follow. In float16 the loss is scaled, as most
        gradients inside would be 0 there."""
        if self._meeting:
            return self._meeting.gradient(loss, z)
        if self.dtype == torch.float16:
            return _scaled_gradient(loss, z)
        return torch.autograd.grad(loss, z, retain_graph=retain)[0]

    def _replayed(self, z: Latent, t: Tensor, text: Text) -> Latent:
        captures = self._fast.here(self.device)
        static = captures.static({"z": z, "t": t, **text.parts()})
        words_ = Text.of_parts(static)

        @torch.no_grad()
        def plain() -> dict[str, Tensor]:
            out = self.output(static["z"], static["t"], words_)
            assert out is not None
            return {"out": out}

        return captures.run(tuple((name, tensor.shape) for name, tensor in static.items()), plain)["out"]

    def _require_no_checkpointing(self) -> None:
        if torch.is_grad_enabled() and self.family.checkpointing:
            raise ValueError(
                "expected a denoiser without gradient checkpointing, which runs layers again outside of the forward, "
                "without their hooks; call disable_gradient_checkpointing()"
            )

    def layout(self, z: Latent) -> Layout:
        """The order of the denoiser's modules, and its attention sites with their sizes for this latent."""
        shape = (z.shape[-2], z.shape[-1])
        if shape not in self._layouts:
            self._layouts[shape] = measure(self.family, *shape)
        return self._layouts[shape]

    def sites(self, z: Latent) -> tuple[attention.Site, ...]:
        """All attention sites with the size that they have for this latent, in the order in which they run."""
        return self.layout(z).sites

    def guided(self, z: Latent) -> tuple[attention.Site, ...]:
        """Those of them where edits are guided and shown: the family's choice, or the `blocks` of `of`."""
        return tuple(self.family.guided(self.sites(z)))


def _scaled_gradient(loss: Tensor, z: Latent, scale: float = 2.0**16) -> Latent:
    """The gradient at the largest power of 4 at which it is finite; that of the loss by itself where none is."""
    while True:
        (gradient,) = torch.autograd.grad(loss * scale, z, retain_graph=True)
        if scale <= 1 or gradient.isfinite().all():
            return gradient / scale
        scale /= 4


@contextmanager
def inspect(pipe: DiffusionPipeline, name: str = "model") -> Iterator[Backbone]:
    """Lend a diffusers pipeline: a Backbone inside, and the pipeline as it was afterwards (attention processors,
    `requires_grad` of each weight, training mode of each module).

    with mag.inspect(pipe) as net: ...
    """
    family = family_of(pipe)
    denoiser, processors = family.denoiser, dict(family.denoiser.attn_processors)
    parts = (denoiser, pipe.vae, *family.encoders)
    grads = [(p, p.requires_grad) for part in parts for p in part.parameters()]
    modes = [(m, m.training) for part in parts for m in part.modules()]
    try:
        yield Backbone.of(pipe, name)
    finally:
        family.remove(processors)
        detach(denoiser)
        for weight, requires_grad in grads:
            weight.requires_grad_(requires_grad)
        for m, training in modes:
            m.training = training
