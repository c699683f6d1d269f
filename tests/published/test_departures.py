"""The smaller departures: each the published behaviour, or ours by a name and a switch."""

from dataclasses import replace

import pytest
import torch

import magedit_lab as mag
from magedit_lab.bench import departures
from magedit_lab.methods.attend_and_excite import AttendAndExcite
from magedit_lab.methods.boxdiff import BoxDiff
from magedit_lab.methods.layout_guidance import LayoutGuidance
from magedit_lab.methods.plug_and_play import PlugAndPlay
from magedit_lab.methods.shared import losses
from magedit_lab.steps import Now, Step


@pytest.fixture(scope="module")
def zebra(task):
    """A word of several tokens beside one of one token."""
    return replace(task, target="a zebra ball, a ball and a box on a wooden table", words="zebra")


@pytest.fixture(scope="module")
def short(net, zebra):
    return mag.invert(net, zebra, mag.DDIM(1))


def of_length(path, steps):
    """The same path, counted as one of so many steps."""
    return replace(path, times=tuple(range(steps))[::-1], uncond=path.uncond[:1].expand(steps))


@pytest.mark.parametrize(("steps", "first"), [(8, 5), (50, 35), (7, 4), (20, 14)])
def test_blends_start_at_the_whole_part_of_their_share(net, task, short, steps, first):
    run = mag.Run(net, task, of_length(short, steps))
    blend = mag.MaskBlend(start=0.7).bind(run)
    source, target = torch.zeros(1, 4, 32, 32), torch.ones(1, 4, 32, 32)
    blended = [
        i for i in range(steps)
        if blend(now := Now(run, i, 0, source, target), Step(now, target, target, source, target, target, {}, {}, ()))
        .min() == 0
    ]  # fmt: skip
    assert blended == list(range(first, steps))


@pytest.mark.parametrize(("steps", "first"), [(8, 1), (50, 10)])
def test_local_blend_starts_there_too(net, task, short, steps, first):
    run = mag.Run(net, task, of_length(short, steps))
    site = run.guided[0]
    maps = {s.name: torch.zeros(1, 2, site.cells, 32) for s in run.guided}
    for probs in maps.values():
        probs[..., 0, :] = 1  # all of the word's attention in one cell
    source, target = torch.zeros(1, 4, 32, 32), torch.ones(1, 4, 32, 32)
    blend, blended = mag.LocalBlend(start=0.2).bind(run), []
    for i in range(steps):
        now = Now(run, i, 0, source, target)
        made = blend(now, Step(now, target, target, source, target, target, {}, maps, ()))
        blended += [i] if made.min() == 0 else []
    assert blended == list(range(first, steps))


@pytest.mark.parametrize(
    ("method", "counts"),
    [(PlugAndPlay(), (41, 26)), (PlugAndPlay(inclusive=False), (40, 25)), (PlugAndPlay(0.0, 0.0), (0, 0))],
)
def test_plug_and_play_counts_the_step_at_its_threshold(net, task, short, method, counts):
    run = mag.Run(net, task, of_length(short, 50))
    plan, z = method.bind(run), short.latents[:1]
    taken = [plan.record(Now(run, i, 0, z, z)) for i in range(50)]
    features = [any("conv2" in name for name in names) for names in taken]
    keys = [any("to_q" in name for name in names) for names in taken]
    assert (sum(features), sum(keys)) == counts


@pytest.mark.parametrize("method", [AttendAndExcite(), BoxDiff(), LayoutGuidance(iterations=1)])
def test_a_word_of_several_tokens_is_taken_token_by_token(net, zebra, short, method):
    """Their losses from the maps of the nudge itself, each token by itself as published."""
    step = next(mag.edit(net, zebra, mag.invert(net, zebra, mag.DDIM(5)), method))
    nudge, run = step.nudges[0], step.now.run
    tokens = run.columns("zebra")
    assert len(tokens) > 1
    mean = torch.stack([m[0] for m in nudge.maps.values()]).mean(0) if not isinstance(method, LayoutGuidance) else None
    (goal,), site = zebra.goals, run.guided[0]
    if isinstance(method, AttendAndExcite):
        expected = max(1 - losses.sharpened(mean, site.height, site.width, token).max() for token in tokens)
    elif isinstance(method, BoxDiff):
        cells = run.cells(goal.mask, site.height, site.width)
        expected = sum(losses.box(losses.sharpened(mean, site.height, site.width, t), cells) for t in tokens)
    else:
        sites = {s.name: run.cells(goal.mask, s.height, s.width).flatten() for s in run.sites if s.name in nudge.maps}
        each = [
            ((1 - (m[0][..., t] * sites[name]).sum(1) / m[0][..., t].sum(1)) ** 2).mean()
            for name, m in nudge.maps.items() for t in tokens
        ]  # fmt: skip
        expected = sum(each) / len(each)
    assert nudge.loss == pytest.approx(float(expected), rel=1e-5)


def test_words_end_at_marks_or_at_spaces_alone(net, task, short):
    run = mag.Run(net, task, short)
    first, second = run.columns("ball")
    coded = mag.PromptToPrompt(split="spaces").read(run)
    assert coded.columns("ball") == [second]
    assert coded.columns("ball,") == [first, first + 1]
    assert mag.PromptToPrompt().read(run) is run
    with pytest.raises(ValueError, match="as it stands between spaces"):
        coded.columns("table,")


def test_the_box_constraint_has_an_outside_of_nothing():
    full = torch.ones(4, 4)
    assert losses.box(torch.rand(4, 4), full).isfinite()
    almost = full.clone()
    almost[0, 0] = 0
    assert losses.box(almost, almost).isfinite()


def test_the_table_of_departures_names_each_setting_once():
    """Each line changes the one setting that it names, from what MagEdit() has to what the preset has."""
    ours, listed = mag.MagEdit(), departures.departures(mag.MagEdit())
    singles = [d for d in listed if not d.setting.startswith("all of")]
    presets = {"released code": mag.MagEdit.released(), "paper": mag.MagEdit.paper()}
    for departure in singles:
        *outer, name = departure.setting.split(".")
        here, there, preset = (m.base if outer else m for m in (ours, departure.method, presets[departure.whose]))
        assert getattr(there, name) == getattr(preset, name) != getattr(here, name)
        assert replace(there, **{name: getattr(here, name)}) == here
    assert [d.method for d in listed if d.setting.startswith("all of")] == list(presets.values())


def test_the_table_is_printed_for_a_scene(net, monkeypatch):
    settings = mag.MagEdit(iterations=1)
    shown = [d for d in departures.departures(settings) if d.setting in ("cells", "base.split")]
    monkeypatch.setattr(departures, "departures", lambda ours: shown)
    sizes = list(departures.measure(net, departures.scene_task(), mag.DDIM(2, guidance_scale=3.0), settings))
    by_name = {size.departure.setting: size for size in sizes}
    assert by_name["cells"].latent > 0.001
    assert by_name["base.split"].latent == 0
    assert by_name["base.split"].psnr == float("inf")
    assert len(departures.markdown(sizes).splitlines()) == 2 + len(sizes)
