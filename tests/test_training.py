import itertools
import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from magedit_lab import scenes, training

SMALL = training.Plan(
    pictures=500, vae_steps=4, vae_batch=2, crop_steps=2, crop_batch=2, scene_steps=2, scene_batch=2, soft_steps=2,
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


def test_attention_that_suffices_costs_nothing():
    owner = torch.zeros(1, training.MOST, training.TOKENS)
    owner[0, 0, 2] = 1
    masks = torch.zeros(1, training.MOST, 4)
    masks[0, 0, :2] = 1
    batch = training.Batch(torch.zeros(1, 4, 2, 2), torch.zeros(1, training.TOKENS), masks, owner)
    soft = torch.zeros(1, 4, training.TOKENS)
    soft[0, :2, 2], soft[0, 2:, 2] = 0.7, 0.3
    inside, read = training.grounding(soft, batch, torch.ones(1), enough=0.6)
    assert max(abs(inside), abs(read)) < 1e-6


def test_attention_is_drawn_to_the_soft_share_from_both_sides():
    owner = torch.zeros(1, training.MOST, training.TOKENS)
    owner[0, 0, 2] = 1
    masks = torch.zeros(1, training.MOST, 4)
    masks[0, 0, :2] = 1
    batch = training.Batch(torch.zeros(1, 4, 2, 2), torch.zeros(1, training.TOKENS), masks, owner)
    for share in (0.15, 0.3, 0.6):
        probs = torch.zeros(1, 4, training.TOKENS)
        probs[0, :2, 2], probs[0, 2:, 2] = share / 2, (1 - share) / 2
        inside, _ = training.grounding(probs, batch, torch.ones(1), enough=0.3, soft=True)
        assert inside == pytest.approx(abs(math.log(share / 0.3)), abs=2e-3)


def test_the_tokenizer_is_the_same_each_time_and_a_word_is_one_token():
    first, *others = (training.new_tokenizer() for _ in range(8))
    model = json.loads(first.backend_tokenizer.to_str())["model"]
    assert all(json.loads(t.backend_tokenizer.to_str())["model"] == model for t in others)
    for word in (*scenes.COLOURS, *scenes.KINDS, *scenes.TEXTURES, *scenes.WALLS, *scenes.TABLES, "a", "an"):
        assert len(first(word).input_ids) == 3


@pytest.mark.parametrize("part", ["diffusion", "clip"])
def test_the_last_phase_starts_from_the_average_and_resumes_bit_for_bit(data, tmp_path, part):
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


@pytest.mark.parametrize("change", [{}, {"vae_channels": (8, 8, 8, 8), "size": 256, "text_layers": 2}])
def test_the_parts_fit_together_at_every_size(change):
    plan = replace(training.Plan(), **change)
    vae = training.new_vae(plan)
    with torch.no_grad():
        latent = vae.encode(torch.zeros(1, 3, plan.size, plan.size)).latent_dist.mean
        text = training.new_text_encoder(training.new_tokenizer(), plan)(torch.zeros(1, 4, dtype=torch.long))[0]
        assert training.new_unet(plan)(latent, 0, text).sample.shape == latent.shape == (1, 4, 32, 32)


def test_a_word_is_grounded_when_its_attention_fills_its_object():
    owner = torch.zeros(1, training.MOST, training.TOKENS)
    owner[0, 0, 2] = 1
    masks = torch.zeros(1, training.MOST, 4)
    masks[0, 0, :2] = 1
    batch = training.Batch(torch.zeros(1, 4, 2, 2), torch.zeros(1, training.TOKENS), masks, owner)
    good, bad = torch.zeros(2, 1, 4, training.TOKENS)
    good[0, :2, 2] = good[0, 2:, 0] = 1
    bad[0, 2:, 2] = bad[0, :2, 0] = 1
    inside, read = training.grounding(good, batch, torch.ones(1))
    assert inside < 0.01
    assert read < 0.01
    inside, read = training.grounding(bad, batch, torch.ones(1))
    assert inside > 5
    assert read > 5
    assert training.grounding(bad, batch, torch.zeros(1)) == (0, 0)


def test_owners_are_the_words_of_their_object():
    tokenizer, generator = training.new_tokenizer(), np.random.default_rng(0)
    z, masks = torch.zeros(20, 4, 32, 32), np.ones((20, training.MOST, 16, 16), np.uint8)
    batch = training.make_batch(z, masks, tokenizer, 4, False, generator)
    for ids, owner in zip(batch.ids, batch.owner, strict=True):
        for thing in owner[owner.sum(1) > 0]:
            words = [tokenizer.decode([ids[i]]).strip() for i in thing.nonzero()[:, 0]]
            assert words[-1] in scenes.KINDS
            assert all(w in {*scenes.COLOURS, *scenes.TEXTURES} for w in words[:-1])
