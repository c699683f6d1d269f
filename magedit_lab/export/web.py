"""The folder that a page needs: graphs, their weights, the tokenizer, scenes with their recorded paths, a manifest."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image
from safetensors.torch import save_file

from .. import files, scenes
from ..bench import demo
from ..inversion.ddim import Direct
from ..inversion.table import invert
from ..methods.shared.blend import LATE
from ..model.backbone import Backbone
from ..task import Task
from . import check, tokenizer
from .graphs import WORDS, Graph, Sites, graphs
from .weights import Weights

SCHEMA = 1
MOST = 50 * 2**20  # bytes of the shipped model's folder
STEPS, GUIDANCE = demo.Demo().steps, demo.Demo().guidance_scale  # of the recorded paths, as the demo's
SEEDS = tuple(scenes.HELD_OUT + k for k in (7, 8, 9))  # the demo's scene, and two that were not chosen
Say = Callable[[str], object]
Turn = Callable[[Graph], Any]


def write(
    net: Backbone, folder: Path, dtype: str = "float16", seeds: Sequence[int] = SEEDS, say: Say = print,
    turn: Turn | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Write all of it; the manifest comes back, and is written last. turn: what makes a graph of a function.

    ValueError for a model of another shape than Stable Diffusion's, and where a graph is not torch's function.
    """
    sites = Sites(net)
    words = tokenizer.as_json(net.tokenizer)
    folder.mkdir(parents=True, exist_ok=True)
    checks = _graphs(net, folder, dtype, say, turn or _onnx())
    files.write_text(folder / "tokenizer.json", json.dumps(words, ensure_ascii=False))
    shown = [_scene(net, folder, seed) for seed in seeds]
    manifest = _manifest(net, sites, dtype) | {"checks": checks, "scenes": shown, "files": list(_listed(folder))}
    files.write_text(folder / "manifest.json", json.dumps(manifest, indent=1))
    return manifest


def _onnx() -> Turn:
    """ONNX's exporter; ValueError where its packages are not installed."""
    missing = [name for name in ("onnx", "onnxruntime", "onnxscript") if not find_spec(name)]
    if missing:
        raise ValueError(f"expected {' and '.join(missing)} for graphs, got none; pip install 'magedit-lab[web]'")
    from .onnx_graph import to_onnx

    return to_onnx


def _graphs(net: Backbone, folder: Path, dtype: str, say: Say, turn: Turn) -> dict[str, dict[str, float]]:
    """Write every graph and the weights, each graph checked; the distances from torch come back."""
    weights, every = Weights(folder / "weights.bin", dtype), {graph.name: graph for graph in graphs(net)}
    protos = {}
    for name, graph in every.items():
        protos[name] = turn(graph)
        weights.take(protos[name])
        say(f"{name}: {len(protos[name].graph.node)} operations, {protos[name].ByteSize() / 1e3:.0f} kB")
    written = {f"{name}.onnx": proto.SerializeToString() for name, proto in protos.items()}
    with TemporaryDirectory() as beside:
        checks = _checked(every, {**written, weights.path.name: weights.expanded()}, Path(beside), say)
    for name, content in {**written, weights.path.name: weights.content()}.items():
        _write(folder / name, content)
    return checks


def _checked(
    every: Mapping[str, Graph], contents: Mapping[str, bytes], folder: Path, say: Say
) -> dict[str, dict[str, float]]:
    """Each graph's distances from torch; ValueError for the first that is off."""
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    checks = {}
    for name, graph in every.items():
        checks[name] = check.measure(graph, folder / f"{name}.onnx")
        say(
            f"{name}, apart from torch: " + ", ".join(f"{kind} {far:.2g}" for kind, far in _worst(checks[name]).items())
        )
        check.require(graph, checks[name])
    return checks


def _write(file: Path, content: bytes) -> None:
    files.write(file, lambda beside: beside.write_bytes(content))


def _worst(apart: dict[str, float]) -> dict[str, float]:
    """One number for all maps of a kind."""
    kinds: dict[str, float] = {}
    for name, far in apart.items():
        kind = name.partition(".")[0]
        kinds[kind] = max(far, kinds.get(kind, 0.0))
    return kinds


def _manifest(net: Backbone, sites: Sites, dtype: str) -> dict[str, Any]:
    """All that the page must know of the model."""
    site = sites.guided[0]
    return {
        "schema": SCHEMA, "model": Path(net.name).name, "dtype": dtype, "picture": [net.size, net.size],
        "latent": list(sites.z.shape[1:]), "cells": [site.height, site.width], "tokens": sites.tokens, "words": WORDS,
        "schedule": _schedule(net), "methods": methods(), "sites": {n: _site(sites, n) for n in sites.names},
        "guided": [s.name for s in sites.guided],
        "graphs": {g.name: _faces(g) for g in graphs(net)},
    }  # fmt: skip


def _faces(graph: Graph) -> dict[str, Any]:
    """A graph's inputs with their shapes, and its outputs."""
    return {"inputs": {n: list(v.shape) for n, v in graph.inputs.items()}, "outputs": list(graph.outputs)}


def _site(sites: Sites, name: str) -> dict[str, Any]:
    site = sites.names[name]
    return asdict(site) | {"shape": list(sites.shape(site))}


def _schedule(net: Backbone) -> dict[str, Any]:
    s = net.schedule
    return {"alphas": s.alphas.tolist(), "final": s.final_alpha.item(), "prediction": s.prediction, "offset": s.offset}


def methods() -> dict[str, dict[str, Any]]:
    """What the page's four methods are, as settings of its engine; the demo's numbers for MAG-Edit."""
    usual, late = demo.Demo(), asdict(LATE)
    every = {
        "steps": STEPS,
        "guidance": GUIDANCE,
        "crossReplace": 0.8,
        "selfReplace": 0.5,
        "reweight": 1.0,
        "nudges": 0,
    }
    guided = {"nudges": usual.iterations, "stepSize": usual.step_size, "loss": "token", "lambda": 3.0}
    return {
        "p2p": every | {"blend": None}, "p2p+mask": every | {"blend": late},
        "p2p+reweight": every | {"blend": late, "reweight": 10.0}, "p2p+mag-edit": every | {"blend": late} | guided,
    }  # fmt: skip


# ---------------------------------------------------------------- scenes


def _scene(net: Backbone, folder: Path, seed: int) -> dict[str, Any]:
    """Write a scene's picture, mask and path."""
    task, name = demo.complex_task(seed), f"scene-{seed - scenes.HELD_OUT}"
    small, _ = task.fit(net.size, net.size)
    mask = Image.fromarray((small.region.numpy() * 255).round().astype(np.uint8))
    (folder / "scenes").mkdir(exist_ok=True)
    here = {
        kind: f"scenes/{name}{end}"
        for kind, end in (("picture", ".png"), ("mask", "-mask.png"), ("path", ".safetensors"))
    }
    for kind, picture in (("picture", small.image), ("mask", mask)):
        files.write(folder / here[kind], partial(picture.save, format="PNG"))
    _write_path(net, small, folder / here["path"])
    return here | {
        "name": name, "source": task.source, "target": task.target, "words": list(task.words), "steps": STEPS,
        "guidance": GUIDANCE,
    }  # fmt: skip


def _write_path(net: Backbone, task: Task, file: Path) -> None:
    """A recorded direct inversion: its latents, the noisiest first, and the unconditional embedding."""
    path = invert(net, task, Direct(STEPS, GUIDANCE))
    tensors = {"latents": path.latents, "uncond": path.uncond.embedding[:1], "cond": path.cond.embedding}
    whole = {name: tensor.detach().cpu().float().contiguous().clone() for name, tensor in tensors.items()}
    facts = {"times": list(path.times), "pin": path.pin, "guidance_scale": path.guidance_scale, "source": task.source}
    files.write(file, lambda beside: save_file(whole, beside, {"path": json.dumps(facts)}))


def _listed(folder: Path) -> Iterator[dict[str, Any]]:
    """Every file but the manifest, with its size and digest, so that a page knows a broken download."""
    for file in sorted(folder.rglob("*")):
        if (
            file.is_file()
            and file.suffix in (".onnx", ".bin", ".json", ".png", ".safetensors")
            and file.name != "manifest.json"
        ):
            content = file.read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            yield {"name": file.relative_to(folder).as_posix(), "bytes": len(content), "sha256": digest}


def size(manifest: dict[str, Any]) -> int:
    """Bytes of all files."""
    return sum(file["bytes"] for file in manifest["files"])
