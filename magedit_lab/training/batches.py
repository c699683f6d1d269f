"""What one step of training shows the U-Net, gathered where the latents lie: on a GPU nothing waits for the host."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from .captions import Captions, prepared
from .colourings import MOST
from .data import CELLS, Drawn, Latents, dice
from .plan import Plan
from .tokenizer import CLIPTokenizer


@dataclass(frozen=True)
class Batch:
    """z: what is to be painted. visible: what the noise leaves to be seen, another picture where words are contrary.

    masks: each thing's cover of the cells, 0-1. owner: 1 where a token describes a thing.
    """

    z: Float[Tensor, "n c h w"]
    visible: Float[Tensor, "n c h w"]
    contrary: Bool[Tensor, " n"]
    ids: Int[Tensor, "n tokens"]
    masks: Float[Tensor, "n things cells"]
    owner: Float[Tensor, "n things tokens"]


@dataclass(frozen=True)
class View:
    """What batches are cut from: latents of all pictures, things' cover in all rooms, captions, and the side of what
    is shown, in cells of the covers."""

    z: Float[Tensor, "pictures c h w"]
    cells: UInt8[Tensor, "rooms things side side"]
    captions: Captions
    side: int

    def batch(self, rows: Int[Tensor, " n"], colourings: int) -> Batch:
        """The squares of the pictures that these captions are of."""
        of, side = self.captions, self.side
        picture, visible, top, left = (getattr(of, name)[rows] for name in ("picture", "visible", "top", "left"))
        scale = self.z.shape[-1] // self.cells.shape[-1]
        z, other = (_window(self.z[i], scale * top, scale * left, scale * side) for i in (picture, visible))
        masks = _window(self.cells[picture // colourings], top, left, side).flatten(2)
        bits = 1 << torch.arange(MOST, device=rows.device)[:, None]
        owner = (of.owner[rows].long()[:, None] & bits).bool().float()
        z, other = (x.float().contiguous(memory_format=torch.channels_last) for x in (z, other))
        return Batch(z, other, picture != visible, of.ids[rows].long(), masks.float() / 255, owner)


@dataclass(frozen=True)
class Batches:
    """Whole pictures; squares of half their side around a thing; and whole pictures at half their size."""

    whole: View
    crops: View
    small: View
    plan: Plan

    @classmethod
    def of(cls, z: Latents, drawn: Drawn, tokenizer: CLIPTokenizer, plan: Plan, device: torch.device) -> "Batches":
        whole, crops = (prepared(drawn, tokenizer, plan, crop).to(device) for crop in (False, True))
        large, small, cells = (x.to(device) for x in (z.large, z.small, drawn.cells()))
        fewer = F.avg_pool2d(cells.float(), 2).round().byte()
        half = CELLS // 2
        return cls(
            View(large, cells, whole, CELLS), View(large, cells, crops, half), View(small, fewer, whole, half), plan
        )

    def view(self, step: int) -> tuple[View, int]:
        """At first crops and small pictures in turn, then whole pictures and now and then crops; and how many."""
        plan = self.plan
        if step < plan.early_steps:
            return (self.small, self.crops)[step % 2], plan.early_batch
        return (self.crops, plan.early_batch) if step % plan.crop_every == 0 else (self.whole, plan.scene_batch)

    def __call__(self, step: int) -> Batch:
        view, size = self.view(step)
        rows = torch.from_numpy(dice(step).integers(0, len(view.captions), size)).to(view.z.device, non_blocking=True)
        return view.batch(rows, self.plan.colourings)


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
