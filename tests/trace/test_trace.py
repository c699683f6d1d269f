from dataclasses import replace

import numpy as np
import old
import pytest

import magedit_lab as mag
from magedit_lab.trace import trace as trace_module


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
    assert trace.result.size == trace.reconstruction.size == (256, 256)
    assert (trace.gradients["inside"][:3] > 0).all()


def test_source_attention_is_there_where_the_source_was_run(trace):
    found = np.isfinite(trace.attention("ball", "source")).all((1, 2))
    assert found.tolist() == [True] * 5 + [False]


def test_a_share_is_the_attention_inside_over_all_of_it(trace, task):
    from magedit_lab.masks.raster import to_cells

    heat, mask = trace.attention("yellow"), to_cells(task.region, 8, 8).numpy() == 1
    expected = [h[mask].sum() / h.sum() for h in heat]
    assert trace.share("yellow") == pytest.approx(expected)


def test_a_saved_trace_comes_back_the_same(trace, tmp_path):
    back = mag.Trace.load(trace.save(tmp_path / "run"))
    assert np.array_equal(back.losses, trace.losses, equal_nan=True)
    assert np.array_equal(back.attention("yellow"), trace.attention("yellow"))
    assert np.array_equal(back.inner_attention("yellow"), trace.inner_attention("yellow"), equal_nan=True)
    for site, maps in trace.head_attention("yellow").items():
        assert np.array_equal(back.head_attention("yellow")[site], maps)
    assert np.array_equal(np.asarray(back.result), np.asarray(trace.result))
    assert back.terms == trace.terms
    assert back.task.words == trace.task.words
    assert repr(back) == repr(trace)
    assert [np.asarray(p).tobytes() for p in back.previews] == [np.asarray(p).tobytes() for p in trace.previews]


def test_start_words_and_end_take_all_the_attention(trace, task):
    columns = [mag.trace.START, mag.trace.END, *trace.words()]
    plain = sum(trace.attention(word) for word in columns)
    commas = [i for i, token in enumerate(trace.tokens) if token.startswith(",")]
    total = plain + trace._stack("target_attention")[:, commas].sum(1)
    np.testing.assert_allclose(total[-1], 1, atol=0.01)  # in half precision; before, injection adds to the sum
    assert mag.trace.START not in trace.words()
    assert trace.attention(mag.trace.END, "source").shape == (6, 8, 8)


def test_heads_average_to_the_sites_and_these_to_the_maps(trace):
    heads = trace.head_attention("yellow")
    assert list(heads) == trace.sites
    mean = np.mean([maps.mean(1) for maps in heads.values()], 0)
    np.testing.assert_allclose(mean, trace.attention("yellow"), atol=1e-3)
    assert np.std([maps.std(1).max() for maps in heads.values()]) > 0


def test_the_edit_words_maps_are_kept_at_every_nudge(trace):
    inner = trace.inner_attention("yellow")
    assert inner.shape == (6, 2, 8, 8)
    np.testing.assert_array_equal(inner[:3], trace.nudge_attention("yellow")[:3])  # first and last of two nudges
    assert np.isnan(inner[3:]).all()
    with pytest.raises(ValueError, match=r"expected an edit word \(yellow\), got 'ball'"):
        trace.inner_attention("ball")


def test_a_words_term_is_its_own_loss(trace):
    assert trace.term_words == ["yellow"]
    np.testing.assert_array_equal(trace.term("yellow"), trace.losses)  # one word of weight 1: Eq. 5 is its own loss


def test_terms_are_there_for_every_word_and_sum_to_the_loss_by_their_weights(net, task, path):
    several = mag.Task(task.image, task.mask, task.source, "a yellow ball, a green ball and a box on a wooden table",
                       ["yellow", "green"], [0.25, 0.75])  # fmt: skip
    trace = mag.run(net, several, path, mag.MagEdit(iterations=2, stop_step=1))
    summed = 0.25 * trace.term("yellow") + 0.75 * trace.term("green")
    np.testing.assert_allclose(summed[:1], trace.losses[:1], rtol=1e-5)
    assert set(trace.head_attention("green")) == set(trace.sites)
    with pytest.raises(ValueError, match=r"expected a trace with each term's gradient, .*; run it with per_term=True"):
        trace.term_gradients("green")


@pytest.mark.parametrize("base", [mag.PromptToPrompt(), mag.METHODS["pnp"]])
def test_an_edit_words_map_is_that_which_guidance_has(net, task, path, base):
    target = "a red ball and a red box on a wooden table"
    twice = mag.Task(task.image, task.mask, "a red ball and a box on a wooden table", target, "red")
    new = net.positions(target, "red")[1]
    trace = mag.run(net, twice, path, mag.MagEdit(base=base, iterations=1, stop_step=1))
    assert trace.columns("red") == [new]
    assert trace.columns("red", "source") == net.positions(twice.source, "red")
    whole = trace._stack("target_attention")
    np.testing.assert_array_equal(trace.attention("red"), whole[:, new])
    np.testing.assert_array_equal(trace.inner_attention("red")[0, 0], trace.nudge_attention("red")[0, 0])


def test_an_edit_phrase_has_the_map_of_its_own_tokens(net, task, path):
    target = "a ball and a yellow ball and a box"
    phrase = mag.Task(task.image, task.mask, "a ball and a box", target, "yellow ball")
    trace = mag.run(net, phrase, path, mag.MagEdit(iterations=1, stop_step=1))
    assert trace.columns("yellow ball") == net.positions(target, "yellow ball")
    assert "yellow ball" in trace.words()
    assert net.positions(target, "ball") == [2, 6]
    assert trace.columns("ball") == [6]  # the new one: it repeats none of the source's


def test_a_step_that_fails_half_way_leaves_the_ones_before_it_whole(net, task, path, monkeypatch):
    trace, steps = mag.Trace(task), mag.edit(net, task, path, mag.PromptToPrompt())
    trace.add(next(steps))
    with monkeypatch.context() as broken:
        broken.setattr(trace_module, "row", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            trace.add(next(steps))
    assert len(trace.times) == len(trace.terms) == len(trace._rows) == len(trace.previews) == 1


def test_each_terms_gradient_is_kept_and_comes_back_from_disk(net, task, path, tmp_path):
    several = mag.Task(task.image, task.mask, task.source, "a yellow ball, a green ball and a box on a wooden table",
                       ["yellow", "green"], [0.25, 0.75])  # fmt: skip
    nudges, method = [], mag.MagEdit(iterations=2, stop_step=1, per_term=True)
    list(mag.edit(net, several, path, method, lambda now, nudge: nudges.append(nudge)))
    trace = mag.Trace.load(mag.run(net, several, path, method).save(tmp_path / "run"))
    mask = mag.masks.to_cells(several.region, *nudges[0].gradient.shape[-2:])
    for word in ("yellow", "green"):
        sizes, maps = trace.term_gradients(word), trace.term_gradient_maps(word)
        for i, nudge in enumerate(nudges):
            assert (sizes["inside"][0, i], sizes["outside"][0, i]) == pytest.approx(nudge.size(mask, word))
            np.testing.assert_allclose(maps[0, i], nudge.parts[word][0].square().mean(0).sqrt(), rtol=1e-5)
        assert np.isnan(maps[1:]).all()
        shown = mag.plots.gradient_maps(trace, word=word)
        assert f"of the loss of “{word}”" in shown.get_label()
        np.testing.assert_allclose(shown.axes[0].images[0].get_array(), maps[0, 0])
    with pytest.raises(ValueError, match=r"expected a word with a loss of its own \(yellow, green\), got 'ball'"):
        trace.term_gradients("ball")
    bare = mag.run(net, several, path, method, mag.Keep(gradients=False))
    assert not bare.keeps("term_maps")
    np.testing.assert_array_equal(bare.term_gradients("green")["inside"], trace.term_gradients("green")["inside"])


def test_steps_with_fewer_nudges_are_padded(trace, task):
    uneven = mag.Trace(task, terms=[[{}] * 2, [{}]], _rows=[{"loss": np.array([1.0, 2.0])}, {"loss": np.array([3.0])}])
    np.testing.assert_array_equal(uneven.losses, [[1, 2], [3, np.nan]])


@pytest.mark.parametrize("schema", [1, 2])
def test_a_trace_of_an_older_schema_is_still_read(trace, tmp_path, schema):
    back = mag.Trace.load(old.write(trace, tmp_path / "run", schema))
    assert np.array_equal(back.attention("yellow"), trace.attention("yellow"))
    assert np.array_equal(back.losses, trace.losses, equal_nan=True)
    assert np.array_equal(np.asarray(back.result), np.asarray(trace.result))
    assert back.terms == trace.terms
    assert repr(back) == repr(trace)
    assert mag.plots.gradient_maps(back).get_label()
    assert len(back.previews) == 6
    again = mag.load(back.save(tmp_path / "anew"))
    assert again.keep == back.keep == mag.Keep(heads=schema > 1)


def test_the_first_schema_has_no_heads_no_padding_and_no_maps_within_a_step(trace, tmp_path):
    back = mag.Trace.load(old.write(trace, tmp_path / "run", 1))
    for what in (back.head_attention, back.inner_attention):
        with pytest.raises(ValueError, match="expected a trace that keeps an edit word's"):
            what("yellow")
    with pytest.raises(ValueError, match="word '<end>' is not in the target prompt"):
        back.attention(mag.trace.END)


def test_what_is_not_to_be_kept_is_not(net, task, path):
    bare = mag.run(net, task, path, mag.MagEdit(iterations=1), mag.trace.record.SCORED)
    assert {k for row in bare._rows for k in row} == {"loss", "inside", "outside", "step_size", "moved"}
    assert bare.result is not None
    assert bare.reconstruction is None
    for maps in (bare.attention("yellow"), bare.attention("ball", "source"), bare.nudge_attention("yellow")):
        assert maps.shape[0] == 6
        assert maps.shape[-2:] == (8, 8)
        assert np.isnan(maps).all()
    with pytest.raises(ValueError, match="word 'green' is not in the target prompt"):
        bare.attention("green")
    no_heads = mag.run(net, task, path, mag.MagEdit(iterations=1), mag.Keep(heads=False))
    assert no_heads.sites
    assert not any(k.startswith("heads") for row in no_heads._rows for k in row)


def test_an_unknown_word_names_those_that_there_are(trace):
    with pytest.raises(ValueError, match="word 'green' is not in the target prompt; its words are: a, yellow"):
        trace.attention("green")


def test_a_run_saved_over_another_has_none_of_its_pictures(trace, tmp_path):
    folder = trace.save(tmp_path / "run")
    replace(trace, result=None).save(folder)
    assert mag.Trace.load(folder).result is None


def test_figures_are_drawn_from_a_loaded_trace(trace, tmp_path):
    back = mag.Trace.load(trace.save(tmp_path / "run"))
    figures = [
        mag.plots.comparison({"a": back}), mag.plots.loss_curves(back), mag.plots.attention_before_after(back),
        mag.plots.attention_over_time({"a": back}), mag.plots.gradient_inside_outside(back), mag.plots.previews(back),
        mag.plots.gradient_maps(back), mag.plots.gradient_maps(back, 1), mag.plots.loss_terms(back),
        mag.plots.moves(back), mag.plots.sweep({"a": back, "b": back}, "seed"),
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


def test_a_map_of_a_step_without_nudges_names_the_guided_ones(trace):
    with pytest.raises(ValueError, match="expected a guided step, got 5; choose one of: 0, 1, 2"):
        mag.plots.gradient_maps(trace, 5)


def test_the_figures_of_nudges_draw_the_traces_own_numbers(trace):
    sizes, moved = mag.plots.moves(trace).axes
    assert sizes.lines[0].get_ydata() == pytest.approx(trace.gradients["step_size"][0])
    assert moved.lines[1].get_ydata() == pytest.approx(trace.gradients["moved"][1])
    assert mag.plots.loss_terms(trace).axes[0].lines[2].get_ydata() == pytest.approx(trace.term("yellow")[2])
    shown = mag.plots.gradient_maps(trace).axes[0].images[0].get_array()
    np.testing.assert_allclose(shown, trace.gradient_maps[0, 0])
