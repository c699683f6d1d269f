"""What a model makes of rooms that it was not trained on: its loss, and how its attention is spread."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, UNet2DConditionModel
from jaxtyping import Float
from torch import Tensor
from transformers import CLIPTextModel

from ..scenes import room
from .captions import Vocabulary
from .grounding import Attending
from .parts import new_scheduler
from .tokenizer import CLIPTokenizer
from .vae import encoded

FIRST = room.HELD_OUT + 900_000  # the first room; no bar, case or tuning scene is among these
TIMES = (50, 200, 350, 500, 650, 800, 950)  # timesteps
CELLS = 256  # pixels of the maps that are read


@dataclass(frozen=True)
class HeldOut:
    """Rooms from FIRST on with full captions, and the model that is asked: its parts in single precision."""

    vae: AutoencoderKL
    text: CLIPTextModel
    unet: UNet2DConditionModel
    tokenizer: CLIPTokenizer
    count: int = 32

    @cached_property
    def scenes(self) -> list[room.Scene]:
        return [room.sample(FIRST + i) for i in range(self.count)]

    @cached_property
    def words(self) -> list[list[tuple[str, tuple[int, ...]]]]:
        return [room.describe(scene, np.random.default_rng([3, i]), 0.0) for i, scene in enumerate(self.scenes)]

    @cached_property
    def embedded(self) -> Float[Tensor, "n tokens width"]:
        vocabulary = Vocabulary(self.tokenizer)
        ids = torch.tensor([vocabulary.ids(word for word, _ in words) for words in self.words])
        with torch.no_grad():
            return self.text(ids.to(self.unet.device)).last_hidden_state

    @cached_property
    def latents(self) -> Float[Tensor, "n c h w"]:
        size = self.unet.config.sample_size * 8
        pictures = torch.from_numpy(np.stack([room.render(scene, size) for scene in self.scenes])).to(self.unet.device)
        x = pictures.permute(0, 3, 1, 2).float() / 127.5 - 1
        with torch.no_grad():
            return torch.cat([encoded(self.vae, some) for some in x.split(8)]) * self.vae.config.scaling_factor

    @torch.no_grad()
    def loss(self) -> dict[int, float]:
        """Mean squared error of the velocity at each of TIMES, with the same noise for every model."""
        scheduler, generator, losses = new_scheduler(), torch.Generator().manual_seed(0), {}
        noise = torch.randn(self.latents.shape, generator=generator).to(self.latents)
        for t in TIMES:
            times = torch.full((len(noise),), t, device=noise.device)
            z, v = (make(self.latents, noise, times) for make in (scheduler.add_noise, scheduler.get_velocity))
            answers = self._answers(z, t)
            losses[t] = F.mse_loss(answers, v).item()
        return losses

    def _answers(self, z: Tensor, t: int) -> Tensor:
        parts = zip(z.split(8), self.embedded.split(8), strict=True)
        return torch.cat([self.unet(some, t, text).sample for some, text in parts])

    @torch.no_grad()
    def attention(self, t: int = 500) -> dict[str, float]:
        """Of cross attention at 16x16, means over layers, heads, rooms: `sink`, the start token's share; `entropy` of
        the adjectives' and kinds' maps over cells, 1 for uniform; `inside`, the share of these maps inside the thing,
        over the thing's share of the picture."""
        attending = Attending(self.unet)
        attending.pixels = CELLS
        noise = torch.randn(self.latents.shape, generator=torch.Generator().manual_seed(0)).to(self.latents)
        z = new_scheduler().add_noise(self.latents, noise, torch.full((len(noise),), t, device=noise.device))
        rows: list[tuple[float, float, float]] = []
        for i, words in enumerate(self.words):
            attending.maps = []
            self.unet(z[i : i + 1], t, self.embedded[i : i + 1])
            rows += _spread(torch.cat(attending.maps), words, self._masks(i))
        sink, entropy, inside = np.mean(rows, 0).tolist()
        return {"sink": sink, "entropy": entropy, "inside": inside}

    def _masks(self, i: int) -> Float[Tensor, "things cells"]:
        masks = torch.from_numpy(room.trace(self.scenes[i], 128).masks())
        return F.adaptive_avg_pool2d(masks, int(CELLS**0.5)).flatten(1).to(self.unet.device)


def _spread(
    maps: Float[Tensor, "layers heads cells tokens"], words: Sequence[tuple[str, tuple[int, ...]]],
    masks: Float[Tensor, "things cells"],
) -> list[tuple[float, float, float]]:  # fmt: skip
    """Start token's share, entropy and share inside over area, for each word that describes something."""
    sink, rows = maps[..., 0].mean().item(), []
    for place, (_, owner) in enumerate(words, 1):
        if owner:
            own = maps[..., place] / maps[..., place].sum(-1, keepdim=True)
            entropy = -(own * own.clamp_min(1e-12).log()).sum(-1).mean() / np.log(own.shape[-1])
            mask = masks[list(owner)].sum(0).clamp(max=1)
            rows.append((sink, entropy.item(), ((own * mask).sum(-1).mean() / mask.mean()).item()))
    return rows
