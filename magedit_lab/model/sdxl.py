"""Stable Diffusion XL: a U-Net, two text encoders side by side, pooled text and the picture's sizes."""

from collections.abc import Mapping
from typing import Any

import torch
from diffusers import DiffusionPipeline
from torch import Tensor

from .family import Latent, require_length, require_width
from .schedule import Time
from .text import Reader, Text, ids, reading
from .unet import UNet


class XL(UNet):
    """Both encoders read the same tokens, so a token has one column; their channels are joined.

    The empty prompt is all zeros where the model was trained so. Null-text inversion trains both encoders' embedding
    and leaves the pooled text as it is.
    """

    def _require_kind(self, config: Any) -> None:
        size_channels = 6 * (config.addition_time_embed_dim or 0)  # six numbers: sizes before and after, and a corner
        pooled = (config.projection_class_embeddings_input_dim or 0) - size_channels
        if config.addition_embed_type != "text_time" or pooled <= 0:
            kind = config.addition_embed_type
            raise ValueError(f"expected Stable Diffusion XL's base model (text_time), got a U-Net with {kind!r}")
        self._pooled = pooled
        self._sizes: dict[tuple[int, int, torch.dtype, torch.device], Tensor] = {}

    def _read(self, pipe: DiffusionPipeline) -> None:
        if pipe.text_encoder is None or pipe.config.get("requires_aesthetics_score"):
            raise ValueError("expected Stable Diffusion XL's base model, got its refiner; take the base model")
        self.encoders = (pipe.text_encoder, pipe.text_encoder_2)
        tokenizers = (pipe.tokenizer, pipe.tokenizer_2)
        for tokenizer, encoder in zip(tokenizers, self.encoders, strict=True):
            require_length(tokenizer, encoder.config.max_position_embeddings)
        require_width(sum(e.config.hidden_size for e in self.encoders), self.width)
        require_width(pipe.text_encoder_2.config.projection_dim, self._pooled)
        self._tokenizers = tuple(reading(tokenizer) for tokenizer in tokenizers)
        self.readers = (Reader(self._tokenizers[0]),)
        self._zeros = bool(pipe.config.get("force_zeros_for_empty_prompt"))

    def text(self, prompt: str) -> Text:
        pairs = list(zip(self._tokenizers, self.encoders, strict=True))
        both = [e(ids(t, prompt).to(self.device), output_hidden_states=True) for t, e in pairs]
        embedding = torch.cat([out.hidden_states[-2] for out in both], -1)
        pooled = both[1].text_embeds
        if self._zeros and not prompt:
            return Text(torch.zeros_like(embedding), torch.zeros_like(pooled))
        return Text(embedding, pooled)

    def inputs(self, z: Latent, t: Time | Tensor, text: Text) -> Mapping[str, Any]:
        assert text.pooled is not None
        height, width = (self.factor * cells for cells in z.shape[-2:])
        key = (height, width, z.dtype, z.device)
        if key not in self._sizes:  # sent to the device once
            self._sizes[key] = torch.tensor([[height, width, 0, 0, height, width]], dtype=z.dtype, device=z.device)
        more = {"text_embeds": text.pooled, "time_ids": self._sizes[key].expand(len(z), -1)}
        return {**super().inputs(z, t, text), "added_cond_kwargs": more}

    def example(self) -> Text:
        return Text(super().example().embedding, torch.zeros(1, self._pooled, device="meta"))
