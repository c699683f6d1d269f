"""The folder of a run, which only grows: a kill or a full disk at any moment leaves every finished step.

run.json                     schema, generation, and all that the run was made with
1f0c…/                       the run's files, in a folder with the name of its generation
  inputs.safetensors         picture and masks
  route-0001.safetensors …   the inversion's steps, null-text-0000.safetensors … those of null-text
  path.safetensors           what the inversion came to
  layout.json                tokens, columns, sites
  step-0000.safetensors …    each step: what `Keep` says, and what the next step needs
  metrics.jsonl              a line a step, for people and plotting programs
  pictures.safetensors       result, reconstruction, previews: decoded at the end
  status.json                done, stopped, failed or saved
"""

import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from .. import files
from . import reader, storage
from .lock import Lock

OLD = ("trace.json", "trace.safetensors", "image.png", "result.png", "reconstruction.png")
GENERATION = re.compile("[0-9a-f]{16}")
LEFT = re.compile(r"\.\d+-.+")  # what a killed writer had not yet renamed
SPARE = 2**20  # bytes that stay free


class RunFolder:
    """One run's folder, open for writing; no other process or thread can open it meanwhile."""

    def __init__(self, root: Path, generation: str, lock: Lock) -> None:
        self.root, self.generation, self._lock = root, generation, lock
        self.place = root / generation
        self.meta: dict[str, Any] = {}

    @classmethod
    def create(cls, root: Path, force: bool = False) -> "RunFolder":
        """A new run. ValueError where the folder holds another one, which `force` gives up once `commit` is called."""
        with _in_one_line(root):
            root.mkdir(parents=True, exist_ok=True)
            lock = Lock(root)
        try:
            require_none(root, force)
            folder = cls(root, secrets.token_hex(8), lock)
            with _in_one_line(root):
                folder.place.mkdir()
            return folder
        except BaseException:
            lock.release()
            raise

    @classmethod
    def reopen(cls, root: Path) -> "RunFolder":
        """The run that is there, to go on with it; what a killed writer left half-written is cleared away."""
        meta, place = storage.read_run(root)
        with _in_one_line(root):
            folder = cls(root, place.name, Lock(root))
        folder.meta = meta
        try:
            _clear(root, folder.generation)
            with suppress(FileNotFoundError):
                (folder.place / "status.json").unlink()
        except BaseException:
            folder._lock.release()
            raise
        return folder

    def __enter__(self) -> "RunFolder":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if not self.meta:  # never committed: nothing of it stays
            shutil.rmtree(self.place, ignore_errors=True)
        self._lock.release()

    # ------------------------------------------------------------ writing

    def commit(self, meta: Mapping[str, Any]) -> None:
        """From here on the folder holds this run, and no other."""
        self.meta = {"schema": storage.SCHEMA, "generation": self.generation, **meta}
        self._write(self.root / "run.json", _text(self.meta))
        _clear(self.root, self.generation)

    def put(self, name: str, tensors: Mapping[str, Tensor], facts: Mapping[str, str] | None = None) -> int:
        """A safetensors file of the run; how many bytes it has."""
        own = {key: t.detach().cpu().contiguous().clone() for key, t in tensors.items()}
        content = safetensors.torch.save(own, {"generation": self.generation, **(facts or {})})
        self._write(self.place / f"{name}.safetensors", content)
        return len(content)

    def put_json(self, name: str, value: Mapping[str, Any]) -> None:
        """A JSON file of the run."""
        self._write(self.place / f"{name}.json", _text({"generation": self.generation, **value}))

    def put_file(self, name: str, content: bytes) -> None:
        """Any file of the run, for people; never read again."""
        self._write(self.place / name, content)

    def line(self, value: Mapping[str, Any]) -> None:
        """A line of metrics.jsonl, on the disk once this returns."""
        with _in_one_line(self.root), open(self.place / "metrics.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(value, allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def end(self, state: str, **facts: Any) -> None:
        """The last file: how the run ended."""
        self.put_json("status", {"state": state, **facts})

    def _write(self, path: Path, content: bytes) -> None:
        with _in_one_line(self.root):
            files.write_durably(path, content)

    def require_room(self, size: int, what: str) -> None:
        """OSError now, and not after hours, where so many bytes do not fit on the disk."""
        with _in_one_line(self.root):
            free = shutil.disk_usage(self.root).free
        if free < size + SPARE:
            need, have = size / 2**20, free / 2**20
            raise OSError(
                f"expected {need:.0f} MiB of room for {what}, got {have:.0f}; free some, or take another disk"
            )

    # ------------------------------------------------------------ reading again

    def read(self, name: str, most: int = reader.MOST_BYTES) -> tuple[dict[str, str], dict[str, Tensor]]:
        """Texts and tensors of a safetensors file of the run, of at most so many bytes."""
        return reader.read_tensors(self.place / f"{name}.safetensors", self.generation, most)

    def keeper(self, device: torch.device) -> Callable[[str, Callable[[], tuple[Tensor, ...]]], tuple[Tensor, ...]]:
        """For `inversion.base.keeping`: each step of an inversion is computed once a folder."""

        def keep(name: str, compute: Callable[[], tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
            if not (self.place / f"{name}.safetensors").exists():
                values = compute()
                self.put(name, {str(i): value for i, value in enumerate(values)})
                return values
            _, kept = self.read(name)
            return tuple(kept[str(i)].to(device) for i in range(len(kept)))

        return keep

    def trim_metrics(self, steps: int) -> None:
        """Leave the lines of the first `steps` steps alone."""
        path = self.place / "metrics.jsonl"
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
        whole = [line for line in lines if line.endswith("}") and '"step"' in line][:steps]
        self.put_file("metrics.jsonl", "".join(f"{line}\n" for line in whole).encode())


def holds_run(root: Path) -> bool:
    """Whether a folder has a run in it, of any schema."""
    return any(os.path.lexists(root / name) for name in ("run.json", "trace.json"))


def require_none(root: Path, force: bool = False) -> None:
    """ValueError where a folder holds a run that is not to be given up."""
    if holds_run(root) and not force:
        raise ValueError(
            f"expected a folder without a run, got {str(root)!r}, which holds one; take another folder, go on with "
            "that run (mag.resume, --resume), or give it up (force=True, --force)"
        )


def _clear(root: Path, generation: str) -> None:
    """Remove what other runs, and writers that were killed, have left: only files with names of ours."""
    for path in [*root.iterdir(), *(root / generation).iterdir()]:
        if path.is_dir() and not path.is_symlink() and GENERATION.fullmatch(path.name) and path.name != generation:
            shutil.rmtree(path, ignore_errors=True)
        elif LEFT.fullmatch(path.name) and not path.is_dir():
            path.unlink(missing_ok=True)
    if (root / "trace.json").exists():
        for name in OLD:
            (root / name).unlink(missing_ok=True)


def _text(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, allow_nan=False) + "\n").encode()


@contextmanager
def _in_one_line(root: Path) -> Iterator[None]:
    """Turns what the system says into a line that names the folder and what to do."""
    try:
        yield
    except OSError as error:
        if not error.strerror:
            raise
        advice = "what was finished is kept; mend that and resume, or take another folder"
        clear = type(error)(f"cannot write into {str(root)!r}: {error.strerror}; {advice}")
        clear.errno = error.errno
        raise clear from None
