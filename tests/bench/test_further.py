"""The demo's further scenes: counted, kept one by one, and with intervals."""

import numpy as np
import pytest

import magedit_lab as mag
from magedit_lab.bench import demo
from magedit_lab.bench.casting import further

COLOURS = {0: ("red", "red"), 1: ("blue", "red"), 2: ("red", "red"), 3: ("green", "blue")}  # of P2P and MAG-Edit


@pytest.fixture
def played(monkeypatch):
    """`demo.play` without its edits; the seeds that were asked for."""
    asked, task = [], demo.complex_task(0)
    red = mag.Task(task.image, task.mask, "a ball", "a red ball", "red")

    def play(net, numbers, progress):
        asked.append(numbers.seed)
        traces = {name: mag.Trace(red) for name in ("P2P", demo.GUIDED)}
        colours.update({id(trace): c for trace, c in zip(traces.values(), COLOURS[numbers.seed], strict=True)})
        return traces

    colours = {}
    monkeypatch.setattr(further, "play", play)
    monkeypatch.setattr(further, "colour_of", lambda trace: colours[id(trace)])
    return asked


def test_rows_are_kept_and_counted_with_intervals(net, played, tmp_path):
    def rows(count, **more):
        return list(further.measure(net, demo.Demo(**more), range(count), tmp_path, lambda seed: None))

    first = rows(2)
    (tmp_path / further.ROWS).open("a").write('{"seed": 2, "as')  # an interrupt
    assert rows(4)[:2] == first
    assert played == [0, 1, 2, 3]
    assert len(further.load(tmp_path)) == 4
    lines = further.markdown(rows(4)).splitlines()
    assert lines[2] == "| P2P | 0.50 [0.15, 0.85] | 0.25 [0.00, 0.75] |"
    assert lines[3] == f"| {demo.GUIDED} | 0.75 [0.30, 0.95] |  |"
    list(further.measure(net, demo.Demo(steps=3), [0], tmp_path, lambda seed: None))
    assert played[4:] == [0]  # other numbers are another table's


def test_a_row_says_whether_a_method_did_it():
    row = further.Row(0, "red", {"P2P": "blue", demo.GUIDED: "red"}, "")
    assert np.array_equal([row.took("P2P"), row.took(demo.GUIDED)], [0, 1])
