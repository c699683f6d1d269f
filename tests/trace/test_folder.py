"""A run in a folder: it grows by whole steps, belongs to one run and one writer, and is taken up again."""

import json
import os

import numpy as np
import pytest
import torch

import magedit_lab as mag
from magedit_lab.trace import folder as folders

METHOD = mag.MagEdit(iterations=1, stop_step=2, base=mag.PromptToPrompt(blend=mag.LocalBlend(start=0.3)))


def same(one, other):
    """Whether two traces have the same bits: every array of every step, all losses, both pictures."""
    assert one.times == other.times
    assert one.terms == other.terms
    for a, b in zip(one._rows, other._rows, strict=True):
        assert a.keys() - {"preview"} == b.keys() - {"preview"}
        for name in a.keys() - {"preview"}:
            np.testing.assert_array_equal(a[name], b[name], name)
    for a, b in ((one.result, other.result), (one.reconstruction, other.reconstruction)):
        assert (a is None) == (b is None)
        assert a is None or a.tobytes() == b.tobytes()


def stop_at(step):
    def progress(done, of):
        if done == step:
            raise KeyboardInterrupt

    return progress


@pytest.fixture(scope="module")
def straight(net, task, path):
    return mag.run(net, task, path, METHOD)


def test_a_run_in_a_folder_is_the_run_without_one(net, task, path, straight, tmp_path):
    same(mag.run(net, task, path, METHOD, out=tmp_path / "run"), straight)
    back = mag.load(tmp_path / "run")
    same(back, straight)
    assert back.ended == "done"
    assert [p.tobytes() for p in back.previews] == [p.tobytes() for p in straight.previews]


def test_its_first_file_says_what_it_was_made_with_and_nothing_of_the_machine(net, task, path, tmp_path):
    mag.run(net, task, mag.Direct(steps=2), METHOD, out=tmp_path / "run")
    text = (tmp_path / "run" / "run.json").read_text()
    facts = json.loads(text)
    assert facts["schema"] == mag.trace.SCHEMA
    assert {"versions", "model", "method", "inversion", "sha256", "torch_seed", "task", "keep"} <= facts.keys()
    assert facts["method"]["settings"]["iterations"] == 1
    assert len(facts["model"]["weights"]) == len(facts["sha256"]["image"]) == 64
    assert str(tmp_path) not in text
    assert os.path.expanduser("~") not in text


def test_metrics_have_a_line_a_step(net, task, path, straight, tmp_path):
    mag.run(net, task, path, METHOD, out=tmp_path / "run")
    (file,) = tmp_path.glob("run/*/metrics.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(6))
    assert [line["loss"] for line in lines] == [r["loss"].tolist() for r in straight._rows]


@pytest.mark.parametrize("step", [1, 3, 6])
def test_an_interrupt_keeps_whole_steps_and_the_rest_has_the_same_bits(net, task, path, straight, tmp_path, step):
    with pytest.raises(
        KeyboardInterrupt, match=rf"stopped at step {step} of 6; the trace has {step} steps; mag.resume"
    ):
        mag.run(net, task, path, METHOD, progress=stop_at(step), out=tmp_path / "run")
    kept = mag.load(tmp_path / "run")
    assert (len(kept.times), kept.ended) == (step, "stopped")
    assert all(np.array_equal(a["loss"], b["loss"]) for a, b in zip(kept._rows, straight._rows, strict=False))
    assert len(mag.load(tmp_path / "run", net).previews) == step
    same(mag.resume(tmp_path / "run", net), straight)
    same(mag.load(tmp_path / "run"), straight)


@pytest.mark.parametrize("inversion", [mag.NullText(steps=3, inner=2), mag.DDIM(steps=3, fixed_point=2),
                                       mag.NegativePrompt(steps=3, proximal=mag.Proximal())])  # fmt: skip
@pytest.mark.parametrize("at", [1, 3, 4])
def test_an_inversion_goes_on_from_its_last_step(net, task, tmp_path, inversion, at):
    whole = mag.run(net, task, inversion, "p2p")
    if at > 3 and not isinstance(inversion, mag.NullText):
        return
    with pytest.raises(KeyboardInterrupt, match="stopped while inverting, at"):
        mag.run(net, task, inversion, "p2p", out=tmp_path / "run", inverting=stop_at(at))
    assert mag.load(tmp_path / "run").times == []
    done = []
    same(mag.resume(tmp_path / "run", net, inverting=lambda i, of: done.append(i)), whole)


@pytest.mark.parametrize("name", mag.METHODS)
def test_every_method_is_taken_up_again_with_the_same_bits(net, task, path, tmp_path, name):
    whole = mag.run(net, task, path, name)
    if len(whole.times) < 2:
        return
    first = path.steps - len(whole.times)
    with pytest.raises(KeyboardInterrupt):
        mag.run(net, task, path, name, progress=stop_at(first + 1), out=tmp_path / "run")
    same(mag.resume(tmp_path / "run", net), whole)


def test_a_method_that_draws_from_torch_goes_on_with_the_same_numbers(net, task, path, tmp_path):
    class Noisy(mag.Method):
        def bind(self, run):
            return mag.Plan(blend=lambda now, step: step.target + 0.01 * torch.randn(step.target.shape))

    torch.manual_seed(3)
    whole = mag.run(net, task, path, Noisy())
    for step in (1, 3):
        torch.manual_seed(3)
        with pytest.raises(KeyboardInterrupt):
            mag.run(net, task, path, Noisy(), progress=stop_at(step), out=tmp_path / str(step))
        before = torch.manual_seed(8).get_state()
        same(mag.resume(tmp_path / str(step), net, Noisy()), whole)
        assert torch.equal(torch.get_rng_state(), before)


def test_a_folder_with_a_run_is_not_written_into(net, task, path, straight, tmp_path):
    mag.run(net, task, path, METHOD, out=tmp_path / "run")
    with pytest.raises(ValueError, match=r"expected a folder without a run, got .*, which holds one; .* or give it up"):
        mag.run(net, task, path, "plain", out=tmp_path / "run")
    same(mag.load(tmp_path / "run"), straight)
    plain = mag.run(net, task, path, "plain", out=tmp_path / "run", force=True)
    same(mag.load(tmp_path / "run"), plain)
    assert len([p for p in (tmp_path / "run").iterdir() if p.is_dir()]) == 1


def test_two_writers_of_one_folder_are_told_apart(net, task, path, tmp_path):
    def second(done, of):
        for start in (lambda: mag.resume(tmp_path / "run", net), lambda: mag.Trace(task).save(tmp_path / "run")):
            with pytest.raises(ValueError, match="expected a folder that nobody writes into"):
                start()

    mag.run(net, task, path, "plain", progress=second, out=tmp_path / "run")


def test_a_run_that_goes_on_can_be_read(net, task, path, tmp_path):
    counts = []

    def look(done, of):
        trace = mag.load(tmp_path / "run")
        counts.append((len(trace.times), trace.ended))

    mag.run(net, task, path, METHOD, out=tmp_path / "run", progress=look)
    assert counts == [(i, "") for i in range(1, 7)]


def test_another_model_does_not_go_on_with_a_run(net, exact, task, path, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        mag.run(net, task, path, METHOD, progress=stop_at(2), out=tmp_path / "run")
    with pytest.raises(ValueError, match=r"expected the model that .* was begun with, weights"):
        mag.resume(tmp_path / "run", exact)


def test_what_killed_writers_left_is_cleared_by_the_next(net, task, path, straight, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        mag.run(net, task, path, METHOD, progress=stop_at(2), out=tmp_path / "run")
    generation = json.loads((tmp_path / "run" / "run.json").read_text())["generation"]
    left = [tmp_path / "run" / ".123-run.json", tmp_path / "run" / generation / ".123-step-0002.safetensors"]
    for path_ in left:
        path_.write_bytes(b"half")
    (tmp_path / "run" / "0123456789abcdef").mkdir()
    (tmp_path / "run" / "notes of mine").mkdir()
    same(mag.resume(tmp_path / "run", net), straight)
    assert not any(p.exists() for p in left)
    assert {p.name for p in (tmp_path / "run").iterdir()} == {".lock", "run.json", generation, "notes of mine"}


def test_a_full_disk_keeps_whole_steps(net, task, path, straight, tmp_path, monkeypatch):
    whole, count = folders.files.write_durably, 0

    def full(file, content):
        nonlocal count
        if file.name == "step-0003.safetensors" or (count and file.name == "status.json"):
            count += 1
            raise OSError(28, "No space left on device")
        whole(file, content)

    with monkeypatch.context() as patched:
        patched.setattr(folders.files, "write_durably", full)
        with pytest.raises(OSError, match="No space left on device; what was finished is kept") as error:
            mag.run(net, task, path, METHOD, out=tmp_path / "run")
    assert len(error.value.trace.times) == 4
    assert len(mag.load(tmp_path / "run").times) == 3
    same(mag.resume(tmp_path / "run", net), straight)


def test_room_is_asked_for_before_the_work(net, task, path, tmp_path, monkeypatch):
    monkeypatch.setattr(folders.shutil, "disk_usage", lambda _: type("usage", (), {"free": 1000}))
    with pytest.raises(OSError, match="MiB of room for this run, got 0; free some"):
        mag.run(net, task, path, METHOD, out=tmp_path / "run")
    assert not folders.holds_run(tmp_path / "run")
    assert not [p for p in (tmp_path / "run").iterdir() if p.is_dir()]


def test_a_saved_trace_can_not_be_resumed(straight, net, tmp_path):
    with pytest.raises(ValueError, match=r"expected a run in .*, got a trace that was saved"):
        mag.resume(straight.save(tmp_path / "run"), net)


def test_a_loss_of_ones_own_is_passed_again(net, task, path, tmp_path):
    def own(maps, cells, positions):
        return maps[..., positions].mean()

    with pytest.raises(KeyboardInterrupt):
        mag.run(net, task, path, mag.MagEdit(loss=own, iterations=1), progress=stop_at(1), out=tmp_path / "run")
    with pytest.raises(ValueError, match="of your own; pass method="):
        mag.resume(tmp_path / "run", net)
