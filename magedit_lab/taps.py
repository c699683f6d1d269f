"""Read or replace the output of named modules, for exactly one forward."""

import difflib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor, nn

Tap = Callable[[Tensor], Tensor | None]
Taps = Mapping[str, Tap]


class _Reached(Exception):
    """Ends a forward early; never leaves `tapped`."""


@contextmanager
def tapped(model: nn.Module, taps: Taps, until: str | None = None) -> Iterator[None]:
    """Inside, each tap gets its module's output and may return another in its place.

    The forward ends after the module named `until`, whose own tap still runs. Whatever is raised, the hooks come off.
    """
    sites = {name: module(model, name) for name in dict.fromkeys([*taps, *([until] if until else [])])}
    handles = []
    try:
        for name, site in sites.items():
            handles.append(site.register_forward_hook(_hook(taps.get(name), name == until)))
        yield
    except _Reached:
        pass
    finally:
        for handle in handles:
            handle.remove()


def module(model: nn.Module, name: str) -> nn.Module:
    """A submodule by its dotted name; KeyError with the nearest names where there is none."""
    try:
        return model.get_submodule(name)
    except AttributeError:
        near = difflib.get_close_matches(name, [n for n, _ in model.named_modules()], 3)
        raise KeyError(f"no module {name!r} in {type(model).__name__}; nearest: {', '.join(near) or 'none'}") from None


def _hook(tap: Tap | None, last: bool) -> Callable:
    def hook(_module: nn.Module, _inputs: tuple, output: Tensor) -> Tensor | None:
        replaced = tap(output) if tap else None
        if last:
            raise _Reached
        return replaced

    return hook


def chain(*taps: Tap | None) -> Tap:
    """One tap that passes the output through several in turn."""

    def both(x: Tensor) -> Tensor:
        for tap in taps:
            y = tap(x) if tap else None
            x = x if y is None else y
        return x

    return both


def recorder(into: dict[str, Tensor], name: str) -> Tap:
    """A tap that keeps the output under `name`, and replaces nothing."""

    def keep(x: Tensor) -> None:
        into[name] = x

    return keep


def instead(seen: Mapping[str, Tensor], name: str) -> Tap:
    """A tap that puts what was recorded under `name` in the output's place."""
    return lambda output: seen[name]
