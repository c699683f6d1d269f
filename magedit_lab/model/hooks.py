"""Hooks that belong to one forward: read or replace the output of named modules."""

import difflib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

Hook = Callable[[Tensor], Tensor | None]
Hooks = Mapping[str, Hook]  # by module name
KEY = "magedit_lab"  # a module's permanent hook has this key, so that it can be there once only


class HookError(RuntimeError):
    """A hook that was asked for did not run, so the forward was not what it should have been."""


class _Reached(Exception):
    """Ends a forward early; never leaves `call`."""


@dataclass
class _Forward:
    """The hooks of one forward by module, the module that it ends at, and the modules whose hooks have run."""

    hooks: Mapping[nn.Module, Hook]
    until: nn.Module | None = None
    fired: set[nn.Module] = field(default_factory=set)


@dataclass
class Counter:
    """How many forwards there were."""

    forwards: int = 0


_counters: ContextVar[tuple[Counter, ...]] = ContextVar("magedit_lab_counters", default=())
_under_way: ContextVar[_Forward | None] = ContextVar("magedit_lab_forward", default=None)


def call(
    model: nn.Module, hooks: Hooks, *inputs: Any, until: str | None = None, order: Mapping[str, int] | None = None,
    **more: Any,
) -> Any:  # fmt: skip
    """`model(*inputs, **more)` with hooks that exist for this forward alone.

    Each hook gets its module's output and may return another in its place. With `until` the forward ends after that
    module and its own hook, and None comes back.

    Nothing is hung on a module for the length of a call. A module keeps one permanent hook, which looks up the forward
    under way in a context that ends with it. So threads and generators on one model cannot mix, and an interrupt leaves
    nothing behind.

    order: the place of each module in a forward; hooks behind `until` need not run.
    Raises KeyError for a name that the model lacks, and HookError where a hook did not run that should have.
    """
    sites = {name: module(model, name) for name in (*hooks, *([until] if until else []))}
    forward = _Forward({sites[name]: hook for name, hook in hooks.items()}, sites[until] if until else None)
    for site in sites.values():
        site._forward_hooks[KEY] = _look_up  # type: ignore[index]
    for counter in _counters.get():
        counter.forwards += 1
    output = copy_context().run(_run, forward, model, inputs, more)
    places = order or {}
    due = [name for name in sites if until is None or places.get(name, -1) <= places.get(until, -1)]
    missing = [name for name in due if sites[name] not in forward.fired]
    if missing:
        raise HookError(
            f"expected a hook at {missing[0]!r} to run, and {len(missing) - 1} more, got a forward without it; the "
            "attention processors were changed after the model was taken (attention slicing, fused projections, "
            "adapters, a compiler), or this module is not used: take the model anew with Backbone.of"
        )
    return output


def _run(forward: _Forward, model: nn.Module, inputs: tuple, more: dict[str, Any]) -> Any:
    _under_way.set(forward)
    try:
        return model(*inputs, **more)
    except _Reached:
        return None


def _look_up(site: nn.Module, _inputs: tuple, output: Any) -> Any:
    forward = _under_way.get()
    if forward is None:
        return None
    hook, last = forward.hooks.get(site), site is forward.until
    if hook is None and not last:
        return None
    forward.fired.add(site)
    replaced = hook(output) if hook else None
    if last:
        raise _Reached
    return replaced


def listening(site: nn.Module) -> Hook | None:
    """The hook that the forward under way has for a module; None where nobody listens to it."""
    forward = _under_way.get()
    if forward is None:
        return None
    return forward.hooks.get(site, _nothing if site is forward.until else None)


def _nothing(output: Any) -> None:
    """The hook of a module that a forward only ends at."""


@contextmanager
def count_forwards() -> Iterator[Counter]:
    """Counts the calls that are made inside, on this thread."""
    counter = Counter()
    token = _counters.set((*_counters.get(), counter))
    try:
        yield counter
    finally:
        _counters.reset(token)


def detach(model: nn.Module) -> None:
    """Take the permanent hooks off a model that is given back."""
    for site in model.modules():
        site._forward_hooks.pop(KEY, None)  # type: ignore[call-overload]


def module(model: nn.Module, name: str) -> nn.Module:
    """A submodule by its dotted name; KeyError with the nearest names where there is none."""
    try:
        return model.get_submodule(name)
    except AttributeError:
        near = difflib.get_close_matches(name, [n for n, _ in model.named_modules()], 3)
        raise KeyError(f"no module {name!r} in {type(model).__name__}; nearest: {', '.join(near) or 'none'}") from None


def chain(*hooks: Hook | None) -> Hook:
    """One hook that passes the output through several in turn."""
    several = [hook for hook in hooks if hook]
    if len(several) == 1:
        return several[0]

    def each(x: Any) -> Any:
        for hook in several:
            y = hook(x)
            x = x if y is None else y
        return x

    return each


def recorder(into: dict[str, Tensor], name: str) -> Hook:
    """A hook that keeps the output under `name`, and replaces nothing."""

    def keep(x: Tensor) -> None:
        into[name] = x

    return keep


@dataclass(frozen=True, eq=False)
class Replace:
    """A hook that puts `value` in the output's place. An attention layer that has one computes no softmax."""

    value: Tensor

    def __repr__(self) -> str:
        return f"Replace({tuple(self.value.shape)})"

    def __call__(self, output: Tensor) -> Tensor:
        return self.value


@dataclass(frozen=True, eq=False)
class Listen:
    """A hook that tells `listener` the output and where it comes from. An attention layer with no other hook computes
    the probabilities besides its fused attention, so that listening changes no bit."""

    listener: Callable[[Tensor, Any], object]
    where: Any

    def __call__(self, output: Any) -> None:
        whole = output[0] if isinstance(output, tuple) else output
        self.listener(whole.detach(), self.where)
