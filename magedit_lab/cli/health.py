"""What a bug report needs: versions against what is supported, device, room, shipped models, widgets, and a trial."""

import hashlib
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from ..model.loading import SHIPPED

DISTRIBUTION = "magedit-lab"
SUMS = "SHA256SUMS"
LEAST_DISK = 2**28  # bytes below which a run may not fit


@dataclass(frozen=True)
class Line:
    """One finding. fine: False where something must be mended, and `text` then says what."""

    subject: str
    text: str
    fine: bool = True

    def __repr__(self) -> str:
        return f"{'ok ' if self.fine else 'BAD'} {self.subject}: {self.text}"


@dataclass(frozen=True)
class Health:
    """All findings; its text is what to paste into a bug report."""

    lines: tuple[Line, ...]

    @property
    def fine(self) -> bool:
        """Whether nothing must be mended."""
        return all(line.fine for line in self.lines)

    def __repr__(self) -> str:
        end = "all is well" if self.fine else "lines with BAD say what to mend"
        return "\n".join([*map(repr, self.lines), f"{end}; paste these lines into a report"])


def doctor(trial: bool = True) -> Health:
    """Look at the installation and the machine. No user name and no path of yours is in it.

    trial: also run an edit of two steps on each shipped model, some seconds.
    """
    lines = [*_system(), *_versions(), *_machine(), *_models(), *_notebook()]
    return Health(tuple([*lines, *(_trials() if trial else ())]))


def _system() -> Iterator[Line]:
    supported = metadata.metadata(DISTRIBUTION)["Requires-Python"] if _installed() else ""
    own = platform.python_version()
    fits = not supported or Requirement(f"python{supported}").specifier.contains(own)
    yield Line("python", f"{own} on {platform.platform()}" + ("" if fits else f"; expected {supported}"), fits)


def _installed() -> bool:
    try:
        metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return False
    return True


def _versions() -> Iterator[Line]:
    """Every package that the library, its widgets and its notebooks ask for, against the range that they ask for."""
    if not _installed():
        yield Line(DISTRIBUTION, "not installed; pip install -e .", False)
        return
    yield Line(DISTRIBUTION, metadata.version(DISTRIBUTION))
    for text in metadata.requires(DISTRIBUTION) or ():
        wanted = Requirement(text)
        if wanted.marker is None or any(wanted.marker.evaluate({"extra": e}) for e in ("widgets", "notebooks")):
            yield _version(wanted)
    yield Line("jupyterlab_widgets", _found("jupyterlab_widgets") or "not installed")


def _version(wanted: Requirement) -> Line:
    version, range_ = _found(wanted.name), str(wanted.specifier) or "any"
    if version is None:
        optional = wanted.marker is not None
        return Line(wanted.name, f"not installed; {'for widgets or notebooks: ' * optional}{range_}", optional)
    fits = wanted.specifier.contains(version, prereleases=True)
    return Line(wanted.name, f"{version} ({range_})" + ("" if fits else "; pip install -U it"), fits)


def _found(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _machine() -> Iterator[Line]:
    import torch

    if torch.cuda.is_available():
        free, whole = torch.cuda.mem_get_info()
        yield Line("device", f"{torch.cuda.get_device_name()}, {_gib(free)} of {_gib(whole)} free")
    elif torch.backends.mps.is_available():
        yield Line("device", "mps")
    else:
        yield Line("device", f"cpu, {torch.get_num_threads()} threads of {os.cpu_count()} cores")
    if hasattr(os, "sysconf"):
        page = os.sysconf("SC_PAGE_SIZE")
        free, whole = (page * os.sysconf(name) for name in ("SC_AVPHYS_PAGES", "SC_PHYS_PAGES"))
        yield Line("memory", f"{_gib(free)} of {_gib(whole)} free")
    for subject, folder in (("disk, here", Path.cwd()), ("disk, temporary", Path(tempfile.gettempdir()))):
        room = shutil.disk_usage(folder).free
        yield Line(subject, f"{_gib(room)} free", room > LEAST_DISK)
    home = os.environ.get("HOME") or os.environ.get("USERPROFILE")
    yield Line("home", "there is one" if home and Path(home).is_dir() else "none: downloads are kept nowhere")


def _gib(size: float | int) -> str:
    return f"{size / 2**30:.1f} GiB"


def _models() -> Iterator[Line]:
    """Each file of the shipped models against its SHA-256."""
    sums = SHIPPED / SUMS
    lines = sums.read_text().splitlines() if sums.exists() else []
    known = {name: digest for digest, name in (line.split(maxsplit=1) for line in lines)}
    for folder in shipped():
        own = {name.removeprefix("./"): digest for name, digest in known.items() if f"{folder.name}/" in name}
        wrong = [name for name, digest in own.items() if _digest(SHIPPED / name) != digest]
        size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 2**20
        state = f"{', '.join(wrong)} differs; install anew" if wrong else f"{len(own)} files as shipped"
        yield Line(f"model {folder.name}", f"{size:.1f} MiB, {state if own else 'no checksums'}", not wrong)
    if not shipped():
        yield Line("models", "none; train one with: magedit-lab train all --out DIR", False)


def shipped() -> list[Path]:
    """The folders of the shipped diffusion models."""
    return sorted(index.parent for index in SHIPPED.glob("*/model_index.json"))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "missing"


def _notebook() -> Iterator[Line]:
    """Whether a kernel is under way here, and whether it can answer widgets while a cell runs."""
    ipython = sys.modules.get("IPython")
    kernel: Any = getattr(ipython.get_ipython(), "kernel", None) if ipython else None
    if kernel is None:
        yield Line("kernel", "none here; call mag.doctor() in a notebook to see its own")
        return
    subshells = bool(getattr(kernel, "_supports_kernel_subshells", False))
    about = "widgets answer while a cell runs" if subshells else "widgets wait for a cell's end; ipykernel 7 mends it"
    yield Line("kernel", f"{type(kernel).__name__}, {about}")


def _trials() -> Iterator[Line]:
    """An edit of two steps on each shipped model: finite, guided, and equal prompts give the source back."""
    for folder in shipped():
        began = time.perf_counter()
        try:
            facts = _trial(folder.name)
        except Exception as error:  # whatever it is belongs into the report
            yield Line(f"trial {folder.name}", f"{type(error).__name__}: {' '.join(str(error).split())[:200]}", False)
            continue
        yield Line(f"trial {folder.name}", f"{facts}, in {time.perf_counter() - began:.1f} s")


def _trial(name: str) -> str:
    import numpy as np
    from PIL import Image

    from ..inversion.ddim import Direct
    from ..inversion.table import invert
    from ..methods.mag_edit import MagEdit
    from ..model.backbone import Backbone
    from ..task import Task
    from ..trace.record import SCORED
    from ..trace.runner import run

    net = Backbone.load(name)
    mask = np.zeros((net.size, net.size), np.float32)
    mask[net.size // 4 : net.size // 2, net.size // 4 : net.size // 2] = 1
    task = Task(Image.new("RGB", (net.size, net.size), "gray"), mask, "a mug", "a red mug", "red")
    path = invert(net, task, Direct(steps=2))
    trace = run(net, task, path, MagEdit(iterations=1, stop_step=1), SCORED)
    loss, gradient = float(trace.losses[0, 0]), float(trace.gradients["inside"][0, 0])
    if not gradient > 0:
        raise ValueError(f"expected a gradient within the mask, got {gradient}")
    return f"loads and edits, loss {loss:.3f}, gradient {gradient:.2g}"
