"""Cases out of folders: any with a tasks.json, and the published formats of PIE-Bench and TEd-Bench."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .. import files, masks
from ..prompts import words
from ..task import Task
from .cases import Case


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
    """PIE-Bench's masks; like its own decoder, the border of one pixel counts as edited, and a run that overhangs the
    picture ends with it. ValueError for numbers below 0."""
    flat = np.zeros(height * width, np.float32)
    runs = list(zip(pairs[::2], pairs[1::2], strict=True))
    if any(start < 0 or length < 0 for start, length in runs):
        raise ValueError("expected a mask of starts and lengths of 0 or more, got one below 0; mend the mask")
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


def _require_texts(entry: Any, required: tuple[str, ...], possible: tuple[str, ...] = ()) -> None:
    """An object whose needed keys, and possible ones where they are there, hold texts."""
    if not isinstance(entry, dict):
        raise ValueError(f"expected an object, got {type(entry).__name__}")
    for key in (*required, *(key for key in possible if key in entry)):
        if not isinstance(entry[key], str):
            raise ValueError(f"expected a text as {key!r}, got {type(entry[key]).__name__}")


def _within(folder: Path, name: str) -> Path:
    """A file of the folder; ValueError for one that lies elsewhere."""
    file, top = (Path(os.path.normpath(path)) for path in (folder / name, folder))
    if not file.is_relative_to(top):
        raise ValueError(f"expected a file within {str(folder)!r}, got {name!r}")
    return file


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
