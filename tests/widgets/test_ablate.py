import threading

import numpy as np
import pytest
import traitlets
from magedit_lab.widgets.ablate import Ablate
from magedit_lab.widgets.live_run import LiveRun
from magedit_lab.widgets.shared.job import BUSY
from waiting import until

import magedit_lab as mag

METHOD = mag.MagEdit(iterations=2, stop_step=2)


@pytest.fixture
def ablate(net):
    made = Ablate(net, mag.bench.demo.complex_task(3), METHOD, mag.Direct(steps=3), "iterations", (0, 1, 3))
    yield made
    made.cancel()
    made.wait()


def test_missing_values_are_run_from_one_inversion_as_the_library_runs_them(ablate, monkeypatch):
    asked = []
    invert = mag.invert
    monkeypatch.setattr(mag, "invert", lambda *given: asked.append(1) or invert(*given))
    ablate.run(1)
    assert ablate.wait() == "done"
    assert (list(ablate.runs), ablate.missing) == ([1], [0, 3])
    ablate.run()
    assert ablate.wait() == "done"
    assert (len(asked), ablate.missing) == (1, [])
    path = invert(ablate.net, ablate.task, ablate.inversion)
    for value, trace in mag.bench.ablations.sweep(ablate.net, ablate.task, path, METHOD, "iterations", (0, 1, 3)):
        np.testing.assert_array_equal(ablate.runs[value].losses, trace.losses)
        assert ablate.runs[value].result.tobytes() == trace.result.tobytes()


def test_what_was_run_before_is_not_run_again(net, ablate):
    ablate.run(3)
    ablate.wait()
    path = ablate._path[2]
    again = Ablate(net, ablate.task, METHOD, path, "iterations", (0, 3), ablate.runs)
    assert again.missing == [0]
    assert again._cells[1]["there"]
    np.testing.assert_allclose(again._cells[1]["losses"], ablate.runs[3].losses[:2].flatten(), rtol=1e-5)
    assert again._cells[1]["spots"] == pytest.approx([0, 1 / 3, 2 / 3, 1, 4 / 3, 5 / 3], abs=1e-5)
    assert (bool(again._pictures[0]), bool(again._pictures[1])) == (False, True)
    again.run(3)
    assert again.status == "all of these were run"
    again.run(7)
    assert again.status == "expected values of 0, 3, got 7"
    again.run()
    assert again.wait() == "done"
    assert again.missing == []


def test_a_cancelled_run_keeps_whole_values_and_leaves_the_model_to_others(ablate):
    before = {k: v.clone() for k, v in ablate.net.denoiser.state_dict().items()}
    ablate.run(1, 3)
    until(lambda: 1 in ablate.runs and ablate._losses)
    seen = sum(map(len, ablate._losses.values()))
    ablate.cancel()
    assert ablate.wait() == ablate.state == "cancelled"
    assert sum(map(len, ablate._losses.values())) <= seen + 2  # the nudge under way, and one that came before the word
    assert list(ablate.runs) == [1]
    assert "1 of 3 values are there" in ablate.status
    assert ablate._running is None
    assert all((before[k] == v).all() for k, v in ablate.net.denoiser.state_dict().items())
    ablate.run(0)
    assert ablate.wait() == "done"


def test_a_second_run_is_refused_in_one_line(ablate):
    other = LiveRun(ablate.net, ablate.task, METHOD, mag.Direct(steps=2))
    ablate.run()
    other.run()
    assert "expected no other run under way" in other.status
    ablate.run()
    assert "expected no other run under way" in ablate.status
    assert ablate.wait() == "done"
    assert not BUSY.locked()


def test_the_browser_asks_for_places(ablate):
    ablate._on_message(ablate, {"do": "run", "places": [0]}, [])
    assert ablate.wait() == "done"
    assert list(ablate.runs) == [0]
    for wrong in (
        {"do": "run"},
        {"do": "run", "places": [3]},
        {"do": "run", "places": [True]},
        {"do": "format"},
        "<b>",
    ):
        ablate.status = ""
        ablate._on_message(ablate, wrong, [])
        assert ablate.status.startswith("expected "), wrong
    ablate._on_message(ablate, {"do": "cancel"}, [])
    assert list(ablate.runs) == [0]


def test_callbacks_from_other_threads_do_the_same(ablate):
    asked = {"do": "run", "places": [0, 1]}
    threads = [threading.Thread(target=ablate._on_message, args=(ablate, asked, [])) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ablate.wait() == "done"
    assert list(ablate.runs) == [0, 1]


def test_what_fails_is_told(net):
    ablate = Ablate(net, mag.bench.demo.complex_task(3), METHOD, mag.Direct(steps=3), "step_size", (2.5, 1e30))
    ablate.run()
    assert ablate.wait() == ablate.state == "failed"
    assert "take a smaller step size" in ablate.status
    assert list(ablate.runs) == [2.5]
    late = Ablate(net, mag.bench.demo.complex_task(3), METHOD, mag.Direct(steps=3), "stop_step", (1, 40))
    late.run()
    assert (late.state, late.refused) == ("idle", True)
    assert "expected a stop step of 0 to 3, got 40" in late.status
    assert late.runs == {}


def test_wrong_settings_values_and_runs_are_refused(net, ablate):
    task = ablate.task
    for setting, values, runs, words in (
        ("volume", (1,), None, "expected settings"), ("iterations", (), None, "expected values"),
        ("iterations", (1,), {2: mag.Trace(task)}, "expected runs of iterations 1, got one of 2"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            Ablate(net, task, METHOD, mag.Direct(steps=2), setting, values, runs)
    ablate.set_state({"at": 5})
    assert ablate.at == 0
    assert "expected a value's place" in ablate.status
    with pytest.raises(traitlets.TraitError):
        ablate.at = -1


def test_a_page_without_a_kernel_shows_a_picture_and_a_sentence(ablate):
    data, _ = ablate._repr_mimebundle_()
    assert data["image/png"]
    assert "were run: none yet; shown: 0" in data["text/plain"]
    ablate.run(1)
    ablate.wait()
    ablate.at = 1
    after, _ = ablate._repr_mimebundle_()
    assert "were run: 1; shown: 1" in after["text/plain"]
    assert len(after["image/png"]) != len(data["image/png"])
