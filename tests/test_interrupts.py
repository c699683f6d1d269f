"""An interrupt at any bytecode of a hooked forward leaves nothing on: the next run has the same bits.

MAGEDIT_LAB_POINTS=5000: so many bytecodes in place of a few.
"""

import os
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

import magedit_lab as mag
from magedit_lab.model import attention, hooks

POINTS = int(os.environ.get("MAGEDIT_LAB_POINTS", "48"))
FILES = {hooks.__file__, attention.__file__}
METHODS = {
    "p2p": mag.METHODS["p2p"], "masactrl": replace(mag.METHODS["masactrl"], start=0.0),
    "mag-edit": mag.MagEdit(iterations=1, stop_step=1),
}  # fmt: skip


class Interrupt:
    """Raises KeyboardInterrupt before the k-th bytecode that runs in FILES; counts them all without one."""

    def __init__(self, k=None):
        self.k, self.count = k, 0

    def __call__(self, frame, event, arg):
        if frame.f_code.co_filename not in FILES:
            return None
        frame.f_trace_opcodes = True
        return self.step

    def step(self, frame, event, arg):
        if event == "opcode":
            self.count += 1
            if self.count == self.k:
                raise KeyboardInterrupt
        return self.step


def finish(net, task, path, method):
    *_, step = mag.edit(net, task, path, method)
    return step.target


def interrupted(net, task, path, method, k):
    """Run with an interrupt at the k-th bytecode; how many there were."""
    tracer, before = Interrupt(k), sys.gettrace()
    sys.settrace(tracer)
    try:
        finish(net, task, path, method)
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return tracer.count


@pytest.fixture(scope="module")
def short(net, task):
    return mag.invert(net, task, "direct", steps=1)


@pytest.mark.parametrize("name", METHODS)
def test_an_interrupt_at_any_bytecode_of_the_hooks_leaves_nothing_on(net, task, short, name):
    method, count = METHODS[name], -(-POINTS // len(METHODS))
    alone, total = finish(net, task, short, method), interrupted(net, task, short, method, None)
    assert total > count
    plain = net.predict(short.latents[:1], short.times[0], short.cond)
    for k in np.random.default_rng(0).choice(total, count, replace=False) + 1:
        assert interrupted(net, task, short, method, int(k)) == k
        assert torch.is_grad_enabled()
        assert torch.equal(net.predict(short.latents[:1], short.times[0], short.cond), plain), k
        if k % 10 == 0:
            assert torch.equal(finish(net, task, short, method), alone), k
    assert torch.equal(finish(net, task, short, method), alone)
