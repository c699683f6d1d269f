"""An interrupt at any bytecode of a hooked forward leaves nothing on: the next run has the same bits."""

import sys

import numpy as np
import pytest
import torch

import magedit_lab as mag
from magedit_lab.model import hooks

POINTS = 60


class Interrupt:
    """Raises KeyboardInterrupt before the k-th bytecode that runs in `model/hooks.py`; counts them all without one."""

    def __init__(self, k=None):
        self.k, self.count = k, 0

    def __call__(self, frame, event, arg):
        if frame.f_code.co_filename != hooks.__file__:
            return None
        frame.f_trace_opcodes = True
        return self.step

    def step(self, frame, event, arg):
        if event == "opcode":
            self.count += 1
            if self.count == self.k:
                raise KeyboardInterrupt
        return self.step


def finish(net, task, path):
    *_, step = mag.edit(net, task, path, mag.MagEdit(iterations=1, stop_step=1))
    return step.target


def interrupted(net, task, path, k):
    """Run with an interrupt at the k-th bytecode; how many there were."""
    tracer, before = Interrupt(k), sys.gettrace()
    sys.settrace(tracer)
    try:
        finish(net, task, path)
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return tracer.count


@pytest.fixture(scope="module")
def short(net, task):
    return mag.invert(net, task, "direct", steps=1)


def test_an_interrupt_at_any_bytecode_of_the_hooks_leaves_nothing_on(net, task, short):
    alone, total = finish(net, task, short), interrupted(net, task, short, None)
    assert total > 1000
    plain = net.predict(short.latents[:1], short.times[0], short.cond)
    for k in np.random.default_rng(0).choice(total, POINTS, replace=False) + 1:
        assert interrupted(net, task, short, int(k)) == k
        assert torch.is_grad_enabled()
        assert torch.equal(net.predict(short.latents[:1], short.times[0], short.cond), plain), k
    assert torch.equal(finish(net, task, short), alone)
