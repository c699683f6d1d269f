"""Frozen settings as a flat table that a form can show, and back again."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar

from .losses import LOSSES

S = TypeVar("S")
CHOICES: dict[str, tuple[Any, ...]] = {
    "loss": tuple(LOSSES), "mode": ("refine", "swap"), "noise": ("fresh", "pure"), "norm": ("l0", "l1"),
    "mask": ("own", "given"), "blend": (None, "mask", "attention"), "by_sigma": (None, True, False),
}  # fmt: skip


@dataclass(frozen=True)
class Field:
    """One line of the form: a dotted name, its value, its kind (number, whole, yes, choice, maybe-whole), choices."""

    name: str
    value: Any
    kind: str
    choices: tuple[Any, ...] = ()


def table(settings: Any, prefix: str = "") -> list[Field]:
    """Every number, switch and choice of a dataclass, those of dataclasses within it under `outer.inner`.

    What is none of these (a dict of words, a list of thresholds) stays as it is and is left out.
    """
    found: list[Field] = []
    for f in fields(settings):
        name, value = prefix + f.name, getattr(settings, f.name)
        if is_dataclass(value):
            found += table(value, f"{name}.")
        elif f.name in CHOICES and value in CHOICES[f.name]:
            found.append(Field(name, value, "choice", CHOICES[f.name]))
        elif kind := _kind(value, str(f.type)):
            found.append(Field(name, value, kind))
    return found


def _kind(value: Any, declared: str) -> str:
    if isinstance(value, bool):
        return "yes"
    if isinstance(value, int | float) and "float" in declared:
        return "number"
    if isinstance(value, int):
        return "maybe-whole" if "None" in declared else "whole"
    if value is None:
        return "maybe-whole" if declared == "int | None" else ""
    return ""


def change(settings: S, values: Mapping[str, Any]) -> S:
    """The same settings with other values, by the names of `table`.

    Raises ValueError in one line for an unknown name, a value of another kind, and what the dataclasses refuse.
    """
    known = {s.name: s for s in table(settings)}
    if strange := values.keys() - known.keys():
        raise ValueError(f"expected settings {', '.join(known)}, got {min(map(str, strange))!r}; leave it out")
    return _changed(settings, {name: _read(known[name], value) for name, value in values.items()})


def _changed(settings: Any, values: Mapping[str, Any]) -> Any:
    own = {name: value for name, value in values.items() if "." not in name}
    for outer in dict.fromkeys(name.partition(".")[0] for name in values if "." in name):
        inner = {name.partition(".")[2]: v for name, v in values.items() if name.startswith(f"{outer}.")}
        own[outer] = _changed(getattr(settings, outer), inner)
    return replace(settings, **own)


def _read(setting: Field, value: Any) -> Any:
    """The value in the setting's own type."""
    name, kind = setting.name, setting.kind
    if kind == "choice":
        if not any(value is c or (isinstance(c, str) and value == c) for c in setting.choices):
            raise ValueError(f"expected {name} of {', '.join(map(str, setting.choices))}, got {value!r}; choose one")
        return value
    if kind == "yes":
        if not isinstance(value, bool):
            raise ValueError(f"expected yes or no (True or False) for {name}, got {value!r}")
        return value
    if kind == "maybe-whole" and value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or abs(value) == float("inf"):
        raise ValueError(f"expected a number for {name}, got {value!r}; type one")
    if kind != "number" and value != int(value):
        raise ValueError(f"expected a whole number for {name}, got {value!r}; round it")
    return float(value) if kind == "number" else int(value)
