"""MAG-Edit in the published form and in ours, against a literal Algorithm 1 that takes nothing from the library."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import magedit_lab as mag
from magedit_lab.bench.speed.literal import OURS, PUBLISHED, Literal
from magedit_lab.masks.raster import to_cells
from magedit_lab.methods.shared.blend import LATE

SOURCE = "a ball, a ball and a yellow box on a wooden table"
TARGET = "a big yellow ball, a ball and a yellow box on a wooden table"
FORMS = {"released": PUBLISHED, "ours": OURS}


@pytest.fixture(scope="module")
def natural():
    """A mask with a soft rim that fits no cell, and a word that stands twice in a longer target."""
    rows, columns = np.mgrid[:256, :256]
    distance = np.hypot(rows - 117.3, columns - 121.9)
    mask = np.clip((52.7 - distance) / 9 + 0.5, 0, 1).astype(np.float32)
    return mag.Task(mag.scenes.sample(3).image, mask, SOURCE, TARGET, "yellow")


@pytest.fixture(scope="module")
def path(exact, natural):
    return mag.invert(exact, natural, mag.NullText(steps=4, inner=1, guidance_scale=3.0))


@pytest.mark.parametrize("loss", ["token_ratio", "spatial_ratio"])
@pytest.mark.parametrize("form", FORMS)
def test_losses_and_latents_equal_the_literal_algorithm(exact, natural, path, form, loss):
    settings = {"loss": loss, "iterations": 2}
    method = mag.MagEdit.released(**settings) if form == "released" else mag.MagEdit(**settings)
    literal = Literal.of(exact, natural, path, loss, FORMS[form])
    assert literal.times == path.times
    expected_losses, expected_latents = literal.run(2, 2.5)
    steps = list(mag.edit(exact, natural, path, method))
    assert [n.loss for s in steps for n in s.nudges] == pytest.approx(expected_losses, rel=1e-7)
    for step, expected in zip(steps, expected_latents, strict=True):
        assert torch.allclose(step.target, expected, rtol=0, atol=1e-7 * expected.abs().max().item())


def test_each_departure_alone_changes_the_result(net, natural):
    """So that the comparison above would notice any of them."""
    path = mag.invert(net, natural, mag.DDIM(4))
    ours = mag.MagEdit(iterations=1)
    coded = mag.MagEdit.released(iterations=1)
    changed = {name: replace(ours, **{name: getattr(coded, name)}) for name in ("cells", "columns")}
    changed["padding"] = replace(ours, base=mag.PromptToPrompt(blend=LATE, padding="start"))
    base, *others = ([*mag.edit(net, natural, path, method)][-1].target for method in (ours, *changed.values()))
    for name, other in zip(changed, others, strict=True):
        assert (other - base).abs().max() > 1e-4 * base.abs().max(), name


def test_the_released_settings_are_those_of_the_code():
    coded = mag.MagEdit.released()
    assert (coded.iterations, coded.step_size, coded.stop(50), coded.loss) == (15, 2.5, 25, "token_ratio")
    assert (coded.all_tokens, coded.per_head, coded.cells, coded.columns) == (True, True, "sampled", "all")
    base = coded.base
    assert (base.mode, base.cross_replace, base.self_replace, base.self_cells) == ("refine", 0.8, 0.5, 32 * 32)
    assert (base.padding, base.split, int(base.blend.start * 50), base.blend.grow) == ("start", "spaces", 35, 1)
    assert mag.MagEdit.presets == ("released", "paper")
    assert mag.MagEdit().preset("released") == coded


def test_sampled_cells_take_one_pixel_each_and_any_value_but_0():
    mask = torch.zeros(64, 64)
    mask[8, 16] = 0.01
    mask[1:8, 1:8] = 1
    found = to_cells(mask, 8, 8, "sampled")
    assert found.nonzero().tolist() == [[1, 2]]
    assert to_cells(mask, 8, 8).nonzero().tolist() == [[0, 0]]


def test_a_mask_that_sampling_loses_is_refused_with_its_remedy(net, natural):
    mask = np.zeros((256, 256), np.float32)
    mask[33:60, 33:60] = 1  # 27 pixels wide, between the pixels that 8x8 cells are sampled at
    lost, path = replace(natural, mask=mask), mag.invert(net, natural, mag.DDIM(1))
    with pytest.raises(ValueError, match=r"a pixel that is sampled for 8x8 cells, got none .* take cells='coverage'"):
        mag.MagEdit.released().bind(mag.Run(net, lost, path))
    mag.MagEdit().bind(mag.Run(net, lost, path))


def test_the_negative_prompts_maps_are_paired_as_the_targets_in_the_development_code(exact, natural):
    """Another prompt through the target's mapper: column j takes what the target's column j takes."""
    negative = replace(natural, negative="a red ball, a ball and a box on a wooden table", negative_words=["red"])
    path = mag.invert(exact, negative, mag.DDIM(2))
    own, target = (
        next(mag.edit(exact, negative, path, mag.MagEdit(iterations=1, negative_maps=how))).nudges[0]
        for how in ("own", "target")
    )
    assert own.terms["yellow"] == target.terms["yellow"]
    assert own.terms["red"] != target.terms["red"]
    mapper = torch.tensor(Literal.of(exact, natural, path, "token_ratio").mapper)
    maps = [_injected(exact, negative, path, mapper, s.name) for s in mag.Run(exact, negative, path).guided]
    mask = to_cells(negative.region, 8, 8).flatten()
    (red,) = exact.positions(negative.negative, "red")
    by_hand = torch.stack([mag.methods.losses.token_ratio(probs, mask.to(probs), [red]) for probs in maps]).mean()
    assert target.terms["red"] == pytest.approx(by_hand.item(), rel=1e-9)


def _injected(net, task, path, mapper, site):
    """The negative prompt's map of the first step with the source's columns where the target's mapper has one: from
    forwards whose sites above are injected too, so that only this site's own columns are put in by hand."""
    hooks = mag.MagEdit(negative_maps="target").bind(mag.Run(net, task, path))
    source = {}
    z = path.latents[:1]
    now = mag.Now(mag.Run(net, task, path), 0, path.times[0], z, z)
    recorded = mag.model.hooks.recorder
    net.predict(z, path.times[0], path.cond, {name: recorded(source, name) for name in hooks.record(now)})
    now = replace(now, source_maps=source)
    maps = {}
    taken = {name: hook for name, hook in hooks.hooks(now).items() if name != site}
    net.predict(z, path.times[0], net.embed(task.negative), {**taken, site: recorded(maps, site)})
    columns = [source[site][0, ..., j] if j >= 0 else maps[site][0, ..., k] for k, j in enumerate(mapper.tolist())]
    return torch.stack(columns, -1)
