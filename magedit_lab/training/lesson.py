"""What one step of training shows the U-Net: pictures and captions, and words that contradict what is to be seen."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.utils.data import Dataset
from transformers import CLIPTokenizer

from .. import scenes
from .data import CELLS, MOST, Drawn, counterpart, dice, sampled
from .parts import TOKENS
from .plan import Plan

DROPS = (0.05, 0.1, 0.3, 0.8)  # some captions name every adjective, some hardly any
CONTRARY_DROPS = (0.1, 0.3, 0.8, 1.0)  # with nothing else named, only attention tells look-alikes apart


@dataclass(frozen=True)
class Pictures:
    """Scenes and their counterparts: latents, and masks of each object at 16x16 in bytes."""

    z: Float[Tensor, "n 4 h w"]
    masks: Drawn | np.ndarray
    changed_z: Float[Tensor, "n 4 h w"]
    changed_masks: Drawn | np.ndarray


@dataclass(frozen=True)
class Lesson(Dataset):
    """What each step shows: crops at first, then whole scenes and now and then crops again."""

    pictures: Pictures
    tokenizer: CLIPTokenizer
    plan: Plan

    def __getitem__(self, step: int) -> "Batch":
        crop = step < self.plan.crop_steps or step % self.plan.crop_every == 0
        return make_batch(self.pictures, self.tokenizer, self.plan, crop, dice(step))


@dataclass(frozen=True)
class Batch:
    """z: what is to be painted. shown: what the noise leaves to be seen, another picture where the words are contrary.

    owner: 1 where a token describes a thing. inside, column, factor: where, of which token and by what attention is
    multiplied; a factor of 1 leaves it alone.
    """

    z: Float[Tensor, "n 4 h w"]
    shown: Float[Tensor, "n 4 h w"]
    contrary: Bool[Tensor, " n"]
    ids: Int[Tensor, "n tokens"]
    masks: Float[Tensor, "n things cells"]
    owner: Float[Tensor, "n things tokens"]
    inside: Float[Tensor, "n cells"]
    column: Int[Tensor, " n"]
    factor: Float[Tensor, " n"]

    @property
    def boost(self) -> Float[Tensor, "n cells tokens"]:
        """Factors of attention."""
        more = (self.factor - 1)[:, None] * F.one_hot(self.column, TOKENS)
        return 1 + self.inside[:, :, None] * more[:, None]

    def to(self, device: torch.device) -> "Batch":
        """The same there, its latents in single precision."""
        moved = {f.name: getattr(self, f.name).to(device, non_blocking=True) for f in fields(self)}
        z = {k: moved[k].float().contiguous(memory_format=torch.channels_last) for k in ("z", "shown")}
        return Batch(**{**moved, **z})


@dataclass(frozen=True)
class Window:
    """A square of 16x16 cells' coordinates, and the objects in it, the one it was made for first."""

    top: int
    left: int
    side: int
    seen: tuple[int, ...]

    def of_latent(self, z: Tensor) -> Tensor:
        return z[:, 2 * self.top : 2 * (self.top + self.side), 2 * self.left : 2 * (self.left + self.side)]

    def of_masks(self, masks: np.ndarray) -> np.ndarray:
        """The seen objects' masks, those that lack covering nothing."""
        out = np.zeros((MOST, self.side, self.side), np.float32)
        cut = masks[list(self.seen), self.top : self.top + self.side, self.left : self.left + self.side]
        out[: len(self.seen)] = cut / np.float32(255)
        return out


def make_batch(pictures: Pictures, tokenizer: CLIPTokenizer, plan: Plan, crop: bool, rng: np.random.Generator) -> Batch:
    """Whole scenes, or crops of half their side around an object, captioned with just what is in sight.

    A share `plan.contrary` of captions is about the scene's counterpart: what the noise shows has another colour,
    texture or kind at one object than what is to be painted. In `plan.boosted` of these, and in `plan.told_twice` of
    the others, the attention of one word is multiplied inside its object, as Prompt-to-Prompt re-weights.
    """
    size = plan.crop_batch if crop else plan.scene_batch
    rows = [_row(pictures, int(index), plan, crop, rng) for index in rng.integers(0, len(pictures.z), size)]
    ids = tokenizer(
        [" ".join(word for word, _ in row.caption) for row in rows],
        padding="max_length", max_length=TOKENS, truncation=True, return_tensors="pt",
    ).input_ids  # fmt: skip
    masks, inside = (torch.from_numpy(np.stack([getattr(row, name) for row in rows])) for name in ("masks", "inside"))
    return Batch(
        torch.stack([row.z for row in rows]), torch.stack([row.shown for row in rows]),
        torch.tensor([row.contrary for row in rows]), ids, masks.flatten(2),
        torch.stack([_owner(row.caption) for row in rows]), inside.flatten(1),
        torch.tensor([row.column for row in rows]), torch.tensor([row.factor for row in rows]),
    )  # fmt: skip


@dataclass(frozen=True)
class _Row:
    z: Tensor
    shown: Tensor
    contrary: bool
    caption: Sequence[tuple[str, int | None]]
    masks: np.ndarray
    inside: np.ndarray
    column: int
    factor: float


def _row(pictures: Pictures, index: int, plan: Plan, crop: bool, rng: np.random.Generator) -> _Row:
    contrary = bool(rng.random() < plan.contrary)
    scene, (other, chosen, word) = sampled(index), counterpart(index)
    if not contrary:
        chosen = int(rng.integers(len(scene.things)))
    window = around(scene, chosen, rng) if crop else Window(0, 0, CELLS, _first(chosen, len(scene.things)))
    told, masks, z = (
        (other, pictures.changed_masks, pictures.changed_z) if contrary else (scene, pictures.masks, pictures.z)
    )
    part = scenes.Scene(tuple(told.things[i] for i in window.seen), told.wall, told.table, told.horizon)
    caption: Sequence[tuple[str, int | None]] = []
    if contrary:
        caption = scenes.describe(part, rng, float(rng.choice(CONTRARY_DROPS)), keep=(0, word))
    elif rng.random() >= 0.1:
        caption = scenes.describe(part, rng, float(rng.choice(DROPS)))
        word = str(rng.choice([w for w, thing in caption if thing == 0]))
    column, factor = 0, 1.0
    if caption and rng.random() < (plan.boosted if contrary else plan.told_twice):
        column, factor = min(caption.index((word, 0)) + 1, TOKENS - 1), float(rng.uniform(*plan.factors))
    return _Row(
        window.of_latent(z[index]), window.of_latent(pictures.z[index]), contrary, caption,
        window.of_masks(masks[index]), window.of_masks(pictures.masks[index])[0], column, factor,
    )  # fmt: skip


def _first(chosen: int, count: int) -> tuple[int, ...]:
    return (chosen, *(i for i in range(count) if i != chosen))


def _owner(caption: Sequence[tuple[str, int | None]]) -> Tensor:
    """1 where a token describes a thing; every word of the little world is one token, after the start token."""
    owner = torch.zeros(MOST, TOKENS)
    for place, (_, thing) in enumerate(caption[: TOKENS - 2], 1):
        if thing is not None:
            owner[thing, place] = 1
    return owner


def around(scene: scenes.Scene, chosen: int, rng: np.random.Generator) -> Window:
    """A window of half the picture's side around an object, with the objects that are mostly inside it."""
    side, thing = CELLS // 2, scene.things[chosen]
    middle = np.array([thing.y - thing.size / 2, thing.x]) + rng.uniform(-0.1, 0.1, 2)
    top, left = (int(c) for c in np.clip((middle * CELLS - side / 2).round(), 0, CELLS - side))
    seen = []
    for i in _first(chosen, len(scene.things)):
        t = scene.things[i]
        wide = min(t.x + t.size / 2, (left + side) / CELLS) - max(t.x - t.size / 2, left / CELLS)
        high = min(t.y, (top + side) / CELLS) - max(t.y - t.size, top / CELLS)
        if i == chosen or max(wide, 0) * max(high, 0) > 0.45 * t.size**2:
            seen.append(i)
    return Window(top, left, side, tuple(seen))
