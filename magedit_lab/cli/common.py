"""What several commands share: loading, progress, and saying what was written."""

import argparse
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from .. import files
from ..inversion.base import Inversion
from ..inversion.table import ALL_INVERSIONS
from ..model.backbone import Backbone
from ..settings import change
from .commands import COMMANDS

ROOM = 50_000_000  # bytes: a trace of 50 steps with its pictures, and some more
PROBE = 65536  # bytes: a file that is written and removed, as quotas and full disks show only there
NEEDED: dict[str, Any] = {"required": True, "default": argparse.SUPPRESS}


def command(commands: Any, name: str, function: Callable, words: str = "") -> argparse.ArgumentParser:
    """A subcommand that runs `function`; its line of help is that of `COMMANDS` where none is given."""
    words = words or COMMANDS[name][1]
    formatter = argparse.ArgumentDefaultsHelpFormatter
    parser = commands.add_parser(name, help=words, description=words, formatter_class=formatter)
    parser.set_defaults(run=function)
    return parser


def inversion(arguments: argparse.Namespace) -> Inversion:
    """The inversion of its name, with the settings that were asked for."""
    names = ("steps", "guidance_scale", "fixed_point")
    chosen = ALL_INVERSIONS[arguments.inversion]
    if arguments.fixed_point and not hasattr(chosen, "fixed_point"):
        raise ValueError(f"--fixed-point: for DDIM's inversions, got {arguments.inversion!r}; leave it out")
    return change(chosen, {name: getattr(arguments, name) for name in names if hasattr(chosen, name)})


def require_both(arguments: argparse.Namespace) -> None:
    """ValueError for a dataset's format without its folder, and the other way round."""
    if (arguments.format is None) != (arguments.data is None):
        raise ValueError("expected --format and --data together, got one of the two")


def report(outputs: Iterator[tuple[Path, str]]) -> None:
    """Write all files first, and only then say which."""
    for path, words in list(outputs):
        print(f"{path}: {words}")


DTYPES = ("float32", "float16", "bfloat16")


def model_options(add: Callable) -> None:
    """--model and what goes with it."""
    add("--model", default="tabletop", help="shipped model, folder, one .safetensors file, or hub name")
    add("--device", help="cpu, cuda or mps; else a GPU where there is one")
    add("--dtype", default="float32", choices=DTYPES, help="what the model computes in")
    add("--fast", action="store_true", help="CUDA graphs, TF32 and channels_last, where CUDA is")
    add("--variant", help="of the weights' files, such as fp16; a folder that has one alone needs none")
    add("--config", help="with one .safetensors file: the folder with its model's configuration; else the hub is asked")


def claim(out: Path, *names: str, room: int = ROOM) -> None:
    """An error now, and not after the work, where its results could not be written: ValueError or OSError.

    names: files to come, which are no folders. room: bytes that must be free.
    """
    out.mkdir(parents=True, exist_ok=True)
    for name in names:
        if (out / name).is_dir():
            raise ValueError(f"expected a file or nothing at {str(out / name)!r}, got a folder; take another --out")
    if (free := shutil.disk_usage(out).free) < room:
        raise ValueError(
            f"expected {room / 1e6:.0f} MB free for {str(out)!r}, got {free / 1e6:.1f} MB; take another --out"
        )
    probe = out / "probe"
    files.write(probe, _probe)
    probe.unlink()


def _probe(path: Path) -> None:
    path.write_bytes(bytes(PROBE))


def load(name: str, device: str | None = None, dtype: str = "float32", **more: Any) -> Backbone:
    """`Backbone.load` with a dtype by its name."""
    import torch

    return Backbone.load(name, device, getattr(torch, dtype), **more)


def model(arguments: argparse.Namespace) -> Backbone:
    """What `model_options` asked for."""
    a = arguments
    net = load(a.model, a.device, a.dtype, variant=a.variant, config=a.config)
    return net.compile() if arguments.fast else net


class Bar:
    """A tqdm bar on stderr that is called with (done, of), and is not there before."""

    def __init__(self, words: str) -> None:
        self.words = words
        self.bar: tqdm | None = None

    def __call__(self, done: int, of: int) -> None:
        if self.bar is None:
            self.bar = tqdm(desc=self.words, unit="step", file=sys.stderr, total=of)
        self.bar.total = of
        self.bar.update(done - self.bar.n)

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
