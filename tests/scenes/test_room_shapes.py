"""Distances that sphere tracing may trust, and rays that meet what they should."""

import math

import numpy as np
import pytest
import torch

from magedit_lab.scenes.room import KINDS, Camera, Scene, Thing, trace
from magedit_lab.scenes.room.distances import ring, turned, union
from magedit_lab.scenes.room.marching import NEAR, march, nearest, span
from magedit_lab.scenes.room.things import Room
from magedit_lab.scenes.room.world import GROUND, Rays, World

every = pytest.mark.parametrize("name", KINDS)
STEEP = ("pillow",)  # its rim falls off more steeply than its distance says; checked by `test_march_meets_...` alone


def points(name, count=40_000, beyond=0.2):
    """Points in and around a kind's box, [count, 3], float64."""
    low, high = (torch.tensor(v, dtype=torch.float64) for v in (KINDS[name].low, KINDS[name].high))
    torch.manual_seed(0)
    return low - beyond + (high - low + 2 * beyond) * torch.rand(count, 3, dtype=torch.float64)


def distance(name, at):
    return union(*KINDS[name].distances(*at.T.contiguous()))


@pytest.mark.parametrize("name", [name for name in KINDS if name not in STEEP])
def test_a_distance_never_grows_faster_than_the_way_gone(name):
    start = points(name)
    end = start + 0.003 * torch.randn_like(start)
    change = (distance(name, start) - distance(name, end)).abs() / (start - end).norm(dim=1)
    outside = distance(name, start) > 0
    assert (change[outside] > 1.001).double().mean() < 2e-4
    assert change[outside].max() < 1.05


@every
def test_a_kind_lies_within_its_box_and_has_all_its_parts(name):
    kind, at = KINDS[name], points(name)
    low, high = torch.tensor(kind.low), torch.tensor(kind.high)
    inside = distance(name, at) < 0
    assert not (inside & ((at < low) | (at > high)).any(1)).any()
    assert inside.any()
    parts = torch.stack(kind.distances(*at.T.contiguous()))
    assert len(parts) == len(kind.parts)
    nearest = parts[:, parts.amin(0).abs() < 0.02].argmin(0)
    assert set(nearest.tolist()) == set(range(len(kind.parts)))


@every
def test_march_meets_what_four_thousand_tiny_steps_meet(name):
    kind = KINDS[name]
    rng = np.random.default_rng(1)
    middle, reach = (np.array(kind.low) + kind.high) / 2, np.linalg.norm(np.array(kind.high) - kind.low) / 2
    eyes = rng.normal(size=(1500, 3)) * [1, 0.3, 0.3] + [0, 0.9, 3.0]
    aims = middle + rng.uniform(-1, 1, (1500, 3)) * reach * 0.7
    ways = (aims - eyes) / np.linalg.norm(aims - eyes, axis=1, keepdims=True)
    start = tuple(torch.from_numpy(np.float32(v)) for v in eyes.T)
    way = tuple(torch.from_numpy(np.float32(v)) for v in ways.T)
    enter, leave = span(kind, start, way)
    crosses = (enter < leave).nonzero()[:, 0]
    start, way = (tuple(v[crosses] for v in axes) for axes in (start, way))
    enter, leave = enter[crosses], leave[crosses]
    marched = march(kind, start, way, torch.ones(1), enter, leave)
    steps = torch.linspace(0, 1, 4000)[:, None]
    depth = enter + (leave - enter) * steps
    solid = union(*kind.distances(*(s + w * depth for s, w in zip(start, way, strict=True)))) < 0
    first = depth.gather(0, solid.int().argmax(0)[None])[0]
    met = solid.any(0)
    assert (met & ~marched.isfinite()).float().mean() < 0.002  # nothing is passed through
    both = met & marched.isfinite()
    assert (marched - first)[both].max() < 0.001  # metres: never behind what is met first
    at = union(*kind.distances(*(s + w * marched for s, w in zip(start, way, strict=True))))[marched.isfinite()]
    assert at.abs().quantile(0.9) < 2 * NEAR
    assert at.abs().max() < 10 * NEAR  # rays along a surface stop a little before it


def test_a_ball_is_met_where_algebra_says():
    ball = Thing("ball", "red", "plain", (0.1, 0.3, -0.2), size=1.3)
    room = Room((ball,), "white", "gray", Camera((0.0, 0.9, 2.5), (0.1, 0.5, 0.0), 34.0))
    world = World.of([room], 64, "cpu")
    rays = world.rays(torch.arange(64 * 64), 0.0, 0.0)
    surface = nearest(world, rays)
    way = torch.stack(rays.direction, 1).double().numpy()
    offset = np.array(room.camera.eye) - np.add(ball.at, (0, 0.22 * 1.3, 0))
    half = way @ offset
    root = half**2 - (offset @ offset - (0.22 * 1.3) ** 2)
    expected = -half - np.sqrt(np.maximum(root, 0))
    seen = surface.owner.numpy() == 0
    sure = np.abs(root) > 0.002
    assert (seen == (root > 0))[sure].all()
    off = np.linalg.norm(way * surface.depth.numpy()[:, None] + offset, axis=1) - 0.22 * 1.3
    assert np.abs(off)[seen & sure].max() < 3 * NEAR
    assert (surface.depth.numpy() - expected)[seen & sure].max() < NEAR
    normal = torch.stack(surface.normal, 1).numpy()[seen & sure]
    outward = (way * expected[:, None] + offset)[seen & sure] / (0.22 * 1.3)
    assert (normal * outward).sum(1).min() > math.cos(math.radians(2))


def test_the_ground_is_met_where_algebra_says():
    mug = Thing("mug", "red", "plain", (0, 0, 0))
    room = Room((mug,), "white", "gray", Camera((0.0, 1.0, 3.0), (0, 0.2, 0), 34.0))
    world = World.of([room], 32, "cpu")
    rays = world.rays(torch.arange(32 * 32), 0.0, 0.0)
    surface = nearest(world, Rays(rays.scene, rays.direction))
    ground = surface.owner == GROUND
    assert ground.any()
    assert torch.allclose((1.0 + rays.direction[1] * surface.depth)[ground], torch.tensor(0.0), atol=1e-5)


def test_turned_passes_through_its_radii_and_a_ring_has_its_hole():
    heights, radii = (0.0, 0.2, 0.5), (0.1, 0.25, 0.15)
    x, y = (torch.tensor(v, dtype=torch.float64) for v in ((0.25, 0.2501 + 0.02, 0.2), (0.2, 0.2, 0.2)))
    inside = turned(x, y, torch.zeros_like(x), heights, radii)
    assert inside[0].abs() < 1e-6
    assert inside[1] > 0 > inside[2]
    hole = ring(torch.zeros(1), torch.zeros(1), torch.zeros(1), 0.2, 0.05)
    assert torch.allclose(hole, torch.tensor([0.15]), atol=1e-5)


def test_parts_are_seen_from_the_front():
    for name, kind in KINDS.items():
        size = 0.6 / max(high - low for low, high in zip(kind.low, kind.high, strict=True))
        thing = Thing(name, "red", "plain", (0, 0, 0), size)
        scene = Scene((thing,), "white", "gray", Camera((0.3, 1.2, 2.4), (0, 0.25, 0), 26.0))
        seen = {part for (_, part), mask in trace(scene, 128).parts().items() if mask.sum() > 2}
        assert seen == {part.name for part in kind.parts}, name
