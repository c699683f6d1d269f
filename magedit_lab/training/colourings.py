"""Which scenes are shown: each traced room in several colourings, every second of which differs in one thing's look."""

from contextlib import closing
from dataclasses import replace
from functools import lru_cache
from multiprocessing import get_context

import numpy as np

from ..scenes import room
from ..scenes.room.draw import Draw

CHANGES = {"colour": 0.65, "finish": 0.35}  # how often a counterpart differs in what
MOST = 12  # things in a scene, at most


KEPT = 200_000  # scenes that are remembered: a few kilobytes each


@lru_cache(maxsize=KEPT)
def coloured(seed: int, number: int) -> room.Scene:
    """Colouring `number` of the room of `seed`: 0 is the scene itself, odd ones are the one before with one change."""
    if number == 0:
        return _SAMPLED.pop(seed, None) or room.sample(seed)
    if number % 2:
        return counterpart(seed, number)[0]
    return _anew(coloured(seed, 0), np.random.default_rng([5, seed, number]))


@lru_cache(maxsize=KEPT)
def counterpart(seed: int, number: int) -> tuple[room.Scene, int, str]:
    """An odd colouring: the even one before it with another colour or finish of one thing; that thing and the word."""
    scene, rng = coloured(seed, number - 1), np.random.default_rng([5, seed, number])
    index, name = int(rng.integers(len(scene.things))), str(rng.choice(list(CHANGES), p=list(CHANGES.values())))
    other = [value for value in room.CHOICES[name] if value != getattr(scene.things[index], name)]
    new = str(rng.choice(other))
    return room.edited(scene, index, **{name: new}), index, new


_SAMPLED: dict[int, room.Scene] = {}


def sample_ahead(seeds: list[int], workers: int) -> None:
    """Draw the scenes of many seeds in `workers` processes, for `coloured` to take: laying out one takes longer than
    a GPU's tracing of it."""
    with closing(get_context("fork").Pool(workers)) as pool:
        _SAMPLED.update(zip(seeds, pool.map(room.sample, seeds, 50), strict=True))


def _anew(scene: room.Scene, rng: np.random.Generator) -> room.Scene:
    """The same furniture, its colours, finishes, wall and ground drawn as those of a new scene are."""
    d = Draw(rng)
    things = []
    for thing in scene.things:
        finish = d.pick(("wooden", "plain"), (0.6, 0.4)) if thing.kind == "table" else None
        new = d.thing(thing.kind, thing.at, finish=finish)
        things.append(replace(thing, colour=new.colour, finish=new.finish, part_colours=new.part_colours))
    fresh = d.room(things, scene.camera)
    return replace(scene, things=fresh.things, wall=fresh.wall, ground=fresh.ground)
