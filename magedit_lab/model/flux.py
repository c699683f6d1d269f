"""FLUX.1: a transformer of joint attention with rotary positions; T5 reads the words, CLIP gives one vector."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from diffusers import DiffusionPipeline
from torch import Tensor, nn

from . import joint
from .attention import Site
from .family import Family, Latent, each, require_latents, require_length, require_width
from .schedule import Time
from .sd3 import shortened
from .text import Reader, Text, ids, reading
from .unet import placed

T5_TOKENS = 512  # that the pipeline reads
EMBEDDED = 3.5  # the guidance that FLUX.1-dev is told, its pipeline's own
SIDE = 128  # latent cells of 1024 pixels; the configuration does not say it


class Flux(Family):
    """Latents are kept as pictures and packed 2 x 2 for the denoiser. Text tokens come first.

    A model with embedded guidance (FLUX.1-dev) is told 3.5 throughout; a path's guidance scale is classifier-free
    guidance besides, which 1 leaves out. The single blocks, which mix both kinds of tokens in one stream, have maps
    too; edits are guided in the others.
    """

    part = "transformer"

    def __init__(self, pipe: DiffusionPipeline) -> None:
        super().__init__(pipe)
        config = self.denoiser.config
        takes, packed = config.in_channels, 4 * self.channels
        require_latents(pipe, self.channels if takes == packed else takes, "transformer")
        self.side, self.unit = SIDE, 2
        require_length(pipe.tokenizer, pipe.text_encoder.config.max_position_embeddings)
        require_width(pipe.text_encoder.config.hidden_size, config.pooled_projection_dim)
        require_width(pipe.text_encoder_2.config.d_model, config.joint_attention_dim)
        self.encoders = (pipe.text_encoder, pipe.text_encoder_2)
        self._clip = reading(pipe.tokenizer)
        self.readers = (Reader(shortened(pipe.tokenizer_2, T5_TOKENS)),)

    def text(self, prompt: str) -> Text:
        device, (clip, t5) = placed(self.denoiser), self.encoders
        words = ids(self.readers[0].tokenizer, prompt)
        most = self._clip.model_max_length
        whole = self._clip(prompt).input_ids
        short = whole if len(whole) <= most else [*whole[: most - 1], whole[-1]]  # CLIP reads the beginning alone
        padded = torch.tensor([short + [self._clip.pad_token_id] * (most - len(short))])
        return Text(t5(words.to(device))[0], clip(padded.to(device)).pooler_output)

    def inputs(self, z: Latent, t: Time | Tensor, text: Text) -> Mapping[str, Any]:
        n, tokens = len(z), text.embedding.shape[1]
        guidance = torch.full((n,), EMBEDDED, device=z.device) if self.denoiser.config.guidance_embeds else None
        return {
            "hidden_states": packed(z), "encoder_hidden_states": text.embedding, "pooled_projections": text.pooled,
            "timestep": each(t, z).to(z.dtype) / 1000,
            "img_ids": places(z), "txt_ids": torch.zeros(tokens, 3, device=z.device, dtype=z.dtype),
            "guidance": guidance, "joint_attention_kwargs": {"text_tokens": tokens},
        }  # fmt: skip

    def output(self, out: Tensor, z: Latent) -> Latent:
        height, width = (cells // 2 for cells in z.shape[-2:])
        return out.unflatten(-1, (-1, 2, 2)).unflatten(1, (height, width)).permute(0, 3, 1, 4, 2, 5).reshape(z.shape)

    def example(self) -> Text:
        config = self.denoiser.config
        embedding = torch.zeros(1, 2, config.joint_attention_dim, device="meta")
        return Text(embedding, torch.zeros(1, config.pooled_projection_dim, device="meta"))

    def install(self, denoiser: nn.Module) -> None:
        joint.install(denoiser, joint.Rotary())

    def remove(self, processors: Mapping[str, Any]) -> None:
        joint.remove(self.denoiser, processors)

    def sites(self, twin: nn.Module, sizes: Mapping[str, tuple[int, int]], height: int, width: int) -> list[Site]:
        half = len(self.denoiser.transformer_blocks) // 2

        def late(name: str) -> bool:  # whose keys and values are the image's alone
            return name.startswith("transformer_blocks.") and int(name.split(".")[1]) >= half

        return joint.sites(twin, height // 2, width // 2, late)

    def guided(self, sites: Sequence[Site]) -> list[Site]:
        return joint.numbered(sites, self.blocks) if self.blocks else joint.middle(sites)


def packed(z: Latent) -> Tensor:
    """2 x 2 cells become a token: n x tokens x 4 channels, row by row."""
    return z.unflatten(-2, (-1, 2)).unflatten(-1, (-1, 2)).permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


def places(z: Latent) -> Tensor:
    """The row and the column of each token, as FLUX numbers them: tokens x 3, the first number 0."""
    height, width = (cells // 2 for cells in z.shape[-2:])
    rows, columns = torch.meshgrid(
        torch.arange(height, device=z.device), torch.arange(width, device=z.device), indexing="ij"
    )
    return torch.stack([torch.zeros_like(rows), rows, columns], -1).flatten(0, 1).to(z.dtype)
