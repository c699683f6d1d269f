from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from conftest import SOURCE, TARGET

import magedit_lab as mag
from magedit_lab.masks.raster import to_cells
from magedit_lab.steps import Now
from magedit_lab.training import TOKENS


def now_at(net, task, path, i, maps=None):
    return Now(mag.Run(net, task, path), i, path.times[i], path.latents[:1], path.latents[:1], source_maps=maps or {})


def injected(net, task, path, method, i=0, cross=True):
    """What the hook at the first guided site makes of random maps, and these maps of source and target."""
    site = next(s for s in net.sites(path.latents) if s.cross == cross and s.cells == 64)
    shape = (1, 2, 64, TOKENS if cross else 64)
    source, target = torch.rand(2, *shape).softmax(-1)
    others = {s.name: torch.rand(1, 2, s.cells, TOKENS if s.cross else s.cells) for s in net.sites(path.latents)}
    now = now_at(net, task, path, i, others | {site.name: source})
    hooks = method.bind(now.run).hooks(now)
    return (hooks[site.name](target) if site.name in hooks else target), source, target


def test_equal_prompts_reproduce_the_source_and_the_null_text_reconstruction(exact, same):
    path = mag.invert(exact, same, mag.NullText(steps=4, inner=1, guidance_scale=3.0))
    for step in mag.edit(exact, same, path, mag.PromptToPrompt()):
        assert torch.allclose(step.target, step.source, atol=1e-8)
    assert torch.allclose(step.target, path.latents[-1:], atol=1e-8)


def test_refinement_takes_common_columns_and_leaves_new_ones(net, task, path):
    out, source, target = injected(net, task, path, mag.PromptToPrompt())
    new = net.positions(TARGET, "yellow")[0]
    assert torch.equal(out[..., new], target[..., new])
    assert torch.allclose(out[..., :new], source[..., :new])
    assert torch.allclose(out[..., new + 1 :], source[..., new:-1])


def test_word_swap_takes_every_column_by_the_mapper(net, task, path):
    swapped = replace(task, target="a zebra, a ball and a box on a wooden table", words="zebra")
    out, source, _ = injected(net, swapped, path, mag.PromptToPrompt(mode="swap"))
    pieces = net.positions(swapped.target, "zebra")
    old = net.positions(SOURCE, "ball")[0]
    for column in pieces:
        assert torch.allclose(out[..., column], source[..., old] / len(pieces))
    assert torch.allclose(out[..., pieces[-1] + 1], source[..., old + 1])


@pytest.mark.parametrize(("share", "steps"), [(0.8, 40), (0.5, 25), (1.0, 50), (0.0, 0)])
def test_shares_of_the_steps_count_as_in_the_official_code(net, task, path, share, steps):
    long = replace(path, times=tuple(range(50)))
    now = [now_at(net, task, long, i) for i in range(50)]
    for more in (0, 1):
        assert [one.within(share, more) for one in now] == [i < steps for i in range(50)]


@pytest.mark.parametrize("steps", [4, 5, 6, 7, 10, 25])
def test_in_any_number_of_steps_cross_attention_counts_a_row_more_than_self_attention(net, task, path, steps):
    short = replace(path, times=tuple(range(steps)))
    now = [now_at(net, task, short, i) for i in range(steps)]
    plan = mag.PromptToPrompt(cross_replace=0.5, self_replace=0.5).bind(now[0].run)
    cross = {s.name for s in net.sites(path.latents) if s.cross}
    taken = [plan.record(one) for one in now]
    assert sum(bool(names & cross) for names in taken) == int(0.5 * (steps + 1))  # alphas of num_steps + 1 rows
    assert sum(bool(names - cross) for names in taken) == int(0.5 * steps)  # int(num_steps * self_replace_steps)


def test_words_have_ranges_of_their_own(net, task, path):
    method = mag.PromptToPrompt(cross_replace={"default": 0.0, "box": 1.0})
    out, source, target = injected(net, task, path, method)
    box = net.positions(TARGET, "box")[0]
    assert torch.allclose(out[..., box], source[..., box - 1])
    rest = [c for c in range(TOKENS) if c != box]
    assert torch.equal(out[..., rest], target[..., rest])


def test_self_attention_is_replaced_in_its_window_at_small_sites_only(net, task, path):
    out, source, _ = injected(net, task, path, mag.PromptToPrompt(), cross=False)
    assert torch.equal(out, source)
    out, _, target = injected(net, task, path, mag.PromptToPrompt(), i=5, cross=False)
    assert torch.equal(out, target)
    out, _, target = injected(net, task, path, mag.PromptToPrompt(self_cells=16), cross=False)
    assert torch.equal(out, target)


def test_a_weight_of_one_changes_no_bit(net, task, path):
    runs = [list(mag.edit(net, task, path, mag.PromptToPrompt(reweight=w))) for w in ({}, {"yellow": 1.0})]
    assert all(torch.equal(a.target, b.target) for a, b in zip(*runs, strict=True))


def test_a_weight_multiplies_its_column_inside_the_mask_only(net, task, path):
    method = mag.PromptToPrompt(reweight={"yellow": 10.0}, reweight_inside=True)
    out, _, target = injected(net, task, path, method)
    column, inside = net.positions(TARGET, "yellow")[0], to_cells(task.region, 8, 8).flatten() == 1
    assert torch.allclose(out[..., inside, column], 10 * target[..., inside, column])
    assert torch.allclose(out[..., ~inside, column], target[..., ~inside, column])


def test_the_mask_blend_leaves_the_outside_exactly_the_sources(net, task, path):
    outside = to_cells(task.region, 32, 32) == 0
    steps = list(mag.edit(net, task, path, mag.PromptToPrompt(blend=mag.MaskBlend(start=0.5))))
    assert not torch.equal(steps[2].target[..., outside], steps[2].source[..., outside])
    for step in steps[3:]:
        assert torch.equal(step.target[..., outside], step.source[..., outside])


def test_local_blend_equals_its_literal_transcription(net, task, path):
    method = mag.PromptToPrompt(blend=mag.LocalBlend(words=("yellow",), source_words=("ball",), start=0.5))
    plain = list(mag.edit(net, task, path, mag.PromptToPrompt(blend=mag.LocalBlend(start=1.0, source_words=("ball",)))))
    blended = list(mag.edit(net, task, path, method))
    step, sums = blended[3], []
    for branch, prompt, word in (("target_maps", TARGET, "yellow"), ("source_maps", SOURCE, "ball")):
        columns, total = net.positions(prompt, word), torch.zeros(8, 8)
        for s in blended[:4]:
            heads = torch.cat([m[0] for m in getattr(s, branch).values()])
            total += heads[..., columns].sum(-1).mean(0).reshape(8, 8)
        pooled = F.max_pool2d(total[None, None], (3, 3), (1, 1), padding=(1, 1))
        large = F.interpolate(pooled, size=(32, 32))
        sums.append(large / large.max() > 0.3)
    mask = (sums[0] | sums[1]).float()
    expected = step.source + mask * (plain[3].target - step.source)
    assert torch.allclose(step.target, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"), [({"mode": "x"}, "expected mode"), ({"blend": "x"}, "expected blend")]
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        mag.PromptToPrompt(**settings)
