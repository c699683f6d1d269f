"""`bench speed`: measured figures against counts that are known, and the whole command on small models."""

import json

import pytest
import torch

import magedit_lab as mag
from magedit_lab import cli
from magedit_lab.bench.speed import check, compare, measure, models

CPU = torch.device("cpu")


def test_arithmetic_of_a_matrix_product_is_counted_exactly():
    a, b = torch.zeros(3, 5), torch.zeros(5, 7)
    assert measure.flops(lambda: a @ b) == 2 * 3 * 5 * 7


def test_works_take_turns():
    order = []
    found = measure.alternating({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 3, CPU)
    assert order == ["a", "b"] * 3
    assert all(took.wall >= 0 for took in found.values())


def test_an_idle_wait_takes_no_cpu_time():
    import time

    took = measure.took(lambda: time.sleep(0.2), CPU)
    assert took.wall >= 0.2 > 2 * took.cpu


def test_the_matmul_rate_is_what_one_product_reaches():
    rate = measure.matmul_rate(CPU, torch.float32, seconds=0.1)
    side = measure.MATMUL["cpu"]
    a, b = torch.randn(side, side), torch.randn(side, side)
    assert 2 * side**3 / measure.took(lambda: a @ b, CPU).wall < 3 * rate


@pytest.mark.parametrize("name", models.RANDOM)
def test_every_random_model_is_edited(name):
    net = models.load(name, "cpu", small=True)
    task = compare.picture(net)
    step = compare.last_of(net, task, mag.invert(net, task, mag.Direct(2)), mag.MagEdit(iterations=1, stop_step=2))
    assert len(step[0].nudges) == 1
    assert step[0].target.isfinite().all()


def test_a_shipped_model_has_no_small_size():
    with pytest.raises(ValueError, match="leave --small out"):
        models.load("tabletop", "cpu", small=True)


def test_the_command_writes_what_it_prints(tmp_path, capsys):
    out = tmp_path / "speed.json"
    given = "--model sd1-random --small --steps 2 --iterations 1 --rounds 1 --device cpu --no-memory --out"
    assert cli.main(["bench", "speed", *given.split(), str(out)]) == 0
    found = json.loads(out.read_text())
    assert found["flops"] > 0
    assert 0 < found["share_of_limit"] < 1
    assert set(found["seconds"]) == {"ours", "literal"}
    assert f"{found['ratio']['wall']:.2f} by the clock" in capsys.readouterr().out


def test_a_family_without_a_literal_loop_is_measured_alone():
    found = compare.compare(compare.Work("sd3-random", 2, 1, device="cpu", small=True), 1, False, lambda what: None)
    assert set(found["seconds"]) == {"ours"}
    assert "ratio" not in found


def test_the_gpu_check_runs_whole_on_a_cpu(monkeypatch):
    monkeypatch.setattr(compare, "alone", lambda work, name: 1.0)  # a process each: 4 x 20 s on a loaded core
    found = check.run("cpu", True, lambda what: None, steps=4, iterations=3, whole=2)
    assert not [part for part in found.values() if isinstance(part, dict) and "failed" in part]
    assert found["equality"]["graphs"] == {"latent": 0, "gradient": 0, "loss": 0}
    assert found["equality"]["null-text"] == 0
    assert "failed" not in check.markdown(found)


def test_a_part_that_fails_leaves_the_others(monkeypatch):
    def fail(*_):
        raise RuntimeError("no\nmemory")

    for name in ("equality", "edit", "literal", "whole_edit"):
        monkeypatch.setattr(check, name, fail)
    monkeypatch.setattr(check, "null_text", lambda work: {"seconds": {"wall": 2.5, "cpu": 1.0}})
    found = check.run("cpu", True, lambda what: None)
    assert found["equality"] == {"failed": "RuntimeError: no memory"}
    assert "| null-text, s | 2.5 | 10.0 |" in check.markdown(found)


def test_peak_memory_in_a_process_of_its_own_grows_with_the_model():
    work = compare.Work("sd1-random", 2, 1, device="cpu", small=True)
    assert 0.1 < compare.alone(work, "ours") < 8
    with pytest.raises(RuntimeError, match="process that failed"):
        compare.alone(compare.Work("no such model", 2, 1), "ours")
