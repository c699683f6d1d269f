"""An interrupt, an error or a lack of memory anywhere in a run: nothing is left behind, whole steps are kept."""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import world

import magedit_lab as mag

ROOT = str(Path(mag.__file__).parent)


class Interrupt:
    """Raises an error before the k-th bytecode that runs in the library; counts them all without one."""

    def __init__(self, k: int | None, error: type[BaseException] = KeyboardInterrupt) -> None:
        self.k, self.error, self.count = k, error, 0

    def __call__(self, frame, event, arg):
        if not frame.f_code.co_filename.startswith(ROOT):
            return None
        frame.f_trace_opcodes = True
        return self.step

    def step(self, frame, event, arg):
        if event == "opcode":
            self.count += 1
            if self.count == self.k:
                raise self.error
        return self.step


def traced(tracer, work) -> BaseException | None:
    """Do the work; what it was ended by."""
    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        work()
        return None
    except (KeyboardInterrupt, torch.OutOfMemoryError, OSError, mag.Stopped) as error:
        return error
    finally:
        sys.settrace(before)


class State:
    """What a broken run must leave as it was."""

    def __init__(self, net: mag.Backbone) -> None:
        self.net = net
        self.before = self.now()

    def now(self) -> dict[str, object]:
        modules = [m for part in self.net.parts for m in part.modules()]
        return {
            "gradients on": torch.is_grad_enabled(), "dtype": torch.get_default_dtype(),
            "generator": torch.get_rng_state().numpy().tobytes(),
            "weights": [float(p.detach().double().sum()) for part in self.net.parts for p in part.parameters()],
            "weights' gradients": [p.grad is None for part in self.net.parts for p in part.parameters()],
            "training mode": [m.training for m in modules],
            "hooks": [len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in modules],
        }  # fmt: skip

    def changes(self) -> list[str]:
        now = self.now()
        return [name for name in now if now[name] != self.before[name]]


def interrupts(net, folder: Path, rng: np.random.Generator, straight: mag.Trace) -> Iterator[Counter]:
    """At random bytecodes of the whole library, in memory and into a folder; the next run has the same bits."""
    path = mag.invert(net, world.task(), world.INVERSION)
    total = {}
    for round_ in range(10**9):
        out = folder / f"interrupt-{round_}" if round_ % 2 else None

        def work(out=out):
            mag.run(net, world.task(), path, world.METHOD, out=out)

        if (kind := out is None) not in total:
            counter = Interrupt(None)
            traced(counter, work)
            total[kind] = counter.count
            continue
        state, k = State(net), int(rng.integers(1, total[kind] + 1))
        tracer = Interrupt(k)
        error = traced(tracer, work)
        if tracer.count < k:
            continue  # the first run had more to do than later ones
        found = Counter({"faults": 1, **{f"left: {name}": 1 for name in state.changes()}})
        found["not raised"] += error is None
        if round_ % 8 < 2:
            found["next run has other bits"] += not world.same(
                mag.run(net, world.task(), path, world.METHOD), straight
            )  # fmt: skip
        if out and (out / "run.json").exists():
            found += after(out, net, straight, resume=round_ % 8 < 2)
        yield found


def after(out: Path, net, straight: mag.Trace, resume: bool) -> Counter:
    """What a folder has after a fault: all of its steps with the straight run's bits, and an end that is the same."""
    found: Counter = Counter()
    try:
        trace = mag.load(out)
    except ValueError as error:
        return Counter({f"does not load: {error}"[:120]: 1})
    pairs = zip(trace._rows, straight._rows, strict=False)
    found["steps with other bits"] += sum(
        not np.array_equal(a[name], b[name]) for a, b in pairs for name in a.keys() - {"preview"}
    )
    if resume:
        found["not equal when resumed"] += not world.same(mag.resume(out, net), straight)
    return found


def memory(net, folder: Path, rng: np.random.Generator, straight: mag.Trace) -> Iterator[Counter]:
    """`torch.OutOfMemoryError` from a random module at a random call."""
    path = mag.invert(net, world.task(), world.INVERSION)
    modules = [m for part in (net.denoiser, net.vae) for m in part.modules() if not list(m.children())]
    for round_ in range(10**9):
        state = State(net)
        module, calls = modules[int(rng.integers(len(modules)))], int(rng.integers(0, 6))
        counted = iter(range(10**9))

        def full(*_, counted=counted, calls=calls):
            if next(counted) == calls:
                raise torch.OutOfMemoryError("CUDA out of memory (simulated)")

        out = folder / f"memory-{round_}"
        handle = module.register_forward_pre_hook(full)
        error = traced(None, lambda out=out: mag.run(net, world.task(), path, world.METHOD, out=out))
        handle.remove()
        if error is None:
            continue  # this module is not called so often
        found = Counter({"faults": 1, **{f"left: {name}": 1 for name in state.changes()}})
        found["without the trace so far"] += not hasattr(error, "trace")
        yield found + after(out, net, straight, resume=round_ % 4 == 0)


def closed(net, folder: Path, rng: np.random.Generator, straight: mag.Trace) -> Iterator[Counter]:
    """A stream of steps that is closed, thrown into, or forgotten after any of them."""
    path = mag.invert(net, world.task(), world.INVERSION)
    for round_ in range(10**9):
        state, steps = State(net), mag.edit(net, world.task(), path, world.METHOD)
        for _ in range(int(rng.integers(0, world.STEPS))):
            next(steps)
        if round_ % 2:
            steps.close()
        else:
            traced(None, lambda steps=steps: steps.throw(KeyboardInterrupt))
        found = Counter({"faults": 1, **{f"left: {name}": 1 for name in state.changes()}})
        found["next run has other bits"] += not world.same(mag.run(net, world.task(), path, world.METHOD), straight)
        yield found
