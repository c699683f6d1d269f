"""Stable Diffusion 3 and 3.5: a transformer of joint attention, two CLIP text encoders and T5."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import DiffusionPipeline
from torch import Tensor, nn

from . import joint
from .attention import Site
from .family import Family, Latent, each, require_latents, require_length, require_side, require_width
from .schedule import Time
from .text import Reader, Text, ids, reading
from .unet import placed

T5_TOKENS = 256  # that the pipeline reads


class SD3(Family):
    """A word has columns twice: where the two CLIP encoders read it, and behind those where T5 did.

    Without T5 (`text_encoder_3` left out) its columns are zeros, as the pipeline has them, and belong to no word.
    """

    part = "transformer"

    def __init__(self, pipe: DiffusionPipeline) -> None:
        super().__init__(pipe)
        config = self.denoiser.config
        require_latents(pipe, config.in_channels, "transformer")
        self.side, self.unit = require_side(config.sample_size, self.part), config.patch_size
        self._most = config.pos_embed_max_size * self.unit
        clip = (pipe.text_encoder, pipe.text_encoder_2)
        for tokenizer, encoder in zip((pipe.tokenizer, pipe.tokenizer_2), clip, strict=True):
            require_length(tokenizer, encoder.config.max_position_embeddings)
        require_width(sum(e.config.projection_dim for e in clip), config.pooled_projection_dim)
        self._clip = [reading(pipe.tokenizer), reading(pipe.tokenizer_2)]
        self.readers = (Reader(self._clip[0]),)
        self.encoders, self._t5_tokens = clip, T5_TOKENS
        if pipe.text_encoder_3 is not None:
            require_width(pipe.text_encoder_3.config.d_model, config.joint_attention_dim)
            self.encoders = (*clip, pipe.text_encoder_3)
            self.readers = (*self.readers, Reader(shortened(pipe.tokenizer_3, T5_TOKENS), self._clip_tokens))

    @property
    def _clip_tokens(self) -> int:
        return self._clip[0].model_max_length

    def text(self, prompt: str) -> Text:
        device = placed(self.denoiser)
        pairs = list(zip(self._clip, self.encoders, strict=False))
        both = [e(ids(t, prompt).to(device), output_hidden_states=True) for t, e in pairs]
        clip = torch.cat([out.hidden_states[-2] for out in both], -1)
        pooled = torch.cat([out.text_embeds for out in both], -1)
        width = self.denoiser.config.joint_attention_dim
        if len(self.readers) == 2:
            t5 = self.encoders[2](ids(self.readers[1].tokenizer, prompt).to(device))[0]
        else:
            t5 = torch.zeros(1, self._t5_tokens, width, dtype=clip.dtype, device=device)
        return Text(torch.cat([F.pad(clip, (0, width - clip.shape[-1])), t5.to(clip)], 1), pooled)

    def inputs(self, z: Latent, t: Time | Tensor, text: Text) -> Mapping[str, Any]:
        if max(z.shape[-2:]) > self._most:
            most = self._most * self.factor
            raise ValueError(f"expected a picture of at most {most} pixels a side; use task.fit({most}, {most})")
        return {
            "hidden_states": z, "timestep": each(t, z), "encoder_hidden_states": text.embedding,
            "pooled_projections": text.pooled,
        }  # fmt: skip

    def example(self) -> Text:
        config = self.denoiser.config
        embedding = torch.zeros(1, 2, config.joint_attention_dim, device="meta")
        return Text(embedding, torch.zeros(1, config.pooled_projection_dim, device="meta"))

    def install(self, denoiser: nn.Module) -> None:
        joint.install(denoiser, joint.Joint())

    def remove(self, processors: Mapping[str, Any]) -> None:
        joint.remove(self.denoiser, processors)

    def sites(self, twin: nn.Module, sizes: Mapping[str, tuple[int, int]], height: int, width: int) -> list[Site]:
        half = len(self.denoiser.transformer_blocks) // 2
        return joint.sites(twin, height // self.unit, width // self.unit, lambda name: int(name.split(".")[1]) >= half)

    def guided(self, sites: Sequence[Site]) -> list[Site]:
        return joint.numbered(sites, self.blocks) if self.blocks else joint.middle(sites)


def shortened(tokenizer: Any, most: int) -> Any:
    """A tokenizer that says how many tokens its pipeline reads; the pipeline's own stays as it is."""
    import copy

    short = copy.copy(tokenizer)
    short.model_max_length = most
    return reading(short)
