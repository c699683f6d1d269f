# ruff: noqa: RUF001 (letters that look alike are the matter)
"""Words of any script are what Unicode says they are, and their columns are those of their own tokens."""

import random
import unicodedata

import pytest

from magedit_lab import training
from magedit_lab.prompts import checks, words

SCRIPTS = {
    "latin": "a red ball with a café table",
    "turkish": "İstanbul ışık Iğdır",
    "german": "große Öfen STRASSE",
    "hindi": "पीली गेंद पील मेज़ क्षेत्र",
    "thai": "ลูกบอล สีแดง แดง น้ำ โต๊ะ",
    "arabic": "كُرة حمراء على طاولة",
    "persian": "می‌خواهم میز",
    "hebrew": "כַּדּוּר אדום שולחן",
    "korean": "빨간 공 하나",
    "japanese": "赤いソファーとバスケット",
    "chinese": "桌上有一个红色的球",
    "greek": "κόκκινη ΜΠΑΛΑ ΟΔΟΣ",
    "tamil": "சிவப்பு பந்து",
    "khmer": "បាល់ ក្រហម",
    "vietnamese": "quả bóng đỏ trên bàn",
    "emoji": "🎈 🎈🎈 👩‍👩‍👧 🇩🇪🇫🇷 ❤️ 👍🏽 1️⃣",
    "signs": "C++ C# 3.5 champagne-coloured don't L’homme x² snake_case",
}
MARKS = [" ", " ", " ", ", ", ". ", " (", ") ", " “", "” ", "; ", " - ", " / ", "! ", "… "]


@pytest.fixture(scope="module")
def tokenizer():
    """As CLIP's: byte-level BPE, composed and lower-cased before; long enough for bytes of any script."""
    made = training.new_tokenizer()
    made.model_max_length = 4000
    return made


def prompts(count):
    """Random mixtures of all scripts, in both normal forms and any case."""
    dice, every = random.Random(18), [w for text in SCRIPTS.values() for w in text.split()]
    for _ in range(count):
        parts = [w for _ in range(dice.randint(1, 8)) for w in (dice.choice(every), dice.choice(MARKS))]
        cased = [dice.choice([str, str.upper, str.lower, str.title])(part) for part in parts]
        yield unicodedata.normalize(dice.choice(["NFC", "NFD"]), "".join(cased))


def covering(tokenizer, prompt, spans):
    """The tokens that have a letter of these spans, straight from the tokenizer's own offsets."""
    offsets = tokenizer(prompt, return_offsets_mapping=True).offset_mapping
    letters = {i for start, end in spans for i in range(start, end)}
    return [i for i, (a, b) in enumerate(offsets) if letters & set(range(a, b))]


def test_every_word_that_is_offered_is_found_and_its_columns_are_its_tokens(tokenizer):
    for prompt in [*SCRIPTS.values(), *prompts(600)]:
        for word in words.split(prompt):
            spans = words.occurrences(prompt, word)
            assert spans, (prompt, word)
            assert words.positions(tokenizer, prompt, word) == covering(tokenizer, prompt, spans) != []


def test_the_tokens_of_all_words_and_of_no_other_are_of_some_word(tokenizer):
    for prompt in prompts(200):
        letters = [i for i, c in enumerate(prompt) if unicodedata.category(c)[0] in "LN"]
        chips = checks.tokens(tokenizer, prompt)
        for column in covering(tokenizer, prompt, [(i, i + 1) for i in letters]):
            assert chips[column].word, (prompt, column)


def test_a_word_that_is_offered_is_one_word():
    for prompt in prompts(300):
        for word in words.split(prompt):
            assert words.split(word) == [word], prompt


def test_both_normal_forms_have_the_same_words_and_find_each_others(tokenizer):
    for prompt in prompts(300):
        composed, apart = (unicodedata.normalize(form, prompt) for form in ("NFC", "NFD"))
        assert words.split(composed) == words.split(apart)
        for word in words.split(prompt):
            other = unicodedata.normalize("NFD", word)
            assert words.positions(tokenizer, composed, other) == words.positions(tokenizer, apart, word)


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("İstanbul at night", ["i̇stanbul", "at", "night"]),
        ("एक पीली गेंद", ["एक", "पीली", "गेंद"]),
        ("ลูกบอล สีแดง", ["ลูกบอล", "สีแดง"]),
        ("赤いソファー", ["赤", "い", "ソファー"]),
        ("two 👩‍👩‍👧, 🇩🇪🇫🇷", ["two", "👩‍👩‍👧", "🇩🇪", "🇫🇷"]),
        ("a C++ and a C# book", ["a", "c++", "and", "a", "c#", "book"]),
        ("a champagne-coloured ball", ["a", "champagne-coloured", "ball"]),
        ("don’t, won't", ["don't", "won't"]),
        ("3.5 or 1,000 balls.", ["3.5", "or", "1,000", "balls"]),
        ("a ball -- a box – a lamp", ["a", "ball", "a", "box", "a", "lamp"]),
        ("", []),
        ("\u0301 \u200d …!", []),
    ],
)
def test_words_are_as_they_are_written(prompt, found):
    assert words.split(prompt) == found


@pytest.mark.parametrize(
    ("prompt", "word"),
    [("एक पीली गेंद", "पील"), ("एक पीला गेंद", "पल"), ("สีแดงก่ำ", "แดง"), ("a C++ book", "C"), ("a C book", "C++"),
     ("바스켓", "바"), ("バスケット", "バス"), ("👩‍👩‍👧", "👩"), ("café", "cafe"), ("zebra", "bra")],
)  # fmt: skip
def test_a_word_is_not_found_inside_another(prompt, word):
    with pytest.raises(ValueError, match="is not in the target prompt") as error:
        words.require(prompt, word)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("prompt", "word", "part"),
    [
        ("a champagne-coloured ball", "champagne-coloured", "champagne-coloured"),
        ("a champagne-coloured ball", "Coloured", "coloured"),
        ("a champagne-coloured ball", "champagne coloured", "champagne-coloured"),
        ("light-red and red", "red", "red"),
        ("l’homme rouge", "homme", "homme"),
        ("l’homme rouge", "L'homme", "l’homme"),
        ("桌上有一个红色的球", "红色", "红色"),
        ("a red, round ball,", "red round", "red, round"),
        ("İSTANBUL", "İstanbul", "İSTANBUL"),
        ("ΟΔΟΣ", "οδος", "ΟΔΟΣ"),
    ],
)
def test_a_word_is_found_as_written_or_between_hyphens_and_apostrophes(prompt, word, part):
    ((start, end),) = words.occurrences(prompt, word)
    assert prompt[start:end] == part
    assert (start, end) == (prompt.rindex(part), prompt.rindex(part) + len(part))
