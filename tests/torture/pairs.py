"""Two edits at the same time on one model, on two threads or one step of each in turn: each has its own bits."""

import threading
from collections import Counter
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import numpy as np
import torch
import world

import magedit_lab as mag


def last(steps) -> torch.Tensor:
    *_, step = steps
    return step.target


def pairs(net, folder: Path, rng: np.random.Generator, straight: mag.Trace) -> Iterator[Counter]:
    """Random pairs of all methods that this model can do."""
    path, alone = mag.invert(net, world.task(), mag.Direct(steps=2)), {}
    while True:
        names = [str(name) for name in rng.choice(list(mag.METHODS), 2)]
        for name in names:
            if name not in alone:
                alone[name] = last(mag.edit(net, world.task(), path, name))
        results = (threaded if rng.random() < 0.5 else in_turn)(net, path, names)
        wrong = sum(not torch.equal(results[i], alone[name]) for i, name in enumerate(names))
        yield Counter({"faults": 1, "other bits": wrong})


def threaded(net, path, names) -> dict[int, torch.Tensor]:
    results, start = {}, threading.Barrier(2)

    def work(place):
        start.wait()
        results[place] = last(mag.edit(net, world.task(), path, names[place]))

    threads = [threading.Thread(target=work, args=(place,)) for place in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def in_turn(net, path, names) -> dict[int, torch.Tensor]:
    streams = [mag.edit(net, world.task(), path, name) for name in names]
    results = {}
    for steps in zip_longest(*streams):
        results |= {i: step.target for i, step in enumerate(steps) if step is not None}
    return results
