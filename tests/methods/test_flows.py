"""FlowEdit and RF-Inversion against their papers' equations, written out on diffusers' own transformer calls."""

import itertools

import pytest
import torch
from conftest import pipeline
from families import SOURCE, TARGET, backbone, flux_pipe, sd3_pipe, task

import magedit_lab as mag
from magedit_lab.inversion import Noised, RFInversion
from magedit_lab.inversion.rf_inversion import drawn
from magedit_lab.methods import FlowEdit, RFEdit

STEPS = 6


@pytest.fixture(scope="module", params=["sd3", "flux"])
def net(request):
    return backbone({"sd3": sd3_pipe, "flux": flux_pipe}[request.param]())


@pytest.fixture(scope="module")
def path(net):
    return mag.invert(net, task(), Noised(steps=STEPS))


def sigmas(net):
    """Of each step, and where the last one leads: read off the scheduler, as diffusers' pipelines do."""
    return [t / 1000 for t in net.timesteps(STEPS, torch.zeros(1, 4, 16, 16))] + [0.0]


@torch.no_grad()
def velocity(net, z, s, prompt, scale):
    cond, uncond = (net.predict(z, 1000 * s, net.embed(p)) for p in (prompt, ""))
    return uncond + scale * (cond - uncond)


@pytest.mark.parametrize(("n_max", "n_min", "n_avg"), [(4, 0, 1), (6, 0, 2), (4, 2, 1), (3, 3, 1)])
def test_flowedit_equals_algorithm_1(net, path, n_max, n_min, n_avg):
    settings = FlowEdit(skip=1 - n_max / STEPS + 1e-9, last=n_min / STEPS, average=n_avg, target_scale=5.0, seed=7)
    steps = list(mag.edit(net, task(), path, settings))
    x, s = path.image, sigmas(net)
    z = x.clone()
    for i in range(STEPS - n_max, STEPS):
        noise = [drawn(x, (7 * 1000 + i) * 100 + k) for k in range(n_avg)]
        if STEPS - i > n_min:
            delta = torch.zeros_like(x)
            for n in noise:
                z_src = (1 - s[i]) * x + s[i] * n
                z_tar = z + z_src - x
                delta += velocity(net, z_tar, s[i], TARGET, 5.0) - velocity(net, z_src, s[i], SOURCE, 3.5)
            z = z + (s[i + 1] - s[i]) * delta / n_avg
        else:
            if STEPS - i == n_min:
                z = z + ((1 - s[i]) * x + s[i] * noise[0]) - x
            z = z + (s[i + 1] - s[i]) * velocity(net, z, s[i], TARGET, 5.0)
        step = steps[i - (STEPS - n_max)]
        assert torch.allclose(step.target, z, atol=1e-4)
    assert len(steps) == n_max


def test_flowedit_with_equal_prompts_and_scales_changes_nothing(net):
    same = task(SOURCE, SOURCE, "box")
    path = mag.invert(net, same, Noised(steps=STEPS))
    last = list(mag.edit(net, same, path, FlowEdit(source_scale=2.0, target_scale=2.0)))[-1]
    assert torch.equal(last.target, path.image)


def test_no_inversion_calls_no_denoiser(net):
    with mag.model.hooks.count_forwards() as counter:
        path = mag.invert(net, task(), "none", steps=STEPS)
    assert counter.forwards == 0
    noise = path.latents[:1]  # at s = 1
    for t, z in zip(path.times, path.latents, strict=False):
        s = t / 1000
        assert torch.allclose(z[None], (1 - s) * path.image + s * noise, atol=1e-6)


@pytest.mark.parametrize("gamma", [0.0, 0.5])
def test_rf_inversion_equals_its_controlled_equation(net, gamma):
    path = mag.invert(net, task(), RFInversion(steps=STEPS, gamma=gamma, seed=3))
    y, y1, up = path.image, drawn(path.image, 3), sigmas(net)[::-1]
    assert torch.equal(path.latents[-1:], y)
    for k, (s, then) in enumerate(itertools.pairwise(up)):
        with torch.no_grad():
            u = net.predict(y, 1000 * s, net.embed(""))
        y = y + (then - s) * (u + gamma * ((y1 - y) / (1 - s) - u))
        assert torch.allclose(path.latents[STEPS - 1 - k][None], y, atol=1e-4)


def test_full_control_arrives_at_the_noise_that_was_drawn(net):
    path = mag.invert(net, task(), RFInversion(steps=STEPS, gamma=1.0))
    assert torch.allclose(path.latents[:1], drawn(path.image, 0), atol=1e-4)


@pytest.mark.parametrize("eta", [0.0, 0.9])
def test_the_way_back_equals_its_controlled_equation(net, eta):
    path = mag.invert(net, task(), RFInversion(steps=STEPS, guidance_scale=2.0))
    steps = list(mag.edit(net, task(), path, RFEdit(eta=eta, stop=0.5)))
    x, s = path.latents[:1], sigmas(net)
    for i, step in enumerate(steps):
        u = velocity(net, x, s[i], TARGET, 2.0)
        pull = eta if i < 3 else 0.0
        x = x + (s[i + 1] - s[i]) * (u + pull * ((x - path.image) / s[i] - u))
        assert torch.allclose(step.target, x, atol=1e-4)


def test_drawn_all_the_way_the_target_is_the_picture(net):
    path = mag.invert(net, task(), RFInversion(steps=STEPS))
    last = list(mag.edit(net, task(), path, RFEdit(eta=1.0, stop=1.0)))[-1]
    assert torch.allclose(last.target, path.image, atol=1e-4)


def test_a_model_of_diffusion_is_refused():
    net = mag.Backbone.of(pipeline())
    small = mag.Task(mag.scenes.sample(3).image, task().region.new_ones(256, 256), SOURCE, TARGET, "yellow")
    with pytest.raises(ValueError, match=r"^RF-Inversion: expected a flow model .* got UNet2DConditionModel"):
        mag.invert(net, small, "rf-inversion", steps=2)
    path = mag.invert(net, small, "none", steps=2)
    for method, name in (("flowedit", "FlowEdit"), ("rf-edit", "RF-Inversion")):
        with pytest.raises(ValueError, match=rf"^{name}: expected a flow model .* take null-text or direct inversion$"):
            next(mag.edit(net, small, path, method))


def test_no_method_builds_on_one_that_runs_itself():
    with pytest.raises(ValueError, match=r"^expected a base method that runs in the common loop, got FlowEdit; take"):
        mag.MagEdit(base=FlowEdit())


def test_a_trace_of_flowedit_has_its_maps_and_its_result(net, path):
    trace = mag.run(net, task(), path, FlowEdit.flux())
    assert trace.attention("yellow").shape[1:] == (8, 8)
    assert trace.result.size == (128, 128)
