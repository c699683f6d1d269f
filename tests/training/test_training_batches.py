"""What training shows: rooms in several colourings, captions whose words know their things, and noise."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from magedit_lab import training
from magedit_lab.scenes import room
from magedit_lab.training.batches import Batch, Batches
from magedit_lab.training.captions import DROPS, Vocabulary, around, part, prepared
from magedit_lab.training.clip import square
from magedit_lab.training.colourings import MOST, coloured, counterpart
from magedit_lab.training.data import CELLS, Drawn, Latents
from magedit_lab.training.diffusion import posed
from magedit_lab.training.grounding import grounding

TINY = training.Plan.tiny()


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rooms")
    list(training.draw(folder, TINY))
    return Drawn(folder, TINY)


def batches(drawn, plan):
    """Latents that say which picture they are of."""
    z = torch.arange(len(drawn)).reshape(-1, 1, 1, 1).expand(-1, 8, 16, 16).float()
    return Batches.of(Latents(z, z[..., :8, :8]), drawn, training.new_tokenizer(), plan, torch.device("cpu"))


def test_pictures_masks_and_boxes_are_those_of_the_scenes(drawn):
    picture = drawn.images(np.array([6]))[0]
    scene = coloured(1, 2)
    expected = torch.from_numpy(room.render(scene, 128)).permute(2, 0, 1).float() / 127.5 - 1
    assert torch.equal(picture, expected)
    masks = torch.from_numpy(room.trace(scene, 128).masks())
    cells, boxes = drawn.cells()[1, : len(masks)], drawn.boxes()[1, : len(masks)]
    assert torch.allclose(cells.float() / 255, torch.nn.functional.avg_pool2d(masks, 8), atol=1 / 255)
    for mask, box in zip(masks, boxes, strict=True):
        rows, columns = (mask > 0.5).nonzero().unbind(1)
        found = [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]
        assert torch.allclose(box * 128, torch.stack(found).float())
    assert not drawn.cells()[1, len(masks) :].any()


def test_rooms_traced_by_several_processes_are_the_same(drawn, tmp_path):
    plan = replace(TINY, traces=21, colourings=1, size=32)
    list(training.draw(tmp_path / "one", plan))
    list(training.draw(tmp_path / "two", plan, workers=2))
    names = sorted(p.name for p in (tmp_path / "one").iterdir())
    assert names == sorted(p.name for p in (tmp_path / "two").iterdir())
    assert all((tmp_path / "one" / n).read_bytes() == (tmp_path / "two" / n).read_bytes() for n in names)


def test_no_room_of_training_is_held_out():
    assert all(plan().traces < room.HELD_OUT for plan in (training.Plan.cpu, training.Plan.gpu))


def test_colourings_keep_the_geometry_and_odd_ones_change_one_thing():
    for seed in range(30):
        for number in (1, 2, 3):
            scene, first = coloured(seed, number), coloured(seed, 0)
            assert [replace(t, colour="", finish="", part_colours=()) for t in scene.things] == [
                replace(t, colour="", finish="", part_colours=()) for t in first.things
            ]
            assert (scene.camera, scene.sun, scene.layout) == (first.camera, first.sun, first.layout)
        _, index, word = counterpart(seed, 3)
        before, after = coloured(seed, 2), coloured(seed, 3)
        assert [i for i, (a, b) in enumerate(zip(before.things, after.things, strict=True)) if a != b] == [index]
        assert word in (after.things[index].colour, after.things[index].finish)
        assert word not in (before.things[index].colour, before.things[index].finish)
        assert len(after.things) <= MOST


def test_prepared_tokens_are_the_tokenizers_and_each_word_is_one():
    tokenizer = training.new_tokenizer()
    vocabulary, rng = Vocabulary(tokenizer), np.random.default_rng(0)
    longest = 0
    for seed in range(60):
        words = [w for w, _ in room.describe(room.sample(seed), rng, float(rng.choice(DROPS)))]
        expected = tokenizer(room.written(words), padding="max_length", max_length=training.TOKENS).input_ids
        assert vocabulary.ids(words) == expected
        longest = max(longest, len(words) + 2)
    assert longest <= training.TOKENS
    assert all(model == tokenizer.get_vocab() for model in (training.new_tokenizer().get_vocab() for _ in range(3)))


@pytest.mark.parametrize("crop", [False, True])
def test_owners_are_the_words_of_their_things(drawn, crop):
    tokenizer = training.new_tokenizer()
    captions = prepared(drawn, tokenizer, TINY, crop)
    assert len(captions) == len(drawn) * TINY.captions
    assert (captions.owner > 0).sum() > len(captions)
    for picture, ids, owner in zip(captions.picture.tolist(), captions.ids, captions.owner.tolist(), strict=True):
        scene = coloured(*divmod(picture, TINY.colourings))
        for place, bits in enumerate(owner):
            word = tokenizer.decode([ids[place]]).strip()
            for i in (i for i in range(MOST) if bits >> i & 1):
                thing = scene.things[i]
                known = {*thing.words, thing.finish, *(w for pair in thing.part_colours for w in pair)}
                known |= {p.name for p in room.KINDS[thing.kind].parts}
                numbers = {"two", "three", "four", "five", "six"}
                assert word in known | numbers or word.startswith(thing.kind[:3])


def test_crops_hold_the_thing_they_are_around_and_their_captions_name_nothing_else(drawn):
    cells, rng = drawn.cells().numpy(), np.random.default_rng(0)
    for seed in range(TINY.traces):
        scene = room.sample(seed)
        for chosen in range(len(scene.things)):
            top, left, seen = around(cells[seed], chosen, len(scene.things), rng)
            assert 0 <= min(top, left) <= max(top, left) <= CELLS // 2
            assert seen[0] == chosen
            assert cells[seed, chosen, top : top + 8, left : left + 8].sum() > 0
            sub = part(scene, seen)
            assert [t.kind for t in sub.things] == [scene.things[i].kind for i in seen]
            assert all(t.on is None or sub.things[t.on].kind == scene.things[scene.things[i].on].kind
                       for t, i in zip(sub.things, seen, strict=True))  # fmt: skip


def test_a_lesson_shows_the_pictures_that_its_captions_are_of(drawn):
    plan = replace(TINY, scene_batch=40, early_batch=40)
    teach = batches(drawn, plan)
    tokenizer = training.new_tokenizer()
    for step, side in ((0, 8), (1, 8), (3, 16), (4, 8)):
        batch = teach(step)
        assert batch.z.shape == (40, 8, side, side)
        assert batch.masks.shape == (40, MOST, side * side)
        assert torch.equal(batch.z, batch.visible)
        assert not batch.contrary.any()
        for z, ids in zip(batch.z, batch.ids, strict=True):
            scene = coloured(*divmod(int(z[0, 0, 0]), plan.colourings))
            said = set(tokenizer.decode(ids, skip_special_tokens=True).replace(",", "").split())
            colours = {t.colour for t in scene.things} | {c for t in scene.things for _, c in t.part_colours}
            assert said & set(room.COLOURS) <= colours | {scene.wall, scene.ground}
    again = teach(3)
    assert all(torch.equal(getattr(again, k), getattr(teach(3), k)) for k in ("z", "ids", "masks", "owner"))


def test_masks_of_a_crop_are_cut_where_its_latent_is(drawn):
    view = batches(drawn, TINY).crops
    z = view.cells[torch.arange(len(drawn)) // TINY.colourings][:, :8].float() / 255
    batch = replace(view, z=z).batch(torch.arange(len(view.captions)), TINY.colourings)
    assert torch.allclose(batch.z.flatten(2), batch.masks[:, :8])


def test_early_lessons_are_small_pictures_and_crops_in_turn_and_later_ones_mostly_whole(drawn):
    teach = batches(drawn, replace(TINY, early_steps=4, crop_every=3))
    views = [teach.view(step)[0] for step in range(10)]
    names = [next(n for n in ("small", "crops", "whole") if getattr(teach, n) is view) for view in views]
    assert names == [*["small", "crops"] * 2, "whole", "whole", "crops", "whole", "whole", "crops"]
    cover = torch.nn.functional.avg_pool2d(teach.whole.cells.float(), 2)
    assert (cover - teach.small.cells.float()).abs().max() <= 0.5


def test_contrary_captions_name_what_the_noise_does_not_show(drawn):
    plan = replace(TINY, contrary=1.0, scene_batch=60)
    batch = batches(drawn, plan)(3)
    tokenizer = training.new_tokenizer()
    assert 10 < batch.contrary.sum() < 50
    for z, shown, contrary, ids in zip(batch.z, batch.visible, batch.contrary, batch.ids, strict=True):
        picture, other = int(z[0, 0, 0]), int(shown[0, 0, 0])
        assert other == picture - int(contrary)
        if contrary:
            _, _, word = counterpart(*divmod(picture, plan.colourings))
            assert word in tokenizer.decode(ids, skip_special_tokens=True).replace(",", "").split()


def of_words(contrary):
    z = torch.randn(16, 8, 4, 4, generator=torch.Generator().manual_seed(1))
    nothing = torch.zeros(16, 2, 4), torch.zeros(16, 2, training.TOKENS)
    return Batch(z, z + 1.0 * contrary[:, None, None, None], contrary, torch.zeros(16, 77, dtype=torch.long), *nothing)


def test_the_velocity_leads_from_what_is_seen_to_what_is_to_be_painted():
    """(alpha_t z_t - z) / sigma_t is the velocity towards z, contrary or not; what is seen is noised z only if not."""
    batch = of_words(torch.arange(16) % 2 == 1)
    alphas, same_dice = training.new_scheduler().alphas_cumprod, torch.Generator().manual_seed(0)
    question = posed(batch, alphas, torch.Generator().manual_seed(0))
    a, s = (c[:, None, None, None] for c in (alphas[question.t].sqrt(), (1 - alphas[question.t]).sqrt()))
    assert (question.velocity - (a * question.z - batch.z) / s).square().mean() < 1e-6 * batch.z.square().mean()
    torch.randint(0, 1000, (16,), generator=same_dice)
    plain = a * batch.z + s * torch.randn(batch.z.shape, generator=same_dice)
    same = [torch.allclose(x, y, atol=1e-5) for x, y in zip(question.z, plain, strict=True)]
    assert same == [not c for c in batch.contrary]
    assert (question.t[batch.contrary] >= 300).all()


def test_without_contrary_words_the_velocity_is_the_schedulers():
    batch, scheduler = of_words(torch.zeros(16, dtype=torch.bool)), training.new_scheduler()
    question = posed(batch, scheduler.alphas_cumprod, torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(0)
    torch.randint(0, 1000, (16,), generator=generator)
    noise = torch.randn(batch.z.shape, generator=generator)
    assert torch.allclose(question.z, scheduler.add_noise(batch.z, noise, question.t), atol=1e-6)
    assert torch.allclose(question.velocity, scheduler.get_velocity(batch.z, noise, question.t), atol=1e-4)


def one_word():
    """A batch of one picture of 2x2 cells, whose upper half is thing 0; token 2 describes it."""
    owner, masks = torch.zeros(1, MOST, training.TOKENS), torch.zeros(1, MOST, 4)
    owner[0, 0, 2] = masks[0, 0, 0] = masks[0, 0, 1] = 1
    z, ids = torch.zeros(1, 8, 4, 4), torch.zeros(1, training.TOKENS, dtype=torch.long)
    return Batch(z, z, torch.tensor([False]), ids, masks, owner)


def test_a_word_is_grounded_when_its_attention_fills_its_thing():
    batch = one_word()
    good, bad = torch.zeros(2, 1, 4, training.TOKENS)
    good[0, :2, 2] = good[0, 2:, 0] = 1
    bad[0, 2:, 2] = bad[0, :2, 0] = 1
    assert max(grounding(good, batch, torch.ones(1))) < 0.01
    assert min(grounding(bad, batch, torch.ones(1))) > 5
    assert grounding(bad, batch, torch.zeros(1)) == (0, 0)


def test_attention_that_suffices_costs_nothing():
    soft = torch.zeros(1, 4, training.TOKENS)
    soft[0, :2, 2], soft[0, 2:, 2] = 0.7, 0.3
    assert max(abs(x) for x in grounding(soft, one_word(), torch.ones(1), enough=0.6)) < 1e-6


def test_a_judges_square_holds_its_thing():
    rng = np.random.default_rng(0)
    for box in ([0.1, 0.2, 0.4, 0.3], [0.0, 0.9, 0.2, 1.0], [0.0, 0.0, 1.0, 1.0]):
        for _ in range(20):
            top, left, bottom, right = square(np.array(box, np.float32), 256, rng)
            assert bottom - top == pytest.approx(right - left, abs=1)
            assert 0 <= min(top, left) < max(bottom, right) <= 256
            middle = [(box[0] + box[2]) * 128, (box[1] + box[3]) * 128]
            assert top <= middle[0] <= bottom
            assert left <= middle[1] <= right
