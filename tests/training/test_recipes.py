"""The recipe table's own judges: an ideal edit has full marks, another colour or place has not."""

import argparse
from pathlib import Path

import numpy as np
import pytest
import recipes
from PIL import Image

from magedit_lab.scenes import room
from magedit_lab.training.held_out import FIRST


@pytest.fixture(scope="module")
def case():
    return next(iter(recipes.cases(1)))


def test_an_ideal_edit_succeeds_and_the_source_and_an_edit_of_the_look_alike_do_not(case):
    scene, index, new, task = case
    before = [t.colour for t in scene.things]
    assert recipes.colours(scene, scene.image) == before
    ideal = room.edited(scene, index, colour=new)
    after = recipes.colours(scene, ideal.image)
    assert after == [new if i == index else c for i, c in enumerate(before)]
    (other,) = (i for i, t in enumerate(scene.things) if t.kind == scene.things[index].kind and i != index)
    leaked = recipes.colours(scene, room.edited(scene, other, colour=new).image)
    assert leaked[other] == new != leaked[index]
    assert task.words == (new,)
    assert new not in before


def test_a_shape_that_stays_has_no_error_and_one_that_moves_has(case):
    scene, index, new, _ = case
    ideal, mask = room.edited(scene, index, colour=new).image, scene.masks[index]
    moved = Image.fromarray(np.roll(np.asarray(ideal), 6, axis=1))
    assert recipes.shape_error(ideal, ideal, mask) == pytest.approx(0, abs=1e-6)
    assert recipes.shape_error(moved, ideal, mask) > 0.2
    flat = Image.new("RGB", ideal.size, (128, 128, 128))
    assert recipes.shape_error(flat, ideal, mask) > 0.9


def test_recipes_differ_in_what_the_page_says_and_in_nothing_else():
    given = {"rooms": 8, "vae": 1, "crops": 2, "scenes": 8, "batch": 2, "clip": 1, "start": recipes.TABLETOP}
    plans = {name: recipes.plan_of(name, argparse.Namespace(**given)) for name in recipes.RECIPES}
    differ = {k for k in vars(plans["plain"]) if len({repr(getattr(p, k)) for p in plans.values()}) > 1}
    assert differ == {"grounding", "grounded_steps", "contrary", "frozen_text"}
    page = (Path(__file__).parents[2] / "docs" / "recipe.md").read_text()
    assert all(f"| `{name}` |" in page for name in recipes.RECIPES)


def test_cases_and_held_out_rooms_are_no_rooms_of_training():
    assert min(recipes.FIRST, FIRST) >= room.HELD_OUT
    assert recipes.FIRST != FIRST


def test_the_table_has_a_row_for_each_recipe():
    rows = {name: dict.fromkeys(recipes.COLUMNS, 0.5) for name in ("plain", "both")}
    lines = recipes.table(rows).splitlines()
    assert [line.count("|") for line in lines] == [len(recipes.COLUMNS) + 2] * 4
    assert lines[2].startswith("| plain | 0.500 |")
