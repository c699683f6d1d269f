"""What corresponds between two prompts: which tokens are common, which are new, and whose map stands for whose."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from .words import counted, encode, positions, segments, starts


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
    pairs = [(one, other, rows, columns) for (one, rows), (other, columns) in zip(a, b, strict=True)]
    matrix = torch.zeros(tokenizer.model_max_length, tokenizer.model_max_length)
    if padding == "start":
        _pair_by_number(matrix, [(rows, columns) for one, other, rows, columns in pairs if one != other])
    else:
        ends = [len(encode(tokenizer, prompt)) - 1 for prompt in (source, target)]
        _pair_by_words(matrix, [(rows, columns) for *_, rows, columns in pairs], *ends)
    return matrix


Matrix = Float[Tensor, "tokens tokens"]
Pairs = Sequence[tuple[list[int], list[int]]]


def _pair(matrix: Matrix, rows: list[int], columns: list[int]) -> None:
    """A word's tokens with its replacement's: one by one, or all with all where they are not equally many."""
    if len(rows) == len(columns):
        matrix[rows, columns] = 1.0
    else:
        matrix[torch.tensor(rows)[:, None], torch.tensor(columns)] = 1.0 / len(columns)


def _pair_by_words(matrix: Matrix, pairs: Pairs, row: int, column: int) -> None:
    """Each word with the one in its place, and what follows from the end tokens on, at this row and column."""
    most = len(matrix)
    matrix[0, 0] = 1.0
    for rows, columns in pairs:
        _pair(matrix, rows, columns)
    for k in range(most - column):
        matrix[min(row + k, most - 1), column + k] = 1.0


def _pair_by_number(matrix: Matrix, replaced: Pairs) -> None:
    """As Prompt-to-Prompt's code counts: row by column up to each replaced word, which is paired as a whole; after the
    last one each column with its own number, for as many as there are rows left."""
    most, row, column = len(matrix), 0, 0
    for rows, columns in replaced:
        if not rows or not columns:
            raise ValueError(
                "word swap as coded found no token of a replaced word, as after two spaces; write one space, or take "
                "split='words'"
            )
        for _ in range(min(rows[0] - row, most - column)):
            matrix[row, column] = 1.0
            row, column = row + 1, column + 1
        _pair(matrix, rows, columns)
        row, column = row + len(rows), column + len(columns)
    for place in range(column, column + min(most - row, most - column)):
        matrix[place, place] = 1.0


def _pieces(tokenizer: PreTrainedTokenizerBase, prompt: str, split: str) -> list[tuple[str, list[int]]]:
    """Each word and each run of marks (`segments`), or what stands between spaces, with the positions of its tokens."""
    if split == "spaces":
        return counted(tokenizer, prompt)
    encode(tokenizer, prompt)
    offsets = tokenizer(prompt, return_offsets_mapping=True).offset_mapping
    return [
        (prompt[start:end], [i for i, (x, y) in enumerate(offsets) if x < end and y > start and y > x])
        for start, end in segments(prompt)
    ]
