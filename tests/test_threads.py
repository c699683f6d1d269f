"""Edits side by side on one model: each has its own bits.

MAGEDIT_LAB_PAIRS=24: so many pairs of methods in place of a few.
"""

import itertools
import os
import threading

import numpy as np
import pytest
import torch
from magedit_lab.widgets.live_run import LiveRun

import magedit_lab as mag

METHODS = ("p2p", "p2p+mag-edit", "masactrl", "pnp+mag-edit", "boxdiff", "layout-guidance", "pix2pix-zero")
PAIRS = list(itertools.combinations_with_replacement(METHODS, 2))[: int(os.environ.get("MAGEDIT_LAB_PAIRS", "10"))]


def finish(net, task, path, name):
    *_, step = mag.edit(net, task, path, name)
    return step.target


@pytest.fixture(scope="module")
def short(net, task):
    return mag.invert(net, task, "direct", steps=2)


@pytest.fixture(scope="module")
def alone(net, task, short):
    return {name: finish(net, task, short, name) for name in METHODS}


@pytest.mark.parametrize("names", PAIRS, ids="|".join)
def test_two_threads_on_one_model_give_each_edit_the_bits_that_it_has_alone(net, task, short, alone, names):
    results, start = {}, threading.Barrier(2)

    def work(place):
        start.wait()
        results[place] = finish(net, task, short, names[place])

    threads = [threading.Thread(target=work, args=(place,)) for place in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(results[place], alone[name]) for place, name in enumerate(names))


def test_a_live_run_and_a_cells_run_beside_it_have_the_bits_that_each_has_alone(net, task, short, alone):
    straight = mag.run(net, task, short, "p2p")
    live = LiveRun(net, task, mag.METHODS["p2p"], mag.Direct(steps=2))
    live.run()
    beside = [finish(net, task, short, "p2p+mag-edit")]
    while live.state == "running":
        beside.append(finish(net, task, short, "masactrl"))
    assert live.wait(120.0) == "done"
    assert torch.equal(beside[0], alone["p2p+mag-edit"])
    assert all(torch.equal(target, alone["masactrl"]) for target in beside[1:])
    assert np.array_equal(live.trace.attention("yellow"), straight.attention("yellow"))
    assert np.array_equal(np.asarray(live.trace.result), np.asarray(straight.result))
