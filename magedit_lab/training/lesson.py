"""What one step of training shows the U-Net, gathered where the latents lie: on a GPU nothing waits for the host."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor
from transformers import CLIPTokenizer

from .captions import Captions, prepared
from .colourings import MOST
from .data import CELLS, Drawn, dice
from .plan import Plan


@dataclass(frozen=True)
class Batch:
    """z: what is to be painted. shown: what the noise leaves to be seen, another picture where the words are contrary.

    masks: each thing's cover of the cells, 0-1. owner: 1 where a token describes a thing.
    """

    z: Float[Tensor, "n c h w"]
    shown: Float[Tensor, "n c h w"]
    contrary: Bool[Tensor, " n"]
    ids: Int[Tensor, "n tokens"]
    masks: Float[Tensor, "n things cells"]
    owner: Float[Tensor, "n things tokens"]


@dataclass(frozen=True)
class Lessons:
    """z: latents of all pictures, cells: things' cover in all rooms; captions of whole pictures and of crops."""

    z: Float[Tensor, "pictures c h w"]
    cells: UInt8[Tensor, "rooms things 16 16"]
    whole: Captions
    crops: Captions
    plan: Plan

    @classmethod
    def of(cls, z: Tensor, drawn: Drawn, tokenizer: CLIPTokenizer, plan: Plan, device: torch.device) -> "Lessons":
        whole, crops = (prepared(drawn, tokenizer, plan, crop).to(device) for crop in (False, True))
        return cls(z.to(device), drawn.cells().to(device), whole, crops, plan)

    def __call__(self, step: int) -> Batch:
        """Crops at first, then whole scenes and now and then crops again."""
        crop = step < self.plan.crop_steps or step % self.plan.crop_every == 0
        captions = self.crops if crop else self.whole
        size = self.plan.crop_batch if crop else self.plan.scene_batch
        rows = torch.from_numpy(dice(step).integers(0, len(captions), size)).to(self.z.device)
        return self.batch(captions, rows, CELLS // 2 if crop else CELLS)

    def batch(self, captions: Captions, rows: Int[Tensor, " n"], side: int) -> Batch:
        """Squares of side x side cells of 16x16 of the pictures that the captions are of."""
        picture, shown, top, left = (getattr(captions, name)[rows] for name in ("picture", "shown", "top", "left"))
        scale = self.z.shape[-1] // CELLS
        z, other = (_window(self.z[i], scale * top, scale * left, scale * side) for i in (picture, shown))
        masks = _window(self.cells[picture // self.plan.colourings], top, left, side).flatten(2)
        bits = 1 << torch.arange(MOST, device=rows.device)[:, None]
        owner = (captions.owner[rows].long()[:, None] & bits).bool().float()
        z, other = (x.float().contiguous(memory_format=torch.channels_last) for x in (z, other))
        return Batch(z, other, picture != shown, captions.ids[rows].long(), masks.float() / 255, owner)


def _window(
    values: Float[Tensor, "n c h w"] | UInt8[Tensor, "n c h w"], top: Tensor, left: Tensor, side: int
) -> Float[Tensor, "n c s s"] | UInt8[Tensor, "n c s s"]:
    """A square of each, at its own place."""
    if side == values.shape[-1]:
        return values
    along = torch.arange(side, device=values.device)
    rows, columns = (top[:, None] + along)[:, None, :, None], (left[:, None] + along)[:, None, None, :]
    n = torch.arange(len(values), device=values.device)[:, None, None, None]
    channel = torch.arange(values.shape[1], device=values.device)[None, :, None, None]
    return values[n, channel, rows, columns]
