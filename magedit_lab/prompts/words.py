"""Which tokens make up a word, in any script."""

import unicodedata
from collections.abc import Callable

import regex
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
    spans, word_keys = spans_of(prompt), [_key(word[a:b]) for a, b in spans_of(word)]
    prompt_keys, length = [_key(prompt[a:b]) for a, b in spans], len(word_keys)
    hits = [i for i in range(len(spans) - length + 1) if prompt_keys[i : i + length] == word_keys] if word_keys else []
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


def segments(prompt: str) -> list[Span]:
    """Every word, and every run of marks between words, in their order; spaces belong to none.

    >>> [("a don't-know, yes"[a:b]) for a, b in mag.prompts.words.segments("a don't-know, yes")]
    ['a', "don't-know", ',', 'yes']
    """
    spans, place = list[Span](), 0
    for start, end in [*_whole(prompt), (len(prompt), len(prompt))]:
        spans += [(place + m.start(), place + m.end()) for m in regex.finditer(r"\S+", prompt[place:start])]
        spans += [(start, end)] if start < end else []
        place = end
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


def starts(tokenizer: PreTrainedTokenizerBase) -> int:
    """How many tokens stand before a prompt's own: CLIP's start token, none of T5's."""
    return int(tokenizer.bos_token_id is not None and tokenizer("").input_ids[0] == tokenizer.bos_token_id)


def counted(tokenizer: PreTrainedTokenizerBase, prompt: str) -> list[tuple[str, list[int]]]:
    """What stands between single spaces, with its columns as Prompt-to-Prompt's code counts them: token after token,
    until these have as many letters as the word.

    Each token's letters are counted alone, so that one of three tokens counts for three, and the next word gets a
    column of it; two spaces hold a word of no letters, which takes a token. Tokens after the last word, over which that
    code fails, are the last word's.
    """
    pieces: list[tuple[str, list[int]]] = [(word, []) for word in prompt.split(" ")]
    first, place, letters = starts(tokenizer), 0, 0
    for column, token in enumerate(encode(tokenizer, prompt)[first:-1], first):
        word, columns = pieces[min(place, len(pieces) - 1)]
        columns.append(column)
        letters += len(tokenizer.decode([token]).replace("</w>", "").strip("#"))  # a copied tokenizer leaves the </w>
        if letters >= len(word):
            place, letters = place + 1, 0
    return pieces


def as_counted(tokenizer: PreTrainedTokenizerBase, prompt: str, word: str, which: str = "target") -> list[int]:
    """`counted` columns of a word as it stands between spaces, letter for letter: "cat," is another word than "cat".
    ValueError where there are none, of which Prompt-to-Prompt's code makes a NaN."""
    pieces = counted(tokenizer, prompt)
    if columns := [column for piece, own in pieces if piece == word for column in own]:
        return columns
    known = ", ".join(dict.fromkeys(piece for piece, own in pieces if own and piece)) or "none"
    raise ValueError(
        f"expected a word as it stands between spaces in the {which} prompt {prompt!r}, got {word!r}; "
        f"its words are: {known}"
    )


def positions(
    tokenizer: PreTrainedTokenizerBase, prompt: str, word: str, which: str = "target", split: str = "words"
) -> list[int]:
    """Columns of a word's tokens in the attention maps, all its occurrences taken together.

    split: words that end at marks too, by the tokenizer's offsets ("words"); or at "spaces" alone and `counted`, as in
        Prompt-to-Prompt's code.
    """
    if split == "spaces":
        return as_counted(tokenizer, prompt, word, which)
    spans = require(prompt, word, which)
    encode(tokenizer, prompt)
    offsets = tokenizer(prompt, return_offsets_mapping=True).offset_mapping
    inside = [any(a < end and b > start for start, end in spans) for a, b in offsets]
    return [i for i, (hit, (a, b)) in enumerate(zip(inside, offsets, strict=True)) if hit and b > a]
