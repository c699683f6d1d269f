"""Seconds, arithmetic and memory of a piece of work on this machine."""

import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

MATMUL = {"cuda": 8192, "cpu": 1024}  # the side of the matrices that the rate is measured with
SECONDS = 1.0  # of measuring that rate
GIB = 2**30


@dataclass(frozen=True)
class Took:
    """wall: seconds on the clock. cpu: seconds that this process computed, all threads together; on shared cores that
    is the steadier of the two."""

    wall: float
    cpu: float


def took(work: Callable[[], object], device: torch.device) -> Took:
    """Seconds of one call, the device's queue emptied before and after."""
    synchronize(device)
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    synchronize(device)
    return Took(time.perf_counter() - wall, time.process_time() - cpu)


def median(several: list[Took]) -> Took:
    """The median of each kind of seconds."""
    return Took(statistics.median(t.wall for t in several), statistics.median(t.cpu for t in several))


def alternating(works: Mapping[str, Callable[[], object]], rounds: int, device: torch.device) -> dict[str, Took]:
    """The median of each work's seconds, all once a round, so that what else the machine does hits all alike."""
    times: dict[str, list[Took]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            times[name].append(took(work, device))
    return {name: median(several) for name, several in times.items()}


def flops(work: Callable[[], object]) -> int:
    """Floating point operations of matrix products, convolutions and attention, as torch counts them: a multiplication
    and an addition are two."""
    with _Counted() as counted:
        work()
    return counted.total


class _Counted(TorchDispatchMode):
    """Torch's counts, added up; its own counter follows modules, which fails where a gradient is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if count := flop_registry.get(func._overloadpacket):
            self.total += count(*args, **(kwargs or {}), out_val=out)
        return out


def matmul_rate(device: torch.device, dtype: torch.dtype, seconds: float = SECONDS) -> float:
    """Operations a second of a product of two square matrices: what no edit can pass here. The best of all rounds of
    that many seconds."""
    side = MATMUL.get(device.type, MATMUL["cpu"])
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    took(lambda: a @ b, device)
    until, best = time.perf_counter() + seconds, float("inf")
    while time.perf_counter() < until:
        best = min(best, took(lambda: a @ b, device).wall)
    return 2 * side**3 / best


def peak_memory(work: Callable[[], object], device: torch.device) -> float:
    """GiB at most while the work is done: on a GPU what torch held there, else the whole process."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    work()
    synchronize(device)
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / GIB
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / GIB


def synchronize(device: torch.device) -> None:
    """Wait until the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def machine(device: torch.device) -> dict[str, str]:
    """What a figure was measured on."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    threads = f"{torch.get_num_threads()} threads" if device.type == "cpu" else f"CUDA {torch.version.cuda}"
    return {"device": f"{device.type} ({name})", "torch": torch.__version__, "runs on": threads}
