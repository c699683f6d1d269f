"""Captions name what is in the scene, in words that each know their things."""

import re

import numpy as np
import pytest

from magedit_lab.scenes.room import (
    FINISHES,
    VOCABULARY,
    Camera,
    Scene,
    Thing,
    article,
    describe,
    phrase,
    sample,
    sentence,
    unknown_words,
    written,
)  # fmt: skip
from magedit_lab.scenes.room.captions import COLOURED_PART, NUMBERS, PLURALS


@pytest.fixture(scope="module")
def scenes():
    return [sample(seed) for seed in range(70)]


@pytest.fixture(scope="module")
def captioned(scenes):
    """Scenes with five captions each: words and owners."""
    return [
        (scene, describe(scene, np.random.default_rng(i * 5 + k))) for i, scene in enumerate(scenes) for k in range(5)
    ]


def test_every_word_is_in_the_vocabulary(captioned):
    words = {word for _, caption in captioned for word, _ in caption}
    assert words <= VOCABULARY
    assert {*FINISHES, "pillows", "armchairs", "two", "photo", "shade", "pot"} <= words
    drawn = {t.kind for scene, _ in captioned for t in scene.things}
    assert all({kind, PLURALS[kind]} & words for kind in drawn)


def test_a_word_s_things_are_what_the_word_says(captioned):
    for scene, caption in captioned:
        for word, owner in caption:
            things = [scene.things[i] for i in owner]
            if word in PLURALS.values() or word in NUMBERS.values():
                assert len(things) > 1
                assert len({t.kind for t in things}) == 1
            for thing in things:
                own = {*thing.words, PLURALS[thing.kind], *NUMBERS.values(), "plain"}
                own |= {w for pair in thing.part_colours for w in pair} | {COLOURED_PART.get(thing.kind, ("", ""))[1]}
                assert word in own, (word, thing)
            if "plain" in word:
                assert all(t.finish == "plain" for t in things)
            if word in NUMBERS.values():
                assert NUMBERS[len(things)] == word


def test_a_thing_is_named_once_and_its_words_stand_together(captioned):
    for scene, caption in captioned:
        for i, thing in enumerate(scene.things):
            kinds = (thing.kind, PLURALS[thing.kind])
            assert sum(i in owner and word in kinds for word, owner in caption) <= 1
            places = [p for p, (_, owner) in enumerate(caption) if i in owner]
            assert not places or max(places) - min(places) < 12


def test_nothing_dropped_names_each_thing_with_all_its_words(scenes):
    for seed, scene in enumerate(scenes):
        caption = describe(scene, np.random.default_rng(seed), drop=0.0)
        for i, thing in enumerate(scene.things):
            said = [word for word, owner in caption if owner == (i,)]
            assert said == [*thing.words, *(w for part, colour in thing.part_colours for w in (colour, part))]
        assert [w for w, _ in caption[-4:]] == ["with", article(scene.wall), scene.wall, "wall"]


def test_a_kept_word_is_always_said(scenes):
    for seed, scene in enumerate(scenes * 2):
        rng = np.random.default_rng(seed)
        index = int(rng.integers(len(scene.things)))
        thing = scene.things[index]
        word = str(rng.choice([*thing.words, *(["plain"] if thing.finish == "plain" else [])]))
        caption = describe(scene, rng, 0.6, keep=(index, word))
        assert any(index in owner and said in (word, PLURALS.get(word)) for said, owner in caption), (word, caption)


def test_captions_vary_in_order_and_length(scenes):
    scene = next(s for s in scenes if len(s.things) >= 4)
    captions = [scene.caption(seed) for seed in range(40)]
    assert len(set(captions)) > 35
    assert captions[3] == scene.caption(3)
    opened = ("a photo of", "a picture of a", "an image of", "a room with", "a living room with")
    assert 4 < sum(caption.startswith(opened) for caption in captions) < 24


def two_pillows(**change):
    sofa = Thing("sofa", "blue", "plain", (0, 0, 0))
    red = [Thing("pillow", "red", "plain", (x, 0.5, 0), place="seat", on=0) for x in (-0.4, 0.4)]
    return Scene((sofa, *red), "white", "wooden", Camera((0, 1.3, 4.2), (0, 0.7, 0), 34.0), **change)


def test_what_people_type_is_among_the_captions():
    captions = {two_pillows().caption(seed) for seed in range(1500)}
    for text in (
        "two red pillows on a blue sofa on a wooden floor with a white wall",
        "a blue sofa and two red pillows on a floor",
        "a photo of two pillows on a blue sofa",
        "a living room with a sofa and two red pillows",
    ):
        assert any(c.startswith(text) for c in captions), text


def test_a_lone_lamp_may_be_called_by_its_shade():
    lamp = Scene((Thing("lamp", "red", "dotted", (0, 0, 0)),), "white", "gray", Camera((0, 1, 4), (0, 0.7, 0), 34.0))
    assert any(c.startswith("a lamp with a red dotted shade") for c in map(lamp.caption, range(60)))


def test_text_helpers():
    assert phrase(["orange", "ball"]) == "an orange ball"
    assert written(["a", "ball", ",", "a", "box"]) == "a ball, a box"
    said = sentence(two_pillows(), ["a blue sofa", "a red pillow", "a red pillow"])
    assert said == "a blue sofa, a red pillow and a red pillow on a wooden floor with a white wall"
    assert re.fullmatch(r"[a-z, ]+", sample(3).caption(1))


def test_unknown_words_are_named_once_in_order():
    assert unknown_words("A photo of two velvet cats, a red sofa and a velvet dog.") == ["velvet", "cats", "dog"]
    assert unknown_words("two red pillows on a blue sofa") == []
