import pytest
import torch

import magedit_lab as mag


def hooks(net):
    return [m for m in net.denoiser.modules() if m._forward_hooks or m._forward_pre_hooks]


def test_gradients_stay_on_in_the_callers_loop(net, task, path):
    for _ in mag.edit(net, task, path, mag.MagEdit(iterations=1)):
        assert torch.is_grad_enabled()


def test_a_held_generator_leaves_no_hook(net, task, path):
    held = mag.edit(net, task, path, mag.MagEdit(iterations=1))
    next(held)
    assert not hooks(net)


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
    seen = []

    def watch(now, nudge):
        seen.append(nudge)
        if len(seen) == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(mag.edit(net, task, path, mag.MagEdit(iterations=2), watch))
    assert len(seen) == after
    assert not hooks(net)
    assert not any(p.requires_grad for p in net.denoiser.parameters())


def test_nan_is_named_with_its_timestep_and_iteration_and_the_trace_is_kept(net, task, path):
    class Broken(mag.PromptToPrompt):
        def bind(self, net, task, path):
            bound = super().bind(net, task, path)

            def guide(now, seen):
                bad = now.target * (float("nan") if now.i == 2 else 1)
                yield mag.Nudge(0.0, {}, bad, bad, 1.0, now.target, {})
                yield mag.Nudge(0.0, {}, bad, bad, 1.0, bad, {})

            bound.guide = guide
            return bound

    with pytest.raises(FloatingPointError, match=f"step 2, timestep {path.times[2]}, iteration 2") as error:
        mag.run(net, task, path, Broken(), mag.Keep(nudges=False))
    assert len(error.value.trace.times) == 2


def test_no_source_pass_runs_where_nobody_listens(net, task, path):
    calls = []
    handle = net.denoiser.register_forward_pre_hook(lambda *_: calls.append(1))
    try:
        counts = []
        for _ in mag.edit(net, task, path, mag.PromptToPrompt(cross_replace=0.5, self_replace=0.5)):
            counts.append(len(calls))
            calls.clear()
    finally:
        handle.remove()
    assert counts == [3, 3, 3, 2, 2, 2]


def test_the_source_branch_runs_once_a_step_however_many_iterations(net, task, path):
    calls = []
    handle = net.denoiser.register_forward_pre_hook(lambda *_: calls.append(1))
    try:
        next(mag.edit(net, task, path, mag.MagEdit(iterations=5)))
    finally:
        handle.remove()
    assert len(calls) == 1 + 5 + 2
