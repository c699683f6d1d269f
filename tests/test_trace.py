import json

import numpy as np
import pytest

import magedit_lab as mag


@pytest.fixture(scope="module")
def trace(net, task, path):
    return mag.run(net, task, path, mag.MagEdit(iterations=2))


def test_everything_has_a_row_for_each_step(trace):
    assert trace.losses.shape == (6, 2)
    assert np.isnan(trace.losses[3:]).all()
    assert np.isfinite(trace.losses[:3]).all()
    assert trace.gradient_maps.shape == (6, 2, 32, 32)
    assert trace.attention("yellow").shape == (6, 8, 8)
    assert trace.nudge_attention("yellow").shape == (6, 2, 8, 8)
    assert len(trace.previews) == 6
    assert trace.result.size == trace.reconstruction.size == (128, 128)
    assert (trace.gradients["inside"][:3] > 0).all()


def test_source_attention_is_there_where_the_source_was_run(trace):
    found = np.isfinite(trace.attention("ball", "source")).all((1, 2))
    assert found.tolist() == [True] * 5 + [False]


def test_a_share_is_the_attention_inside_over_all_of_it(trace, task):
    from magedit_lab.masks import to_cells

    heat, mask = trace.attention("yellow"), to_cells(task.region, 8, 8).numpy() == 1
    expected = [h[mask].sum() / h.sum() for h in heat]
    assert trace.share("yellow") == pytest.approx(expected)


def test_a_saved_trace_comes_back_the_same(trace, tmp_path):
    back = mag.Trace.load(trace.save(tmp_path / "run"))
    assert np.array_equal(back.losses, trace.losses, equal_nan=True)
    assert np.array_equal(back.attention("yellow"), trace.attention("yellow"))
    assert np.array_equal(np.asarray(back.result), np.asarray(trace.result))
    assert back.terms == trace.terms
    assert back.task.words == trace.task.words
    assert repr(back) == repr(trace)
    assert {p.name for p in (tmp_path / "run").iterdir()} == {
        "trace.json", "trace.safetensors", "image.png", "result.png", "reconstruction.png",
    }  # fmt: skip


def test_an_unknown_word_names_those_that_there_are(trace):
    with pytest.raises(ValueError, match="word 'green' is not in the target prompt; its words are: a, yellow"):
        trace.attention("green")


def break_json(folder):
    (folder / "trace.json").write_text("{")


def break_tensors(folder):
    data = (folder / "trace.safetensors").read_bytes()
    (folder / "trace.safetensors").write_bytes(data[: len(data) // 2])


def make_newer(folder):
    meta = json.loads((folder / "trace.json").read_text())
    (folder / "trace.json").write_text(json.dumps(meta | {"schema": 99}))


def lose_image(folder):
    (folder / "image.png").unlink()


@pytest.mark.parametrize("harm", [break_json, break_tensors, make_newer, lose_image])
def test_a_harmed_trace_is_refused_in_one_line(trace, tmp_path, harm):
    folder = trace.save(tmp_path / "run")
    harm(folder)
    with pytest.raises(ValueError, match="cannot read a trace from") as error:
        mag.Trace.load(folder)
    assert "\n" not in str(error.value)


def test_a_failed_write_leaves_the_old_file(trace, tmp_path, monkeypatch):
    folder = trace.save(tmp_path / "run")
    before = (folder / "trace.safetensors").read_bytes()

    def fails(arrays, path):
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr("magedit_lab.trace.save_file", fails)
    with pytest.raises(OSError, match="disk full"):
        trace.save(folder)
    assert (folder / "trace.safetensors").read_bytes() == before
    assert not [p for p in folder.iterdir() if p.name.startswith(".")]


def test_figures_are_drawn_from_a_loaded_trace(trace, tmp_path):
    back = mag.Trace.load(trace.save(tmp_path / "run"))
    figures = [
        mag.plots.comparison({"a": back}), mag.plots.loss_curves(back), mag.plots.attention_before_after(back),
        mag.plots.attention_over_time({"a": back}), mag.plots.gradient_inside_outside(back), mag.plots.previews(back),
    ]  # fmt: skip
    for i, figure in enumerate(figures):
        figure.savefig(tmp_path / f"{i}.png")
        assert figure.get_label()
    drawn = figures[1].axes[0].lines[0].get_ydata()
    assert drawn == pytest.approx(trace.losses[0])


def test_a_figure_of_losses_needs_nudges(net, task, path):
    plain = mag.run(net, task, path, mag.PromptToPrompt())
    with pytest.raises(ValueError, match="got one without nudges; run MagEdit"):
        mag.plots.loss_curves(plain)
