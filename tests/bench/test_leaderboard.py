import numpy as np
import pytest
import torch

import magedit_lab as mag
from magedit_lab.bench import leaderboard, run, tabletop
from magedit_lab.plots import curves


def rows(**entries):
    return [
        {"case": f"{i}", "setting": name, "success": float(error < 0.2), "ideal": error, "psnr": 30.0 + error}
        for name, errors in entries.items()
        for i, error in enumerate(errors)
    ]


def test_its_tasks_are_edits_beside_look_alikes_that_no_benchmark_has():
    listed = leaderboard.tasks(20)
    assert len({case.name for case in listed}) == 20
    assert [case.change for case in listed] == ["colour", "texture"] * 10
    assert all(case.complex for case in listed)
    assert leaderboard.FIRST + 1_000 < tabletop.FIRST
    taken = {case.task.image.tobytes() for case in tabletop.cases(16)}
    assert not taken & {case.task.image.tobytes() for case in listed}


def test_a_row_is_what_the_benchmark_would_say_of_the_same_edit(net, tmp_path):
    listed, way = leaderboard.tasks(2), mag.Direct(3, 2.0)
    entries = {"plain": mag.METHODS["plain"], "p2p": mag.PromptToPrompt()}
    judges, seen = leaderboard.Judges.load(), []
    found = list(leaderboard.measure(net, entries, listed, way, judges, lambda done, of: seen.append((done, of))))
    settings = [run.Setting(name, method, way) for name, method in entries.items()]
    expected = list(run.measure(net, listed, settings, judges, tmp_path))
    assert [row["setting"] for row in found] == ["plain", "p2p"] * 2
    assert seen == [(i, 4) for i in range(1, 5)]
    for ours, theirs in zip(found, expected, strict=True):
        assert ours == {name: value for name, value in theirs.items() if name not in ("seconds", "calls")}


def test_most_successes_come_first_and_then_the_least_error():
    table = leaderboard.ranked(rows(a=[0.1, 0.5, 0.9], b=[0.1, 0.1, 0.9], c=[0.1, 0.3, 0.8]))
    assert [line["setting"] for line in table] == ["b", "c", "a"]
    lines = leaderboard.text(table).splitlines()
    assert [line[:6] for line in lines[1:]] == [" 1. b ", " 2. c ", " 3. a "]
    assert "0.67 [" in lines[1]
    assert "30.4 dB" in lines[1]


def test_its_figure_shows_each_entry_with_its_interval():
    made = leaderboard.figure(leaderboard.ranked(rows(mine=[0.1, 0.3], theirs=[0.4, 0.5])))
    assert made.sentence == "Leaderboard on 2 tasks, the best first: mine, theirs"
    left, right = made.axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["mine", "theirs"]
    np.testing.assert_allclose(left.containers[0].lines[0].get_xdata(), [0.5, 0.0])
    np.testing.assert_allclose(right.containers[0].lines[0].get_xdata(), [0.2, 0.45])
    assert made.png()[:4] == b"\x89PNG"
    with pytest.raises(ValueError, match="expected at least one entry"):
        leaderboard.figure([])


def test_curves_have_their_names_dashes_and_values():
    lines = {"up": [1.0, 2.0, 3.0], "down": [3.0, 2.0, 1.0]}
    made = curves.figure([1.0, 10.0, 100.0], lines, "share", "slope", log=True)
    (axes,) = made.axes
    assert axes.get_xscale() == "log"
    assert [line.get_label() for line in axes.lines] == ["up", "down"]
    assert axes.lines[0].get_linestyle() != axes.lines[1].get_linestyle()
    np.testing.assert_array_equal(axes.lines[1].get_ydata(), [3, 2, 1])
    assert [t.get_text() for t in axes.get_xticklabels()] == ["1", "10", "100"]
    assert made.sentence == "slope over share: up, down"
    with pytest.raises(ValueError, match="expected at least one curve"):
        curves.figure([1.0], {}, "x", "y")


def test_a_folder_of_files_is_a_folder_of_entries(tmp_path):
    like = mag.MagEdit(iterations=2, step_size=3.0)
    (tmp_path / "anna.py").write_text("step_size = 2.0\ndef loss(probs, mask, word):\n    return probs.sum()\n")
    (tmp_path / "ben.py").write_text("def loss(probs, mask, word):\n    return probs.mean()\n")
    found = leaderboard.entries(tmp_path, like)
    assert {name: (m.step_size, m.iterations, m.by_sigma) for name, m in found.items()} == {
        "anna": (2.0, 2, True),
        "ben": (3.0, 2, True),
    }
    assert found["anna"].loss(torch.ones(2, 3), None, None) == 6
    assert leaderboard.entries(tmp_path / "none", like) == {}


@pytest.mark.parametrize(
    ("text", "words"), [("x = 1", "cleo.py: .*got none"), ("1 / 0", "cleo.py: .*ZeroDivisionError")]
)
def test_a_file_that_is_no_entry_is_named(tmp_path, text, words):
    (tmp_path / "cleo.py").write_text(text)
    with pytest.raises(ValueError, match=words):
        leaderboard.entries(tmp_path, mag.MagEdit())
