"""Stable Diffusion 1 and 2: a U-Net with cross attention, and one text encoder."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from diffusers import DiffusionPipeline
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn

from . import attention
from .attention import Site
from .family import Family, Latent, require_latents, require_length, require_side, require_width
from .schedule import Time
from .text import Reader, Text, ids, reading


class UNet(Family):
    """Cross attention looks from pixels to tokens at several sizes; edits are guided at the coarsest."""

    part = "unet"

    def __init__(self, pipe: DiffusionPipeline) -> None:
        super().__init__(pipe)
        config = self.denoiser.config
        self._require_kind(config)
        require_latents(pipe, config.in_channels, "U-Net")
        self.side = require_side(config.sample_size, self.part)
        self.unit = 2 ** (len(config.block_out_channels) - 1)
        self._read(pipe)

    def _require_kind(self, config: Any) -> None:
        if more := config.get("addition_embed_type") or config.get("class_embed_type"):
            raise ValueError(f"expected a U-Net that takes a latent and a prompt, got one that wants more ({more})")

    def _read(self, pipe: DiffusionPipeline) -> None:
        require_length(pipe.tokenizer, pipe.text_encoder.config.max_position_embeddings)
        require_width(pipe.text_encoder.config.hidden_size, self.width)
        self.encoders, self.readers = (pipe.text_encoder,), (Reader(reading(pipe.tokenizer)),)

    @property
    def width(self) -> int:
        """Channels of the text that cross attention reads."""
        width = self.denoiser.config.cross_attention_dim
        return width[0] if isinstance(width, tuple | list) else width

    def text(self, prompt: str) -> Text:
        (encoder,) = self.encoders
        return Text(encoder(ids(self.readers[0].tokenizer, prompt).to(self.device))[0])

    @property
    def device(self) -> torch.device:
        return placed(self.denoiser)

    def inputs(self, z: Latent, t: Time | Tensor, text: Text) -> Mapping[str, Any]:
        return {"sample": z, "timestep": t, "encoder_hidden_states": text.embedding}

    def example(self) -> Text:
        return Text(torch.zeros(1, 1, self.width, device="meta"))

    def install(self, denoiser: nn.Module) -> None:
        attention.install(denoiser)

    def remove(self, processors: Mapping[str, Any]) -> None:
        attention.remove(self.denoiser, dict(processors))

    @property
    def checkpointing(self) -> bool:
        return bool(getattr(self.denoiser.mid_block, "gradient_checkpointing", False))

    def sites(self, twin: nn.Module, sizes: Mapping[str, tuple[int, int]], height: int, width: int) -> list[Site]:
        layers = [(name, layer) for name, layer in twin.named_modules() if isinstance(layer, Attention)]
        blocks = {name: next(b for b in sizes if name.startswith(f"{b}.")) for name, _ in layers}
        return [
            Site(f"{name}.probs", layer.is_cross_attention, *sizes[blocks[name]], name.startswith("up_blocks"))
            for name, layer in layers
        ]

    def guided(self, sites: Sequence[Site]) -> list[Site]:
        return attention.guided(sites)


def placed(module: nn.Module) -> torch.device:
    """Where a module computes; with CPU offload that is not where its weights wait."""
    if hasattr(module, "_hf_hook"):
        devices = [getattr(getattr(m, "_hf_hook", None), "execution_device", None) for m in module.modules()]
        if (first := next((device for device in devices if device is not None), None)) is not None:
            return torch.device(first)
    return next(module.parameters()).device
