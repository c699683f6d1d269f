import pytest
import torch

from magedit_lab import training
from magedit_lab.prompts import alignment, words


@pytest.fixture(scope="module")
def tokenizer():
    return training.new_tokenizer()


def test_a_word_is_found_next_to_punctuation(tokenizer):
    assert words.positions(tokenizer, "a red ball, a Box.", "ball") == [3]
    assert words.positions(tokenizer, "a red ball, a Box.", "box") == [6]


def test_a_word_is_not_found_inside_another(tokenizer):
    assert words.positions(tokenizer, "zebra a", "a") == [len(words.encode(tokenizer, "zebra a")) - 2]


def test_a_word_of_several_tokens_has_all_of_them(tokenizer):
    found = words.positions(tokenizer, "a zebra ball", "zebra")
    pieces = [words.tokens(tokenizer, "a zebra ball")[i] for i in found]
    assert len(pieces) > 1
    assert "".join(pieces) == "zebra</w>"


def test_a_phrase_is_found_as_a_whole(tokenizer):
    assert words.positions(tokenizer, "a red ball and a red box", "red box") == [6, 7]


def test_a_missing_word_names_those_that_there_are(tokenizer):
    with pytest.raises(
        ValueError, match="word 'green' is not in the target prompt 'a red sofa'; its words are: a, red, sofa"
    ):
        words.positions(tokenizer, "a red sofa", "green")


def test_a_prompt_that_is_too_long_is_refused(tokenizer):
    with pytest.raises(ValueError, match="prompt has 82 tokens, the model reads 77"):
        words.encode(tokenizer, "ball " * 80)


@pytest.mark.parametrize("prompt", ["", "  ", "🦄 <img src=x onerror=alert(1)>", "a\x00b", "…!!", "ÄÖÜ ß"])
def test_hostile_prompts_are_read(tokenizer, prompt):
    ids = words.encode(tokenizer, prompt)
    assert ids[0] == tokenizer.bos_token_id
    assert max(ids) < len(tokenizer)


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ([0, 5, 6, 1], [0, 5, 6, 1], [0, 1, 2, 3]),
        ([0, 5, 6, 1], [0, 9, 5, 6, 1], [0, -1, 1, 2, 3]),
        ([0, 5, 6, 1], [0, 5, 7, 1], [0, 1, -1, 3]),
        ([0, 5, 6, 1], [0, 6, 1], [0, 2, 3]),
        ([0, 5, 1], [0, 5, 8, 5, 1], [0, 1, -1, -1, 2]),  # the earliest of equally good ones, as Prompt-to-Prompt
        ([0, 5, 8, 5, 1], [0, 5, 1], [0, 1, 4]),
    ],
)
def test_alignment_finds_what_is_common(source, target, expected):
    assert alignment.align(source, target) == expected


def test_padding_corresponds_to_padding(tokenizer):
    found = alignment.refinement(tokenizer, "a ball", "a red ball")
    assert found[:5].tolist() == [0, 1, -1, 2, 3]
    assert found[5:].tolist() == [*range(4, 76)]


def test_word_swap_puts_each_word_in_its_place(tokenizer):
    matrix = alignment.swap(tokenizer, "a red ball", "a red box")
    assert torch.equal(matrix, torch.eye(training.TOKENS))


def test_a_swapped_word_shares_its_map_among_its_tokens(tokenizer):
    matrix = alignment.swap(tokenizer, "a ball here", "a zebra here")
    pieces = words.positions(tokenizer, "a zebra here", "zebra")
    assert matrix[2, pieces].tolist() == pytest.approx([1 / len(pieces)] * len(pieces))
    assert matrix[3, pieces[-1] + 1] == 1
    assert torch.allclose(matrix.sum(0)[: pieces[0]], torch.ones(pieces[0]))


def test_word_swap_needs_as_many_words(tokenizer):
    with pytest.raises(ValueError, match="got 2 and 3 words and marks; use mode='refine'"):
        alignment.swap(tokenizer, "a ball", "a red ball")


def test_a_word_of_both_prompts_is_refused_and_a_new_one_found(tokenizer):
    source, target = "a ball on a table", "a red ball on a table"
    assert alignment.require_new(tokenizer, source, target, "red") == words.positions(tokenizer, target, "red")
    with pytest.raises(ValueError, match=r"word 'ball' stands in both prompts"):
        alignment.require_new(tokenizer, source, target, "ball")
    assert alignment.common(tokenizer, source, target) == [1, 3, 4, 5, 6]


def test_of_a_word_that_stands_twice_only_the_new_one_counts(tokenizer):
    source, target = "a red ball and a box", "a red ball and a red box"
    assert words.positions(tokenizer, target, "red") == [2, 6]
    assert alignment.require_new(tokenizer, source, target, "red") == [6]
