"""Each graph against torch, as ONNX Runtime computes it from the written bytes."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from .graphs import Graph

# by output: the most that it may differ. Losses and probabilities as they are, others as a share of their largest.
ABSOLUTE = {"loss": 1e-5, "terms": 1e-5, "heat": 1e-5, "cross": 1e-5, "self": 1e-5}
RELATIVE = {"gradient": 1e-3, "moved": 1e-4, "out": 1e-4, "text": 1e-4, "z": 1e-3}
GREY = 0.5  # levels of 255, on average, of a picture


def measure(graph: Graph, file: Path) -> dict[str, float]:
    """How far ONNX Runtime's outputs are from torch's, in the units of the limits. file: with its weights beside it, in
    single precision."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    feed = {name: value.numpy() for name, value in graph.inputs.items()}
    given = dict(zip(graph.outputs, map(torch.from_numpy, session.run(list(graph.outputs), feed)), strict=True))
    with torch.no_grad():  # a nudge turns gradients on by itself
        wanted = graph(graph.inputs)
    return {name: distance(name, given[name], wanted[name]) for name in graph.outputs}


def distance(name: str, given: Tensor, wanted: Tensor) -> float:
    """Of one output, in the unit of its limit."""
    if name == "picture":
        return (given - wanted).clamp(-2, 2).abs().mean().item() * 255 / 2
    apart = (given - wanted).abs().max().item()
    return apart if _kind(name) in ABSOLUTE else apart / wanted.abs().max().clamp(min=1e-12).item()


def _kind(name: str) -> str:
    return name.partition(".")[0]


def limit(name: str) -> float:
    """The most that an output may differ."""
    return GREY if name == "picture" else (ABSOLUTE | RELATIVE)[_kind(name)]


def require(graph: Graph, apart: Mapping[str, float]) -> None:
    """ValueError for a graph that is not the model's function; NaN is none either."""
    for name, far in apart.items():
        if not far <= limit(name):
            raise ValueError(
                f"expected graph {graph.name!r} to give torch's {name} within {limit(name):g}, got {far:.3g} apart; "
                "take --dtype float32"
            )
