"""Passes that are recorded once and replayed: CUDA graphs over static buffers, and the same code run eagerly elsewhere.

A GPU waits for the host where each kernel is launched by itself. A graph launches all of a pass at once. What a pass
reads must then lie where it lay when it was recorded, so inputs are copied into static buffers and outputs out of them.
On a CPU the recorded function is called again on the same buffers: whatever it takes from elsewhere is as old there as
it would be in a graph, so that tests without a GPU show the same mistakes.
"""

import threading
import weakref
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

Tensors = dict[str, Tensor]
Pass = Callable[[], Tensors]


@dataclass(eq=False)
class _Recorded:
    """A pass: run once as it is (None so far), then recorded. outputs: the buffers that a replay fills. work: the pass,
    so that what it read by address lives as long as the graph."""

    replay: Callable[[], object] | None = None
    outputs: Tensors = field(default_factory=dict)
    work: Pass | None = None


class Captures:
    """Static buffers by name, and recorded passes by key, of one run on one thread.

    A pass runs as it is at its first call, is recorded at its second and replayed from then on, so that a pattern that
    never comes again costs nothing.
    """

    def __init__(self, device: torch.device) -> None:
        self._graphs = device.type == "cuda"
        self._stream = torch.cuda.Stream(device) if self._graphs else None
        self._pool = torch.cuda.graph_pool_handle() if self._graphs else None
        self._buffers: Tensors = {}
        self._copied: dict[str, tuple[weakref.ref[Tensor], int]] = {}
        self._passes: dict[Hashable, _Recorded] = {}

    def static(self, values: Mapping[str, Tensor]) -> Tensors:
        """The values in their buffers; a buffer of another shape or type is a buffer of another name."""
        return {name: self._static(name, value) for name, value in values.items()}

    def _static(self, name: str, value: Tensor) -> Tensor:
        buffer = self._buffer(name, value)
        last, version = self._copied.get(name, (None, -1))
        if value is not buffer and not (last is not None and last() is value and version == value._version):
            buffer.copy_(value.detach())
            self._copied[name] = (weakref.ref(value), value._version)
        return buffer

    def _buffer(self, name: str, value: Tensor) -> Tensor:
        key = f"{name} {tuple(value.shape)} {value.dtype}"
        if key not in self._buffers:
            self._copied.pop(name, None)
            self._buffers[key] = torch.empty(value.shape, dtype=value.dtype, device=value.device)
        return self._buffers[key]

    def run(self, key: Hashable, work: Pass, into: str = "") -> Tensors:
        """What `work` gives, in tensors of their own, or in the static buffers whose names begin with `into`. It reads
        nothing that changes but static buffers, and calls of equal keys do the same."""
        recorded = self._passes.get(key)
        if recorded is None:
            self._passes[key] = _Recorded()
            outputs = self._beside(work)
            return self._kept(outputs, into) if into else outputs
        if recorded.replay is None:
            self._record(recorded, work)
        assert recorded.replay is not None
        recorded.replay()
        return self._kept(recorded.outputs, into)

    def _kept(self, outputs: Tensors, into: str) -> Tensors:
        """Copies, as the next replay overwrites the outputs."""
        if not into:
            return {name: out.clone() for name, out in outputs.items()}
        return {name: self._buffer(f"{into}{name}", out).copy_(out) for name, out in outputs.items()}

    def _beside(self, work: Pass) -> Tensors:
        """On a stream of its own, as libraries that set themselves up at their first call must have done so there."""
        if self._stream is None:
            return work()
        here = torch.cuda.current_stream(self._stream.device)
        self._stream.wait_stream(here)
        with torch.cuda.stream(self._stream):
            outputs = work()
        here.wait_stream(self._stream)
        return outputs

    def _record(self, recorded: _Recorded, work: Pass) -> None:
        if self._stream is None:
            recorded.outputs = {name: torch.empty_like(out) for name, out in work().items()}
            recorded.replay = lambda: [recorded.outputs[name].copy_(out) for name, out in work().items()]
            return
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"):
            recorded.outputs = work()

        recorded.replay, recorded.work = graph.replay, work


class Fast:
    """Whether a model's passes are recorded, and those without hooks, which every run shares, by thread."""

    def __init__(self, on: bool = False) -> None:
        self.on = on
        self._threads: dict[int, Captures] = {}

    def __deepcopy__(self, _memo: Any) -> "Fast":
        return Fast(self.on)

    def __reduce__(self) -> tuple[Any, ...]:
        return Fast, (self.on,)

    def __repr__(self) -> str:
        return f"Fast(on={self.on})"

    def here(self, device: torch.device) -> Captures:
        """This thread's; those of threads that have ended are let go."""
        own = threading.get_ident()
        if own not in self._threads:
            living = {thread.ident for thread in threading.enumerate()}
            self._threads = {ident: kept for ident, kept in self._threads.items() if ident in living}
            self._threads[own] = Captures(device)
        return self._threads[own]

    def forget(self) -> None:
        """Give the memory of all recorded passes back."""
        self._threads.clear()
