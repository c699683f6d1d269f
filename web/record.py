"""Edits recorded for the page, which shows them before, and without, a model.

`python web/record.py FOLDER [SCENE ...]` writes a folder for each scene with its picture and mask, and for each method
NAME.json (losses, sizes, shares and the scale of each map), NAME.bin (latents and maps as bytes, in the order of
`PLANES`) and NAME.webp (what each step foresees, in rows of five). Runs that are there already are kept. `index.json`
names the scenes and how a latent is shown as colours.
"""

import io
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from magedit_lab.widgets.shared.planes import rounded
from PIL import Image

import magedit_lab as mag
from magedit_lab import files
from magedit_lab.bench.demo import Demo, complex_task
from magedit_lab.scenes import HELD_OUT

DEMO = Demo()
ACROSS = 5  # pictures in a row of a sheet
RANGE = 4.0  # latents are kept as bytes from -RANGE to RANGE
PLANES = ("latent", "attention", "nudgeMaps", "gradientMaps")


@dataclass(frozen=True)
class Scene:
    """A scene that `magedit-lab export web` ships, by its name there and its seed, and what a visitor reads about it.

    further: names of `VARIANTS` that are recorded besides the methods.
    """

    name: str
    title: str
    seed: int
    further: tuple[str, ...] = ()

    @property
    def task(self) -> mag.Task:
        return complex_task(self.seed)


SCENES = (
    Scene("scene-7", "two mugs and a box", HELD_OUT + 7, ("too-far",)),
    Scene("scene-8", "two stars and a lamp", HELD_OUT + 8),
    Scene("scene-9", "two vases and a ball", HELD_OUT + 9),
)
METHODS = {
    "p2p": "p2p",
    "p2p+mask": "p2p+mask",
    "p2p+reweight": "p2p+re-weight",
    "p2p+mag-edit": "p2p+mag-edit",
}  # as the page names them, and the library
VARIANTS = {"too-far": replace(DEMO.guided, step_size=200.0)}


def methods(scene: Scene) -> Iterator[tuple[str, mag.Method]]:
    """Each method with the demo's numbers, and MAG-Edit with those of the scene's further settings."""
    for name, ours in reversed(METHODS.items()):
        yield name, DEMO.guided if name == "p2p+mag-edit" else mag.METHODS[ours]
    for name in scene.further:
        yield name, VARIANTS[name]


def record(net: mag.Backbone, scene: Scene, folder: Path) -> dict[str, Any]:
    """Every run of a scene into its folder; what `index.json` says of it."""
    task = scene.task
    path = mag.invert(net, task, mag.Direct(DEMO.steps, DEMO.guidance_scale))
    mask = Image.fromarray((task.region.numpy() * 255).astype(np.uint8))
    picture = task.image.resize((net.size, net.size), Image.Resampling.LANCZOS)
    folder.mkdir(parents=True, exist_ok=True)
    picture.save(folder / "picture.png")
    mask.save(folder / "mask.png")
    for name, method in methods(scene):
        if not (folder / f"{name}.webp").exists():
            write(net, task, path, method, folder / name)
    return {
        "name": scene.name, "title": scene.title, "source": task.source, "target": task.target,
        "words": list(task.words), "runs": [name for name, _ in methods(scene)], "steps": DEMO.steps,
        "guidance": DEMO.guidance_scale,
    }  # fmt: skip


def write(net: mag.Backbone, task: mag.Task, path: mag.Path, method: mag.Method, stem: Path) -> None:
    """One run as JSON, bytes and a sheet of pictures."""
    trace, latents = mag.Trace(task), []
    for step in mag.edit(net, task, path, method):
        trace.add(step)
        latents.append(step.target[0].numpy())
    meta, planes = described(trace, method), packed(trace, np.stack(latents))
    meta["planes"] = {name: list(values.shape) for name, values in planes.items()}
    meta["tops"] = {name: rounded(trace_top(trace, name)) for name in PLANES[1:] if name in planes}
    files.write(stem.with_name(stem.name + ".json"), lambda p: p.write_text(json.dumps(meta)))
    files.write(
        stem.with_name(stem.name + ".bin"), lambda p: p.write_bytes(b"".join(v.tobytes() for v in planes.values()))
    )
    sheet(trace).save(stem.with_name(stem.name + ".webp"), quality=88, method=6)


def described(trace: mag.Trace, method: mag.Method) -> dict[str, Any]:
    """All numbers of a run, lists of steps of nudges."""
    word = trace.task.words[0]
    guided = isinstance(method, mag.MagEdit)
    counts = [len(terms) for terms in trace.terms]
    numbers = {"losses": trace.losses, **trace.gradients}
    if guided:
        numbers["shares"] = trace.inside(trace.inner_attention(word), word)
    settings = {}
    if isinstance(method, mag.MagEdit):
        settings = {"nudges": method.iterations, "stepSize": method.step_size, "tau": method.stop(len(counts))}
    return {
        "settings": settings, "times": trace.times, "tokens": trace.tokens, "columns": trace.columns(word),
        "share": rounded(trace.share(word)),
        **{name: [rounded(row[:n]) for row, n in zip(rows, counts, strict=True)] for name, rows in numbers.items()},
    }  # fmt: skip


def arrays(trace: mag.Trace) -> dict[str, np.ndarray]:
    """The maps of a run by the name of their planes; guided steps alone for those of nudges."""
    attention = np.stack([trace._rows[i]["target_attention"] for i in range(len(trace.times))])
    found = {"attention": attention.astype(np.float32)}
    if trace.keeps("inner_attention"):
        word = trace.task.words[0]
        guided = [i for i, terms in enumerate(trace.terms) if terms]
        found["nudgeMaps"] = trace.inner_attention(word)[guided]
        found["gradientMaps"] = trace.gradient_maps[guided]
    return found


def trace_top(trace: mag.Trace, name: str) -> np.ndarray:
    """What 255 stands for: of each plane."""
    return arrays(trace)[name].max((-1, -2))


def packed(trace: mag.Trace, latents: np.ndarray) -> dict[str, np.ndarray]:
    """Latents and maps as bytes."""
    kept = {"latent": np.clip((latents / RANGE + 1) * 127.5, 0, 255).round().astype(np.uint8)}
    for name, maps in arrays(trace).items():
        top = maps.max((-1, -2), keepdims=True)
        kept[name] = (maps / np.where(top > 0, top, 1) * 255).round().astype(np.uint8)
    return kept


def sheet(trace: mag.Trace) -> Image.Image:
    """What each step foresees; the last cell is the result."""
    pictures = trace.previews
    assert trace.result is not None
    pictures[-1] = trace.result
    wide, high = pictures[0].size
    whole = Image.new("RGB", (ACROSS * wide, -(-len(pictures) // ACROSS) * high))
    for i, picture in enumerate(pictures):
        whole.paste(picture, (i % ACROSS * wide, i // ACROSS * high))
    return whole


def colours(net: mag.Backbone) -> list[list[float]]:
    """How a latent's channels mix to red, green and blue, 0 to 255, with a constant: the least squares over scenes."""
    rows, wanted = [], []
    for seed in range(mag.scenes.HELD_OUT, mag.scenes.HELD_OUT + 8):
        image = mag.scenes.sample(seed).image.convert("RGB")
        latent = net.encode(image)[0]
        small = image.resize((latent.shape[-1], latent.shape[-2]), Image.Resampling.BOX)
        rows.append(torch.cat([latent, torch.ones_like(latent[:1])]).flatten(1).T.numpy())
        wanted.append(np.asarray(small, dtype=np.float32).reshape(-1, 3))
    mix, *_ = np.linalg.lstsq(np.concatenate(rows), np.concatenate(wanted), rcond=None)
    return rounded(mix)


def poster(folder: Path) -> bytes:
    """The hero's result, small: what the page's first bytes hold."""
    with Image.open(folder / SCENES[0].name / "p2p+mag-edit.webp") as whole:
        wide = whole.width // ACROSS
        last = whole.crop((whole.width - wide, whole.height - wide, whole.width, whole.height))
    kept = io.BytesIO()
    last.save(kept, "WEBP", quality=70, method=6)
    return kept.getvalue()


def main(folder: Path, names: Sequence[str]) -> None:
    """Record the scenes of these names, or all; `index.json` is written last."""
    net = mag.Backbone.load("tabletop", "cpu")
    folder.mkdir(parents=True, exist_ok=True)
    scenes = [record(net, scene, folder / scene.name) for scene in SCENES if scene.name in names or not names]
    (folder / "poster.webp").write_bytes(poster(folder))
    index = {"scenes": scenes, "colours": colours(net), "across": ACROSS, "range": RANGE, "size": net.size}
    files.write(folder / "index.json", lambda p: p.write_text(json.dumps(index)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
