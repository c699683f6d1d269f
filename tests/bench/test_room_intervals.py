"""Intervals against literal formulas and published values."""

import math

import numpy as np
import pytest

from magedit_lab.bench.room.intervals import paired, wilson


def test_wilson_solves_its_equation():
    """Its ends are where |share - p| = z sqrt(p (1 - p) / n)."""
    for passed, of in ((3, 10), (9, 10), (50, 100)):
        share, low, high = wilson(passed, of)
        for p in (low, high):
            assert abs(share - p) == pytest.approx(1.959964 * math.sqrt(p * (1 - p) / of), rel=1e-6)


def test_wilson_of_all_or_none_is_not_empty():
    assert wilson(16, 16) == pytest.approx((1.0, 16 / (16 + 1.959964**2), 1.0), abs=1e-6)
    assert wilson(0, 16) == pytest.approx((0.0, 0.0, 1 - 16 / (16 + 1.959964**2)), abs=1e-6)


def test_wilson_has_newcombe_s_published_value():
    """Newcombe 1998, table I: 81 of 263 is .2553 to .3662."""
    assert wilson(81, 263)[1:] == pytest.approx((0.2553, 0.3662), abs=5e-5)


@pytest.mark.parametrize("counts", [(-1, 4), (5, 4), (0, 0)])
def test_impossible_counts_are_refused(counts):
    with pytest.raises(ValueError, match="expected 0 to"):
        wilson(*counts)


def test_a_paired_difference_does_not_see_how_hard_a_case_is():
    hard = np.random.default_rng(1).normal(0, 100, 50)
    assert paired(list(hard + 1), list(hard)) == pytest.approx((1.0, 1.0, 1.0))


def test_a_paired_interval_is_near_the_normal_one_and_repeats():
    a, b = np.random.default_rng(2).normal(0.3, 1, (2, 400))
    value, low, high = paired(list(a), list(b))
    reach = 1.959964 * (a - b).std() / math.sqrt(400)
    assert value == pytest.approx((a - b).mean())
    assert (low, high) == pytest.approx((value - reach, value + reach), abs=0.1 * reach)
    assert paired(list(a), list(b)) == (value, low, high)


def test_scores_of_other_cases_are_refused():
    with pytest.raises(ValueError, match="same cases"):
        paired([1.0], [1.0, 2.0])
