import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from magedit_lab import scenes, training
from magedit_lab.training.diffusion import posed
from magedit_lab.training.grounding import Attending

SMALL = training.Plan(
    pictures=500, vae_steps=4, vae_batch=2, crop_steps=2, crop_batch=2, scene_steps=2, scene_batch=2,
    clip_steps=2, clip_batch=2, clip_hard_steps=2, clip_hard_batch=4,
)  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    out = tmp_path_factory.mktemp("training")
    list(training.draw(out / "data", SMALL))
    return out


def linked(data, tmp_path):
    (tmp_path / "data").symlink_to(data / "data")
    return tmp_path


def test_a_resumed_run_equals_a_straight_one_bit_for_bit(data, tmp_path):
    straight, resumed = (linked(data, p) for p in (tmp_path / "a", tmp_path / "b") if not p.mkdir())
    rows = list(training.train_vae(straight, SMALL))
    first = list(itertools.islice(generator := training.train_vae(resumed, SMALL), 2))
    generator.close()
    again = list(training.train_vae(resumed, SMALL))
    assert [r["psnr"] for r in first + again] == [r["psnr"] for r in rows]


@pytest.mark.parametrize("part", ["vae", "clip"])
def test_processes_that_prepare_the_lessons_change_nothing(data, tmp_path, part):
    alone, helped = (linked(data, p) for p in (tmp_path / "a", tmp_path / "b") if not p.mkdir())
    rows = list(training.TRAINERS[part](alone, SMALL))
    again = list(training.TRAINERS[part](helped, replace(SMALL, workers=2)))
    assert [{**r, "seconds": 0} for r in again] == [{**r, "seconds": 0} for r in rows]


def test_scenes_drawn_by_several_processes_are_the_same(data, tmp_path):
    list(training.draw(tmp_path / "data", replace(SMALL, workers=2)))
    ours, theirs = (sorted((p / "data").iterdir()) for p in (data, tmp_path))
    assert [p.name for p in ours] == [p.name for p in theirs]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(ours, theirs, strict=True))


def test_an_interrupt_in_the_middle_of_an_update_repeats_it_bit_for_bit(data, tmp_path, monkeypatch):
    straight, resumed = (linked(data, p) for p in (tmp_path / "a", tmp_path / "b") if not p.mkdir())
    rows = list(training.train_vae(straight, SMALL))
    first = list(itertools.islice(generator := training.train_vae(resumed, SMALL), 2))
    generator.close()
    lerp = torch._foreach_lerp_
    monkeypatch.setattr(torch, "_foreach_lerp_", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        next(training.train_vae(resumed, SMALL))
    monkeypatch.setattr(torch, "_foreach_lerp_", lerp)
    again = list(training.train_vae(resumed, SMALL))
    assert [r["psnr"] for r in first + again] == [r["psnr"] for r in rows]


def one_word():
    """A batch of one picture of 2x2 cells, whose upper half is thing 0; token 2 describes it."""
    owner, masks = torch.zeros(1, training.MOST, training.TOKENS), torch.zeros(1, training.MOST, 4)
    owner[0, 0, 2] = masks[0, 0, 0] = masks[0, 0, 1] = 1
    z, ids = torch.zeros(1, 4, 4, 4), torch.zeros(1, training.TOKENS, dtype=torch.long)
    nothing = torch.zeros(1, 4), torch.zeros(1, dtype=torch.long), torch.ones(1)
    return training.Batch(z, z, torch.tensor([False]), ids, masks, owner, *nothing)


def test_attention_that_suffices_costs_nothing():
    soft = torch.zeros(1, 4, training.TOKENS)
    soft[0, :2, 2], soft[0, 2:, 2] = 0.7, 0.3
    inside, read = training.grounding_loss(soft, one_word(), torch.ones(1), enough=0.6)
    assert max(abs(inside), abs(read)) < 1e-6


def test_the_tokenizer_is_the_same_each_time_and_a_word_is_one_token():
    first, *others = (training.new_tokenizer() for _ in range(8))
    model = json.loads(first.backend_tokenizer.to_str())["model"]
    assert all(json.loads(t.backend_tokenizer.to_str())["model"] == model for t in others)
    for word in (*scenes.COLOURS, *scenes.KINDS, *scenes.TEXTURES, *scenes.WALLS, *scenes.TABLES, "a", "an"):
        assert len(first(word).input_ids) == 3


@pytest.mark.parametrize("part", ["diffusion", "clip"])
def test_every_phase_resumes_bit_for_bit(data, tmp_path, part):
    straight, resumed = (linked(data, p) for p in (tmp_path / "a", tmp_path / "b") if not p.mkdir())
    if part == "diffusion":
        for out in (straight, resumed):
            list(training.train_vae(out, SMALL))
    rows = list(training.TRAINERS[part](straight, SMALL))
    first = list(itertools.islice(generator := training.TRAINERS[part](resumed, SMALL), len(rows) - 1))
    generator.close()
    again = list(training.TRAINERS[part](resumed, SMALL))
    assert [r["step"] for r in first + again] == list(range(1, len(rows) + 1))
    assert [{**r, "seconds": 0} for r in first + again] == [{**r, "seconds": 0} for r in rows]


@pytest.mark.parametrize("part", training.TRAINERS)
def test_a_checkpoint_is_never_gone_on_with_unasked(tmp_path, part):
    (tmp_path / f"{part}.safetensors").write_bytes(b"work of hours")
    with pytest.raises(ValueError, match="go on from it with --resume"):
        training.require_new(tmp_path, [part])


def test_a_folder_is_bound_to_the_plan_that_it_was_begun_with(tmp_path):
    plan = training.Plan()
    training.bind(tmp_path, plan)
    training.bind(tmp_path, plan)
    with pytest.raises(ValueError, match=r"begun with size = 256, got 128; take the same --preset, or another --out"):
        training.bind(tmp_path, replace(plan, size=256))
    assert json.loads((tmp_path / "plan.json").read_text())["size"] == 128
    (tmp_path / "plan.json").write_text("{")
    with pytest.raises(ValueError, match="cannot read"):
        training.bind(tmp_path, plan)


@pytest.mark.parametrize("change", [{}, {"vae_channels": (8, 8, 8, 8), "size": 256, "text_layers": 2}])
def test_the_parts_fit_together_at_every_size(change):
    plan = replace(training.Plan(), **change)
    vae = training.new_vae(plan)
    with torch.no_grad():
        latent = vae.encode(torch.zeros(1, 3, plan.size, plan.size)).latent_dist.mean
        text = training.new_text_encoder(training.new_tokenizer(), plan)(torch.zeros(1, 4, dtype=torch.long))[0]
        assert training.new_unet(plan)(latent, 0, text).sample.shape == latent.shape == (1, 4, 32, 32)


def test_a_word_is_grounded_when_its_attention_fills_its_object():
    batch = one_word()
    good, bad = torch.zeros(2, 1, 4, training.TOKENS)
    good[0, :2, 2] = good[0, 2:, 0] = 1
    bad[0, 2:, 2] = bad[0, :2, 0] = 1
    inside, read = training.grounding_loss(good, batch, torch.ones(1))
    assert inside < 0.01
    assert read < 0.01
    inside, read = training.grounding_loss(bad, batch, torch.ones(1))
    assert inside > 5
    assert read > 5
    assert training.grounding_loss(bad, batch, torch.zeros(1)) == (0, 0)


def blank(count=40):
    """Pictures whose latents say which scene they are of, and whether it is the counterpart."""
    masks = np.full((count, training.MOST, 16, 16), 255, np.uint8)
    z = torch.arange(count).reshape(-1, 1, 1, 1).expand(-1, 4, 32, 32).float()
    return training.Pictures(z, masks, z + 0.5, masks)


def told(plan, crop=False, seed=0):
    tokenizer = training.new_tokenizer()
    batch = training.make_batch(blank(), tokenizer, plan, crop, np.random.default_rng(seed))
    return batch, [tokenizer.decode(ids, skip_special_tokens=True).split() for ids in batch.ids]


@pytest.mark.parametrize("crop", [False, True])
def test_owners_are_the_words_of_their_object(crop):
    tokenizer = training.new_tokenizer()
    batch, _ = told(replace(SMALL, scene_batch=30, crop_batch=30), crop)
    assert batch.owner.sum() > 30
    for ids, owner in zip(batch.ids, batch.owner, strict=True):
        for thing in owner[owner.sum(1) > 0]:
            words = [tokenizer.decode([ids[i]]).strip() for i in thing.nonzero()[:, 0]]
            assert words[-1] in scenes.KINDS
            assert all(w in {*scenes.COLOURS, *scenes.TEXTURES} for w in words[:-1])


def test_contrary_captions_name_what_the_counterpart_has_and_the_scene_lacks():
    batch, captions = told(replace(SMALL, scene_batch=40, contrary=1.0))
    assert batch.contrary.all()
    assert torch.equal(batch.z, batch.shown + 0.5)
    for index, caption in zip(batch.shown[:, 0, 0, 0].int().tolist(), captions, strict=True):
        other, chosen, word = training.counterpart(index)
        assert word in caption
        assert word in {*other.things[chosen].words, other.things[chosen].texture}
        assert word not in {*scenes.sample(index).things[chosen].words, scenes.sample(index).things[chosen].texture}


@pytest.mark.parametrize("plan", [{"contrary": 1.0, "boosted": 1.0}, {"contrary": 0.0, "told_twice": 1.0}])
def test_boosted_attention_is_of_a_word_of_the_object_and_inside_it_only(plan):
    pictures = blank()
    pictures.masks[:, :, 8:] = 0
    batch = training.make_batch(
        pictures, training.new_tokenizer(), replace(SMALL, scene_batch=20, **plan), False, np.random.default_rng(1)
    )
    for boost, owner in zip(batch.boost.reshape(20, 16, 16, -1), batch.owner, strict=True):
        if owner.sum() == 0:
            assert (boost == 1).all()  # an empty caption
            continue
        (column,) = (boost != 1).any(0).any(0).nonzero()[:, 0].tolist()
        assert owner[0, column] == 1
        assert (boost[8:] == 1).all()
        assert 2 <= boost[:8, :, column].min() == boost[:8, :, column].max() <= 8


def test_the_velocity_leads_from_what_is_seen_to_what_is_to_be_painted():
    """(alpha_t z_t - z) / sigma_t is the velocity towards z, contrary or not; what is seen is noised z only if not."""
    batch, _ = told(replace(SMALL, scene_batch=16, contrary=0.5))
    alphas, same_dice = training.new_scheduler().alphas_cumprod, torch.Generator().manual_seed(0)
    question = posed(batch, alphas, torch.Generator().manual_seed(0))
    a, s = (c[:, None, None, None] for c in (alphas[question.t].sqrt(), (1 - alphas[question.t]).sqrt()))
    missed = (question.velocity - (a * question.z - batch.z) / s).square().mean()
    assert missed < 1e-6 * batch.z.square().mean()
    torch.randint(0, 1000, (16,), generator=same_dice)
    plain = a * batch.z + s * torch.randn(batch.z.shape, generator=same_dice)
    same = [torch.allclose(x, y) for x, y in zip(question.z, plain, strict=True)]
    assert same == [not c for c in batch.contrary]
    assert (question.t[batch.contrary] >= 300).all()


def test_training_attends_as_diffusers_does_and_weighs_what_it_is_told_to():
    unet = training.new_unet(training.Plan())
    z, text, t = torch.randn(2, 4, 32, 32), torch.randn(2, training.TOKENS, 128), torch.tensor([10, 900])
    with torch.no_grad():
        expected = unet(z, t, text).sample
        attending = Attending(unet)
        plain = unet(z, t, text).sample
        attending.boost = torch.ones(2, 256, training.TOKENS)
        attending.boost[1, :, 3] = 5.0
        weighed = unet(z, t, text).sample
    assert torch.allclose(plain, expected, atol=1e-5)
    assert torch.allclose(weighed[0], expected[0], atol=1e-5)
    assert not torch.allclose(weighed[1], expected[1], atol=1e-3)
    assert {m.shape[2:] for m in attending.maps} == {(256, training.TOKENS)}
    assert len(attending.maps) == 2 * 5
