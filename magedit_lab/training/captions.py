"""Captions prepared before training: of each picture as a whole, and of squares around one of its things."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from ..scenes import room
from .colourings import coloured, counterpart
from .data import CELLS, Drawn, helpers, shared
from .parts import TOKENS
from .plan import Plan
from .tokenizer import CLIPTokenizer

DROPS = (0.0, 0.1, 0.2, 0.5)  # some captions name every adjective, some hardly any
EMPTY = 0.1  # share of captions that say nothing, for guidance


class Vocabulary:
    """Words to token ids without a tokenizer's cost: every word of the room is one token."""

    def __init__(self, tokenizer: CLIPTokenizer) -> None:
        self.start, self.end = tokenizer.bos_token_id, tokenizer.eos_token_id
        self.of = {word: self._one(tokenizer, word) for word in (*room.VOCABULARY, ",")}

    @staticmethod
    def _one(tokenizer: CLIPTokenizer, word: str) -> int:
        _, *ids, _ = tokenizer(word).input_ids
        if len(ids) != 1:
            raise ValueError(f"expected one token for {word!r}, got {len(ids)}; add the word to the vocabulary")
        return ids[0]

    def ids(self, words: Iterable[str]) -> list[int]:
        """Start token, words, end tokens to the full length, as the tokenizer pads."""
        inner = [self.of[word] for word in words][: TOKENS - 2]
        return [self.start, *inner, *[self.end] * (TOKENS - 1 - len(inner))]


@dataclass(frozen=True)
class Captions:
    """Prepared captions. picture: what is to be painted. visible: what the noise shows, another one if contrary.

    top, left: of a square of 8x8 cells, in cells of 16x16; 0 for whole pictures. owner: a bit for each thing that a
    token describes.
    """

    picture: Int[Tensor, " n"]
    visible: Int[Tensor, " n"]
    top: Int[Tensor, " n"]
    left: Int[Tensor, " n"]
    ids: Int[Tensor, "n tokens"]
    owner: Int[Tensor, "n tokens"]

    def __len__(self) -> int:
        return len(self.picture)

    def to(self, device: torch.device) -> "Captions":
        return Captions(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})


def prepared(drawn: Drawn, tokenizer: CLIPTokenizer, plan: Plan, crop: bool) -> Captions:
    """`plan.captions` captions of each picture in `drawn`, the same at each call."""
    cells = drawn.cells().numpy()
    write = partial(_rows, cells, Vocabulary(tokenizer), plan, crop)
    rows = [row for some in shared(write, range(drawn.rooms), helpers()) for row in some]
    picture, visible, top, left, ids, owner = zip(*rows, strict=True)
    places = [torch.tensor(values) for values in (picture, visible, top, left)]
    return Captions(*places, *(torch.tensor(np.array(values, np.int16)) for values in (ids, owner)))


Row = tuple[int, int, int, int, list[int], list[int]]


def _rows(cells: np.ndarray, vocabulary: Vocabulary, plan: Plan, crop: bool, seed: int) -> list[Row]:
    """Of all pictures of a room."""
    ways = [(number, k) for number in range(plan.colourings) for k in range(plan.captions)]
    return [_row(seed, number, k, cells[seed], vocabulary, plan, crop) for number, k in ways]


def _row(
    seed: int, number: int, k: int, cells: UInt8[np.ndarray, "things 16 16"], vocabulary: Vocabulary, plan: Plan,
    crop: bool,
) -> Row:  # fmt: skip
    rng = np.random.default_rng([7, seed, number, k, crop])
    scene, picture = coloured(seed, number), seed * plan.colourings + number
    contrary, keep = bool(number % 2 and rng.random() < plan.contrary), None
    chosen = int(rng.integers(len(scene.things)))
    if contrary:
        _, chosen, word = counterpart(seed, number)
        keep = (0, word)
    top, left, indices = around(cells, chosen, len(scene.things), rng) if crop else (0, 0, _first(chosen, scene))
    words: room.captions.Words = []
    if contrary or rng.random() >= EMPTY:
        words = room.describe(part(scene, indices), rng, float(rng.choice(DROPS)), keep)
    owner = [sum(1 << indices[i] for i in things) for _, things in words][: TOKENS - 2]
    bits = [0, *owner, *[0] * (TOKENS - 1 - len(owner))]
    return picture, picture - contrary, top, left, vocabulary.ids(word for word, _ in words), bits


def _first(chosen: int, scene: room.Scene) -> list[int]:
    return [chosen, *(i for i in range(len(scene.things)) if i != chosen)]


def part(scene: room.Scene, indices: Sequence[int]) -> room.Scene:
    """The scene with these things alone, in this order."""
    place = {old: new for new, old in enumerate(indices)}
    things = [scene.things[i] for i in indices]
    supported = tuple(replace(t, on=None if t.on is None else place.get(t.on)) for t in things)
    return replace(scene, things=supported)


def around(
    cells: UInt8[np.ndarray, "things 16 16"], chosen: int, count: int, rng: np.random.Generator
) -> tuple[int, int, list[int]]:
    """Top and left of a square of 8x8 cells around a thing, and what is seen there, that thing first: things that are
    almost half inside it or fill an eighth of it."""
    side, weight = CELLS // 2, cells[chosen].astype(np.float64) + 1e-6
    middle = [np.average(np.arange(CELLS) + 0.5, weights=weight.sum(axis)) for axis in (1, 0)]
    jitter = rng.uniform(-1.6, 1.6, 2)
    top, left = (int(c) for c in np.clip((np.array(middle) + jitter - side / 2).round(), 0, CELLS - side))
    inside = cells[:, top : top + side, left : left + side].sum((1, 2)) / 255
    share = inside / np.maximum(cells.sum((1, 2)) / 255, 1e-6)
    others = [i for i in range(count) if i != chosen and (share[i] > 0.45 or inside[i] > side * side / 8)]
    return top, left, [chosen, *others]
