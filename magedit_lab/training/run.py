"""A training run that can be stopped anywhere: weights, their running average and the optimiser, saved as one."""

import time
from collections.abc import Callable, Generator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from .. import files

T = TypeVar("T")


def device() -> torch.device:
    """Where training computes: the GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Run:
    """Weights, their running average and the optimiser's state, saved together in one safetensors file.

    rate: AdamW's. average: what the running average keeps at a step, less in the first steps.
    """

    def __init__(self, path: Path, modules: Sequence[nn.Module], rate: float, average: float) -> None:
        self.path, self.rate, self.average, self.step, self.seconds = path, rate, average, 0, 0.0
        self.whole = True  # False while an update is under way
        self.params = [p for m in modules for p in m.parameters()]
        self.ema = [p.detach().clone() for p in self.params]
        self.optimiser = torch.optim.AdamW(
            self.params, rate, weight_decay=1e-2, betas=(0.9, 0.99), fused=self.params[0].is_cuda or None
        )
        if path.exists():
            self._resume()

    def update(self, loss: Tensor, factor: float) -> None:
        """One step of AdamW down the loss, at `factor` times the rate."""
        self.optimiser.zero_grad()
        loss.backward()
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate * factor
        nn.utils.clip_grad_norm_(self.params, 1.0)
        self.whole = False
        self.optimiser.step()
        self.step += 1
        keep = min(self.average, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(self.ema, [p.detach() for p in self.params], 1 - keep)
        self.whole = True

    def save(self) -> None:
        tensors = {"step": torch.tensor(self.step), "seconds": torch.tensor(self.seconds, dtype=torch.float64)}
        for i, p in enumerate(self.params):
            tensors |= {f"weight.{i}": p.detach(), f"ema.{i}": self.ema[i]}
            tensors |= {f"optimiser.{i}.{k}": v for k, v in self.optimiser.state[p].items()}
        files.write(self.path, partial(save_file, {k: v.contiguous() for k, v in tensors.items()}))

    def _resume(self) -> None:
        with safe_open(self.path, "pt") as f:
            self.step, self.seconds = int(f.get_tensor("step")), float(f.get_tensor("seconds"))
            for i, p in enumerate(self.params):
                p.data.copy_(f.get_tensor(f"weight.{i}"))
                self.ema[i].copy_(f.get_tensor(f"ema.{i}"))
                names = {k.split(".")[-1]: k for k in f.keys() if k.startswith(f"optimiser.{i}.")}  # noqa: SIM118
                self.optimiser.state[p] = {name: f.get_tensor(k).to(p.device) for name, k in names.items()}

    def averaged(self) -> None:
        """Put the average into the modules: the weights to ship."""
        for p, e in zip(self.params, self.ema, strict=True):
            p.data.copy_(e)


def average_of(path: Path, modules: Sequence[nn.Module]) -> int:
    """Put a checkpoint's average into modules like those that were trained; the step it is of."""
    with safe_open(path, "pt") as f:
        for i, p in enumerate(p for m in modules for p in m.parameters()):
            p.data.copy_(f.get_tensor(f"ema.{i}"))
        return int(f.get_tensor("step"))


def steps(run: Run, total: int, lesson: Callable[[int], T], every: float) -> Generator[tuple[int, T, torch.Generator]]:
    """Steps from where `run` stands, each with its lesson (always the same) and its own randomness; saves every
    `every` seconds and at the end.

    An interrupt in the middle of an update keeps the last checkpoint, so that resuming repeats those steps: bit for bit
    on a CPU, as exactly as its kernels are on a GPU.
    """
    saved = last = time.monotonic()
    try:
        for step in range(run.step, total):
            yield step, lesson(step), torch.Generator(device()).manual_seed(step)
            now = time.monotonic()
            run.seconds, last = run.seconds + now - last, now
            if now - saved > every:
                run.save()
                saved = now
    finally:
        if run.whole:
            run.save()


def schedule(step: int, total: int, warm: int = 100, decay: float = 0.35) -> float:
    """Warm up, hold, then fall in a line to 2 % over the last share `decay` of all steps."""
    return min(1, (step + 1) / warm) * min(1, 0.02 + (total - step) / (total * decay))
