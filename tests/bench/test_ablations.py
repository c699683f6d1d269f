import numpy as np
import pytest

import magedit_lab as mag
from magedit_lab import scenes
from magedit_lab.bench import ablations

METHOD = mag.MagEdit(iterations=2, stop_step=2)


def test_each_value_is_the_method_with_that_setting():
    made = ablations.varied(METHOD, "step_size", (1.0, 5.0))
    assert made == {1.0: mag.MagEdit(iterations=2, stop_step=2, step_size=1.0),
                    5.0: mag.MagEdit(iterations=2, stop_step=2, step_size=5.0)}  # fmt: skip


@pytest.mark.parametrize(
    ("setting", "values", "words"),
    [
        ("iterations", (), "expected values of iterations"), ("iterations", (1, 1), "each once"),
        ("iterations", (-1,), "expected iterations of 0 or more, got -1"), ("loss", ("charm",), "expected loss"),
        ("volume", (1,), "expected settings"), ("lam", (1.0,), "expected loss='spatial_ratio' to move lam"),
    ],
)  # fmt: skip
def test_what_can_not_be_moved_is_refused(setting, values, words):
    with pytest.raises(ValueError, match=words):
        ablations.varied(METHOD, setting, values)


def test_lambda_moves_where_the_loss_reads_it():
    method = mag.MagEdit(loss="spatial_ratio")
    assert [m.lam for m in ablations.varied(method, "lam", (0.0, 3.0)).values()] == [0.0, 3.0]


def test_a_sweep_is_the_runs_themselves(net, task, path):
    found = dict(ablations.sweep(net, task, path, METHOD, "iterations", (0, 2)))
    assert list(found) == [0, 2]
    assert found[0].losses.size == 0
    alone = mag.run(net, task, path, METHOD)
    np.testing.assert_array_equal(found[2].losses, alone.losses)
    figure = mag.plots.sweep(found, "iterations")
    assert "iterations at 0, 2" in figure.sentence
    drawn = [line.get_ydata() for line in figure.axes[-1].lines]
    np.testing.assert_array_equal(drawn, alone.losses[:2])


@pytest.mark.parametrize("setting", ["iterations", "stop_step", "step_size", "loss", "lam"])
def test_values_worth_comparing_have_the_methods_own_and_can_be_taken(setting):
    method = mag.MagEdit(iterations=7, loss="spatial_ratio", lam=2.5)
    values = ablations.around(method, setting, 20)
    own = {"stop_step": 10}.get(setting, getattr(method, setting))
    assert own in values
    assert list(ablations.varied(method, setting, values)) == values
    with pytest.raises(ValueError, match="expected a setting of iterations"):
        ablations.around(method, "per_head", 20)


def test_scores_are_the_metrics_own_and_the_colour_is_that_of_the_result(net, task, path):
    trace = mag.run(net, task, path, METHOD)
    found = mag.bench.scores.of(trace, ideal=trace.result)
    outside = mag.bench.metrics.background(task.image, trace.result, task.region.numpy())
    assert found["background PSNR"] == outside["psnr"]
    assert found["error to the ideal"] == 0
    assert found["“yellow” looks"] in scenes.COLOURS
    assert mag.bench.scores.spoken({"background PSNR": 31.4159, "“red” looks": "blue"}) == [
        "background PSNR 31.4 dB", "“red” looks blue",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="expected a finished trace"):
        mag.bench.scores.of(mag.Trace(task))
