"""A closed widget is forgotten by ipywidgets, and its memory is free."""

import gc
import weakref

import ipywidgets
import pytest
from magedit_lab.widgets.attention_explorer import AttentionExplorer
from magedit_lab.widgets.gradient_inspector import GradientInspector
from magedit_lab.widgets.live_run import LiveRun

import magedit_lab as mag


@pytest.fixture(scope="module")
def trace(net, task):
    return mag.run(net, task, mag.Direct(steps=2), mag.MagEdit(iterations=1))


def known():
    return len(ipywidgets.widgets.widget._instances)


@pytest.mark.parametrize("kind", [AttentionExplorer, GradientInspector])
def test_closed_explorers_are_freed(trace, kind):
    before, kept = known(), []
    for _ in range(5):
        widget = kind(trace)
        kept.append(weakref.ref(widget))
        widget.close()
    del widget
    gc.collect()
    assert known() == before
    assert [ref() for ref in kept] == [None] * 5


def test_a_closed_run_is_freed(net, task):
    before = known()
    live = LiveRun(net, task, "plain", mag.Direct(steps=1))
    live.run()
    assert live.wait() == "done"
    kept = weakref.ref(live)
    live.close()
    del live
    gc.collect()
    assert known() == before
    assert kept() is None
