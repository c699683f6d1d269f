"""Edits side by side on one model: each has its own bits."""

import itertools
import threading

import pytest
import torch

import magedit_lab as mag

METHODS = ("p2p", "p2p+mag-edit", "masactrl", "pnp+mag-edit")


def finish(net, task, path, name):
    *_, step = mag.edit(net, task, path, name)
    return step.target


@pytest.fixture(scope="module")
def short(net, task):
    return mag.invert(net, task, "direct", steps=2)


@pytest.fixture(scope="module")
def alone(net, task, short):
    return {name: finish(net, task, short, name) for name in METHODS}


@pytest.mark.parametrize("names", itertools.combinations_with_replacement(METHODS, 2), ids="|".join)
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
