"""RoomBench's cases, and its judges: the ideal edit passes, cheats do not."""

from itertools import chain, pairwise

import numpy as np
import pytest
from scipy import ndimage

from magedit_lab.bench.room import cases as bench
from magedit_lab.bench.room import table
from magedit_lab.bench.room.cheats import CHEATS, RIGHT, WRONG
from magedit_lab.bench.room.structure import structure
from magedit_lab.bench.room.success import Judge
from magedit_lab.scenes.room import HELD_OUT

NUMBERS = (0, 6, 2, 8, 4)  # each change once, simple ones and complex ones


@pytest.fixture(scope="module")
def cases():
    return [bench.case(number, "tuning") for number in NUMBERS]


@pytest.fixture(scope="module")
def rows(cases):
    return [table.judged(case) for case in cases]


def test_ideal_edits_succeed(rows):
    assert {row.case: row.failed["ideal"] for row in rows if row.failed["ideal"]} == {}


@pytest.mark.parametrize("name", WRONG)
def test_sources_and_cheats_fail(rows, name):
    assert [row.case for row in rows if not row.failed[name]] == []


def test_the_table_counts_them(rows):
    lines = table.markdown(rows).splitlines()
    assert len(lines) == 2 + len(RIGHT) + len(WRONG)
    assert lines[2].startswith("| ideal | 1.00 [0.57, 1.00] | 0.000 |")


def test_a_destroyed_ring_costs(rows):
    assert all("ring" in row.failed["ring"] for row in rows)
    assert "wrong one" in CHEATS


def test_structure_of_the_ideal_is_0_and_of_a_warp_is_not(cases):
    for case in cases[:3]:
        ideal = np.asarray(case.ideal)
        rows, columns = np.indices(ideal.shape[:2])
        at = [rows + 6 * np.sin(columns / 12), columns + 6 * np.sin(rows / 12)]
        warp = np.stack(
            [ndimage.map_coordinates(x, at, order=1, mode="nearest") for x in np.moveaxis(ideal, -1, 0)], -1
        )
        assert set(structure(case.edit, ideal).values()) == {0.0}
        assert structure(case.edit, warp)["structure"] > 0.2


def test_a_picture_of_another_size_is_refused(cases):
    with pytest.raises(ValueError, match="resize it"):
        Judge(cases[0].edit)(np.zeros((64, 64, 3), np.uint8))


def test_cases_repeat_and_are_balanced(cases):
    assert bench.case(2, "tuning").digest == cases[2].digest
    assert [c.change for c in cases] == [*bench.CHANGES]
    assert [c.complex for c in cases] == [False, True, False, True, False]
    assert bench.COUNT % 20 == 0


def test_complex_cases_have_a_look_alike_that_the_prompt_does_not_tell_apart(cases):
    for case in cases:
        kind = case.edit.source.things[case.edit.index].kind
        said = case.task.source.replace(",", "").split().count(kind)
        assert (said > 1) == case.complex


def test_what_is_edited_is_at_least_three_and_a_half_cells_across(cases):
    for case in cases:
        rows, columns = np.nonzero(case.task.region.numpy() >= 0.5)
        assert ((np.ptp(rows) + 1) * (np.ptp(columns) + 1)) ** 0.5 >= 3.5 * 16


def test_sets_share_no_seed():
    spans = {k: range(v, v + bench.COUNT * bench.STRIDE) for k, v in bench.SETS.items()}
    assert min(chain.from_iterable((s.start,) for s in spans.values())) >= HELD_OUT
    ordered = sorted(spans.values(), key=lambda s: s.start)
    assert all(a.stop <= b.start for a, b in pairwise(ordered))
    with pytest.raises(ValueError, match="choose from"):
        next(bench.cases(1, "nosuch"))


def test_two_words_are_asked_in_half_of_the_finishes_and_objects():
    assert [len(bench.case(n).task.words) for n in (1, 11)] == [1, 2]


def test_rows_are_kept_one_by_one_and_those_of_other_judges_judged_anew(rows, tmp_path, monkeypatch):
    kept = dict(zip(NUMBERS, rows, strict=True))
    by_name = {bench.name(number, "tuning"): row for number, row in kept.items()}
    monkeypatch.setattr(bench, "case", lambda number, of: bench.name(number, of))
    monkeypatch.setattr(table, "judged", lambda name: asked.append(name) or by_name[name])
    asked = []
    first = table.measure(NUMBERS, "tuning", tmp_path)
    assert [next(first), next(first)] == rows[:2]
    with (tmp_path / table.ROWS).open("a") as file:
        file.write('{"case": "room-tu')  # an interrupt
    assert list(table.measure(NUMBERS, "tuning", tmp_path)) == rows
    assert asked == [row.case for row in rows]
    monkeypatch.setattr(table, "judged_by", lambda: "other judges")
    assert list(table.measure(NUMBERS[:1], "tuning", tmp_path)) == rows[:1]
    assert asked[len(rows) :] == [rows[0].case]
