"""One file of weights for several ONNX graphs, each tensor in it once."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

SMALL = 256  # tensors of no more values stay in their graph
ALIGN = 16  # values
DTYPES = ("float32", "float16")


class Weights:
    """Takes the weights out of graphs. A graph names places in the file of single precision; with dtype float16 that
    file is kept in half (`content`), and whoever loads the graph brings it back (`expanded`), as the page does."""

    def __init__(self, path: Path, dtype: str = "float16") -> None:
        if dtype not in DTYPES:
            raise ValueError(f"expected weights in {' or '.join(DTYPES)}, got {dtype!r}; take one of them")
        self.path, self.dtype = path, dtype
        self._parts: list[np.ndarray] = []
        self._places: dict[bytes, int] = {}
        self._end = 0  # values so far

    def take(self, proto: Any) -> None:
        """Move a graph's large tensors here; the graph names the file, and where in it they are."""
        import onnx

        strip(proto)
        for tensor in proto.graph.initializer:
            values = onnx.numpy_helper.to_array(tensor)
            if values.dtype == np.float32 and values.size > SMALL:
                self._point(tensor, values)

    def _point(self, tensor: Any, values: np.ndarray) -> None:
        """Let a tensor name its place in the file."""
        import onnx

        start = self._place(np.ascontiguousarray(values).ravel(), tensor.name)
        for field in ("raw_data", "float_data"):
            tensor.ClearField(field)
        tensor.data_location = onnx.TensorProto.EXTERNAL
        del tensor.external_data[:]
        for key, value in (("location", self.path.name), ("offset", 4 * start), ("length", 4 * values.size)):
            tensor.external_data.add(key=key, value=str(value))

    def _place(self, values: np.ndarray, name: str) -> int:
        digest = hashlib.sha256(values.tobytes()).digest()
        if digest not in self._places:
            self._places[digest] = self._end
            part = np.zeros(-(-values.size // ALIGN) * ALIGN, np.float32)
            part[: values.size] = values
            self._parts.append(_half(part, name) if self.dtype == "float16" else part)
            self._end += part.size
        return self._places[digest]

    def content(self) -> bytes:
        """The file as it is kept."""
        return b"".join(part.tobytes() for part in self._parts)

    def expanded(self) -> bytes:
        """The file in single precision, as the graphs want it."""
        return b"".join(part.astype(np.float32).tobytes() for part in self._parts)


def _half(values: np.ndarray, name: str) -> np.ndarray:
    with np.errstate(over="ignore"):  # refused below
        half = values.astype(np.float16)
    if (np.isinf(half) & np.isfinite(values)).any():  # an attention mask's own infinity stays one
        most = abs(values[np.isfinite(values)]).max()
        raise ValueError(f"expected weights below 65504 for float16, got {most:.3g} in {name}; take --dtype float32")
    return half


def strip(proto: Any) -> None:
    """Take the exporter's notes out of a graph: they name this machine's files, and are larger than the graph."""
    del proto.metadata_props[:]
    proto.graph.ClearField("doc_string")
    del proto.graph.metadata_props[:]
    del proto.graph.value_info[:]
    for node in proto.graph.node:
        node.ClearField("doc_string")
        del node.metadata_props[:]
    for value in (*proto.graph.input, *proto.graph.output, *proto.graph.initializer):
        value.ClearField("doc_string")
        del value.metadata_props[:]
