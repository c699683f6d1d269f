"""Pictures and masks of all kinds, through every reader there is: `make inputs` writes the table of docs/inputs.md."""

import hashlib
import json
import re
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from magedit_lab.widgets.app import App
from magedit_lab.widgets.mask_painter import MaskPainter
from PIL import Image

import magedit_lab as mag
from magedit_lab import cli
from magedit_lab.bench import datasets
from magedit_lab.cli import edit

from .pictures import HIGH, RGB, SHAPE, WIDE, write

DOC = Path(__file__).parents[2] / "docs" / "inputs.md"
PROMPTS = ("a ball", "a red ball", "red")
Cell = np.ndarray | str | None  # the pixels, the refusal, or None where this reader can't be given such a thing


def task(image: object, mask: object) -> mag.Task:
    return mag.Task(image, mask, *PROMPTS)


def by_cli(image: Path, mask: Path) -> mag.Task:
    said = ["--source", PROMPTS[0], "--target", PROMPTS[1], "--words", PROMPTS[2]]
    given = ["edit", "--image", str(image), "--mask", str(mask), *said, "--out", "nowhere"]
    return edit._task(cli._parser(given).parse_args(given))


def by_dataset(image: Path, mask: Path) -> mag.Task:
    entry = dict(zip(("source", "target", "words"), PROMPTS, strict=True), image=image.name, mask=mask.name)
    (image.parent / "tasks.json").write_text(json.dumps([entry]))
    return next(datasets.folder(image.parent)).task


def content(path: Path) -> bytes:
    """A file's bytes; OSError for what has none (a pipe would wait for ever)."""
    if not path.is_file():
        raise FileNotFoundError
    return path.read_bytes()


def by_app(app: App, path: Path) -> Image.Image:
    app._upload._on_message(app._upload, {"name": path.name}, [content(path)])
    if app._upload.status:
        raise ValueError(app._upload.status)
    return app.painter.image


def loaded(path: Path) -> np.ndarray:
    painter = MaskPainter(RGB)
    painter.load(path)
    return painter.mask


def uploaded(path: Path) -> np.ndarray:
    painter = MaskPainter(RGB)
    painter._on_message(painter, {"do": "load"}, [content(path)])
    if painter.status:
        raise ValueError(painter.status)
    return painter.mask


def by_pillow(read: Callable[[Image.Image], object]) -> Callable[[Path], object]:
    """For images that Pillow has opened; None for those that it can't."""

    def call(path: Path) -> object:
        content(path)
        try:
            image = Image.open(path)
        except Exception:  # Pillow raises all kinds
            return None
        with image:
            return read(image)

    return call


def readers(app: App, good: Path) -> tuple[dict[str, Callable], dict[str, Callable]]:
    """Each reader of pictures, and each of masks, as a function of a path."""
    return {
        "Task, path": lambda p: task(str(p), SHAPE).image,
        "Task, PIL": by_pillow(lambda image: task(image, SHAPE).image),
        "Task, bytes": lambda p: task(content(p), SHAPE).image,
        "MaskPainter": lambda p: MaskPainter(p).image,
        "App": lambda p: by_app(app, p),
        "command line": lambda p: by_cli(p, good).image,
        "dataset": lambda p: by_dataset(p, good).image,
    }, {
        "Task, path": lambda p: task(RGB, str(p)).region.numpy(),
        "Task, PIL": by_pillow(lambda mask: task(RGB, mask).region.numpy()),
        "Task, bytes": lambda p: task(RGB, content(p)).region.numpy(),
        "MaskPainter.load": loaded,
        "its load button": uploaded,
        "command line": lambda p: by_cli(good.with_name("rgb.png"), p).region.numpy(),
        "dataset": lambda p: by_dataset(good.with_name("rgb.png"), p).region.numpy(),
    }  # fmt: skip


def cell(read: Callable, path: Path) -> Cell:
    """What a reader makes of a file; its refusal without the file's place and the words of the reader."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a part is transparent
            made = read(path)
    except ValueError as error:
        named = re.sub(r"^tasks\.json, entry 0: ", "", str(error))
        return re.sub(rf"'[^']*{re.escape(path.name)}'|what is given", "FILE", named)
    except OSError:
        return None  # there are no bytes to be read
    return None if made is None else np.asarray(made)


def matrix(app: App, folder: Path) -> tuple[dict[str, dict[str, Cell]], dict[str, dict[str, Cell]]]:
    """{file: {reader: cell}} of all pictures, and of all masks."""
    images, masks = write(folder)
    of_images, of_masks = readers(app, folder / "mask-grey.png")
    return (
        {name: {reader: cell(read, folder / name) for reader, read in of_images.items()} for name in images},
        {name: {reader: cell(read, folder / name) for reader, read in of_masks.items()} for name in masks},
    )


def shown(made: Cell) -> str:
    """A cell of the table: the start of the pixels' digest, or refused."""
    if made is None:
        return "-"
    return "refused" if isinstance(made, str) else hashlib.sha256(made.astype(np.float32).tobytes()).hexdigest()[:6]


def line(row: dict[str, Cell]) -> str:
    """What a row comes to: the refusal, or the size."""
    first = next(made for made in row.values() if made is not None)
    return first if isinstance(first, str) else f"{first.shape[1]}x{first.shape[0]}"


def agree(row: dict[str, Cell]) -> bool:
    """Whether all readers that can be given the file make the same of it."""
    made = [(shown(one), one if isinstance(one, str) else "") for one in row.values() if one is not None]
    return len(set(made)) == 1


def table(rows: dict[str, dict[str, Cell]]) -> str:
    """As Markdown."""
    names = list(next(iter(rows.values())))
    head = f"| file | {' | '.join(names)} | what it is, or the line |\n|{'---|' * (len(names) + 2)}\n"
    return head + "".join(
        f"| `{name}` | {' | '.join(shown(row[n]) for n in names)} | {line(row)} |\n" for name, row in rows.items()
    )


INTRO = f"""# Pictures and masks, as people bring them

Written by `make inputs`, which draws every file anew ({WIDE}x{HIGH} pixels each) and gives it to every reader. A cell
has the first digits of the SHA-256 of the pixels that came out, so that equal cells are equal pixels; `refused` is a
ValueError with the line at the end; - is what that reader can't be given. FILE stands for the file's name.

How they are read (`magedit_lab/pictures.py`, `magedit_lab/masks/raster.py`): upright as EXIF says; ICC profiles to
sRGB; transparent parts over white (a warning in Python, a line in the widgets; the command line gives the transparency
back in `result.png`); 16 bits and floats scaled; the first frame of several; at most 64 megapixels. A mask is its
brightness times its opacity, white where to edit. Numbers of classes in dark colours are refused, as nobody can know
which is meant.

"""


def main() -> None:
    app = App(mag.Backbone.load("tabletop", "cpu"))
    with tempfile.TemporaryDirectory() as folder:
        images, masks = matrix(app, Path(folder))
    same = sum(map(agree, [*images.values(), *masks.values()]))
    parts = f"## {len(images)} pictures\n\n{table(images)}\n## {len(masks)} masks\n\n{table(masks)}"
    DOC.write_text(f"{INTRO}{same} of {len(images) + len(masks)} files come to the same by every reader.\n\n{parts}")
    print(f"{DOC}: {same} of {len(images) + len(masks)} files come to the same by every reader")


if __name__ == "__main__":
    main()
