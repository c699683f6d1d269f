"""`python -m magedit_lab.scenes.room FOLDER`: the pictures of docs/scenes.md, and how long a scene takes here."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from .edits import edited, part_edited, removed
from .kinds import KINDS
from .layouts import sample
from .scene import Scene
from .shading import render, shade
from .things import COLOURS, FINISHES, HELD_OUT, SIZE
from .tracing import trace

COLUMNS = ("source", "colour", "finish", "part", "kind", "removed", "masks")
TITLE = 22  # pixels


def board(rows: list[list[Image.Image]], titles: tuple[str, ...] = ()) -> Image.Image:
    """Pictures in rows, titles above the columns."""
    top = TITLE if titles else 0
    sheet = Image.new("RGB", (SIZE * len(rows[0]), SIZE * len(rows) + top), "white")
    for i, title in enumerate(titles):
        ImageDraw.Draw(sheet).text((SIZE * i + SIZE // 2, top // 2), title, "black", anchor="mm", font_size=15)
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            sheet.paste(picture, (x * SIZE, y * SIZE + top))
    return sheet


def masks(scene: Scene) -> Image.Image:
    """Each thing's mask in its own colour of the palette, parts lighter and darker."""
    palette = np.array(
        [COLOURS[c] for c in ("red", "turquoise", "yellow", "purple", "green", "orange", "pink", "blue")]
    )
    out = np.full((SIZE, SIZE, 3), 245.0) * (1 - scene.masks.sum(0))[..., None]
    for (i, part), mask in scene.parts.items():
        shade = 1 - 0.25 * [p.name for p in KINDS[scene.things[i].kind].parts].index(part)
        out += mask[..., None] * palette[i % len(palette)] * shade
    return Image.fromarray((out + 0.5).astype(np.uint8))


def edits(scene: Scene) -> list[Image.Image]:
    """A scene and an ideal edit of each sort: of the first look-alike, or of the first thing that allows it."""
    kinds = [t.kind for t in scene.things]
    index = next(i for i, kind in enumerate(kinds) if kinds.count(kind) > 1)
    thing = scene.things[index]
    swap = next(i for i, t in enumerate(scene.things) if t.replacements)
    free = next(i for i in reversed(range(len(kinds))) if all(t.on != i for t in scene.things))
    whole = next(i for i, kind in enumerate(kinds) if len(KINDS[kind].parts) > 1)
    part = KINDS[kinds[whole]].parts[1].name
    return [
        scene.image,
        edited(scene, index, colour="turquoise" if thing.colour != "turquoise" else "red").image,
        edited(scene, index, finish="dotted" if thing.finish != "dotted" else FINISHES[0]).image,
        part_edited(scene, whole, part, "orange" if scene.things[whole].colour != "orange" else "blue").image,
        edited(scene, swap, kind=scene.things[swap].replacements[0]).image,
        removed(scene, free).image,
        masks(scene),
    ]


def with_everything(seed: int) -> Iterator[Scene]:
    """Scenes from a seed on in which each sort of edit can be done."""
    while True:
        scene = sample(seed)
        kinds = [t.kind for t in scene.things]
        parts = any(len(KINDS[kind].parts) > 1 for kind in kinds)
        if parts and len(set(kinds)) < len(kinds) > 2 and any(t.replacements for t in scene.things):
            yield scene
        seed += 1


def seconds(call: Callable[[int], object], count: int = 12) -> float:
    """CPU seconds a call, the mean of some calls with another number each."""
    start = time.process_time()
    for i in range(count):
        call(i)
    return (time.process_time() - start) / count


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    scenes = [sample(HELD_OUT + i) for i in range(32)]
    rooms = [[scene.image for scene in scenes[i : i + 8]] for i in range(0, 32, 8)]
    board(rooms).save(folder / "rooms.jpg", quality=90)
    chosen = with_everything(HELD_OUT + 32)
    board([edits(next(chosen)) for _ in range(5)], COLUMNS).save(folder / "edits.jpg", quality=90)
    geometry = [trace(scene) for scene in scenes[:12]]
    print(f"sample {seconds(lambda i: sample(HELD_OUT + i)):.3f} s")
    print(f"render {seconds(lambda i: render(scenes[i])):.3f} s")
    print(f"another colouring {seconds(lambda i: shade(geometry[i], scenes[i])):.3f} s")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("expected one folder for the pictures: python -m magedit_lab.scenes.room docs/scenes")
    main(Path(sys.argv[1]))
