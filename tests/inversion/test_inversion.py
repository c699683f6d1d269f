import pytest
import torch
import torch.nn.functional as F

import magedit_lab as mag
from magedit_lab.bench import metrics
from magedit_lab.inversion import base
from magedit_lab.model import schedule


@torch.no_grad()
def guided_step(net, path, z, i):
    t, uncond = path.times[i], path.uncond[i : i + 1]
    after = path.times[i + 1] if i + 1 < path.steps else -1
    base, text = net.predict(z, t, uncond), net.predict(z, t, path.cond)
    return schedule.move(z, base + path.guidance_scale * (text - base), net.level(t), net.level(after))


def test_ddim_inversion_is_ddim_run_backwards(net, task):
    path = mag.invert(net, task, mag.DDIM(steps=4))
    z, before = net.encode(task.image), -1
    with torch.no_grad():
        for i, t in enumerate([1, 251, 501, 751]):
            z = schedule.move(z, net.predict(z, t, path.cond), net.level(before), net.level(t))
            before = t
            assert torch.equal(path.latents[3 - i], z[0])
    assert path.times == (751, 501, 251, 1)
    assert torch.equal(path.latents[-1:], net.encode(task.image))


def step_up(net, z, seen, cond, before, t):
    with torch.no_grad():
        return schedule.move(z, net.predict(seen, t, cond), net.level(before), net.level(t))


def test_one_fixed_point_iteration_is_the_step_along_its_own_ends_noise(net, task):
    path = mag.invert(net, task, mag.DDIM(steps=4, fixed_point=1))
    z, before = net.encode(task.image), -1
    for i, t in enumerate([1, 251, 501, 751]):
        z = step_up(net, z, step_up(net, z, z, path.cond, before, t), path.cond, before, t)
        before = t
        assert torch.equal(path.latents[3 - i], z[0])


def test_fixed_point_iterations_never_end_farther_from_a_fixed_point(exact, task):
    """The random weights are no contraction everywhere, so some of these steps lead away and must be given up."""
    path = mag.invert(exact, task, mag.DDIM(steps=6, fixed_point=50))
    places = zip(path.times, (*path.times[1:], -1), path.latents[1:].split(1), path.latents.split(1), strict=False)
    for t, before, z, up in places:
        plain = step_up(exact, z, z, path.cond, before, t)
        gap, once = (F.mse_loss(step_up(exact, z, end, path.cond, before, t), end) for end in (up, plain))
        assert gap <= max(once.item(), base.STILL)


def test_with_fixed_points_the_shipped_model_loses_no_more_than_its_autoencoder():
    net, task = mag.Backbone.load("tabletop"), mag.bench.demo.complex_task(mag.bench.demo.Demo().seed)
    picture = metrics.unit(task.image)
    best = metrics.psnr(picture, metrics.unit(net.decode(net.encode(task.image))))
    lost = {}
    for often in (0, 30):
        path = mag.invert(net, task, mag.DDIM(10, 1.0, fixed_point=often))
        last = list(mag.edit(net, task, path, mag.METHODS["plain"]))[-1]
        lost[often] = best - metrics.psnr(picture, metrics.unit(net.decode(last.source)))
    assert abs(lost[30]) < 0.05  # decibels
    assert lost[0] > 1


@pytest.mark.parametrize("way", [mag.NegativePrompt, mag.Direct, mag.NullText])
def test_every_inversion_takes_fixed_points(net, task, way):
    route = mag.invert(net, task, mag.DDIM(3, fixed_point=2)).latents
    assert torch.equal(mag.invert(net, task, way(3, fixed_point=2)).latents[0], route[0])


def test_fixed_points_are_counted_from_none():
    with pytest.raises(ValueError, match="expected fixed_point of 0 or more, got -1"):
        mag.DDIM(fixed_point=-1)
    with pytest.raises(ValueError, match="expected fixed_point of 0 or more, got -1"):
        mag.NullText(fixed_point=-1)


def test_null_text_replays_with_its_own_embeddings(net, path):
    z = path.latents[:1]
    for i in range(path.steps):
        z = guided_step(net, path, z, i)
        assert torch.allclose(z, path.latents[i + 1 : i + 2], atol=1e-5)


def test_null_text_equals_its_literal_transcription(net, task):
    settings = mag.NullText(steps=3, inner=3, guidance_scale=3.0)
    path = mag.invert(net, task, settings)
    route = mag.invert(net, task, mag.DDIM(steps=3)).latents
    z, uncond, times = route[:1], net.embed("").embedding, path.times
    for i, t in enumerate(times):
        here, there = net.level(t), net.level(times[i + 1] if i < 2 else -1)
        uncond = uncond.clone().detach().requires_grad_(True)
        adam = torch.optim.Adam([uncond], lr=1e-2 * (1 - i / 100.0))
        for _ in range(3):
            with torch.no_grad():
                text = net.predict(z, t, path.cond)
            base = net.predict(z, t, uncond)
            loss = F.mse_loss(schedule.move(z, base + 3.0 * (text - base), here, there), route[i + 1 : i + 2])
            adam.zero_grad()
            loss.backward()
            adam.step()
            if loss.item() < 1e-5 + i * 2e-5:
                break
        uncond = uncond.detach()
        assert torch.allclose(path.uncond.embedding[i : i + 1], uncond, atol=1e-4)
        z = guided_step(net, path, z, i)
    assert not any(p.requires_grad or p.grad is not None for p in net.denoiser.parameters())


def test_null_text_ends_nearer_to_the_image_than_plain_guidance(net, task):
    plain = mag.invert(net, task, mag.DDIM(steps=6, guidance_scale=3.0))
    trained = mag.invert(net, task, mag.NullText(steps=6, guidance_scale=3.0))
    z = plain.latents[:1]
    for i in range(6):
        z = guided_step(net, plain, z, i)
    goal = plain.latents[-1:]
    assert (trained.latents[-1:] - goal).norm() < (z - goal).norm()


@pytest.mark.parametrize(("slack", "updates"), [(0.0, 3 * 4), (1e9, 4 + 1 + 1)])
def test_slack_ends_later_steps_early(net, task, slack, updates):
    told = []
    mag.invert(
        net, task, mag.NullText(3, inner=4, tolerance=0.0, slack=slack), progress=lambda *done: told.append(done)
    )
    assert len(told) == 3 + updates + 3  # the route, the updates, and each step when it is done


def test_direct_inversion_reconstructs_exactly(net, task):
    path = mag.invert(net, task, mag.Direct(steps=4))
    last = list(mag.edit(net, task, path, mag.PromptToPrompt()))[-1]
    assert torch.equal(last.source, net.encode(task.image))


def test_negative_prompt_inversion_puts_the_source_prompt_in_the_empty_ones_place(net, task):
    path = mag.invert(net, task, mag.NegativePrompt(steps=4))
    assert torch.equal(path.uncond.embedding, net.embed(task.source).embedding.expand(4, -1, -1))


@pytest.mark.parametrize(("way", "of"), [(mag.DDIM(steps=3), 3), (mag.NullText(steps=3, inner=1), 6)])
def test_progress_counts_to_its_end(net, task, way, of):
    seen = []
    mag.invert(net, task, way, lambda done, total: seen.append((done, total)))
    assert list(dict.fromkeys(seen)) == [(i + 1, of) for i in range(of)]


@pytest.mark.parametrize("norm", ["l0", "l1"])
def test_proximal_guidance_is_the_proximal_map_of_its_norm(norm):
    torch.manual_seed(0)
    delta = torch.randn(1, 4, 8, 8, dtype=torch.float64)
    least = torch.quantile(delta.abs(), 0.7)
    hard = torch.where(delta.abs() > least, delta, 0.0)
    soft = torch.nn.functional.softshrink(delta, least.item())
    assert torch.allclose(mag.Proximal(norm).shrink(delta), hard if norm == "l0" else soft)


def test_proximal_guidance_puts_back_what_it_did_not_touch():
    torch.manual_seed(0)
    delta = torch.zeros(1, 4, 8, 8)
    delta[..., 2, 3] = 5.0
    z, recorded = torch.randn(2, 1, 4, 8, 8)
    pulled = mag.Proximal(quantile=0.9, grow=1).pulled(z, recorded, delta)
    assert torch.equal(pulled[..., 1:4, 2:5], z[..., 1:4, 2:5])
    far = torch.ones(8, 8, dtype=torch.bool)
    far[1:4, 2:5] = False
    assert torch.allclose(pulled[..., far], recorded[..., far])


def test_proximal_guidance_thins_out_what_the_words_add(exact, task):
    path = mag.invert(exact, task, mag.NegativePrompt(3, 5.0, mag.Proximal(below=0)))
    step = next(iter(mag.edit(exact, task, path, mag.METHODS["plain"])))
    z, t = path.latents[:1], path.times[0]
    with torch.no_grad():
        base, words = (exact.predict(z, t, exact.embed(prompt)) for prompt in (task.source, task.target))
    delta = words - base
    large = torch.where(delta.abs() > delta.abs().quantile(0.7), delta, 0.0)
    assert torch.allclose(step.eps, base + 5.0 * large, atol=1e-9)
