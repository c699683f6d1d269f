"""Each method against a law; every method with every inversion."""

from collections import defaultdict
from dataclasses import replace

import pytest
import torch
from diffusers.pipelines.deprecated.stable_diffusion_attend_and_excite import (
    pipeline_stable_diffusion_attend_and_excite as published,
)

import magedit_lab as mag
from magedit_lab import masks
from magedit_lab.methods.attend_and_excite import AttendAndExcite
from magedit_lab.methods.blended import BlendedLatentDiffusion
from magedit_lab.methods.boxdiff import BoxDiff
from magedit_lab.methods.diffedit import DiffEdit
from magedit_lab.methods.layout_guidance import LayoutGuidance
from magedit_lab.methods.masactrl import MasaCtrl
from magedit_lab.methods.pix2pix_zero import Pix2PixZero
from magedit_lab.methods.plug_and_play import PlugAndPlay
from magedit_lab.methods.shared import losses
from magedit_lab.model.hooks import chain, count_forwards, recorder

INVERSIONS = {
    "ddim": mag.DDIM(2), "null-text": mag.NullText(2), "negative": mag.NegativePrompt(2), "direct": mag.Direct(2),
    "proximal": mag.NegativePrompt(2, proximal=mag.Proximal()),
}  # fmt: skip
GUIDED = [n for n, m in mag.METHODS.items() if isinstance(m, mag.MagEdit)]


def last(net, task, path, method):
    *_, step = mag.edit(net, task, path, method)
    return step


@pytest.mark.parametrize("inversion", INVERSIONS)
@pytest.mark.parametrize("name", mag.METHODS)
def test_every_method_runs_with_every_inversion(net, task, name, inversion):
    path = mag.invert(net, task, INVERSIONS[inversion])
    step = last(net, task, path, mag.METHODS[name])
    assert step.target.isfinite().all()
    assert not torch.equal(step.target, step.source)


@pytest.mark.parametrize("noise", ["fresh", "pure"])
def test_blended_leaves_the_outside_exactly_equal(net, task, path, noise):
    step = last(net, task, path, BlendedLatentDiffusion(noise=noise))
    outside = masks.to_cells(task.region, *step.target.shape[-2:]) == 0
    assert torch.equal(step.target[..., outside], net.encode(task.image)[..., outside])
    assert not torch.allclose(step.target[..., ~outside], net.encode(task.image)[..., ~outside], atol=0.1)


def test_blended_is_the_same_run_twice_and_another_with_another_seed(net, task, path):
    one, two, other = (last(net, task, path, BlendedLatentDiffusion(seed=s)).target for s in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_diffedit_keeps_the_inverted_latents_outside_its_mask(net, task, path):
    for step in mag.edit(net, task, path, DiffEdit(mask="given")):
        outside = masks.to_cells(task.region, *step.target.shape[-2:]) == 0
        assert torch.equal(step.target[..., outside], path.latents[step.now.i + 1 :][:1][..., outside])


def test_diffedit_makes_its_own_mask_where_the_prompts_disagree(net, task, path):
    own = DiffEdit(maps=2).own_mask(mag.Run(net, task, path))
    assert set(own.unique().tolist()) == {0.0, 1.0}
    assert own.mean() < 0.9


@pytest.mark.parametrize("skipped", [0.0, 0.2, 0.6])
def test_a_later_start_runs_fewer_steps_from_the_paths_own_latent(net, task, path, skipped):
    steps = list(mag.edit(net, task, path, DiffEdit(strength=1 - skipped, mask="given")))
    first = round(skipped * path.steps)
    assert [s.now.i for s in steps] == list(range(first, path.steps))
    assert torch.equal(steps[0].now.target, path.latents[first : first + 1])


@pytest.mark.parametrize("method", [MasaCtrl(), MasaCtrl(start=0.0), PlugAndPlay(), PlugAndPlay(1.0, 1.0)])
def test_equal_prompts_reproduce_the_source(exact, same, method):
    path = mag.invert(exact, same, mag.NullText(steps=5, inner=1))
    step = last(exact, same, path, method)
    assert torch.allclose(step.target, path.latents[-1:], rtol=0, atol=1e-9)


LAYER = "up_blocks.{}.attentions.{}.transformer_blocks.0.attn1.{}"
TAKEN = {
    "masactrl": (
        MasaCtrl(start=0.0), {LAYER.format(b, i, x) for b in (2, 3) for i in (0, 1) for x in ("to_k", "to_v")},
    ),
    "pnp": (
        PlugAndPlay(1.0, 1.0),
        {LAYER.format(b, i, x) for b in (1, 2, 3) for i in (0, 1) for x in ("to_q", "to_k") if (b, i) != (1, 0)}
        | {"up_blocks.1.resnets.1.conv2"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TAKEN)
def test_the_published_sites_take_what_the_source_computed_there(net, task, path, name):
    """After injection a module passes on the source's own output, in both passes of the target."""
    method, sites = TAKEN[name]
    run, source, target = mag.Run(net, task, path), path.latents[:1], path.latents[1:2]
    plan, now = method.bind(run), mag.Now(run, 0, path.times[0], source, target)
    texts = {"cond": (path.cond, run.cond), "uncond": (path.uncond[:1], path.uncond[:1])}
    recorded, passed_on = {"cond": {}, "uncond": {}}, {"cond": {}, "uncond": {}}
    for kind, (ours, _) in texts.items():
        net.predict(source, now.t, ours, {n: recorder(recorded[kind], n) for n in sites})
    now = replace(now, source_maps=recorded["cond"], uncond_maps=recorded["uncond"])
    injected = {"cond": plan.hooks(now), "uncond": plan.uncond_hooks(now)}
    for kind, (_, theirs) in texts.items():
        assert set(injected[kind]) == sites == plan.record(now)
        hooks = {n: chain(hook, recorder(passed_on[kind], n)) for n, hook in injected[kind].items()}
        net.predict(target, now.t, theirs, hooks)
        for n in sites:
            assert torch.equal(passed_on[kind][n], recorded[kind][n])


def test_masked_masactrl_looks_at_its_own_side_only(net, task, path):
    sites = [s for s in net.sites(path.latents) if not s.cross]
    run = mag.Run(net, task, path)
    maps = defaultdict(lambda: path.latents)  # any source's k and v: they play no part here
    now = mag.Now(run, 0, 0, *[path.latents[:1]] * 2, source_maps=maps)
    hooks = MasaCtrl(0.0, masked=True).bind(run).hooks(now)
    masked = {name: hook for name, hook in hooks.items() if name.endswith("probs")}
    assert masked
    for name, hook in masked.items():
        site = next(s for s in sites if s.name == name)
        inside = masks.to_cells(task.region, site.height, site.width).flatten() > 0
        scores = torch.randn(1, 2, site.cells, site.cells)
        blocked = inside[:, None] != inside[None]
        expected = scores.masked_fill(blocked, float("-inf")).softmax(-1)
        assert torch.allclose(hook(scores.softmax(-1)), expected, atol=1e-6)


def test_reweight_by_one_is_prompt_to_prompt(net, task, path):
    one, plain = (last(net, task, path, mag.PromptToPrompt(reweight=r)).target for r in (1.0, {}))
    assert torch.equal(one, plain)


@pytest.mark.parametrize("name", GUIDED)
def test_no_iterations_are_the_base_bit_for_bit(net, task, path, name):
    method = mag.METHODS[name]
    base = last(net, task, path, method.base).target
    assert torch.equal(last(net, task, path, mag.MagEdit(base=method.base, iterations=0)).target, base)
    assert not torch.equal(last(net, task, path, mag.MagEdit(base=method.base, iterations=1)).target, base)


@pytest.mark.parametrize("name", mag.METHODS)
def test_a_method_bound_to_a_task_is_a_new_run_each_time(net, task, path, name):
    first, second = (last(net, task, path, mag.METHODS[name]).target for _ in range(2))
    assert torch.equal(first, second)
    assert isinstance(mag.METHODS[name].bind(mag.Run(net, task, path)), mag.Plan)


def test_direct_inversion_reconstructs_exactly_with_every_method(net, task):
    path = mag.invert(net, task, mag.Direct(steps=3))
    for method in mag.METHODS.values():
        assert torch.equal(last(net, task, path, method).source, path.latents[-1:])


# ---------------------------------------------------------------- the relatives' losses


def test_layout_guidance_is_the_squared_share_outside_the_box():
    probs = torch.rand(3, 16, 5, dtype=torch.float64)
    mask = torch.tensor([1.0] * 4 + [0.0] * 12, dtype=torch.float64)
    by_hand = sum((1 - p[:4, 2].sum() / p[:, 2].sum()) ** 2 for p in probs) / 3
    assert torch.isclose(losses.layout(probs, mask, [2]), by_hand)


def test_the_sharpened_map_is_a_softmax_over_the_words_then_diffusers_gaussian():
    probs = torch.rand(2, 16, 6) / 50
    mean = probs.mean(0)[:, 1:-1]
    word = (torch.exp(100 * mean) / torch.exp(100 * mean).sum(1, keepdim=True))[:, 2].reshape(1, 1, 4, 4)
    smooth = published.GaussianSmoothing()(torch.nn.functional.pad(word, (1, 1, 1, 1), mode="reflect"))[0, 0]
    assert torch.allclose(losses.sharpened(probs, 4, 4, 3), smooth, atol=1e-6)


def test_attend_and_excite_looks_at_the_most_neglected_word():
    maps = [torch.full((4, 4), 0.2), torch.full((4, 4), 0.7)]
    assert losses.attend_and_excite(maps).item() == pytest.approx(0.8)


def test_the_box_constraint_is_least_where_the_map_is_the_box():
    mask = torch.zeros(8, 8)
    mask[2:5, 3:6] = 1
    assert losses.box(mask, mask).item() == pytest.approx(0.0)
    elsewhere = torch.zeros(8, 8)
    elsewhere[5:8, 0:3] = 1
    assert losses.box(elsewhere, mask) > 2
    half = 0.5 * mask
    assert losses.box(elsewhere, mask) > losses.box(half, mask) > losses.box(mask, mask)


def test_boxdiffs_corner_term_is_its_papers_near_the_borders_averaged_over_all_places():
    torch.manual_seed(0)
    map_, mask = torch.rand(8, 8), torch.zeros(8, 8)
    mask[2:5, 3:8] = 1  # rows 2 to 4, columns 3 to 7: the box ends at row 5 and at the picture's edge
    inside, outside = (map_[mask == value].sort(descending=True).values for value in (1, 0))
    rows, columns = (map_.amax(1) - mask.amax(1)).abs(), (map_.amax(0) - mask.amax(0)).abs()
    corners = rows[[1, 2, 3, 4, 5, 6]].sum() / 8 + columns[[2, 3, 4, 7]].sum() / 8
    expected = 1 - inside[:3].mean() + outside[:9].mean() + corners
    assert losses.box(map_, mask).item() == pytest.approx(expected.item())


@pytest.mark.parametrize("inner", [AttendAndExcite(), BoxDiff(), LayoutGuidance(), mag.METHODS["pix2pix-zero"]])
def test_guidance_over_guidance_is_refused_and_not_dropped(net, task, path, inner):
    for outer in (mag.MagEdit(base=inner), BoxDiff(base=inner)):
        with pytest.raises(ValueError, match="expected a base method without guidance"):
            outer.bind(mag.Run(net, task, path))


@pytest.mark.parametrize("settings", [{"strength": 0.01}, {"mask_strength": 0.01}])
def test_diffedit_makes_one_step_at_least(net, task, path, settings):
    steps = list(mag.edit(net, task, path, replace(mag.METHODS["diffedit"], **settings)))
    assert steps
    assert steps[-1].last


@pytest.mark.parametrize("loss", [
    lambda p, m: losses.layout(p, m, [2]),
    lambda p, m: losses.attend_and_excite([losses.sharpened(p, 4, 4, 2)]),
    lambda p, m: losses.box(losses.sharpened(p, 4, 4, 2), m.reshape(4, 4)),
    lambda p, m: losses.same_attention(p, torch.full_like(p, 0.1)),
])  # fmt: skip
def test_gradients_of_the_relatives_are_right(loss):
    torch.manual_seed(0)
    probs = (torch.randn(2, 16, 6, dtype=torch.float64) / 3).softmax(-1).requires_grad_()
    mask = torch.tensor(([0, 1, 1, 0] * 2) + [0] * 8, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda p: loss(p, mask), probs)


@pytest.mark.parametrize(
    ("method", "first"), [(AttendAndExcite(), "half"), (BoxDiff(), "half"), (LayoutGuidance(), "fifth")]
)
def test_the_relatives_guide_in_their_published_share_of_the_steps(net, task, first, method):
    path = mag.invert(net, task, mag.DDIM(steps=10))
    guided = [s.now.i for s in mag.edit(net, task, path, method) if s.nudges]
    assert guided == list(range({"half": 5, "fifth": 2}[first]))


def test_layout_guidance_steps_as_its_own_sampler_does(exact, task):
    """Published in the coordinates x = z / sqrt(alpha): there it is 30 sigma^2 of the gradient by x."""
    path = mag.invert(exact, task, mag.DDIM(steps=5))
    step = next(mag.edit(exact, task, path, LayoutGuidance(iterations=1)))
    (only,), alpha = step.nudges, exact.schedule.alphas[path.times[0]]
    x, by_x = step.now.target / alpha.sqrt(), only.gradient * alpha.sqrt()
    expected = (x - 30 * (1 - alpha) / alpha * by_x) * alpha.sqrt()
    assert torch.allclose(only.latent, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("threshold", "updates"), [(0.0, 1), (2.0, 4)])
def test_attend_and_excite_refines_and_then_steps(net, task, path, threshold, updates):
    """Where the word is excited enough there is the step's own update alone; where it never is, 3 and that one."""
    method = AttendAndExcite(thresholds=((0.0, threshold),), refinements=3)
    step = next(mag.edit(net, task, path, method))
    assert len(step.nudges) == updates


def test_attend_and_excite_steps_once_more_after_it_is_enough(net, task, path):
    for size in (0.5, 5.0, 50.0, 500.0):  # some size lowers the loss
        method = AttendAndExcite(thresholds=((0.0, 2.0),), refinements=6, step_size=size)
        fell = [n.loss for n in next(mag.edit(net, task, path, method)).nudges]
        enough = next((i for i in range(1, 6) if fell[i] < fell[0]), 0)
        if enough:
            break
    stop = 1 - (min(fell[:enough]) + fell[enough]) / 2 if enough else None
    step = next(mag.edit(net, task, path, replace(method, thresholds=((0.0, stop),))))
    assert len(step.nudges) == enough + 2


def test_diffedits_own_mask_does_not_depend_on_guidance_and_costs_two_calls_a_map(net, task, path):
    own = DiffEdit(maps=3)
    z, cond = path.image, [net.embed(p) for p in (task.source, task.target)]
    generator, t, differences = torch.Generator().manual_seed(0), path.times[3], []
    with torch.no_grad():
        for _ in range(3):
            noisy = mag.model.schedule.add_noise(z, torch.randn(z.shape, generator=generator), net.level(t))
            base = net.predict(noisy, t, net.embed(""))
            a, b = (base + 7.5 * (net.predict(noisy, t, text) - base) for text in cond)
            differences.append((a - b).abs().mean((0, 1)))
    heat = torch.stack(differences).mean(0)
    most = 3 * heat.mean()
    assert torch.equal(own.own_mask(mag.Run(net, task, path)), (heat.clamp(0, most) / most > 0.5).float())
    with count_forwards() as calls:
        own.own_mask(mag.Run(net, task, path))
    assert calls.forwards == 6


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: DiffEdit(strength=0.0), "strength of 1e-06 to 1, got 0"),
        (lambda: BlendedLatentDiffusion(skip=1.0), "skip of 0 to 0.99, got 1"),
        (lambda: mag.Proximal(quantile=2.0), "quantile of 0 to 1, got 2"),
        (lambda: mag.NullText(inner=-1), "inner of 0 or more, got -1"),
        (lambda: mag.NullText(steps=101), "steps of 1 to 100, got 101"),
    ],
)
def test_settings_out_of_range_are_refused(made, message):
    with pytest.raises(ValueError, match=message):
        made()


def test_pix2pix_zero_draws_the_maps_back_to_the_sources(exact, task):
    """A step against the gradient that is small enough lowers any loss: in float64, so that this can be told."""
    path = mag.invert(exact, task, mag.DDIM(steps=4))
    for step in mag.edit(exact, task, path, Pix2PixZero(step_size=1e-6)):
        if step.now.i == 0:
            continue  # both branches are one there
        (only,) = step.nudges
        plan = mag.METHODS["pix2pix-zero"].bind(step.now.run)
        after = next(plan.guide(replace(step.now, target=only.latent)))
        assert after.loss < only.loss
