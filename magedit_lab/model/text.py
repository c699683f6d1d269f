"""Prompts as a denoiser reads them."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from ..prompts import words


@dataclass(frozen=True, eq=False)
class Text:
    """Prompts, one a row. embedding: what cross attention or joint attention reads. pooled: one vector a prompt, for
    the families that want it (Stable Diffusion XL and 3, FLUX)."""

    embedding: Float[Tensor, "n tokens dim"]
    pooled: Float[Tensor, "n pooled"] | None = None

    def __len__(self) -> int:
        return len(self.embedding)

    def __getitem__(self, rows: slice) -> "Text":
        return Text(self.embedding[rows], None if self.pooled is None else self.pooled[rows])

    def expand(self, n: int) -> "Text":
        """One prompt, n times."""
        return Text(self.embedding.expand(n, -1, -1), None if self.pooled is None else self.pooled.expand(n, -1))

    def to(self, *where: Any) -> "Text":
        """In another dtype or on another device."""
        return Text(self.embedding.to(*where), None if self.pooled is None else self.pooled.to(*where))

    def parts(self) -> dict[str, Tensor]:
        """Its tensors by name."""
        return {"embedding": self.embedding} | ({} if self.pooled is None else {"pooled": self.pooled})

    @classmethod
    def of_parts(cls, parts: Mapping[str, Tensor]) -> "Text":
        """A text of tensors that have these names."""
        return cls(parts["embedding"], parts.get("pooled"))

    @classmethod
    def cat(cls, several: Sequence["Text"]) -> "Text":
        """The rows of several texts under each other."""
        pooled = [text.pooled for text in several if text.pooled is not None]
        return cls(torch.cat([text.embedding for text in several]), torch.cat(pooled) if pooled else None)


class Reader(NamedTuple):
    """A tokenizer whose tokens have columns in the attention maps, the first of them at `first`."""

    tokenizer: Any  # a PreTrainedTokenizerBase
    first: int = 0


class Vectors:
    """What is mixed into a tokenizer with concepts of several vectors (textual inversion): `<cat>` stands for
    `<cat> <cat>_1 <cat>_2`, whose columns are those of `<cat>`. In place of diffusers' `maybe_convert_prompt`, which
    rewrites the prompt."""

    more_vectors: dict[int, list[int]]  # by the id of a concept's first

    def __call__(self, prompt: str, return_offsets_mapping: bool = False) -> Any:
        encoding = super().__call__(prompt, return_offsets_mapping=True)  # type: ignore[misc]
        pairs = list(zip(encoding.input_ids, encoding.offset_mapping, strict=True))
        encoding["input_ids"] = [i for token, _ in pairs for i in (token, *self.more_vectors.get(token, ()))]
        encoding["offset_mapping"] = [o for token, o in pairs for _ in (token, *self.more_vectors.get(token, ()))]
        encoding["attention_mask"] = [1] * len(encoding["input_ids"])
        return encoding


def reading(tokenizer: PreTrainedTokenizerBase) -> Any:
    """The tokenizer, or a copy with `Vectors` where it has concepts of several vectors."""
    added = tokenizer.get_added_vocab()
    more = {}
    for token, first in added.items():
        several = [f"{token}_{k}" for k in range(1, len(added)) if f"{token}_{k}" in added]
        if several:
            more[first] = [added[name] for name in several]
    if not more:
        return tokenizer
    whole: Any = copy.copy(tokenizer)
    whole.__class__ = type("Vectors", (Vectors, type(tokenizer)), {})
    whole.more_vectors = more
    return whole


def ids(tokenizer: Any, prompt: str) -> Int[Tensor, "1 tokens"]:
    """Token ids padded to all that the model reads; ValueError for a prompt that is longer."""
    known = words.encode(tokenizer, prompt)
    return torch.tensor([known + [tokenizer.pad_token_id] * (tokenizer.model_max_length - len(known))])
