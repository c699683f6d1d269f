"""Ideal edits change what they are asked to change and nothing else."""

import dataclasses
import time

import numpy as np
import pytest
import torch

from magedit_lab.scenes.room import CHOICES, HELD_OUT, KINDS, edited, part_edited, removed, sample, shade, trace
from magedit_lab.scenes.room.lighting import REACH
from magedit_lab.scenes.room.marching import along, nearest, span
from magedit_lab.scenes.room.things import SIZE
from magedit_lab.scenes.room.world import World

SEEDS = range(HELD_OUT + 700, HELD_OUT + 704)


@pytest.fixture(scope="module")
def scenes():
    return [sample(seed) for seed in SEEDS]


def pixels(scene):
    return np.asarray(scene.image).astype(int)


def other(value, choices):
    return next(c for c in choices if c != value)


def tensors(value):
    """All tensors of a geometry, in order."""
    if isinstance(value, torch.Tensor):
        return [value]
    if dataclasses.is_dataclass(value):
        return [t for f in dataclasses.fields(value) for t in tensors(getattr(value, f.name))]
    return [t for v in value for t in tensors(v)] if isinstance(value, tuple) else []


def test_geometry_reads_no_colour_and_no_finish(scenes):
    for scene in scenes[:2]:
        things = tuple(
            dataclasses.replace(t, colour=other(t.colour, CHOICES["colour"]), finish=other(t.finish, CHOICES["finish"]))
            for t in scene.things
        )
        changed = dataclasses.replace(scene, things=things, wall=other(scene.wall, ("green", "pink")), ground="gray")
        first, second = tensors(trace(scene, 96)), tensors(trace(changed, 96))
        assert len(first) == len(second) > 10
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("what", ["colour", "finish"])
def test_a_recolouring_is_exact_outside_the_thing_and_seen_within(scenes, what):
    for scene in scenes:
        for i, thing in enumerate(scene.things):
            value = other(getattr(thing, what), ("green", "red") if what == "colour" else ("checkered", "dotted"))
            differs = (pixels(edited(scene, i, **{what: value})) != pixels(scene)).any(-1)
            assert not differs[scene.masks[i] == 0].any()
            if what == "colour":
                assert differs[scene.worn[i] == 1].mean() > 0.25  # a pattern's cream stays
                assert not differs[(scene.masks[i] == 1) & (scene.worn[i] == 0)].any()


def test_a_part_alone_is_recoloured(scenes):
    for scene in scenes[:2]:
        for i, thing in enumerate(scene.things):
            for part in KINDS[thing.kind].parts:
                differs = (pixels(part_edited(scene, i, part.name, "turquoise")) != pixels(scene)).any(-1)
                mask = scene.parts[i, part.name]
                assert not differs[mask == 0].any()
                if mask.sum() > 200 and thing.colour != "turquoise" and not thing.part_colours:
                    assert differs.any()


def untouched(scene, index):
    """Pixels whose every sample lies far from a thing's box and whose way to the sun misses the box by far."""
    world = World.of([scene], SIZE, "cpu")
    clear = torch.ones(SIZE * SIZE, dtype=torch.bool)
    group = next(g for g in world.groups if index in g.slot.tolist())
    thing = torch.tensor([index])
    for dx, dy in ((0.0, 0.0), (-0.5, -0.5), (0.5, -0.5), (-0.5, 0.5), (0.5, 0.5)):
        rays = world.rays(torch.arange(SIZE * SIZE), dx, dy)
        eye = world.axes(world.eye, rays.scene)
        point = along(eye, rays.direction, nearest(world, rays).depth)
        own, toward, size = world.local(thing, point, world.axes(world.sun, rays.scene))
        enter, leave = span(group.kind, own, toward, 0.25 / size)
        clear &= (enter > leave) | (leave < 0)
        far = torch.zeros_like(clear)
        for value, low, high in zip(own, group.kind.low, group.kind.high, strict=True):
            far |= (value < low - 2.2 * REACH / size) | (value > high + 2.2 * REACH / size)
        clear &= far
        start, way, size = world.local(thing, eye, rays.direction)
        enter, leave = span(group.kind, start, way, 0.02)
        clear &= enter > leave
    return clear.view(SIZE, SIZE).numpy()


def test_a_removal_changes_only_the_thing_its_shadow_and_its_corner(scenes):
    checked = 0
    for scene in scenes:
        for i, thing in enumerate(scene.things):
            if thing.kind == "lamp" or any(t.on == i for t in scene.things) or len(scene.things) == 1:
                continue
            without = removed(scene, i)
            differs = (pixels(without) != pixels(scene)).any(-1)
            clear = untouched(scene, i)
            assert not differs[clear].any()
            assert differs[scene.masks[i] > 0.9].mean() > 0.5
            assert len(without.masks) == len(scene.masks) - 1
            checked += bool(clear.mean() > 0.1)
            break
    assert checked >= 3


def test_another_kind_stands_where_the_thing_stood(scenes):
    checked = 0
    for scene in scenes:
        for i, thing in enumerate(scene.things):
            for kind in thing.replacements[:1]:
                new = edited(scene, i, kind=kind)
                assert new.things[i].kind == kind
                assert (new.things[i].colour, new.things[i].finish) == (thing.colour, thing.finish)
                assert new.things[:i] + new.things[i + 1 :] == scene.things[:i] + scene.things[i + 1 :]
                before, after = (s.masks[i] > 0.5 for s in (scene, new))
                assert (before & after).sum() > 0.3 * min(before.sum(), after.sum())
                assert 0.3 < after.sum() / before.sum() < 3
                checked += 1
    assert checked >= 4


def test_removal_keeps_what_stands_on_what():
    scene = next(s for s in map(sample, range(60)) if s.layout == "coffee" and len(s.things) >= 3)
    first = next(i for i, t in enumerate(scene.things) if t.on is not None)
    rest = removed(scene, first)
    for thing in rest.things:
        if thing.on is not None:
            assert rest.things[thing.on].kind == "table"
    with pytest.raises(ValueError, match="stands on it"):
        removed(scene, next(i for i, t in enumerate(scene.things) if t.kind == "table"))


def test_what_cannot_be_is_said(scenes):
    scene = next(s for s in scenes if any(t.kind == "sofa" for t in s.things))
    sofa = next(i for i, t in enumerate(scene.things) if t.kind == "sofa")
    with pytest.raises(ValueError, match="choose from: red, orange"):
        edited(scene, sofa, colour="ultramarine")
    with pytest.raises(ValueError, match="choose from: colour, finish, kind"):
        edited(scene, sofa, size="large")
    with pytest.raises(ValueError, match="a mug can't stand in the place of this sofa"):
        edited(scene, sofa, kind="mug")
    with pytest.raises(ValueError, match=r"a part of a sofa \(body, seat, feet\)"):
        part_edited(scene, sofa, "lid", "red")
    with pytest.raises(IndexError, match="expected a thing from 0"):
        edited(scene, 99, colour="red")
    with pytest.raises(ValueError, match="trace these scenes first"):
        shade(trace(scene, 16), scenes[0] if scenes[0].things[0].kind != "sofa" else removed(scene, sofa))


def test_another_colouring_costs_a_small_share_of_a_trace(scenes):
    start = time.process_time()
    geometry = trace(scenes[0])
    middle = time.process_time()
    shade(geometry, scenes[0])
    end = time.process_time()
    print(f"trace {middle - start:.3f} CPU s, another colouring {end - middle:.3f} CPU s")
    assert end - middle < (middle - start) / 3
