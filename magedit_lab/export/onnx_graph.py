"""A function of tensors as an ONNX graph, its backward pass included."""

import logging
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._decomp import core_aten_decompositions, get_decompositions
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn.attention import SDPBackend, sdpa_kernel

from .graphs import Graph

aten = torch.ops.aten
SPLIT = [
    aten.native_group_norm, aten.native_group_norm_backward, aten.native_layer_norm, aten.native_layer_norm_backward,
    aten._softmax_backward_data, aten.silu_backward, aten.gelu_backward,
]  # fmt: skip


def convolution_backward(
    gradient: Tensor, x: Tensor, w: Tensor, _bias: Any, stride: Any, padding: Any, dilation: Any, transposed: bool,
    _output_padding: Any, groups: int, _mask: Any,
) -> tuple[Tensor, None, None]:  # fmt: skip
    """The gradient of a convolution by its input: the transposed convolution with the same weights. Weights are frozen
    and get none."""
    if transposed:
        raise ValueError("expected a denoiser without transposed convolutions, got one; there is no graph for it")
    sides = zip(x.shape[2:], gradient.shape[2:], stride, padding, w.shape[2:], dilation, strict=True)
    more = [a - ((b - 1) * s - 2 * p + (k - 1) * d + 1) for a, b, s, p, k, d in sides]
    return aten.convolution.default(gradient, w, None, stride, padding, dilation, True, more, groups), None, None


def upsampling_backward(gradient: Tensor, output_size: Any, input_size: Any, *_: Any) -> Tensor:
    """The gradient of nearest upsampling by a whole factor: the sum over each cell's copies."""
    n, channels, h, w = input_size
    down, across = gradient.shape[-2] // h, gradient.shape[-1] // w
    if (h * down, w * across) != tuple(gradient.shape[-2:]):
        raise ValueError(
            f"expected upsampling by a whole factor, got {h}x{w} to {tuple(gradient.shape[-2:])}; "
            "take a picture size that the model halves evenly"
        )
    return gradient.reshape(n, channels, h, down, w, across).sum((3, 5))


def decompositions() -> dict[Any, Callable]:
    """What ONNX has no operator for, by those that it has."""
    table: dict[Any, Callable] = {**core_aten_decompositions(), **get_decompositions(SPLIT)}
    for overload in aten.upsample_nearest2d.overloads():  # ONNX has this one; split, it carries an index for each pixel
        table.pop(getattr(aten.upsample_nearest2d, overload), None)
    table[aten.convolution_backward.default] = convolution_backward
    for overload in aten.upsample_nearest2d_backward.overloads():
        table[getattr(aten.upsample_nearest2d_backward, overload)] = upsampling_backward
    return table


def to_onnx(graph: Graph) -> Any:
    """The graph as onnx's ModelProto, weights inside; attention is spelt out."""
    feed = tuple(graph.inputs.values())
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it warns of operators of torchvision, which none has
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's own exporter, on its own deprecations
        with sdpa_kernel(SDPBackend.MATH):
            traced = make_fx(graph.call, tracing_mode="real", decomposition_table=decompositions())(*feed)
        program = torch.onnx.export(
            traced, feed, dynamo=True, verbose=False, input_names=list(graph.inputs),
            output_names=list(graph.outputs),
        )  # fmt: skip
    assert program is not None
    return program.model_proto
