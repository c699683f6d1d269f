"""One file of weights for several ONNX graphs, each tensor in it once."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

SMALL = 256  # tensors of no more values stay in their graph
ALIGN = 64  # bytes
DTYPES = ("float32", "float16")


class Weights:
    """Takes the weights out of graphs. dtype float16 keeps them in half precision; a graph casts them when it is
    loaded, and computes in float32 as before."""

    def __init__(self, path: Path, dtype: str = "float16") -> None:
        if dtype not in DTYPES:
            raise ValueError(f"expected weights in {' or '.join(DTYPES)}, got {dtype!r}; take one of them")
        self.path, self.dtype = path, dtype
        self._parts: list[bytes] = []
        self._places: dict[bytes, tuple[int, int]] = {}
        self._end = 0

    def take(self, proto: Any) -> None:
        """Move a graph's large tensors here; the graph names the file, and where in it they are."""
        import onnx

        strip(proto)
        casts = []
        for tensor in proto.graph.initializer:
            values = onnx.numpy_helper.to_array(tensor)
            if values.dtype != np.float32 or values.size <= SMALL:
                continue
            if self.dtype == "float16":
                name = tensor.name
                tensor.name, tensor.data_type = f"{name}.half", onnx.TensorProto.FLOAT16
                values = _half(values, name)
                casts.append(onnx.helper.make_node("Cast", [tensor.name], [name], to=onnx.TensorProto.FLOAT))
            self._point(tensor, values)
        nodes = [*casts, *proto.graph.node]
        del proto.graph.node[:]
        proto.graph.node.extend(nodes)

    def _point(self, tensor: Any, values: np.ndarray) -> None:
        """Let a tensor name its place in the file."""
        import onnx

        offset, length = self._place(np.ascontiguousarray(values).tobytes())
        for field in ("raw_data", "float_data"):
            tensor.ClearField(field)
        tensor.data_location = onnx.TensorProto.EXTERNAL
        del tensor.external_data[:]
        for key, value in (("location", self.path.name), ("offset", offset), ("length", length)):
            tensor.external_data.add(key=key, value=str(value))

    def _place(self, content: bytes) -> tuple[int, int]:
        digest = hashlib.sha256(content).digest()
        if digest not in self._places:
            self._places[digest] = (self._end, len(content))
            padded = content + bytes(-len(content) % ALIGN)
            self._parts.append(padded)
            self._end += len(padded)
        return self._places[digest]

    def content(self) -> bytes:
        """The file."""
        return b"".join(self._parts)


def _half(values: np.ndarray, name: str) -> np.ndarray:
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
