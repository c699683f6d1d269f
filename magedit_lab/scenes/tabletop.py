"""A little table-top world: procedural scenes with exact masks, captions, and the ideal edit."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from . import shapes

COLOURS = {
    "red": (214, 48, 49), "orange": (242, 140, 30), "yellow": (248, 218, 60), "green": (56, 160, 75),
    "blue": (45, 95, 205), "purple": (135, 65, 175), "pink": (243, 145, 190), "brown": (122, 76, 44),
    "white": (242, 242, 240), "black": (44, 44, 50),
}  # fmt: skip
KINDS = tuple(shapes.OUTLINES)
TEXTURES = tuple(shapes.PATTERNS)
WALLS = {
    "white": (232, 230, 225), "gray": (150, 155, 160), "blue": (165, 195, 225),
    "green": (180, 210, 175), "pink": (235, 195, 200), "yellow": (240, 225, 170),
}  # fmt: skip
TABLES = {"wooden": (168, 118, 74), "white": (226, 223, 216), "black": (60, 58, 62)}
CHOICES = {"colour": tuple(COLOURS), "texture": TEXTURES, "kind": KINDS}  # what an object can be
SIZE = 256
HELD_OUT = 10_000_000  # seeds from here on are never trained on


@dataclass(frozen=True)
class Thing:
    """One object; `x`, `y` is the middle of its foot and `size` its height, in units of the picture's side."""

    kind: str
    colour: str
    texture: str
    x: float
    y: float
    size: float
    phase: float = 0.0

    @property
    def words(self) -> list[str]:
        return [self.colour, *([self.texture] if self.texture != "plain" else []), self.kind]


@dataclass(frozen=True)
class Scene:
    """Objects on a table in front of a wall; nothing random is left in it."""

    things: tuple[Thing, ...]
    wall: str
    table: str
    horizon: float

    def __repr__(self) -> str:
        things = ", ".join(phrase([t.colour, t.kind]) for t in self.things)
        return f"Scene({things}; {self.table} table, {self.wall} wall)"

    @cached_property
    def _rendered(self) -> tuple[np.ndarray, np.ndarray]:
        return render(self)

    @property
    def image(self) -> Image.Image:
        """The picture, RGB, 256x256."""
        return Image.fromarray(self._rendered[0])

    @property
    def masks(self) -> Float[np.ndarray, "things h w"]:
        """The visible part of each object in 0-1, in the order of `things`."""
        return self._rendered[1]

    def caption(self, seed: int = 0, drop: float = 0.2) -> str:
        """A caption of the scene; `seed` sets the order of the objects and which adjectives are left out."""
        return " ".join(word for word, _ in describe(self, np.random.default_rng(seed), drop)).replace(" ,", ",")


def sample(seed: int, count: int | None = None) -> Scene:
    """A scene of two to five objects; about half of all scenes repeat a kind.

    >>> mag.scenes.sample(seed=7)
    Scene(a yellow mug, a blue ball, a purple lamp; wooden table, blue wall)
    """
    rng = np.random.default_rng(seed)
    count = count or int(rng.choice([2, 3, 4, 5], p=[0.35, 0.4, 0.2, 0.05]))
    low, high = {1: (0.3, 0.45), 2: (0.29, 0.42), 3: (0.27, 0.36), 4: (0.22, 0.28), 5: (0.18, 0.22)}[count]
    things = []
    for i in range(count):
        size = float(rng.uniform(low, high))
        x = (i + 0.5 + rng.uniform(-0.14, 0.14)) / count
        thing = Thing(
            kind=str(rng.choice(KINDS)),
            colour=str(rng.choice(list(COLOURS))),
            texture=str(rng.choice(TEXTURES, p=[0.55, 0.15, 0.15, 0.15])),
            x=float(min(max(x, 0.56 * size), 1 - 0.56 * size)),
            y=float(rng.uniform(0.68, 0.92)),
            size=size,
            phase=float(rng.uniform(0, 1)),
        )
        things.append(thing)
    if rng.random() < 0.45:
        i, j = rng.choice(count, 2, replace=False)
        things[j] = replace(things[j], kind=things[i].kind)
    return Scene(
        tuple(things), str(rng.choice(list(WALLS))), str(rng.choice(list(TABLES))), float(rng.uniform(0.48, 0.58)),
    )  # fmt: skip


def edited(scene: Scene, index: int, **change: str) -> Scene:
    """The ideal edit: the same scene in which object `index` has another `colour`, `texture` or `kind`.

    >>> mag.scenes.edited(mag.scenes.sample(seed=7), 0, colour="green")
    Scene(a green mug, a blue ball, a purple lamp; wooden table, blue wall)
    """
    for name, value in change.items():
        if name not in CHOICES or value not in CHOICES[name]:
            known = ", ".join(CHOICES.get(name, CHOICES))
            raise ValueError(f"no such change {name}={value!r}; choose from: {known}")
    things = list(scene.things)
    things[index] = replace(things[index], **change)  # type: ignore[arg-type]
    return replace(scene, things=tuple(things))


def box(thing: Thing, side: int, loose: float = 1.2, shift: Sequence[float] = (0.0, 0.0)) -> tuple[int, int, int, int]:
    """The square (left, top, right, bottom) around an object in a picture of `side` pixels, `loose` times its height,
    moved by `shift` heights, within the picture."""
    half = thing.size * loose / 2
    x, y = (thing.x + shift[0] * thing.size, thing.y - thing.size / 2 + shift[1] * thing.size)
    x, y = (min(max(v, half), 1 - half) for v in (x, y))
    left, top, right, bottom = (round(v * side) for v in (x - half, y - half, x + half, y + half))
    return left, top, right, bottom


def nearest_colour(image: Image.Image, mask: Float[np.ndarray, "h w"]) -> str:
    """The colour word nearest to the picture's mean colour well inside the mask (Euclidean, RGB).

    >>> scene = mag.scenes.sample(seed=7)
    >>> mag.scenes.nearest_colour(scene.image, scene.masks[0])
    'yellow'
    """
    core = mask > 0.9
    mean = np.asarray(image)[core if core.any() else mask >= 0.5].mean(0)
    return min(COLOURS, key=lambda name: float(np.linalg.norm(np.array(COLOURS[name]) - mean)))


# ---------------------------------------------------------------- words


def article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def phrase(words: Sequence[str]) -> str:
    """Words with their article.

    >>> mag.scenes.phrase(["orange", "ball"])
    'an orange ball'
    """
    return " ".join([article(words[0]), *words])


def sentence(scene: Scene, phrases: Iterable[str]) -> str:
    """Join the objects' phrases, in the order given, with the scene's table and wall."""
    *first, last = phrases
    things = f"{', '.join(first)} and {last}" if first else last
    return f"{things} on {phrase([scene.table, 'table'])} with {phrase([scene.wall, 'wall'])}"


def describe(
    scene: Scene, rng: np.random.Generator, drop: float = 0.2, keep: tuple[int, str] | None = None
) -> list[tuple[str, int | None]]:
    """The words of a caption, each with the index of the object that it describes (None: no object).

    With probability `drop` each, an adjective, the table's material or the wall is left out, and a plain object
    is called `plain` one time in four (never where nothing may be left out). keep: an object and a word of it that
    is never left out.
    """
    words: list[tuple[str, int | None]] = []
    order = rng.permutation(len(scene.things))
    for place, index in enumerate(order):
        if place:
            words.append(("and" if place == len(order) - 1 else ",", None))
        *adjectives, kind = scene.things[index].words
        stated = keep == (index, "plain")
        if stated or (drop and scene.things[index].texture == "plain" and rng.random() < 0.25):
            adjectives.append("plain")
        own = [w for w in adjectives if keep == (index, w) or rng.random() >= drop] + [kind]
        words += [(article(own[0]), None), *((w, int(index)) for w in own)]
    table = ([scene.table] if rng.random() >= drop else []) + ["table"]
    words += [(w, None) for w in ["on", article(table[0]), *table]]
    if rng.random() >= drop:
        words += [(w, None) for w in ["with", article(scene.wall), scene.wall, "wall"]]
    return words


# ---------------------------------------------------------------- drawing


def render(
    scene: Scene, size: int = SIZE
) -> tuple[UInt8[np.ndarray, "size size 3"], Float[np.ndarray, "things size size"]]:
    """The picture, and for each object the visible part of it in 0-1; nearer objects hide farther ones."""
    x, y = _grid(size)
    image = _room(scene, x, y)
    masks = np.zeros((len(scene.things), size, size), np.float32)
    for i in sorted(range(len(scene.things)), key=lambda i: scene.things[i].y):
        thing = scene.things[i]
        part = _around(thing, size)
        u, v = (x[part] - thing.x) / thing.size, (thing.y - y[part]) / thing.size
        cover = _cover(shapes.OUTLINES[thing.kind](u, v) * thing.size, size)
        masks[:, *part] *= 1 - cover
        masks[i][part] = cover
        below = image[part] * (1 - _shadow(u, v))[..., None]
        image[part] = below + cover[..., None] * (_surface(thing, u, v, size) - below)
    return (image.clip(0, 255) + 0.5).astype(np.uint8), masks


@lru_cache(maxsize=4)
def _grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    at = (np.arange(size, dtype=np.float32) + 0.5) / size
    return at[None, :].repeat(size, 0), at[:, None].repeat(size, 1)


def _cover(distance: np.ndarray, size: int) -> np.ndarray:
    """Anti-aliased coverage of a pixel from its signed distance to an edge."""
    return np.clip(0.5 - distance * size, 0, 1)


def _room(scene: Scene, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    wall = np.array(WALLS[scene.wall], np.float32) * (1.02 - 0.12 * y)[..., None]
    table = (
        np.array(TABLES[scene.table], np.float32) * (0.84 + 0.26 * (y - scene.horizon) / (1 - scene.horizon))[..., None]
    )
    if scene.table == "wooden":
        table = table * (1 + 0.05 * np.sin(y * 130 + 2 * np.sin(x * 6)))[..., None]
    return wall + _cover(scene.horizon - y, len(y))[..., None] * (table - wall)


def _around(thing: Thing, size: int) -> tuple[slice, slice]:
    """Rows and columns that hold an object and its shadow, with a pixel to spare."""

    def span(low: float, high: float) -> slice:
        return slice(max(int(low * size) - 1, 0), min(int(high * size) + 2, size))

    return (
        span(thing.y - 1.1 * thing.size, thing.y + 0.2 * thing.size),
        span(thing.x - 0.85 * thing.size, thing.x + 0.85 * thing.size),
    )


def _shadow(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.clip(1.15 - np.hypot((u - 0.12) / 0.62, (v + 0.01) / 0.15), 0, 1) * 0.42


def _surface(thing: Thing, u: np.ndarray, v: np.ndarray, size: int) -> np.ndarray:
    """The object's colour at each pixel: its texture in two tones, lit from the upper left."""
    colour = np.array(COLOURS[thing.colour], np.float32)
    tone = colour * 0.35 if colour.mean() > 150 else colour * 0.25 + 175
    pattern = shapes.PATTERNS[thing.texture](u, v, thing.phase)
    ink = np.clip(pattern * thing.size * size + 0.5, 0, 1)[..., None]
    light = 1 + 0.2 * np.clip(-u * 0.8 + (v - 0.5) * 1.2, -1, 1)
    return (colour + ink * (tone - colour)) * light[..., None]
