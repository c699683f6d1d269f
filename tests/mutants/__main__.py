"""`make mutants`: change one thing in a formula at a time; a test must fail. The table is in docs/reliability.md."""

import argparse
import importlib
import io
import os
import random
import shutil
import sys
import tempfile
import time
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from changes import mutants

ROOT = Path(__file__).parents[2]
DOC = ROOT / "docs" / "reliability.md"
START, END = "<!-- mutants -->", "<!-- /mutants -->"
LONGEST = 900  # seconds that a mutant's tests may take: an endless loop is noticed too
TARGETS = {  # a module, and the tests that are to notice
    "methods/shared/losses.py": "tests/methods/test_losses.py tests/methods/test_mag_edit.py",
    "methods/shared/objective.py": "tests/methods/test_losses.py tests/methods/test_mag_edit.py",
    "methods/shared/guidance.py": "tests/methods/test_mag_edit.py",
    "methods/shared/blend.py": "tests/published/test_departures.py tests/methods/test_methods.py",
    "methods/mag_edit.py": "tests/methods/test_mag_edit.py tests/published/test_released.py",
    "model/schedule.py": "tests/model/test_schedule.py tests/model/test_flow.py",
    "prompts/alignment.py": "tests/prompts tests/methods/test_prompt_to_prompt.py",
    "prompts/words.py": "tests/prompts",
    "masks/raster.py": "tests/masks tests/methods/test_masks_of_any_size.py",
    "masks/flood.py": "tests/masks",
    "inversion/base.py": "tests/inversion",
    "inversion/null_text.py": "tests/inversion",
    "trace/record.py": "tests/trace/test_trace.py",
    "trace/measured.py": "tests/trace/test_trace.py",
}


@dataclass(frozen=True)
class Mutant:
    module: str
    line: int
    words: str
    code: str


def every(only: str) -> list[Mutant]:
    """All mutants of the targets that have `only` in their names."""
    found = []
    for module in (m for m in TARGETS if only in m):
        source = (ROOT / "magedit_lab" / module).read_text(encoding="utf-8")
        found += [Mutant(module, *change) for change in mutants(source)]
    return found


def overlay(folder: Path, mutant: Mutant | None) -> Path:
    """A copy of the library in links, in which one module is the mutant."""
    for source in (ROOT / "magedit_lab").rglob("*"):
        place = folder / source.relative_to(ROOT)
        if source.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        elif "__pycache__" not in source.parts:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(source)
    if mutant:
        place = folder / "magedit_lab" / mutant.module
        place.unlink()
        place.write_text(mutant.code, encoding="utf-8")
    return folder


def tested(folder: Path, tests: list[str]) -> bool:
    """Whether the tests pass on that copy: in a child that has torch and diffusers already, and not the library."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            sys.path.insert(0, str(folder))
            os.chdir(ROOT)
            import pytest

            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                status = pytest.main([*tests, "-x", "-q", "-p", "no:cacheprovider", "--no-header"])
        finally:
            os._exit(int(status))
    began = time.monotonic()
    while time.monotonic() - began < LONGEST:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.1)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return False


def survives(mutant: Mutant | None, tests: list[str]) -> bool:
    folder = Path(tempfile.mkdtemp())
    try:
        return tested(overlay(folder, mutant), tests)
    finally:
        shutil.rmtree(folder)


def write(rows: list[str], survivors: list[Mutant], about: str) -> None:
    """The table and the survivors between two marks in the document."""
    listed = [f"- `{m.module}`, line {m.line}: {m.words}" for m in survivors] or ["None."]
    lines = [
        START,
        about,
        "",
        "| module | mutants | killed |",
        "|---|---|---|",
        *rows,
        "",
        "Survivors:",
        "",
        *listed,
        END,
    ]
    head, rest = DOC.read_text(encoding="utf-8").split(START)
    DOC.write_text(head + "\n".join(lines) + rest.split(END)[1], encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, help="so many mutants, drawn at random; else all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="of modules that have this in their names")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no mutant after that")
    given = parser.parse_args()
    everything = every(given.only)
    chosen = list(everything)
    random.Random(given.seed).shuffle(chosen)
    chosen = chosen[: given.most]
    for name in ("diffusers", "matplotlib", "scipy", "torch", "transformers"):
        importlib.import_module(name)  # paid for once
    sound: dict[str, bool] = {}
    began, results = time.monotonic(), {}
    for mutant in chosen:
        if time.monotonic() - began > 60 * given.minutes:
            break
        tests = TARGETS[mutant.module]
        if tests not in sound:
            sound[tests] = survives(None, tests.split())
            assert sound[tests], f"expected tests that pass without a change, got failures in {tests}"
        results[mutant] = survives(mutant, tests.split())
        print("SURVIVED" if results[mutant] else "killed", mutant.module, mutant.line, mutant.words, flush=True)
    rows = []
    for module in TARGETS:
        own = [survived for mutant, survived in results.items() if mutant.module == module]
        if own:
            rows.append(f"| `{module}` | {len(own)} | {own.count(False)} |")
    survivors = sorted((m for m, survived in results.items() if survived), key=lambda m: (m.module, m.line))
    killed = len(results) - len(survivors)
    about = (
        f"Written by `make mutants`: {len(results)} of {len(everything)} possible changes, drawn at random (seed "
        f"{given.seed}); {killed} were noticed by the module's own tests."
    )
    print(about)
    if not given.only:
        write(rows, survivors, about)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
