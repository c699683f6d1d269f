from dataclasses import replace

import pytest
import torch
from conftest import SOURCE, TARGET

import magedit_lab as mag
from magedit_lab.bench.speed.literal import Literal
from magedit_lab.masks.raster import to_cells
from magedit_lab.methods.shared import losses

SETTINGS = {
    "token_ratio": mag.MagEdit(iterations=3, step_size=2.5),
    "spatial_ratio": mag.MagEdit(loss="spatial_ratio", iterations=3, step_size=2.5),
    "paper": mag.MagEdit.paper(iterations=3, step_size=20.0),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_losses_and_latents_equal_the_literal_algorithm(exact, task, name):
    method = SETTINGS[name]
    path = mag.invert(exact, task, mag.NullText(steps=6, inner=1, guidance_scale=3.0))
    literal = Literal.of(exact, task, path, name)
    expected_losses, expected_latents = literal.run(3, method.step_size)
    steps = list(mag.edit(exact, task, path, method))
    assert [n.loss for s in steps for n in s.nudges] == pytest.approx(expected_losses, rel=1e-7)
    for step, expected in zip(steps, expected_latents, strict=True):
        assert torch.allclose(step.target, expected, rtol=0, atol=1e-7 * expected.abs().max().item())


def test_the_literal_comparison_would_notice_a_missing_update(net, task, path):
    guided = list(mag.edit(net, task, path, SETTINGS["token_ratio"]))[-1].target
    unguided = list(mag.edit(net, task, path, replace(SETTINGS["token_ratio"], iterations=0)))[-1].target
    assert (guided - unguided).abs().max() > 1e-3 * guided.abs().max()


def test_a_loss_of_ones_own_is_called_as_the_named_ones_are(net, task, path):
    named = mag.MagEdit(iterations=2, stop_step=2)
    own = replace(named, loss=losses.token_ratio, by_sigma=True)
    for a, b in zip(mag.edit(net, task, path, named), mag.edit(net, task, path, own), strict=True):
        assert [n.loss for n in a.nudges] == [n.loss for n in b.nudges]
        assert torch.equal(a.target, b.target)


def test_a_loss_of_ones_own_moves_by_a_constant_step(net, task, path):
    steps = list(mag.edit(net, task, path, mag.MagEdit(loss=losses.layout, iterations=1, step_size=3.0)))
    assert {n.step_size for s in steps for n in s.nudges} == {3.0}


@pytest.mark.parametrize(("found", "got"), [(None, "NoneType"), (0.5, "float"), (torch.ones(2), "shape")])
def test_a_function_that_is_no_loss_is_told(net, task, path, found, got):
    with pytest.raises(ValueError, match=f"expected a loss that returns one number as a tensor, got .*{got}"):
        next(mag.edit(net, task, path, mag.MagEdit(loss=lambda probs, mask, word: found)))


def test_a_new_entry_of_losses_is_taken_by_its_name(net, task, path, monkeypatch):
    monkeypatch.setitem(losses.LOSSES, "layout", losses.layout)
    named, own = (mag.MagEdit(loss=loss, iterations=1) for loss in ("layout", losses.layout))
    first, second = (next(mag.edit(net, task, path, method)).nudges[0].loss for method in (named, own))
    assert first == second


def test_no_iterations_equal_the_base_bit_for_bit(net, task, path):
    method = mag.MagEdit(iterations=0)
    ours = [s.target for s in mag.edit(net, task, path, method)]
    base = [s.target for s in mag.edit(net, task, path, method.base)]
    assert all(torch.equal(a, b) for a, b in zip(ours, base, strict=True))


def test_the_same_method_twice_gives_the_same_bits(net, task, path):
    method = mag.MagEdit(iterations=2)
    runs = [[s.target for s in mag.edit(net, task, path, method)] for _ in range(2)]
    assert all(torch.equal(a, b) for a, b in zip(*runs, strict=True))


def test_only_early_steps_are_guided(net, task, path):
    counts = [len(s.nudges) for s in mag.edit(net, task, path, mag.MagEdit(iterations=2, stop_step=4))]
    assert counts == [2, 2, 2, 2, 0, 0]


def test_small_steps_lower_the_loss(net, task, path):
    for step in mag.edit(net, task, path, mag.MagEdit(iterations=4, step_size=0.5, stop_step=2)):
        values = [n.loss for n in step.nudges]
        assert values == sorted(values, reverse=True)


def test_the_update_is_zero_outside_the_mask(net, task, path):
    mask = to_cells(task.region, 32, 32)
    step = next(mag.edit(net, task, path, mag.MagEdit(iterations=2)))
    for before, nudge in zip([step.now.target, step.nudges[0].latent], step.nudges, strict=True):
        assert torch.equal((nudge.latent - before)[..., mask == 0], torch.zeros(1, 4, int((mask == 0).sum())))
        assert nudge.update[..., mask == 1].abs().max() > 0


def test_overlapping_masks_do_not_double_the_step(net, task, path):
    target = "a yellow red ball, a ball and a box on a wooden table"
    twice = mag.Task(task.image, [task.mask, task.mask], SOURCE, target, ["yellow", "red"], weights=[1.0, 0.0])
    once = mag.Task(task.image, task.mask, SOURCE, twice.target, "yellow")
    a, b = (next(mag.edit(net, t, path, mag.MagEdit(iterations=1))) for t in (twice, once))
    assert torch.allclose(a.guided, b.guided, atol=1e-6)


def test_eq_5_weighs_the_words(net, task, path):
    target = "a yellow striped ball, a ball and a box on a wooden table"
    both = mag.Task(task.image, task.mask, SOURCE, target, ["yellow", "striped"], weights=[0.25, 0.75])
    nudge = next(mag.edit(net, both, path, mag.MagEdit(iterations=1))).nudges[0]
    assert nudge.loss == pytest.approx(0.25 * nudge.terms["yellow"] + 0.75 * nudge.terms["striped"], rel=1e-5)


def test_each_terms_gradient_adds_up_to_the_losss_and_changes_nothing(net, task, path):
    target, negative = "a yellow striped ball, a ball and a box on a wooden table", "a green ball, a ball and a box"
    asked = {"words": ["yellow", "striped"], "weights": [0.25, 0.75], "negative": negative, "negative_words": ["green"]}
    both = mag.Task(task.image, task.mask, SOURCE, target, **asked)
    plain = mag.MagEdit(iterations=2, lambda_p=0.7, lambda_ng=0.3)
    whole, apart = (next(mag.edit(net, both, path, replace(plain, per_term=x))).nudges[1] for x in (False, True))
    assert whole.parts == {}
    assert torch.equal(whole.latent, apart.latent)
    weights = {"yellow": 0.7 * 0.25, "striped": 0.7 * 0.75, "green": -0.3}
    summed = sum(weights[word] * part for word, part in apart.parts.items())
    assert torch.allclose(summed, apart.gradient, atol=1e-4 * apart.gradient.abs().max().item())
    mask = torch.zeros(summed.shape[-2:])
    mask[4:9, 4:9] = 1
    inside = apart.parts["green"][..., mask == 1].square().mean().sqrt().item()
    assert apart.size(mask, "green")[0] == pytest.approx(inside, rel=1e-5)


def test_a_negative_prompt_lacks_the_words_that_the_base_names(net, task, path):
    against = replace(task, negative="a green ball, a ball and a box", negative_words=["green"])
    base = mag.PromptToPrompt(own_maps=("yellow", "ball"), cross_replace={"yellow": 0.2, "default": 0.8},
                              blend=mag.LocalBlend(words=("yellow",)))  # fmt: skip
    nudge = next(mag.edit(net, against, path, mag.MagEdit(base=base, iterations=1))).nudges[0]
    assert set(nudge.terms) == {"yellow", "green"}
    assert nudge.gradient.abs().max() > 0


def test_a_common_word_with_a_map_of_its_own_is_guided(net, task, path):
    common = replace(task, words="box")
    with pytest.raises(ValueError, match="stands in both prompts"):
        mag.MagEdit().bind(mag.Run(net, common, path))
    method = mag.MagEdit(base=mag.PromptToPrompt(own_maps=("box",)), iterations=1)
    assert next(mag.edit(net, common, path, method)).nudges[0].gradient.abs().max() > 0


def test_word_swap_still_has_a_gradient(net, task, path):
    swapped = mag.Task(task.image, task.mask, SOURCE, "a vase, a ball and a box on a wooden table", "vase")
    method = mag.MagEdit(base=mag.PromptToPrompt(mode="swap"), iterations=1)
    assert next(mag.edit(net, swapped, path, method)).nudges[0].gradient.abs().max() > 0


def test_a_negative_prompt_enters_as_eq_3(net, task, path):
    negative = "a striped ball, a ball and a box on a wooden table"
    with_it = replace(task, negative=negative, negative_words=["striped"])
    alone = replace(task, target=negative, words=["striped"])
    method = mag.MagEdit(iterations=1, lambda_p=0.7, lambda_ng=0.3)
    both, positive, against = (next(mag.edit(net, t, path, method)).nudges[0] for t in (with_it, task, alone))
    assert both.loss == pytest.approx(0.7 * positive.loss - 0.3 * against.loss, rel=1e-5)
    expected = 0.7 * positive.gradient - 0.3 * against.gradient
    assert torch.allclose(both.gradient, expected, atol=1e-5 * expected.abs().max().item())
    assert set(both.terms) == {"yellow", "striped"}


def test_the_attention_of_the_word_rises_inside_the_mask(net, task, path):
    method = mag.MagEdit(loss="spatial_ratio", iterations=6, step_size=2.0, stop_step=1)
    step = next(mag.edit(net, task, path, method))
    mask, column = to_cells(task.region, 8, 8).flatten(), net.positions(TARGET, "yellow")

    def share(maps):
        return torch.stack([losses.share_inside(m[0], mask, column).mean() for m in maps.values()]).mean()

    assert share(step.nudges[-1].maps) > share(step.nudges[0].maps)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": "other"}, "expected loss"),
        ({"iterations": -1}, "expected iterations of 0 or more, got -1"),
        ({"base": mag.MagEdit()}, "not MagEdit itself"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        mag.MagEdit(**settings)


def test_a_stop_step_beyond_the_path_is_refused(net, task, path):
    with pytest.raises(ValueError, match="stop step of 0 to 6, got 7"):
        next(mag.edit(net, task, path, mag.MagEdit(stop_step=7)))


def test_a_word_of_both_prompts_is_refused(net, same, path):
    with pytest.raises(ValueError, match="stands in both prompts"):
        next(mag.edit(net, same, path, mag.MagEdit()))


def test_settings_of_words_that_the_negative_prompt_lacks_are_left_out_there(net, task, path):
    base = mag.PromptToPrompt(cross_replace={"default": 0.8, "yellow": 0.2}, reweight={"yellow": 2.0})
    against = replace(task, negative="a green ball, a ball and a box on a wooden table", negative_words=("green",))
    step = next(mag.edit(net, against, path, mag.MagEdit(base=base, iterations=1)))
    assert set(step.nudges[0].terms) == {"yellow", "green"}
    with pytest.raises(ValueError, match="word 'mauve' is not in the target prompt"):
        next(mag.edit(net, against, path, mag.MagEdit(base=replace(base, reweight={"mauve": 2.0}), iterations=1)))


def test_a_swapping_base_leaves_the_edit_word_its_own_map_and_still_weighs_it(net, task):
    swapped = mag.Task(task.image, task.mask, SOURCE, SOURCE.replace("a box", "a vase"), "vase")
    path = mag.invert(net, swapped, mag.DDIM(3))
    method = mag.MagEdit(base=mag.PromptToPrompt(mode="swap", reweight=10.0))
    run = mag.Run(net, swapped, path)
    site = next(s for s in net.sites(path.latents) if s.cross)
    source, own = torch.rand(2, 1, 2, site.cells, net.tokenizer.model_max_length).softmax(-1)
    maps = {s.name: source for s in run.sites}
    now = mag.Now(run, 0, path.times[0], path.latents[:1], path.latents[:1], source_maps=maps)
    found = method.bind(run).hooks(now)[site.name](own)
    (column,) = net.positions(swapped.target, "vase")
    expected = torch.cat([source[..., :column], 10 * own[..., [column]], source[..., column + 1 :]], -1)
    assert torch.allclose(found, expected)


def test_a_loss_without_gradient_is_told(net, task, path):
    with pytest.raises(ValueError, match=r"depends on the attention maps, got a constant; leave out detach\(\)"):
        next(mag.edit(net, task, path, mag.MagEdit(loss=lambda p, m, w: losses.token_ratio(p, m, w).detach())))


@pytest.mark.parametrize("size", [-1.0, float("nan"), float("inf")])
def test_a_step_size_that_is_none_is_refused(size):
    with pytest.raises(ValueError, match="expected step_size of 0 or more"):
        mag.MagEdit(step_size=size)
