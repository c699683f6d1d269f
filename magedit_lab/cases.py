"""What a benchmark edits: TabletopBench, drawn with its ideal edits, and folders in published formats."""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from . import files, masks, scenes, words
from .task import Task

FIRST = scenes.HELD_OUT + 10_000  # TabletopBench's first scene; seeds below are for tuning
FIRST_TUNING = scenes.HELD_OUT + 2_000
CHANGES = ("colour", "texture", "object", "removal")


@dataclass(frozen=True, eq=False)
class Case:
    """A task with what is known of a good answer.

    change: colour, texture, object or removal (or a dataset's own type). complex: two or more objects of a kind that
    the prompt doesn't tell apart; None where that isn't known.
    phrase: the edited object in words, for the local CLIP score. ideal: the perfect edit, where it can be drawn.
    rivals: other phrases that the object must not rather be taken for.
    negative: a prompt of what is to fade and the word for it (Eq. 3), where the source prompt doesn't say it.
    """

    name: str
    task: Task
    change: str
    phrase: str
    complex: bool | None = None
    ideal: Image.Image | None = None
    rivals: tuple[str, ...] = ()
    negative: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[^/\\\x00-\x1f]{1,100}", self.name) or not self.name.strip(". "):
            raise ValueError(f"expected a name that can begin a file's, of 1 to 100 characters, got {self.name[:60]!r}")

    @cached_property
    def digest(self) -> str:
        """Of all that the task consists of."""
        task = self.task
        texts = json.dumps([task.source, task.target, task.words, self.change, self.phrase])
        parts = (texts.encode(), task.image.tobytes(), task.region.numpy().tobytes())
        return hashlib.sha256(b"".join(parts)).hexdigest()[:12]


# ---------------------------------------------------------------- TabletopBench


def tabletop(count: int = 200) -> Iterator[Case]:
    """The first `count` of a fixed list, on scenes that no model of ours was trained on.

    Changes take turns, and so do simple and complex scenes: any multiple of 8 is balanced.
    """
    for number in range(count):
        yield tabletop_case(number, FIRST + number)


def tuning(count: int = 200) -> Iterator[Case]:
    """The same kinds of cases on other scenes, to choose settings by before anything is measured."""
    for number in range(count):
        yield replace(tabletop_case(number, FIRST_TUNING + number), name=f"tuning-{number:03d}")


def tabletop_case(number: int, seed: int) -> Case:
    """Three objects; one changes. In complex scenes a second one is of its kind and has the same words."""
    rng = np.random.default_rng([2, seed])
    change, complex_scene = CHANGES[number % 4], number // 4 % 2 == 1
    scene, order = _scene(rng, seed, complex_scene, change)
    chosen = int(order[0])
    thing = scene.things[chosen]
    before, after, made = _edit(rng, scene, thing, change)
    others = [[scene.things[i].kind] for i in order[1:]]
    if complex_scene:
        others[0] = before  # the look-alike is described alike
    source, target = (scenes.sentence(scene, map(scenes.phrase, [w, *others])) for w in (before, after))
    (new,) = [w for w in after if w not in before]
    return Case(
        f"tabletop-{number:03d}", Task(scene.image, scene.masks[chosen], source, target, _named(target, new)), change,
        scenes.phrase(made.words), complex_scene, scenes.edited(scene, chosen, **_difference(thing, made)).image,
        _rivals(made, change), _negative(scene, thing, change, others),
    )  # fmt: skip


def _scene(rng: np.random.Generator, seed: int, complex_scene: bool, change: str) -> tuple[scenes.Scene, np.ndarray]:
    """Three objects in colours of their own, the one to change first; its texture is what a removal takes away."""
    scene = scenes.sample(seed, count=3)
    kinds = rng.permutation(scenes.KINDS)[[0, 0, 1] if complex_scene else [0, 1, 2]]
    colours, order = rng.permutation(list(scenes.COLOURS))[:3], rng.permutation(3)
    marked = str(rng.choice(scenes.TEXTURES[1:]))
    textures = [marked if change == "removal" else "plain"] * 2 + ["plain"]
    if not complex_scene:
        textures[1] = "plain"
    things = list(scene.things)
    for i, kind, colour, texture in zip(order, kinds, colours, textures, strict=True):
        things[i] = replace(things[i], kind=str(kind), colour=str(colour), texture=texture)
    return replace(scene, things=tuple(things)), order


def _edit(
    rng: np.random.Generator, scene: scenes.Scene, thing: scenes.Thing, change: str
) -> tuple[list[str], list[str], scenes.Thing]:
    """The object's words before and after, and the object that it becomes."""
    if change == "colour":
        taken = {scene.wall, scene.table, *(t.colour for t in scene.things)}
        new = str(rng.choice([c for c in scenes.COLOURS if c not in taken]))
        return [thing.kind], [new, thing.kind], replace(thing, colour=new)
    if change == "texture":
        new = str(rng.choice(scenes.TEXTURES[1:]))
        return [thing.kind], [new, thing.kind], replace(thing, texture=new)
    if change == "object":
        new = str(rng.choice([k for k in scenes.KINDS if k not in {t.kind for t in scene.things}]))
        return [thing.kind], [new], replace(thing, kind=new)
    return [thing.texture, thing.kind], ["plain", thing.kind], replace(thing, texture="plain")


def _negative(scene: scenes.Scene, thing: scenes.Thing, change: str, others: list[list[str]]) -> tuple[str, str] | None:
    """The old colour or texture, which the source prompt leaves out."""
    if change not in ("colour", "texture"):
        return None
    old = str(getattr(thing, change))
    return scenes.sentence(scene, map(scenes.phrase, [[old, thing.kind], *others])), old


def _named(prompt: str, word: str) -> str:
    """The word, checked to stand in the prompt."""
    words.require(prompt, word)
    return word


def _difference(old: scenes.Thing, new: scenes.Thing) -> dict[str, str]:
    return {k: getattr(new, k) for k in ("colour", "texture", "kind") if getattr(new, k) != getattr(old, k)}


def _rivals(made: scenes.Thing, change: str) -> tuple[str, ...]:
    """The phrases in which the changed attribute has another value."""
    name, values = {
        "colour": ("colour", tuple(scenes.COLOURS)), "object": ("kind", scenes.KINDS),
    }.get(change, ("texture", scenes.TEXTURES))  # fmt: skip
    others = [replace(made, **{name: v}) for v in values if v != getattr(made, name)]  # type: ignore[arg-type]
    return tuple(scenes.phrase(thing.words) for thing in others)


# ---------------------------------------------------------------- folders


def folder(path: str | Path) -> Iterator[Case]:
    """Any folder with a `tasks.json`: a list of {image, mask, source, target, words}, paths relative to the folder.

    Optional: name, change, complex, phrase. ValueError in one line, naming the entry, where something is missing.
    """
    path = Path(path)
    for number, entry in enumerate(files.read_json(path / "tasks.json", list)):
        with _named_entry(path / "tasks.json", number):
            _require_texts(entry, ("image", "mask", "source", "target"), ("name", "change", "phrase"))
            image = masks.open_image(_within(path, entry["image"]))
            task = Task(
                image, masks.open_mask(_within(path, entry["mask"])), entry["source"], entry["target"], entry["words"]
            )
            yield Case(
                entry.get("name", f"{number:03d}"), task, entry.get("change", "edit"),
                entry.get("phrase", entry["target"]), entry.get("complex"),
            )  # fmt: skip


def pie_bench(path: str | Path) -> Iterator[Case]:
    """PIE-Bench as published: `mapping_file.json` and `annotation_images/`, masks as flat (start, length) pairs.

    The edit words are those in [brackets], or else those that the target prompt adds. An entry whose mask is the whole
    picture, or whose prompt adds no word, is no localised edit and left out.
    """
    path = Path(path)
    for name, entry in files.read_json(path / "mapping_file.json").items():
        with _named_entry(path / "mapping_file.json", name):
            _require_texts(entry, ("image_path", "original_prompt", "editing_prompt"))
            image = masks.open_image(_within(path / "annotation_images", entry["image_path"]))
            mask = run_length(entry["mask"], image.height, image.width)
            source, target = (re.sub(r"[\[\]]", "", entry[k]) for k in ("original_prompt", "editing_prompt"))
            marked = re.findall(r"\[([^\]]+)\]", entry["editing_prompt"]) or words.split(target)
            new = [w for w in dict.fromkeys(marked) if not words.occurrences(source, w)]
            if new and mask.min() < 0.5 <= mask.max():
                yield Case(name, Task(image, mask, source, target, new), str(entry["editing_type_id"]), target)


def run_length(pairs: list[int], height: int, width: int) -> np.ndarray:
    """PIE-Bench's masks; like its own decoder, the border of one pixel counts as edited."""
    flat = np.zeros(height * width, np.float32)
    runs = list(zip(pairs[::2], pairs[1::2], strict=True))
    if any(start < 0 or length < 0 or start + length > len(flat) for start, length in runs):
        raise ValueError(f"expected a mask within {width}x{height} = {len(flat)} pixels, got runs beyond it")
    for start, length in runs:
        flat[start : start + length] = 1
    mask = flat.reshape(height, width)
    mask[[0, -1]] = mask[:, [0, -1]] = 1
    return mask


def ted_bench(path: str | Path) -> Iterator[Case]:
    """TEd-Bench: `input_list.json`, a list of {img_name, target_text}, beside its pictures.

    It is published without masks and source prompts, which a localised edit needs: they are read from `masks/NAME.png`
    and `sources.json` ({img_name: {source, words}}) in the same folder.
    """
    path = Path(path)
    sources = files.read_json(path / "sources.json")
    for number, entry in enumerate(files.read_json(path / "input_list.json", list)):
        with _named_entry(path / "input_list.json", number):
            _require_texts(entry, ("img_name", "target_text"))
            name = entry["img_name"]
            mask = masks.open_mask(path / "masks" / f"{Path(name).stem}.png")
            more, target = sources[name], entry["target_text"]
            _require_texts(more, ("source",))
            task = Task(masks.open_image(_within(path, name)), mask, more["source"], target, more["words"])
            yield Case(f"{Path(name).stem}-{number:03d}", task, "edit", target)


FORMATS = {"folder": folder, "pie-bench": pie_bench, "ted-bench": ted_bench}


def _require_texts(entry: Any, needed: tuple[str, ...], possible: tuple[str, ...] = ()) -> None:
    """An object whose needed keys, and possible ones where they are there, hold texts."""
    if not isinstance(entry, dict):
        raise ValueError(f"expected an object, got {type(entry).__name__}")
    for key in (*needed, *(key for key in possible if key in entry)):
        if not isinstance(entry[key], str):
            raise ValueError(f"expected a text as {key!r}, got {type(entry[key]).__name__}")


def _within(folder: Path, name: str) -> Path:
    """A file of the folder; ValueError for one that lies elsewhere."""
    found, top = (Path(os.path.normpath(path)) for path in (folder / name, folder))
    if not found.is_relative_to(top):
        raise ValueError(f"expected a file within {str(folder)!r}, got {name!r}")
    return found


class _named_entry:
    """Says which entry of which file an error comes from."""

    def __init__(self, path: Path, name: object) -> None:
        self.where = f"{path.name}, entry {name}"

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, KeyError):
            raise ValueError(f"{self.where}: expected a key {error}, got none") from None
        if isinstance(error, ValueError | TypeError | AttributeError):
            raise ValueError(f"{self.where}: {error}") from None
