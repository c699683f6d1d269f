"""A few faults of each kind that `make torture` draws for as long as it is given."""

from collections import Counter
from itertools import islice

import fuzz
import interrupts
import kills
import numpy as np
import pairs
import pytest
import world

import magedit_lab as mag

NOTES = {"faults", "loaded", "refused", "accepted", "max ms to load", "max MB more"}


@pytest.fixture(scope="module")
def net():
    return world.model()


@pytest.fixture(scope="module")
def straight(net):
    return mag.run(net, world.task(), world.INVERSION, world.METHOD)


@pytest.mark.parametrize(("kind", "count"), [
    (interrupts.interrupts, 6), (interrupts.memory, 6), (interrupts.closed, 2), (pairs.pairs, 2), (fuzz.fuzz, 40),
    (fuzz.hostile, 300), (kills.disks, 2),
])  # fmt: skip
def test_faults_of_every_kind_leave_nothing_and_lose_nothing(net, straight, tmp_path, kind, count):
    total: Counter = Counter()
    faults = kind(net, tmp_path, np.random.default_rng(2), straight)
    for found in islice(faults, count):
        total.update(found)
    faults.close()
    assert total["faults"] > 0
    assert {name: n for name, n in total.items() if n and name not in NOTES} == {}
