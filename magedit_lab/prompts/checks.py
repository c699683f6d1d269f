"""Two prompts side by side: their tokens, which correspond, and what a run would refuse."""

from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from . import alignment, words


@dataclass(frozen=True)
class Token:
    """A token as the model reads it, and the word that it is of (none: a mark, or the start or end token)."""

    text: str
    word: str


def tokens(tokenizer: PreTrainedTokenizerBase, prompt: str) -> list[Token]:
    """The prompt's tokens, the start and end tokens included; ValueError where the model can't read them all."""
    texts = words.tokens(tokenizer, prompt)
    of = {i: word for word in words.split(prompt) for i in words.positions(tokenizer, prompt, word)}
    return [Token(text, of.get(i, "")) for i, text in enumerate(texts)]


def pairs(tokenizer: PreTrainedTokenizerBase, source: str, target: str) -> list[tuple[int, int]]:
    """Positions in source and target of the tokens that both have; a target token in no pair is new, a source token
    in none is dropped."""
    matches = alignment.align(words.encode(tokenizer, source), words.encode(tokenizer, target))
    return [(i, j) for j, i in enumerate(matches) if i >= 0]


def refusals(
    tokenizer: PreTrainedTokenizerBase, source: str, target: str, edit_words: Sequence[str],
    negative: str | None = None, negative_words: Sequence[str] = (),
) -> list[str]:  # fmt: skip
    """All that Task and the model would refuse in these prompts, a line each."""
    prompts = [source, target] + ([] if negative is None else [negative])
    unreadable = [line for p in prompts for line in words.complaint(words.encode, tokenizer, p)]
    return unreadable + word_refusals(target, edit_words, negative, negative_words)


def word_refusals(
    target: str, edit_words: Sequence[str], negative: str | None = None, negative_words: Sequence[str] = ()
) -> list[str]:
    """All that Task refuses in its prompts and words, a line each."""
    lines = [] if edit_words else ["expected at least one edit word, got none; name a word of the target prompt"]
    if twice := [word for word in dict.fromkeys(edit_words) if list(edit_words).count(word) > 1]:
        lines.append(f"expected each edit word once, got {twice[0]!r} twice; join its masks into one")
    lines += [line for word in edit_words for line in words.complaint(words.require, target, word)]
    if (negative is None) != (not negative_words):
        lines.append("expected a negative prompt and its words together, got one of the two")
    for word in negative_words:
        lines += words.complaint(words.require, negative or "", word, "negative")
    return lines


def unguided(
    tokenizer: PreTrainedTokenizerBase, source: str, target: str, edit_words: Sequence[str],
    negative: str | None = None, negative_words: Sequence[str] = (),
) -> list[str]:  # fmt: skip
    """What MAG-Edit would refuse besides, over Prompt-to-Prompt's refinement: words that the source prompt has too,
    whose maps are the source's own. Other methods take them."""
    aims = [(target, w) for w in edit_words] + [(negative or "", w) for w in negative_words]
    return [line for p, w in aims for line in words.complaint(alignment.require_new, tokenizer, source, p, w)]
