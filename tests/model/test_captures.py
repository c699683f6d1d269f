"""Static buffers and recorded passes. On a CPU a recorded function is called again: what it reads from elsewhere is as
old as in a graph."""

import copy
from dataclasses import replace

import pytest
import torch

import magedit_lab as mag
from magedit_lab.methods.shared.blend import LATE
from magedit_lab.model.captures import Captures
from magedit_lab.model.hooks import count_forwards

METHODS = {
    "plain": mag.METHODS["plain"],
    "p2p": mag.PromptToPrompt(),
    "ranges, re-weight inside": mag.PromptToPrompt(
        cross_replace={"default": (0.2, 0.7), "yellow": 0.3}, reweight=3.0, reweight_inside=True,
        padding="start",
    ),
    "attention blend": mag.PromptToPrompt(blend=mag.LocalBlend(source_words=("box",))),
    "masactrl": mag.METHODS["masactrl+mask"],
    "pnp": mag.METHODS["pnp"],
    "mag-edit": mag.MagEdit(iterations=3),
    "mag-edit, paper": mag.MagEdit.paper(iterations=2),
    "mag-edit, each term": mag.MagEdit(iterations=2, per_term=True, loss="spatial_ratio"),
    "mag-edit on pnp": mag.MagEdit(iterations=2, base=mag.METHODS["pnp"]),
    "mag-edit, own loss": mag.MagEdit(iterations=2, loss=lambda probs, mask, word: probs[..., word].square().mean()),
    "attend-and-excite": mag.METHODS["attend-and-excite"],
    "re-weight": mag.MagEdit(iterations=2, base=mag.PromptToPrompt(reweight=5.0, blend=LATE)),
}  # fmt: skip


@pytest.fixture(scope="module")
def compiled(net):
    return copy.deepcopy(net).compile()


def steps_of(net, task, path, method):
    return list(mag.edit(net, task, path, method))


def assert_same(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        for name in ("guided", "eps", "source", "target", "x0"):
            assert torch.equal(getattr(a, name), getattr(b, name)), (a, name)
        for name in ("source_maps", "target_maps"):
            mine, other = getattr(a, name), getattr(b, name)
            assert mine.keys() == other.keys()
            assert all(torch.equal(mine[key], other[key]) for key in mine), (a, name)
        for x, y in zip(a.nudges, b.nudges, strict=True):
            assert (x.values, x.names) == (y.values, y.names)
            assert torch.equal(x.gradient, y.gradient)
            assert all(torch.equal(x.maps[key], y.maps[key]) for key in y.maps)
            assert all(torch.equal(x.parts[key], y.parts[key]) for key in y.parts)


@pytest.mark.parametrize("name", METHODS)
def test_recorded_passes_give_the_bits_of_passes_by_themselves(net, compiled, task, path, name):
    assert_same(steps_of(compiled, task, path, METHODS[name]), steps_of(net, task, path, METHODS[name]))


def test_a_source_branch_that_runs_again_too(net, compiled, task):
    path = mag.invert(net, task, mag.DDIM(6, guidance_scale=3.0))
    assert_same(*(steps_of(model, task, path, mag.MagEdit(iterations=2)) for model in (compiled, net)))


def test_a_negative_prompt_too(net, compiled, task, path):
    against = replace(task, negative="a green ball, a ball and a box on a wooden table", negative_words=("green",))
    assert_same(*(steps_of(model, against, path, mag.MagEdit(iterations=2)) for model in (compiled, net)))


@pytest.mark.parametrize("inversion", [mag.NullText(5, inner=4, guidance_scale=3.0), mag.DDIM(5)])
def test_inversions_give_the_same_bits(net, compiled, task, inversion):
    ours, theirs = (mag.invert(model, task, inversion) for model in (compiled, net))
    assert torch.equal(ours.latents, theirs.latents)
    assert torch.equal(ours.uncond.embedding, theirs.uncond.embedding)


def test_interleaved_edits_do_not_mix(net, compiled, task, path):
    method = mag.MagEdit(iterations=2)
    alone = steps_of(net, task, path, method)
    both = list(zip(*(mag.edit(compiled, task, path, method) for _ in range(2)), strict=True))
    for side in zip(*both, strict=True):
        assert_same(side, alone)


def test_listeners_are_heard_in_every_pass(net, compiled, task, path):
    calls = []
    site = "mid_block.resnets.0"
    for model in (net, compiled):
        calls.append([])
        listen = {site: lambda _output, where: calls[-1].append(where)}
        list(mag.edit(model, task, path, mag.PromptToPrompt(), listen=listen))
    assert calls[0] == calls[1] != []


def test_steps_keep_what_they_held_when_later_ones_run(compiled, task, path):
    kept = [(step, {n: m.clone() for n, m in step.source_maps.items()}, step.target.clone())
            for step in mag.edit(compiled, task, path, mag.MagEdit(iterations=2))]  # fmt: skip
    for step, maps, target in kept:
        assert torch.equal(step.target, target)
        assert all(torch.equal(step.source_maps[name], m) for name, m in maps.items())


def test_a_pass_that_reads_what_is_not_static_shows_it():
    captures, outside = Captures(torch.device("cpu")), torch.zeros(1)
    found = []
    for k in range(4):
        static = captures.static({"x": torch.full((1,), float(k))})
        now = outside + k
        found.append(captures.run("pass", lambda s=static, n=now: {"sum": s["x"] + n})["sum"].item())
    assert found == [0, 2, 3, 4]  # not 0, 2, 4, 6: the third call replays the second's function


def test_each_edit_runs_as_many_forwards_as_before(net, compiled, task, path):
    counts = []
    for model in (net, compiled):
        with count_forwards() as counter:
            steps_of(model, task, path, mag.MagEdit(iterations=3))
        counts.append(counter.forwards)
    assert counts[1] >= counts[0]  # on a CPU recorded passes run again; recording itself calls each once more
