"""Checks of what the browser sends."""

from collections.abc import Callable
from typing import Any, TypeVar

import traitlets

T = TypeVar("T")


def validated(check: Callable[..., T], *arguments: Any) -> T:
    """What a check gives back; only a TraitError makes traitlets take back all that came with a wrong value."""
    try:
        return check(*arguments)
    except ValueError as error:
        raise traitlets.TraitError(str(error)) from None


def index_within(what: str, value: int, count: int) -> int:
    """The value; TraitError where it is none of 0 to count - 1."""
    if not 0 <= value < count:
        known = f"from 0 to {count - 1}" if count else "that there is"
        raise traitlets.TraitError(f"expected {what} {known}, got {value}")
    return value
