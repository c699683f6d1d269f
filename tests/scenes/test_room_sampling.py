"""What `sample` promises of two hundred scenes, and that pictures are the same by seed, in batches and at any size."""

from collections import Counter

import numpy as np
import pytest
import torch

from magedit_lab.scenes.room import (
    COLOURS,
    FINISHES,
    HELD_OUT,
    KINDS,
    LAYOUTS,
    SIZE,
    edited,
    own_parts,
    render,
    sample,
    shade_many,
    trace,
    trace_many,
)  # fmt: skip
from magedit_lab.scenes.room.marching import nearest
from magedit_lab.scenes.room.world import World

CELL = SIZE / 16
HALF = SIZE // 2  # traced at half size, for speed: lengths in its pixels count twice


@pytest.fixture(scope="module")
def drawn():
    """Two hundred scenes that were never trained on, what a ray through each pixel's middle meets, and its masks."""
    return [(scene, *met(scene)) for scene in (sample(HELD_OUT + 20_000 + i) for i in range(200))]


def met(scene):
    """What rays meet (no light, for speed) and the mask of each thing, [things, HALF, HALF] bool."""
    world = World.of([scene], HALF, "cpu")
    surface = nearest(world, world.rays(torch.arange(HALF * HALF), 0.0, 0.0))
    owner = surface.owner.view(HALF, HALF).numpy()
    return surface, owner == np.arange(len(scene.things))[:, None, None]


def side(mask):
    """Of the square as large as the box around a mask, in pixels at full size."""
    rows, columns = np.nonzero(mask)
    return 2 * float(np.sqrt((np.ptp(rows) + 1) * (np.ptp(columns) + 1)))


def test_everything_is_at_least_three_and_a_half_cells_across(drawn):
    sides = [side(mask) for _, _, masks in drawn for mask in masks]
    print(f"smallest of {len(sides)} things: {min(sides):.1f} px")
    assert min(sides) >= 3.5 * CELL - 2  # half size tells lengths to two pixels
    assert np.quantile(sides, 0.02) >= 3.5 * CELL


def test_everything_is_whole_in_the_picture(drawn):
    for _, _, masks in drawn:
        border = np.concatenate([masks[:, 0], masks[:, -1], masks[:, :, 0], masks[:, :, -1]], axis=1)
        assert not border.any()


def test_more_than_half_of_all_scenes_hold_look_alikes(drawn):
    repeated = [max(Counter(t.kind for t in scene.things).values()) > 1 for scene, _, _ in drawn]
    assert np.mean(repeated) > 0.5
    twins = [max(Counter((t.kind, t.colour, t.finish) for t in scene.things).values()) > 1 for scene, _, _ in drawn]
    assert 0.05 < np.mean(twins) < 0.3


def test_all_kinds_colours_finishes_and_layouts_are_drawn(drawn):
    things = [t for scene, _, _ in drawn for t in scene.things]
    assert {t.kind for t in things} == set(KINDS)
    assert {t.colour for t in things} == set(COLOURS)
    assert {t.finish for t in things} == set(FINISHES)
    assert {scene.layout for scene, _, _ in drawn} == set(LAYOUTS)
    assert len(KINDS) >= 14
    assert len(COLOURS) == 12
    assert len(LAYOUTS) >= 4
    counts = Counter(len(scene.things) for scene, _, _ in drawn)
    assert min(counts) == 1
    assert 6 <= max(counts) <= 8
    assert sum(n for count, n in counts.items() if count > 1) > 170


def test_masks_are_shares_and_parts_make_up_their_things(drawn):
    for scene in (scene for scene, _, _ in drawn[:20]):
        geometry = trace(scene, 96)
        masks = geometry.masks()
        assert masks.min() >= 0
        assert masks.sum(0).max() <= 1
        parts = geometry.parts()
        for i, thing in enumerate(scene.things):
            whole = sum(parts[i, part.name] for part in KINDS[thing.kind].parts)
            assert np.array_equal(whole, masks[i])
            assert sum(parts[i, name].sum() for name in own_parts(thing)) > 0


def test_a_pattern_s_period_is_at_least_ten_pixels(drawn):
    """By the geometry, at half size: a pixel's width in periods where the surface faces the viewer most."""
    for scene, surface, _ in drawn:
        for i in range(len(scene.things)):
            own = (surface.owner == i) & (surface.part == 0)
            assert 1 / surface.span[own].quantile(0.25) * 2 > 10, (scene.things[i].kind, scene.layout)


def test_stripes_counted_in_the_picture_are_at_least_ten_pixels_wide_a_pair():
    checked = 0
    for seed in range(HELD_OUT + 30_000, HELD_OUT + 30_010):
        scene = sample(seed)
        index = next((i for i, t in enumerate(scene.things) if t.kind in ("pillow", "picture")), None)
        if index is None:
            continue
        striped = np.asarray(edited(edited(scene, index, colour="blue"), index, finish="striped").image).astype(int)
        mask = scene.worn[index] > 0.99
        row = int(np.median(np.nonzero(mask)[0]))
        columns = np.nonzero(mask[row])[0]
        cream = striped[row, columns, 0] > 110
        edges = (cream[1:] != cream[:-1]).sum()
        assert edges >= 3
        assert len(columns) / (edges / 2) >= 10
        checked += 1
    assert checked >= 3


def test_a_scene_is_its_seed():
    for seed in (3, HELD_OUT + 5):
        first = sample(seed)
        sample(seed + 1).image  # noqa: B018
        second = sample(seed)
        assert first == second
        assert np.array_equal(np.asarray(first.image), np.asarray(second.image))
        assert np.array_equal(first.masks, second.masks)
    assert sample(3) != sample(4)


def test_a_batch_has_the_bits_of_each_scene_alone():
    scenes = [sample(seed) for seed in range(40, 46)]
    geometry = trace_many(scenes, 96)
    pictures, coverage = shade_many(geometry, scenes).numpy(), geometry.coverage().sum(2).numpy()
    for i, scene in enumerate(scenes):
        assert np.array_equal(pictures[i], render(scene, 96))
        assert np.array_equal(coverage[i, : len(scene.things)], trace(scene, 96).masks())
        assert not coverage[i, len(scene.things) :].any()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_gpu_paints_the_same_picture():
    scenes = [sample(seed) for seed in range(4)]
    there = shade_many(trace_many(scenes, device="cuda"), scenes).cpu().int()
    here = torch.stack([torch.from_numpy(render(scene)) for scene in scenes]).int()
    assert ((there - here).abs() > 8).float().mean() < 0.005


def test_masks_are_the_shares_that_64_samples_a_pixel_count():
    scene = sample(7)
    masks = trace(scene, 64).masks()
    fine = trace(scene, 512).masks().reshape(-1, 64, 8, 64, 8).mean((2, 4))
    edge = (fine > 0.02) & (fine < 0.98)
    assert np.abs(masks - fine)[edge].mean() < 1 / 8  # half of what four samples can tell
    assert np.abs(masks - fine)[~edge].max() <= 0.25


def test_a_picture_is_the_same_at_any_size():
    scene = sample(11)
    fine = render(scene, 512).astype(float).reshape(256, 2, 256, 2, 3).mean((1, 3))
    differs = np.abs(fine - render(scene, 256)).max(-1)
    assert (differs > 40).mean() < 0.02
    assert np.median(differs) <= 1
