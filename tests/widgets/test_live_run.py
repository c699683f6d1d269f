import dataclasses
import threading
import time

import numpy as np
import pytest
import torch
from magedit_lab.widgets.live_run import LiveRun
from magedit_lab.widgets.shared import images
from magedit_lab.widgets.shared.job import BUSY, Job
from magedit_lab.widgets.shared.runner import units
from waiting import until

import magedit_lab as mag
from magedit_lab import settings


@pytest.fixture
def live(net):
    task = mag.bench.demo.complex_task(3)
    made = LiveRun(net, task, mag.MagEdit(iterations=3), mag.NullText(steps=4, inner=1))
    yield made
    made.cancel()
    made.wait()


def test_it_runs_what_the_library_runs(live):
    live.run()
    assert live.wait() == "done"
    path = mag.invert(live.net, live.task, live.inversion)
    plain = mag.run(live.net, live.task, path, live.method)
    np.testing.assert_array_equal(live.trace.losses, plain.losses)
    np.testing.assert_array_equal(live.losses, plain.losses[:2].flatten())
    assert live.trace.result.tobytes() == plain.result.tobytes()
    assert (live.state, live.done) == ("done", live.of)


def test_a_cancelled_run_keeps_its_steps_and_leaves_the_model_untouched(live):
    before = {k: v.clone() for k, v in live.net.denoiser.state_dict().items()}
    live.run()
    until(lambda: len(live.trace.times) >= 1)
    live.cancel()
    assert live.wait() == live.state == "cancelled"
    assert 1 <= len(live.trace.times) < 4
    assert all((before[k] == v).all() for k, v in live.net.denoiser.state_dict().items())
    assert not BUSY.locked()
    live.run()
    assert live.wait() == "done"
    assert len(live.trace.times) == 4


def test_nothing_more_is_done_than_the_nudge_under_way(live):
    live.run()
    until(lambda: len(live.losses) >= 1)
    live.pause()
    time.sleep(0.3)
    stood = len(live.losses)
    assert live.state == "paused"
    time.sleep(0.5)
    assert len(live.losses) == stood
    live.cancel()
    assert live.wait() == "cancelled"
    assert len(live.losses) == stood


def test_a_paused_run_ends_as_one_that_was_not(live):
    live.run()
    until(lambda: len(live.losses) >= 2)
    live.pause()
    time.sleep(0.2)
    live.resume()
    assert live.wait() == "done"
    plain = mag.run(live.net, live.task, mag.invert(live.net, live.task, live.inversion), live.method)
    np.testing.assert_array_equal(live.trace.losses, plain.losses)


def test_a_second_run_is_refused_in_one_line_and_the_first_goes_on(live):
    other = LiveRun(live.net, live.task)
    live.run()
    other.run()
    assert other.status == "expected no other run under way, got one; cancel it or wait for it"
    assert other.state == "idle"
    live.run()
    assert "expected no other run under way" in live.status
    assert live.wait() == "done"


@pytest.mark.parametrize(
    ("name", "value"),
    [("loss", "charm"), ("iterations", -1), ("iterations", 1.5), ("steps", 0), ("step_size", "wide"), ("steps", True)],
)
def test_a_wrong_setting_is_told_and_nothing_is_run(live, name, value):
    live.settings = {**live.settings, name: value}
    live.run()
    assert live.status.startswith("expected ")
    assert live.state == "idle"
    assert not BUSY.locked()


def test_what_fails_is_told_and_the_steps_so_far_are_kept(live):
    live.settings = {**live.settings, "step_size": 1e30}
    live.run()
    assert live.wait() == live.state == "failed"
    assert "take a smaller step size" in live.status
    live.settings = {**live.settings, "step_size": 2.5}
    live.run()
    assert live.wait() == "done"


def test_the_settings_of_the_browser_are_those_of_the_run(live):
    live.set_state({"settings": {**live.settings, "iterations": 2, "loss": "spatial_ratio"}})
    live._on_message(live, {"do": "run"}, [])
    assert live.wait() == "done"
    assert live.trace.losses.shape == (4, 2)
    live._on_message(live, {"do": "format"}, [])
    assert "expected run, pause, resume or cancel" in live.status
    live._on_message(live, "<script>", [])
    assert "expected run" in live.status


def test_a_run_is_asked_for_together_with_the_settings_that_it_shall_have(live):
    live.set_state({"_runs": 1, "settings": {**live.settings, "iterations": 1}})
    assert live.wait() == "done"
    assert live.trace.losses.shape == (4, 1)


def test_choosing_a_method_shows_its_own_settings_and_keeps_the_inversions(live):
    live.settings = {**live.settings, "steps": 3}
    live.set_state({"method_name": "p2p+re-weight"})
    assert live.method == mag.METHODS["p2p+re-weight"]
    assert {s["name"] for s in live._form["method"]} == {s.name for s in settings.table(live.method)}
    assert "iterations" not in live.settings
    assert live.settings["steps"] == 3
    assert live._form["presets"] == []
    live.set_state({"inversion_name": "direct"})
    assert live._chosen() == (mag.METHODS["p2p+re-weight"], mag.Direct(3, live.inversion.guidance_scale))
    live.run()
    assert live.wait() == "done"
    assert len(live.trace.times) == 3
    live.set_state({"method_name": "as given", "inversion_name": "as given"})
    assert live._chosen() == (mag.MagEdit(iterations=3), mag.NullText(steps=3, inner=1))
    live.set_state({"method_name": "laser"})
    assert live.method_name == "as given"
    assert live.status


def test_a_preset_is_the_librarys(live):
    live.set_state({"preset": "paper"})
    assert live._chosen()[0] == mag.MagEdit.paper()
    live.set_state({"method_name": "pnp+mag-edit"})
    assert live._chosen()[0] == mag.MagEdit.paper(base=mag.METHODS["pnp+mag-edit"].base)
    live.set_state({"preset": "released", "method_name": "p2p+mag-edit"})
    assert live._chosen()[0] == mag.MagEdit.released()


def test_nested_settings_of_the_form_reach_the_method(live):
    live.settings = {**live.settings, "base.blend.grow": 2, "stop_step": 1, "rate": 0.5}
    method, inversion = live._chosen()
    assert (method.base.blend.grow, method.stop_step, inversion.rate) == (2, 1, 0.5)


def test_what_does_not_fit_the_model_is_refused_before_the_inversion(live):
    live.settings = {**live.settings, "stop_step": 40}
    live.run()
    assert (live.state, live.refused) == ("idle", True)
    assert "expected a stop step of 0 to 4, got 40" in live.status
    assert live._path is None
    live.settings = {**live.settings, "stop_step": 1}
    live.run()
    assert live.wait() == "done"
    assert not live.refused
    trace, losses = live.trace, live.losses
    live.settings = {**live.settings, "stop_step": 40}
    live.run()
    assert live.refused
    assert live.trace is trace  # what was there is there still
    np.testing.assert_array_equal(live.losses, losses)


def test_the_same_refusal_is_told_again(live):
    told = []
    live.observe(lambda change: told.append(change.new), "status")
    for _ in range(2):
        live.set_state({"seed": -1})
    assert [bool(text) for text in told] == [False, True, False, True]
    assert told[1] == told[3]


def test_a_pause_that_comes_as_the_run_ends_changes_nothing(live):
    live.observe(lambda change: live.pause() if change.new == "done" else None, "state")
    live.run()
    assert live.wait() == live.state == "done"
    live.resume()
    assert live.state == "done"


def test_a_pause_before_the_first_step_holds(live):
    live.run()
    live.pause()
    assert live.state == "paused"
    time.sleep(0.3)
    assert live.trace.times == []
    live.resume()
    assert live.wait() == "done"


def test_what_is_shown_says_what_it_is(live):
    said = [live._caption]
    live.observe(lambda change: said.append(change.new), "_caption")
    live.run()
    live.wait()
    dissolving = "the picture on its way to noise: the latent that is being inverted"
    assert said == ["the source", dissolving, "the finished picture, as this step foresees it", "the result"]
    assert live._preview == images.small(live.trace.result)


def test_time_left_counts_nudges_and_no_pause(live):
    live._began, live._start, live.job.held, live._held = time.monotonic() - 30, 0, 25.0, 5.0
    live._show("running", "", 10, 40, force=True)
    assert live.left == pytest.approx(30.0, abs=0.5)  # 10 seconds for 10 of 40
    assert units(mag.MagEdit(iterations=3), 4) == [5, 5, 2, 2]
    assert units(mag.MagEdit(iterations=3, stop_step=1), 4) == [5, 2, 2, 2]
    assert units(mag.PromptToPrompt(), 3) == [2, 2, 2]
    seen = []
    live.observe(lambda change: seen.append(change.new), "done")
    live.run()
    live.wait()
    assert live.done == live.of == 14
    assert seen[-1] == 14


def test_the_seed_decides_what_a_method_draws(live):
    drawn = []
    live._inverted = lambda inversion, job: drawn.append(torch.rand(1).item())
    for seed in (1, 1, 2):
        live.seed = seed
        live.run()
        live.wait()
    assert drawn[0] == drawn[1] != drawn[2]
    live.set_state({"seed": -1})
    assert live.seed == 2


def test_a_task_made_at_each_run_may_be_refused_and_another_run_takes_the_new_one(net):
    tasks = [mag.bench.demo.complex_task(3), ValueError("expected paint, got none"), mag.bench.demo.complex_task(4)]

    def make():
        made = tasks.pop(0)
        if isinstance(made, ValueError):
            raise made
        return made

    live = LiveRun(net, make, mag.PromptToPrompt(), mag.Direct(steps=2))
    live.run()
    assert (live.status, live.state) == ("expected paint, got none", "idle")
    assert not BUSY.locked()
    live.run()
    assert live.wait() == "done"
    assert live.trace.task.source == mag.bench.demo.complex_task(4).source


def test_callbacks_from_another_thread_do_the_same(live):
    threads = [threading.Thread(target=live._on_message, args=(live, {"do": "run"}, [])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert live.wait() == "done"
    assert len(live.trace.times) == 4


def test_messages_to_the_browser_are_at_most_ten_a_second(live):
    sent = []
    live.observe(lambda change: sent.append(time.monotonic()), "_curves")
    start = time.monotonic()
    live.run()
    live.wait()
    assert 1 <= len(sent) <= 10 * (time.monotonic() - start) + 4  # and one at each change of state


def test_an_interrupt_while_waiting_cancels():
    started = threading.Event()

    def work(job):
        started.set()
        while True:
            job.check()
            time.sleep(0.01)

    job = Job(work)
    job.start()
    started.wait()
    join = job._thread.join

    def restored(*arguments):
        job._thread.join = join
        raise KeyboardInterrupt

    job._thread.join = restored
    with pytest.raises(KeyboardInterrupt):
        job.wait()
    assert job.state == "cancelled"
    assert not BUSY.locked()


def test_without_a_browser_there_is_a_picture_and_a_sentence(live):
    live.run()
    live.wait()
    data, _ = live._repr_mimebundle_()
    assert data["text/plain"].startswith("A run of “")
    assert "done: 4 steps, 6 nudges" in data["text/plain"]
    assert data["image/png"]


def texts(value):
    """Every text among the settings, and how deep it lies."""
    for f in dataclasses.fields(value):
        inner, name = getattr(value, f.name), f.name
        if dataclasses.is_dataclass(inner):
            yield from (f"{name}.{more}" for more in texts(inner))
        elif isinstance(inner, str):
            yield name


@pytest.mark.parametrize("name", [*mag.METHODS, *mag.INVERSIONS])
def test_every_setting_of_the_form_says_what_it_does_and_every_text_is_in_it(live, name):
    part = "method" if name in mag.METHODS else "inversion"
    live.set_state({f"{part}_name": name})
    form = {field["name"]: field for field in live._form[part]}
    rows = settings.table({**mag.METHODS, **mag.INVERSIONS}[name])
    assert [(field["name"], field["about"]) for field in form.values()] == [(row.name, row.help) for row in rows]
    assert all(len(field["about"].split()) > 2 for field in form.values())
    for text in texts({**mag.METHODS, **mag.INVERSIONS}[name]):
        assert form[text]["kind"] == "choice"
        assert len(form[text]["choices"]) > 1
