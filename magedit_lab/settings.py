"""Frozen settings that describe themselves: each field carries its help, its choices and its range.

Forms, `--help`, the tables in docs/ and checks of values are read from here.
"""

from collections.abc import Collection, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from typing import Any, TypeVar

S = TypeVar("S")
WIDEST = 160  # characters of a repr; `described` has all


def setting(
    default: Any = MISSING, help: str = "", *, choices: Collection[Any] = (), least: float | int | None = None,
    most: float | int | None = None, factory: Any = MISSING, kw_only: bool = False,
) -> Any:  # fmt: skip
    """A dataclass field with its help in one line, what it may be (`choices`), and its range, both ends included."""
    facts = {"help": help, "choices": choices, "least": least, "most": most}
    usual: dict[str, Any] = {"default": default} if factory is MISSING else {"default_factory": factory}
    return field(**usual, metadata=facts, kw_only=kw_only)


class Settings:
    """A base of frozen dataclasses whose fields are made by `setting`: values outside of a field's choices or range
    raise ValueError in one line.

    The repr has the settings that differ from the defaults; `table` lists all of them, `described` is one text.

    >>> mag.MagEdit(iterations=3)
    MagEdit(iterations=3)
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "__repr__" not in cls.__dict__:  # before `dataclass` looks, which would write one of all fields
            cls.__repr__ = Settings.__repr__  # type: ignore[method-assign]

    def __repr__(self) -> str:
        known = [(f.name, getattr(self, f.name), _default(f)) for f in fields(self)]  # type: ignore[arg-type]
        text = ", ".join(f"{name}={value!r}" for name, value, default in known if value != default)
        return f"{type(self).__name__}({text if len(text) <= WIDEST else text[: WIDEST - 1] + '…'})"

    def __post_init__(self) -> None:
        for f in fields(self):  # type: ignore[arg-type]
            _require(f.name, getattr(self, f.name), f.metadata)


def _default(f: Any) -> Any:
    return f.default if f.default_factory is MISSING else f.default_factory()


def described(settings: Any) -> str:
    """Every setting with its value, those of settings within settings too: what a benchmark's rows are bound to."""
    if not is_dataclass(settings):
        return repr(settings)
    values = [f"{f.name}={described(getattr(settings, f.name))}" for f in fields(settings)]
    return f"{type(settings).__name__}({', '.join(values)})"


def _require(name: str, value: Any, facts: Mapping[str, Any]) -> None:
    choices, least, most = (facts.get(key) for key in ("choices", "least", "most"))
    if choices and isinstance(value, str) and value not in choices:
        known = sorted(choices, key=lambda choice: choice is None)
        raise ValueError(f"expected {name} {' or '.join(map(repr, known))}, got {value!r}")
    numbers = value if isinstance(value, tuple) else (value,)
    for number in numbers:
        if isinstance(number, int | float) and not isinstance(number, bool):
            _require_range(name, number, least, most)


def _require_range(name: str, value: float | int, least: float | int | None, most: float | int | None) -> None:
    low, high = (-float("inf") if least is None else least), (float("inf") if most is None else most)
    if not low <= value <= high or value in (float("inf"), -float("inf")):
        bounds = f"{low:g} to {high:g}" if most is not None else f"{low:g} or more" if least is not None else "any size"
        raise ValueError(f"expected {name} of {bounds}{' and finite' * (abs(value) == float('inf'))}, got {value:g}")


@dataclass(frozen=True)
class Field:
    """One line of a form: a dotted name, its value, its kind (number, whole, yes, choice, maybe-whole), what it may be,
    its range, and its help."""

    name: str
    value: Any
    kind: str
    choices: tuple[Any, ...] = ()
    least: float | int | None = None
    most: float | int | None = None
    help: str = ""


def table(settings: Any, prefix: str = "") -> list[Field]:
    """Every number, switch and choice of a dataclass, those of dataclasses within it under `outer.inner`.

    What is none of these (a dict of words, a list of thresholds) stays as it is and is left out.

    >>> [row.name for row in mag.settings.table(mag.MaskBlend())]
    ['start', 'grow']
    """
    rows: list[Field] = []
    for f in fields(settings):
        name, value = prefix + f.name, getattr(settings, f.name)
        if is_dataclass(value):
            rows += table(value, f"{name}.")
        elif kind := _kind(value, str(f.type), f.metadata.get("choices", ())):
            facts = {key: f.metadata[key] for key in ("choices", "least", "most", "help") if key in f.metadata}
            rows.append(Field(name, value, kind, **facts | {"choices": tuple(facts.get("choices", ()))}))
    return rows


def _kind(value: Any, declared: str, choices: Collection[Any]) -> str:
    if choices:
        return "choice" if value in choices else ""
    if isinstance(value, bool):
        return "yes"
    if isinstance(value, int | float) and "float" in declared:
        return "number"
    if isinstance(value, int):
        return "maybe-whole" if "None" in declared else "whole"
    return "maybe-whole" if value is None and declared == "int | None" else ""


def change(settings: S, values: Mapping[str, Any]) -> S:
    """The same settings with other values, by the names of `table`.

    Raises ValueError in one line for an unknown name, a value of another kind, and what the dataclasses refuse.

    >>> mag.settings.change(mag.MagEdit(), {"iterations": 3, "base.self_replace": 0.2})
    MagEdit(base=PromptToPrompt(self_replace=0.2, blend=MaskBlend(start=0.7, grow=1)), iterations=3)
    >>> mag.settings.change(mag.MagEdit(), {"iterations": 1.5})
    Traceback (most recent call last):
    ValueError: expected a whole number for iterations, got 1.5; round it
    """
    known = {row.name: row for row in table(settings)}
    if strange := values.keys() - known.keys():
        raise ValueError(f"expected settings {', '.join(known)}, got {min(map(str, strange))!r}; leave it out")
    return _changed(settings, {name: _read(known[name], value) for name, value in values.items()})


def _changed(settings: Any, values: Mapping[str, Any]) -> Any:
    own = {name: value for name, value in values.items() if "." not in name}
    for outer in dict.fromkeys(name.partition(".")[0] for name in values if "." in name):
        inner = {name.partition(".")[2]: v for name, v in values.items() if name.startswith(f"{outer}.")}
        own[outer] = _changed(getattr(settings, outer), inner)
    return replace(settings, **own)


def _read(row: Field, value: Any) -> Any:
    """The value in the setting's own type."""
    name, kind = row.name, row.kind
    if kind == "choice":
        if not any(value is c or (isinstance(c, str) and value == c) for c in row.choices):
            raise ValueError(f"expected {name} of {', '.join(map(str, row.choices))}, got {value!r}; choose one")
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


def parsed(row: Field, text: str) -> Any:
    """A setting's value from a text, as a command line has it; ValueError in one line for one that is none."""
    if row.kind in ("choice", "maybe-whole") and text.lower() in ("none", ""):
        return None
    if row.kind == "yes" or (row.kind == "choice" and text.lower() in ("true", "false", "yes", "no")):
        if text.lower() not in ("true", "false", "yes", "no"):
            raise ValueError(f"expected true or false for {row.name}, got {text!r}")
        return text.lower() in ("true", "yes")
    if row.kind == "choice":
        return text
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"expected a number for {row.name}, got {text!r}; type one") from None


def named(table: Mapping[str, S], what: "str | S", kind: str) -> S:
    """An entry of a table of methods or inversions by its name, or one that is given itself; ValueError for a name that
    is none."""
    if not isinstance(what, str):
        return what
    if what not in table:
        raise ValueError(f"expected {kind} {', '.join(table)}, got {what!r}; choose one")
    return table[what]
