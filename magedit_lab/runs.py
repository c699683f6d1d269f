"""Run: an edit as one model sees it. Methods, traces, widgets and checks read it; nobody derives these anew."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from textwrap import shorten

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .inversion.base import Path
from .masks.raster import to_cells
from .model.attention import Site
from .model.backbone import Backbone
from .model.text import Reader, Text
from .prompts import alignment, words
from .task import Task


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """A task on a model along a path. What follows from these three is computed once, when it is first asked for.

    by: how a mask comes into cells, `to_cells`. split: where words end, `words.positions`. occurrences: of a word that
    stands in the target prompt more than once the "new" ones, or "all".
    """

    net: Backbone
    task: Task
    path: Path
    by: str = "coverage"
    split: str = "words"
    occurrences: str = "new"
    _columns: dict[str, list[int]] = field(default_factory=dict)
    _cells: dict[tuple[int, int, int], Tensor] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Run({self.net.name!r}, {shorten(self.task.target, 60)!r}, {self.path.steps} steps)"

    def read(self, **how: str) -> "Run":
        """The same run with masks and words read in another way (by, split, occurrences)."""
        if all(getattr(self, name) == value for name, value in how.items()):
            return self
        return replace(self, **how, _columns={}, _cells={})  # type: ignore[arg-type]

    @cached_property
    def sites(self) -> tuple[Site, ...]:
        """All attention sites, in the order in which they run."""
        return self.net.sites(self.path.latents)

    @cached_property
    def guided(self) -> tuple[Site, ...]:
        """The cross-attention sites where edits are guided and shown: those of the model's family."""
        return self.net.guided(self.path.latents)

    @cached_property
    def cond(self) -> Text:
        """The target prompt's embedding."""
        return self.net.embed(self.task.target)

    def columns(self, word: str) -> list[int]:
        """Columns of a word of the target prompt in its attention maps, for every method and every figure.

        Of a word that stands there more than once these are the occurrences that are new: their tokens repeat none of
        the source prompt's. Where none is new, or all are, or with occurrences="all", they are all of its occurrences.
        """
        if word not in self._columns:
            prompts = (self.task.source, self.task.target, word, self.split)
            self._columns[word] = (
                self._everywhere(alignment.edited, *prompts)
                if self.occurrences == "new"
                else self._everywhere(words.positions, self.task.target, word, "target", self.split)
            )
        return self._columns[word]

    def new_columns(self, word: str) -> list[int]:
        """`columns`; ValueError where no occurrence is new, so that its map is the source's and can't be guided."""
        self._everywhere(alignment.require_new, self.task.source, self.task.target, word, self.split)
        return self.columns(word)

    def source_columns(self, word: str) -> list[int]:
        """Columns of a word of the source prompt, all its occurrences taken together."""
        return self._everywhere(words.positions, self.task.source, word, "source", self.split)

    @cached_property
    def common(self) -> list[int]:
        """Columns of the target's tokens that repeat a token of the source prompt, start and end tokens left out."""
        return self._everywhere(alignment.common, self.task.source, self.task.target)

    def aligned(self, padding: str = "end") -> Int[Tensor, " columns"]:
        """For each column of the target's maps the source's column that it repeats, or -1 where it is new; `padding`
        as in `alignment.refinement`."""
        prompts = (self.task.source, self.task.target, padding)
        several = [(alignment.refinement(r.tokenizer, *prompts), r.first) for r in self.readers]
        return torch.cat([torch.where(origin < 0, origin, origin + first) for origin, first in several])

    def swapped(self, padding: str = "end") -> Float[Tensor, "columns columns"]:
        """`alignment.swap` of all columns: `source_map @ swapped` gives each target word the map of the word in its
        place."""
        prompts = (self.task.source, self.task.target, padding, self.split)
        return torch.block_diag(*[alignment.swap(r.tokenizer, *prompts) for r in self.readers])

    @property
    def readers(self) -> tuple[Reader, ...]:
        """The tokenizers whose tokens have columns: one, but two where the model joins two kinds of text."""
        return self.net.readers

    def _everywhere(self, find: Callable[..., list[int]], *arguments: str) -> list[int]:
        """What a function finds with each tokenizer, as columns of the maps."""
        return [r.first + column for r in self.readers for column in find(r.tokenizer, *arguments)]

    def tokens(self, prompt: str) -> list[str]:
        """The prompt's tokens by column, start and end tokens included; of a text that others follow, its padding
        too."""
        pieces: list[str] = []
        for reader, after in zip(self.readers, (*self.readers[1:], None), strict=True):
            pieces += words.tokens(reader.tokenizer, prompt)
            pieces += [reader.tokenizer.pad_token] * ((after.first if after else len(pieces)) - len(pieces))
        return pieces

    def cells(self, mask: Float[Tensor, "h w"], height: int, width: int) -> Float[Tensor, "height width"]:
        """A mask of the picture in the cells of an attention site or a latent, in 0-1, on the model's device."""
        key = (id(mask), height, width)
        if key not in self._cells:
            self._cells[key] = to_cells(mask, height, width, self.by).to(self.path.latents)
        return self._cells[key]

    def region(self, height: int, width: int) -> Float[Tensor, "height width"]:
        """All masks of the task together, in such cells."""
        return self.cells(self.task.region, height, width)

    @cached_property
    def latent_mask(self) -> Float[Tensor, "h w"]:
        """All masks of the task together, in the latent's cells."""
        return self.region(*self.path.latents.shape[-2:])
