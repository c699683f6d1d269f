"""Which tokens make up a word, in any script, and which tokens of two prompts correspond."""

import re
import unicodedata
from collections.abc import Callable, Sequence

import regex
import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import PreTrainedTokenizerBase

# Unicode's categories decide: marks and joiners belong to the letter before them. Chinese characters and hiragana are
# words one by one, as no space tells them apart; so is an emoji with all that belongs to it. "C++" and "C#" keep signs.
_PART = r"""(?V1)
  (?=[\p{Extended_Pictographic}\p{Regional_Indicator}])\X
| [\p{Han}\p{Hiragana}]\p{M}*
| (?:[[\p{L}\p{N}\p{Pc}]--[\p{Han}\p{Hiragana}]][\p{M}\u200c\u200d]* | (?<=\p{N})[.,](?=\p{N}))+
  (?:[+#]+(?![\p{L}\p{N}]))?"""
_PARTS = regex.compile(_PART, regex.VERBOSE)
_JOINS = regex.compile(r"[\p{Pd}'\u2019]")  # what joins two parts to a word: champagne-coloured, don't
Span = tuple[int, int]


def split(prompt: str) -> list[str]:
    """The words of a prompt as they are written, in lower case, in Unicode's composed form, without punctuation.

    >>> mag.prompts.words.split("A ball, on the Carpet")
    ['a', 'ball', 'on', 'the', 'carpet']
    """
    return [_key(prompt[a:b]) for a, b in _whole(prompt)]


def occurrences(prompt: str, word: str) -> list[Span]:
    """Character spans of a word, or of a phrase of several, in a prompt; `carpet,` holds `carpet`.

    Case and normal form do not matter. What is no whole word is looked for between hyphens and apostrophes.

    >>> mag.prompts.words.occurrences("a red ball, a blue ball", "ball")
    [(6, 10), (19, 23)]
    """
    return _runs(prompt, word, _whole) or _runs(prompt, word, _parts)


def _runs(prompt: str, word: str, spans_of: Callable[[str], list[Span]]) -> list[Span]:
    """Where the words of `word` follow each other in the prompt."""
    spans, wanted = spans_of(prompt), [_key(word[a:b]) for a, b in spans_of(word)]
    known, length = [_key(prompt[a:b]) for a, b in spans], len(wanted)
    hits = [i for i in range(len(spans) - length + 1) if known[i : i + length] == wanted] if wanted else []
    return [(spans[i][0], spans[i + length - 1][1]) for i in hits]


def _parts(text: str) -> list[Span]:
    return [m.span() for m in _PARTS.finditer(text)]


def _whole(text: str) -> list[Span]:
    """Parts, joined over one hyphen or apostrophe between them."""
    spans: list[Span] = []
    for start, end in _parts(text):
        if spans and _JOINS.fullmatch(text[spans[-1][1] : start]):
            start = spans.pop()[0]
        spans.append((start, end))
    return spans


def _key(word: str) -> str:
    """One spelling for what reads alike: composed (NFC), in lower case (per word: of İ it makes two letters)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", word).lower()).replace("\u2019", "'")


def require(prompt: str, word: str, which: str = "target") -> list[tuple[int, int]]:
    """`occurrences`, or a ValueError that names the words that there are."""
    if spans := occurrences(prompt, word):
        return spans
    known = ", ".join(dict.fromkeys(split(prompt))) or "none"
    raise ValueError(f"word {word!r} is not in the {which} prompt {prompt!r}; its words are: {known}")


def complaint(check: Callable[..., object], *arguments: object) -> list[str]:
    """The line of the ValueError that a check raises; nothing where it is content."""
    try:
        check(*arguments)
    except ValueError as error:
        return [str(error)]
    return []


def encode(tokenizer: PreTrainedTokenizerBase, prompt: str) -> list[int]:
    """Token ids with the start and end tokens and without padding; ValueError where the model can't read them all."""
    if any("\ud800" <= c <= "\udfff" for c in prompt):
        raise ValueError(f"expected a prompt in Unicode, got {prompt[:60]!a}; type it anew")
    ids = list(tokenizer(prompt).input_ids)
    if len(ids) > tokenizer.model_max_length:
        most = tokenizer.model_max_length
        raise ValueError(f"prompt has {len(ids)} tokens, the model reads {most}; shorten {prompt[:60]!r}")
    return ids


def tokens(tokenizer: PreTrainedTokenizerBase, prompt: str) -> list[str]:
    """The tokens as the model sees them, the start and end tokens included."""
    return tokenizer.convert_ids_to_tokens(encode(tokenizer, prompt))


def between_spaces(prompt: str, word: str, which: str = "target") -> list[tuple[int, int]]:
    """Character spans of what stands between spaces and is `word`, letter for letter, as Prompt-to-Prompt's code finds
    words: "cat," is another word than "cat". ValueError where there is none, of which that code makes a NaN."""
    spans = [m.span() for m in re.finditer(r"[^ ]+", prompt) if m.group() == word]
    if spans:
        return spans
    known = ", ".join(dict.fromkeys(prompt.split())) or "none"
    raise ValueError(
        f"expected a word as it stands between spaces in the {which} prompt {prompt!r}, got {word!r}; "
        f"take one of {known}, or split='words'"
    )


def positions(
    tokenizer: PreTrainedTokenizerBase, prompt: str, word: str, which: str = "target", split: str = "words"
) -> list[int]:
    """Columns of a word's tokens in the attention maps, all its occurrences taken together.

    split: whether words end at spaces alone, as in Prompt-to-Prompt's code ("spaces"), or at marks too ("words").
    """
    spans = (require if split == "words" else between_spaces)(prompt, word, which)
    encode(tokenizer, prompt)
    offsets = tokenizer(prompt, return_offsets_mapping=True).offset_mapping
    inside = [any(a < end and b > start for start, end in spans) for a, b in offsets]
    return [i for i, (hit, (a, b)) in enumerate(zip(inside, offsets, strict=True)) if hit and b > a]


def align(source: Sequence[int], target: Sequence[int]) -> list[int]:
    """For each target token the source token that it repeats, or -1 where it is new.

    Needleman-Wunsch as in Prompt-to-Prompt's refinement: gap 0, match 1, mismatch -1, so a replaced word counts as
    one left out and one put in. Of equally good alignments the one that repeats the earliest occurrences, as there.

    >>> mag.prompts.words.align("a ball on a table".split(), "a red ball on a table".split())
    [0, -1, 1, 2, 3, 4]
    """
    rows, columns = len(source) + 1, len(target) + 1
    score = [[0] * columns for _ in range(rows)]
    for i in range(1, rows):
        for j in range(1, columns):
            same = 1 if source[i - 1] == target[j - 1] else -1
            score[i][j] = max(score[i - 1][j - 1] + same, score[i - 1][j], score[i][j - 1])
    found, i, j = [-1] * len(target), rows - 1, columns - 1
    while i and j:
        if score[i][j] == score[i][j - 1]:
            j -= 1
        elif score[i][j] == score[i - 1][j]:
            i -= 1
        else:  # a match: the only way to gain
            i, j = i - 1, j - 1
            found[j] = i
    return found


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
    found = align(encode(tokenizer, source), encode(tokenizer, target))
    return [i for i, j in enumerate(found) if j >= 0][1:-1]


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
