from dataclasses import replace

import numpy as np
import pytest
import torch

import magedit_lab as mag
from magedit_lab.model.hooks import count_forwards


def plain(net, path):
    """The noise prediction without any hook."""
    with torch.no_grad():
        return net.predict(path.latents[:1], path.times[0], path.cond)


def test_gradients_stay_on_in_the_callers_loop(net, task, path):
    for _ in mag.edit(net, task, path, mag.MagEdit(iterations=1)):
        assert torch.is_grad_enabled()


def test_a_held_generator_changes_no_other_forward(net, task, path):
    before = plain(net, path)
    held = mag.edit(net, task, path, mag.MagEdit(iterations=1))
    next(held)
    assert torch.equal(plain(net, path), before)


def test_steps_are_detached_and_complete(net, task, path):
    steps = list(mag.edit(net, task, path, mag.MagEdit(iterations=2)))
    assert [s.now.i for s in steps] == list(range(6))
    assert steps[-1].last
    for s in steps:
        tensors = [s.guided, s.eps, s.source, s.target, s.x0, *s.target_maps.values(), *s.source_maps.values()]
        tensors += [t for n in s.nudges for t in (n.gradient, n.update, n.latent, *n.maps.values())]
        assert not any(t.requires_grad for t in tensors)


def test_two_generators_at_once_equal_each_alone(net, task, path):
    methods = [mag.MagEdit(iterations=1), mag.PromptToPrompt()]
    alone = [[s.target for s in mag.edit(net, task, path, m)] for m in methods]
    together = zip(*(mag.edit(net, task, path, m) for m in methods), strict=True)
    for i, (a, b) in enumerate(together):
        assert torch.equal(a.target, alone[0][i])
        assert torch.equal(b.target, alone[1][i])


@pytest.mark.parametrize("after", [1, 2, 3])
def test_raising_in_watch_leaves_the_model_untouched(net, task, path, after):
    before, nudges = plain(net, path), []

    def watch(now, nudge):
        nudges.append(nudge)
        if len(nudges) == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(mag.edit(net, task, path, mag.MagEdit(iterations=2), watch))
    assert len(nudges) == after
    assert torch.equal(plain(net, path), before)
    assert not any(p.requires_grad for p in net.denoiser.parameters())


def test_nan_is_named_with_its_timestep_and_iteration_and_the_trace_is_kept(net, task, path):
    class Broken(mag.PromptToPrompt):
        def bind(self, run):
            def guide(now):
                bad = now.target * (float("nan") if now.i == 2 else 1)
                yield mag.Nudge(torch.zeros(1), (), bad, bad, 1.0, now.target, {})
                yield mag.Nudge(torch.zeros(1), (), bad, bad, 1.0, bad, {})

            return replace(super().bind(run), guide=guide)

    with pytest.raises(FloatingPointError, match=f"step 2, timestep {path.times[2]}, iteration 2") as error:
        mag.run(net, task, path, Broken(), mag.Keep(nudges=False))
    assert len(error.value.trace.times) == 2


def test_no_source_pass_runs_where_nobody_listens(net, task, path):
    with count_forwards() as calls:
        total = [
            calls.forwards for _ in mag.edit(net, task, path, mag.PromptToPrompt(cross_replace=0.5, self_replace=0.5))
        ]
    assert np.diff([0, *total]).tolist() == [3, 3, 3, 2, 2, 2]


def test_the_source_branch_runs_once_a_step_however_many_iterations(net, task, path):
    with count_forwards() as calls:
        next(mag.edit(net, task, path, mag.MagEdit(iterations=5)))
    assert calls.forwards == 1 + 5 + 2


def test_listening_hears_every_pass_of_a_layer_and_changes_no_bit(net, task, path):
    method, heard = mag.MagEdit(iterations=2, stop_step=1), []
    site = "mid_block.resnets.0"
    alone = [step.target for step in mag.edit(net, task, path, method)]

    def hear(output, where):
        heard.append((where, output))

    listened = [step.target for step in mag.edit(net, task, path, method, listen={site: hear, "down_blocks.0": hear})]
    assert all(torch.equal(a, b) for a, b in zip(alone, listened, strict=True))
    first = [where for where, output in heard if where.i == 0 and output.shape[1] == 32]
    passes = {(where.branch, where.conditional, where.nudge) for where in first}
    nudges = {("target", True, 0), ("target", True, 1)}
    assert passes == {("source", True, None), ("target", True, None), ("target", False, None), *nudges}


def test_listening_to_attention_changes_no_bit_where_nobody_else_reads_it(net, task, path):
    sites = [s.name for s in net.sites(path.latents)]
    alone = [step.target for step in mag.edit(net, task, path, "plain")]
    sums = []
    listen = {name: lambda probs, where: sums.append(probs.sum(-1)) for name in sites}
    listened = [step.target for step in mag.edit(net, task, path, "plain", listen=listen)]
    assert all(torch.equal(a, b) for a, b in zip(alone, listened, strict=True))
    assert len(sums) == path.steps * 2 * len(sites)
    assert all(torch.allclose(s, torch.ones_like(s), atol=1e-5) for s in sums)


def test_further_sites_are_kept_in_the_trace(net, task, path):
    keep = mag.Keep(sites=("mid_block.resnets.0",))
    trace = mag.run(net, task, path, "p2p", keep)
    assert trace.outputs("mid_block.resnets.0").shape[:2] == (path.steps, 32)
    with pytest.raises(ValueError, match="expected one of the sites that were kept"):
        trace.outputs("conv_in")


@pytest.mark.parametrize("name", ["p2p", "p2p+mag-edit"])
def test_methods_are_taken_by_name(net, task, path, name):
    by_name, by_value = (list(mag.edit(net, task, path, m))[-1] for m in (name, mag.METHODS[name]))
    assert torch.equal(by_name.target, by_value.target)


def test_a_method_that_is_none_is_refused(net, task, path):
    with pytest.raises(ValueError, match=r"expected method .*plain, .*got 'paint'"):
        next(mag.edit(net, task, path, "paint"))
