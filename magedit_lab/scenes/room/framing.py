"""Is a scene well framed? Things whole in the picture, large enough to edit, hidden by others only in part."""

import numpy as np

from .things import Room, Thing

LEAST = 62 / 256  # side of the square as large as a thing's box in the picture; 56 px are 3.5 cells of 16
MARGIN = 4 / 256
GRID = 64
FOOT = {"plant": 0.4, "vase": 0.55, "bowl": 0.5, "ball": 0.4, "teapot": 0.45, "mug": 0.65}  # of a kind's box
SOLID = {  # boxes that a kind fills, the main one first: from and to a share of its height, share of its width
    "lamp": ((0.67, 1.0, 1.0), (0.0, 0.04, 0.6), (0.0, 0.8, 0.08)),
    "table": ((0.0, 1.0, 0.9),),
    "plant": ((0.0, 1.0, 0.75),),
    "vase": ((0.0, 1.0, 0.9),),
}


def boxes(scene: Room) -> np.ndarray:
    """Left, top, right and bottom of each thing's box in the picture, 0-1, [things, 4]."""
    places = [scene.camera.project(thing.corners()) for thing in scene.things]
    return np.array([[*p.min(0), *p.max(0)] for p in places])


def well_framed(scene: Room) -> bool:
    frames = boxes(scene)
    if frames.min() < MARGIN or frames.max() > 1 - MARGIN:
        return False
    if min(_side(scene, thing) for thing in scene.things) < LEAST:
        return False
    return _supported(scene) and not _overlap(scene) and all(_visible(scene))


def _side(scene: Room, thing: Thing) -> float:
    """Side of the square as large as a thing's width times height in the picture; of a flat kind with its depth."""
    corners = thing.corners().reshape(2, 2, 2, 3)
    flat = corners if thing.kind in ("rug", "table") else corners.mean(2)
    wide, high = np.ptp(scene.camera.project(flat.reshape(-1, 3)), axis=0)
    return float(np.sqrt(wide * high))


def _supported(scene: Room) -> bool:
    """Whether things on tables and cabinets stand on them wholly, but for a finger's breadth."""
    for thing in scene.things:
        if thing.place != "top" or thing.on is None:
            continue
        base = scene.things[thing.on]
        points = (_footprint(thing, FOOT.get(thing.kind, 0.9)) - np.array(base.at)[[0, 2]]) / base.size
        if base.kind == "table" and np.linalg.norm(points, axis=1).max() > 0.53:
            return False
        if base.kind == "cabinet" and (abs(points[:, 0]).max() > 0.76 or abs(points[:, 1]).max() > 0.34):
            return False
    return True


def _overlap(scene: Room) -> bool:
    """Whether two things that stand on the same ground stand in each other, seen from above."""
    for i, a in enumerate(scene.things):
        for b in scene.things[:i]:
            if "rug" in (a.kind, b.kind) or a.on != b.on or (a.place == "wall") != (b.place == "wall"):
                continue
            if _apart(a, b) < (0.015 if a.place != "seat" else -0.09):
                return True
    return False


def _footprint(thing: Thing, share: float) -> np.ndarray:
    """The rectangle under a thing, [4, 2], or a share of it around its middle."""
    points = thing.corners()[[0, 1, 4, 5]][:, [0, 2]]
    middle = points.mean(0)
    return middle + (points - middle) * share


def _apart(a: Thing, b: Thing) -> float:
    """How far two footprints are apart along the side that parts them best, metres (negative: they overlap)."""
    first, second = (_footprint(t, {"lamp": 0.55, "plant": 0.72}.get(t.kind, 1.0)) for t in (a, b))
    gaps = []
    for yaw in (a.yaw, b.yaw):
        for axis in ((np.cos(yaw), -np.sin(yaw)), (np.sin(yaw), np.cos(yaw))):
            p, q = first @ axis, second @ axis
            gaps.append(max(p.min() - q.max(), q.min() - p.max()))
    return float(max(gaps))


def _cells(scene: Room, thing: Thing, main: bool = False) -> np.ndarray:
    """Roughly where a thing is seen, [GRID, GRID] bool: its box, or those of its solid parts (main: of one)."""
    at = (np.arange(GRID) + 0.5) / GRID
    cells = np.zeros((GRID, GRID), bool)
    own = thing.corners().reshape(2, 2, 2, 3).swapaxes(0, 1)  # y, x, z
    for low, high, narrow in SOLID.get(thing.kind, ((0.0, 1.0, 1.0),))[: 1 if main else None]:
        bottom, top = own[0] + low * (own[1] - own[0]), own[0] + high * (own[1] - own[0])
        points = np.stack([bottom, top]).reshape(-1, 4, 3)
        points = points.mean(1, keepdims=True) + (points - points.mean(1, keepdims=True)) * narrow
        place = scene.camera.project(points.reshape(-1, 3))
        (left, up), (right, down) = place.min(0), place.max(0)
        cells |= (at > left) & (at < right) & ((at > up) & (at < down))[:, None]
    return cells


def _visible(scene: Room) -> list[bool]:
    """Whether enough of each thing is seen beside the things that are nearer."""
    cells = [_cells(scene, thing) for thing in scene.things]
    eye = np.array(scene.camera.eye)
    away = [np.linalg.norm(np.array(t.at) - eye) + (2.0 if t.kind == "rug" else 0) for t in scene.things]
    visible = []
    for i, thing in enumerate(scene.things):
        own = _cells(scene, thing, main=True)
        hidden = np.zeros_like(own)
        for j, other in enumerate(cells):
            if away[j] < away[i] and thing.on != j:
                hidden |= other
        rows, columns = np.nonzero(own & ~hidden)
        cells_seen = len(rows)
        if not cells_seen or (np.ptp(rows) + 1) * (np.ptp(columns) + 1) < (0.96 * LEAST * GRID) ** 2:
            visible.append(False)
            continue
        visible.append(
            bool(
                cells_seen >= 0.70 * own.sum()
                or (cells_seen >= 0.40 * own.sum() and cells_seen >= 1.8 * (LEAST * GRID) ** 2)
            )
        )
    return visible
