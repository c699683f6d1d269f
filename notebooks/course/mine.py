"""The student's own MAG-Edit: pieces that pass their check are kept in `my_magedit.py`, for the notebooks after."""

import inspect
import os
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from . import my_magedit as course
from .exercises import pieces as checks
from .exercises.verdict import Verdict, wrong

FILE = "my_magedit.py"
HEAD = '"""My own MAG-Edit."""\n\nfrom functools import partial\n\nimport torch\n'
CHECKS: dict[str, Callable[[object], Verdict]] = {
    "ddim_step": checks.check_step, "read_maps": checks.check_maps, "invert": checks.check_invert,
    "inject": checks.check_inject, "token_ratio": checks.check_token_ratio, "nudge": checks.check_nudge,
    "mag_edit": checks.check_loop,
}  # fmt: skip
PIECES = tuple(CHECKS)


def keep(piece: object) -> Verdict:
    """Check a piece against the library and, where it passes, put it into `my_magedit.py` in this folder."""
    name = getattr(piece, "__name__", "")
    if name not in CHECKS:
        return wrong(f"expected one of {', '.join(PIECES)}, got {name or type(piece).__name__}; keep the name")
    verdict = CHECKS[name](piece)
    if not verdict.right:
        return verdict
    kept = _sources(Path(FILE)) | {name: inspect.getsource(piece)}  # type: ignore[arg-type]
    _write(Path(FILE), kept)
    count = sum(len([x for x in kept[n].splitlines() if x.strip()]) for n in kept)
    return Verdict(True, f"{verdict.words}; {FILE} has {len(kept)} of {len(PIECES)} pieces, {count} lines")


def pieces(*names: str) -> list[Any]:
    """Your own pieces where `my_magedit.py` has them and they pass; else the course's. Says which is whose."""
    own = _load(Path(FILE))
    chosen = {name: getattr(own, name, None) or getattr(course, name) for name in names}
    if own:
        for name, piece in chosen.items():
            setattr(own, name, piece)
            if not CHECKS[name](piece).right:
                raise ValueError(f"expected {name} of {FILE} to pass its check, got one that was changed; keep it anew")
    whose = {name: "yours" if hasattr(own, name) and name in _sources(Path(FILE)) else "the course's" for name in names}
    print(", ".join(f"{name}: {owner}" for name, owner in whose.items()))
    return list(chosen.values())


def _sources(path: Path) -> dict[str, str]:
    """The text of each piece in the file."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    parts = re.split(r"(?m)^(?=def )", text)[1:]
    return {match[1]: part.rstrip() + "\n" for part in parts if (match := re.match(r"def (\w+)", part))}


def _write(path: Path, kept: dict[str, str]) -> None:
    """All pieces in the order of the course, so that none is half written."""
    ordered = [kept[name] for name in PIECES if name in kept]
    beside = path.with_name(f".{os.getpid()}-{path.name}")
    beside.write_text(HEAD + "".join(f"\n\n{part.rstrip()}\n" for part in ordered), encoding="utf-8")
    os.replace(beside, path)


def _load(path: Path) -> ModuleType | None:
    """The file as a module; None where there is none. Pieces that it lacks are the course's."""
    if not path.exists():
        return None
    own = ModuleType("my_magedit")
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), own.__dict__)
    for name in PIECES:
        if name not in own.__dict__:
            setattr(own, name, getattr(course, name))
    return own
