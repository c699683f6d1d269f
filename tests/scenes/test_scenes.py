import itertools

import numpy as np
import pytest

from magedit_lab import masks, scenes
from magedit_lab.prompts import words

SEEDS = range(12)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_fixes_everything(seed):
    assert scenes.sample(seed) == scenes.sample(seed)
    assert scenes.sample(seed).caption(seed) == scenes.sample(seed).caption(seed)
    assert scenes.sample(seed) != scenes.sample(seed + 1)


@pytest.mark.parametrize("seed", SEEDS)
def test_masks_share_no_pixel_and_every_object_can_be_seen(seed):
    found = scenes.sample(seed).masks
    assert found.sum(0).max() <= 1 + 1e-5
    assert (found.reshape(len(found), -1).sum(1) > 20).all()


@pytest.mark.parametrize("change", [{"colour": "green"}, {"texture": "striped"}, {"texture": "plain"}])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_ideal_edit_touches_its_object_only(seed, change):
    scene = scenes.sample(seed)
    after = scenes.edited(scene, 0, **change)
    assert (after.masks == scene.masks).all()
    elsewhere = scene.masks[0] == 0
    assert (np.asarray(after.image)[elsewhere] == np.asarray(scene.image)[elsewhere]).all()


def test_an_unknown_edit_names_what_there_is():
    with pytest.raises(ValueError, match=r"no such change colour='mauve'; choose from: red, orange"):
        scenes.edited(scenes.sample(0), 0, colour="mauve")


@pytest.mark.parametrize("seed", SEEDS)
def test_captions_name_every_object_in_correct_english(seed):
    scene = scenes.sample(seed)
    caption = scene.caption(seed)
    found = words.split(caption)
    assert sorted(w for w in found if w in scenes.KINDS) == sorted(t.kind for t in scene.things)
    for article, after in itertools.pairwise(found):
        if article in ("a", "an"):
            assert (article == "an") == (after[0] in "aeiou")


def test_a_full_caption_leaves_no_adjective_out():
    scene = scenes.sample(5)
    found = words.split(scene.caption(drop=0.0))
    for thing in scene.things:
        assert set(thing.words) <= set(found)


def test_a_scene_renders_alike_at_any_size():
    small, large = (scenes.render(scenes.sample(3), size)[1] for size in (64, 256))
    for a, b in zip(small, large, strict=True):
        assert abs(a.mean() - b.mean()) < 0.005


def test_repeated_kinds_are_common():
    repeated = [len({t.kind for t in s.things}) < len(s.things) for s in map(scenes.sample, range(200))]
    assert 0.4 < np.mean(repeated) < 0.8


def test_a_mask_of_a_scene_is_a_mask():
    for mask in scenes.sample(1).masks:
        assert masks.as_mask(mask).shape == (scenes.SIZE, scenes.SIZE)
