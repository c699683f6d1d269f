"""Casting: the criterion in words is the criterion in numbers, and candidates are no one's benchmark."""

import numpy as np
import pytest
from PIL import Image

import magedit_lab as mag
from magedit_lab.bench import tabletop
from magedit_lab.bench.casting import CAST, ROLES, VISIBLE, WORLDS, Take, cast, chosen, hero, sheet, worlds

MASK = np.ones((8, 8), np.float32)


def take(grey, success=0, ideal=0.0, structure=0.0):
    scores = {"success": success, "ideal": ideal, "structure": structure}
    return Take(scores, Image.new("RGB", (8, 8), (grey,) * 3), MASK)


def test_candidates_are_in_neither_the_benchmark_nor_the_tuning_scenes():
    used = {*range(tabletop.FIRST, tabletop.FIRST + 200), *range(tabletop.FIRST_TUNING, tabletop.FIRST_TUNING + 200)}
    assert not used & set(range(worlds.FIRST, worlds.FIRST + 200))


@pytest.mark.parametrize(("change", "many"), [("colour", True), ("texture", True), ("object", False)])
def test_a_candidate_is_of_the_kind_that_was_asked_for(change, many):
    case = WORLDS["tabletop"].candidate(3, change, many)
    assert (case.change, case.complex) == (change, many)


def test_visible_means_that_every_pair_of_neighbours_differs():
    role = ROLES["keep"]
    far = {"never": take(0), "published": take(100), "always": take(200)}
    assert role.margin(far) == pytest.approx(100 / 255 - VISIBLE, abs=1e-4)
    assert role.margin(far | {"always": take(100)}) == pytest.approx(-VISIBLE)


def test_a_leak_wants_mag_edit_to_succeed_alone():
    role = ROLES["leak"]
    takes = {"P2P": take(0, 0, 0.4), "P2P+Mask": take(0, 0, 0.5), "MAG-Edit": take(0, 1, 0.1)}
    assert role.margin(takes) == pytest.approx(0.3 - VISIBLE)
    assert role.margin(takes | {"P2P": take(0, 1, 0.4)}) < 0
    assert role.margin(takes | {"MAG-Edit": take(0, 0, 0.1)}) < 0


def test_two_losses_must_differ_and_the_spatial_one_move_the_structure_further():
    role = ROLES["loss"]
    assert role.margin({"token ratio": take(0), "spatial ratio": take(90, structure=0.2)}) > 0
    assert role.margin({"token ratio": take(0, structure=0.2), "spatial ratio": take(90)}) <= 0
    assert role.margin({"token ratio": take(0), "spatial ratio": take(0, structure=0.2)}) <= 0


def test_the_best_is_chosen_and_none_where_none_meets_the_criterion():
    assert chosen([{"margin": 0.1}, {"margin": 0.3}])["margin"] == 0.3
    with pytest.raises(ValueError, match=r"got 1 of which the best misses it by 0\.020"):
        chosen([{"margin": -0.02}])


def test_who_is_cast_has_a_role_and_others_are_refused():
    for role in CAST["tabletop"]:
        assert hero(role).task.target
    with pytest.raises(ValueError, match="expected a role that is cast"):
        hero("villain")


def test_a_casting_has_a_row_and_a_picture_for_every_candidate(net):
    found = list(cast(net, ROLES["keep"], WORLDS["tabletop"], 2, mag.Direct(2, 2.0)))
    assert [row["number"] for row, _ in found] == [0, 1]
    assert set(found[0][1]) == {"never", "published", "always"}
    text = sheet.markdown([row for row, _ in found])
    assert text.count("\n") == 3
    assert len(sheet.contact(found, "differ").axes) == 6
