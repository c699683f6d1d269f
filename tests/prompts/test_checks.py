import pytest
from PIL import Image

import magedit_lab as mag
from magedit_lab import training
from magedit_lab.prompts import checks

SOURCE, TARGET = "a ball on a table", "a red ball on a desk"


@pytest.fixture(scope="module")
def tokenizer():
    return training.new_tokenizer()


def test_each_token_knows_its_word(tokenizer):
    found = checks.tokens(tokenizer, TARGET + ", zebra")
    assert [t.text for t in found] == mag.prompts.words.tokens(tokenizer, TARGET + ", zebra")
    for word in ("red", "zebra", "a"):
        columns = mag.prompts.words.positions(tokenizer, TARGET + ", zebra", word)
        assert [i for i, t in enumerate(found) if t.word == word] == columns
    assert found[0].word == found[-1].word == ""


def test_pairs_join_the_tokens_that_both_prompts_have(tokenizer):
    a, b = (checks.tokens(tokenizer, p) for p in (SOURCE, TARGET))
    joined = checks.pairs(tokenizer, SOURCE, TARGET)
    assert all(a[i] == b[j] for i, j in joined)
    assert {t.word for j, t in enumerate(b) if j not in {j for _, j in joined}} == {"red", "desk"}
    assert {t.word for i, t in enumerate(a) if i not in {i for i, _ in joined}} == {"table"}


def test_content_prompts_are_not_refused(tokenizer):
    assert checks.refusals(tokenizer, SOURCE, TARGET, ["red"], "a blue ball", ["blue"]) == []


WRONG = {
    "no word": ((), None, ()),
    "unknown word": (("green",), None, ()),
    "negative without words": (("red",), "a blue ball", ()),
    "negative words without a prompt": (("red",), None, ("blue",)),
    "unknown negative word": (("red",), "a blue ball", ("green",)),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_the_first_refusal_is_the_tasks_own(tokenizer, wrong):
    edit_words, negative, negative_words = wrong
    lines = checks.refusals(tokenizer, SOURCE, TARGET, edit_words, negative, negative_words)
    mask = Image.new("L", (8, 8))
    mask.paste(255, (0, 0, 4, 4))
    with pytest.raises(ValueError, match=r"expected|word") as refused:
        mag.Task(Image.new("RGB", (8, 8)), mask, SOURCE, TARGET, edit_words, None, negative, negative_words)
    assert lines[0] == str(refused.value)


def test_what_only_the_model_refuses_is_told_too(tokenizer):
    assert checks.refusals(tokenizer, SOURCE, TARGET, ["ball"]) == []
    assert "stands in both prompts" in checks.unguided(tokenizer, SOURCE, TARGET, ["ball"])[0]
    assert "stands in both prompts" in checks.unguided(tokenizer, SOURCE, TARGET, ["red"], "a ball", ["ball"])[0]
    assert checks.unguided(tokenizer, SOURCE, TARGET, ["red"], "a blue ball", ["blue"]) == []
    long = "ball " * 200
    assert "tokens, the model reads" in checks.refusals(tokenizer, long, TARGET, ["red"])[0]
    several = checks.refusals(tokenizer, SOURCE, TARGET, ["green", "blue"])
    assert len(several) == 2
