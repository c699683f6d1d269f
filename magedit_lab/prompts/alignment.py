"""What corresponds between two prompts: which tokens are common, which are new, and whose map stands for whose."""

import re
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from .words import encode, positions


def align(source: Sequence[int], target: Sequence[int]) -> list[int]:
    """For each target token the source token that it repeats, or -1 where it is new.

    Needleman-Wunsch as in Prompt-to-Prompt's refinement: gap 0, match 1, mismatch -1, so a replaced word counts as
    one left out and one put in. Of equally good alignments the one that repeats the earliest occurrences, as there.

    >>> mag.prompts.alignment.align([5, 7, 8], [5, 6, 7, 8])  # the 6 is new
    [0, -1, 1, 2]
    """
    rows, columns = len(source) + 1, len(target) + 1
    score = [[0] * columns for _ in range(rows)]
    for i in range(1, rows):
        for j in range(1, columns):
            same = 1 if source[i - 1] == target[j - 1] else -1
            score[i][j] = max(score[i - 1][j - 1] + same, score[i - 1][j], score[i][j - 1])
    matches, i, j = [-1] * len(target), rows - 1, columns - 1
    while i and j:
        if score[i][j] == score[i][j - 1]:
            j -= 1
        elif score[i][j] == score[i - 1][j]:
            i -= 1
        else:  # a match: the only way to gain
            i, j = i - 1, j - 1
            matches[j] = i
    return matches


def refinement(
    tokenizer: PreTrainedTokenizerBase, source: str, target: str, padding: str = "end"
) -> Int[Tensor, " tokens"]:
    """`align` of two prompts at full length.

    padding: a padding token of the target takes the source's with the same distance from the "end" token; or that with
        the same place from the "start", as in Prompt-to-Prompt's code, where a longer source's last words get to stand
        for padding.
    """
    a, b = encode(tokenizer, source), encode(tokenizer, target)
    most = tokenizer.model_max_length
    first = len(a) if padding == "end" else len(b)
    return torch.tensor(align(a, b) + [min(first + k, most - 1) for k in range(most - len(b))])


def common(tokenizer: PreTrainedTokenizerBase, source: str, target: str) -> list[int]:
    """Positions of the target's tokens that stand in the source too, without the start and end tokens."""
    matches = align(encode(tokenizer, source), encode(tokenizer, target))
    return [i for i, j in enumerate(matches) if j >= 0][starts(tokenizer) : -1]


def starts(tokenizer: PreTrainedTokenizerBase) -> int:
    """How many tokens stand before a prompt's own: CLIP's start token, none of T5's."""
    return int(tokenizer.bos_token_id is not None and tokenizer("").input_ids[0] == tokenizer.bos_token_id)


def edited(tokenizer: PreTrainedTokenizerBase, source: str, target: str, word: str, split: str = "words") -> list[int]:
    """`positions` of an edit word: those of them that are not the source's too, or all where none is new."""
    return _new(tokenizer, source, target, word, split) or positions(tokenizer, target, word, split=split)


def require_new(
    tokenizer: PreTrainedTokenizerBase, source: str, target: str, word: str, split: str = "words"
) -> list[int]:
    """`edited` where any is new; ValueError where none is."""
    columns = _new(tokenizer, source, target, word, split)
    if not columns:
        raise ValueError(
            f"word {word!r} stands in both prompts, so its attention is the source's and can't be guided; "
            f"choose a word that is new in {target!r}"
        )
    return columns


def _new(tokenizer: PreTrainedTokenizerBase, source: str, target: str, word: str, split: str) -> list[int]:
    shared = common(tokenizer, source, target)
    return [column for column in positions(tokenizer, target, word, split=split) if column not in shared]


def swap(
    tokenizer: PreTrainedTokenizerBase, source: str, target: str, padding: str = "end", split: str = "words"
) -> Float[Tensor, "tokens tokens"]:
    """Word swap: `source_map @ swap` gives each target token the map of the source word in its place.

    Both prompts need equally many words and marks. Where a word and its replacement have unequal numbers of tokens,
    each new token takes the sum of the old tokens' maps over the number of new ones, as in Prompt-to-Prompt.

    padding, split: as in `refinement` and `positions`. Counted from the "start", all that follows the last replaced
        word takes the column of its own number, as in Prompt-to-Prompt's code: in "photo of 12 apples" for "photo of 3
        apples" that is the wrong word's. Columns that the code's counting does not reach have no source (zeros).
    """
    a, b = _pieces(tokenizer, source, split), _pieces(tokenizer, target, split)
    if len(a) != len(b):
        raise ValueError(
            f"word swap needs prompts of equal length, got {len(a)} and {len(b)} words and marks; use mode='refine'"
        )
    most, ends = tokenizer.model_max_length, [len(encode(tokenizer, prompt)) - 1 for prompt in (source, target)]
    pairs = [(rows, columns) for (_, rows), (_, columns) in zip(a, b, strict=True)]
    if padding == "start":
        replaced = [k for k, (one, other) in enumerate(zip(a, b, strict=True)) if one[0] != other[0]]
        pairs = pairs[: max(replaced, default=-1) + 1]
        ends = [side[-1] + 1 for side in pairs[-1]] if pairs else [1, 1]
    matrix = torch.zeros(most, most)
    matrix[0, 0] = 1.0
    for rows, columns in pairs:
        if len(rows) == len(columns):
            matrix[rows, columns] = 1.0
        else:
            matrix[torch.tensor(rows)[:, None], torch.tensor(columns)] = 1.0 / len(columns)
    _follow(matrix, ends[0], ends[1], padding)
    return matrix


def _follow(matrix: Float[Tensor, "tokens tokens"], row: int, column: int, padding: str) -> None:
    """What comes after the paired words, from this source row and this target column on."""
    most = len(matrix)
    for k in range(most - column):
        if padding == "end":
            matrix[min(row + k, most - 1), column + k] = 1.0
        elif row + k < most:
            matrix[column + k, column + k] = 1.0


def _pieces(tokenizer: PreTrainedTokenizerBase, prompt: str, split: str) -> list[tuple[str, list[int]]]:
    """Each word and each mark, or what stands between spaces, with the positions of its tokens."""
    encode(tokenizer, prompt)
    offsets = tokenizer(prompt, return_offsets_mapping=True).offset_mapping
    pattern = r"\w+|[^\w\s]+" if split == "words" else r"[^ ]+"
    return [
        (m.group(), [i for i, (x, y) in enumerate(offsets) if x < m.end() and y > m.start() and y > x])
        for m in re.finditer(pattern, prompt)
    ]
