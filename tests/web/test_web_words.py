"""The page's tokenizer, words and alignment give what Python's give, in every script."""

import pytest
from node import needs_node, node
from test_words_in_every_script import SCRIPTS, prompts, tokenizer  # noqa: F401 (a fixture)

from magedit_lab.export.tokenizer import as_json
from magedit_lab.prompts import alignment, words

PAIRS = [
    ("a mug, a mug and a box", "a red mug, a mug and a box", "red"),
    ("a yellow sofa by a sofa", "a sofa by a green plain sofa", "green"),
    ("a ball", "a striped purple ball on a table", "striped purple"),
    ("one two three four", "four three two", "two"),
]


@pytest.fixture(scope="module")
def given():
    return [*SCRIPTS.values(), "", "  two  spaces\tand\na line ", "don't you'll 12 3.5 <|endoftext|> x", *prompts(300)]


@pytest.fixture(scope="module")
def answers(tokenizer, given):  # noqa: F811
    return node("texts.mjs", {"tokenizer": as_json(tokenizer), "prompts": given, "pairs": PAIRS})


@needs_node
def test_tokens_are_the_tokenizers(tokenizer, given, answers):  # noqa: F811
    for prompt, answer in zip(given, answers["prompts"], strict=True):
        assert answer["ids"] == tokenizer(prompt).input_ids, prompt


@needs_node
def test_words_their_places_and_their_columns_are_pythons(tokenizer, given, answers):  # noqa: F811
    for prompt, answer in zip(given, answers["prompts"], strict=True):
        assert answer["words"] == words.split(prompt), prompt
        for word, places, columns in zip(answer["words"], answer["places"], answer["columns"], strict=True):
            assert [tuple(place) for place in places] == words.occurrences(prompt, word), (prompt, word)
            assert columns == words.positions(tokenizer, prompt, word), (prompt, word)


@needs_node
def test_alignment_is_prompt_to_prompts(tokenizer, answers):  # noqa: F811
    for (source, target, word), answer in zip(PAIRS, answers["pairs"], strict=True):
        assert answer["refinement"] == alignment.refinement(tokenizer, source, target).tolist()
        assert answer["common"] == alignment.common(tokenizer, source, target)
        assert answer["edited"] == alignment.edited(tokenizer, source, target, word)
