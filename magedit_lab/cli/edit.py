"""`magedit-lab edit`: a picture of the user's own."""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from .. import files, masks, plots
from ..inversion.table import INVERSIONS
from ..methods.base import Method
from ..methods.losses import LOSSES
from ..methods.mag_edit import MagEdit
from ..methods.table import METHODS
from ..methods.validate import validate
from ..prompts import words
from ..settings import change, parsed, table
from ..stopped import Stopped
from ..task import Frame, Task
from ..trace import storage
from ..trace.runner import noted, resume, run
from ..trace.trace import Trace
from .common import Bar, command, inversion, load, report

REQUIRED = ("image", "mask", "source", "target", "words", "out")
NEEDED: dict[str, Any] = {"default": argparse.SUPPRESS}  # by a new run
MODEL = "tabletop"
GUIDANCE = ("preset", "loss", "iterations", "stop_step", "step_size")


def add(commands: Any) -> None:
    parser = command(commands, "edit", edit, "edit a picture of your own")
    option = parser.add_argument
    option("--resume", type=Path, metavar="DIR", help="go on with the run in the --out of an earlier call")
    option("--image", type=Path, help="PNG or JPEG of any size", **NEEDED)
    more: dict[str, Any] = {"action": "extend", "nargs": "+", **NEEDED}
    option("--mask", type=Path, help="of the image's size, white where to edit; one, or one a word", **more)
    option("--source", help="a prompt that describes the image", **NEEDED)
    option("--target", help="a prompt that describes the result", **NEEDED)
    option("--words", help="edit words of the target prompt", **more)
    option("--weights", type=float, nargs="+", help="lambdas of Eq. 5, one a word, summing to 1; else equal")
    option("--negative", help="a prompt for what is to fade (Eq. 3)")
    option("--negative-words", nargs="+", default=(), help="its words that count; else all that --target lacks")
    option("--out", type=Path, help="folder for result, figures and trace", **NEEDED)
    option("--force", action="store_true", help="give up another run in that folder")
    option("--model", default=MODEL, help="shipped model, folder or hub name")
    option("--device", help="cpu or cuda; else cuda where there is one")
    option("--inversion", default="null-text", choices=INVERSIONS, help="how the image's noise is found")
    option("--steps", type=int, default=50, help="DDIM steps")
    option("--guidance-scale", type=float, default=7.5, help="classifier-free guidance")
    option("--fixed-point", type=int, default=0, help="inversion: how often each step up is taken anew, at most")
    option("--method", default="p2p+mag-edit", choices=METHODS, help="editing method")
    option("--seed", type=int, help="of the noise that a method draws: blended, diffedit; the others draw none")
    about = "any setting of the method; `magedit-lab methods NAME` lists them"
    option("--set", metavar="NAME=VALUE", action="extend", nargs="+", default=[], help=about)
    _guidance_options(parser.add_argument_group("guidance, for methods that have these settings").add_argument)


def _guidance_options(add: Callable) -> None:
    usual = MagEdit()
    unset: dict[str, Any] = {"default": argparse.SUPPRESS}
    add("--preset", choices=("official", "paper"), help="as coded (the default) or as printed", **unset)
    add("--loss", choices=LOSSES, help=f"Eq. 1 or Eq. 2 (default: {usual.loss})", **unset)
    add("--iterations", type=int, help=f"MAX_IT, nudges a step (default: {usual.iterations})", **unset)
    add("--stop-step", type=int, help="tau: steps before this are guided (default: half of them)", **unset)
    add("--step-size", type=float, help=f"delta of Eq. 4 (default: {usual.step_size})", **unset)


def edit(arguments: argparse.Namespace) -> None:
    """Check, invert, edit, and paste the result back at the picture's own size; or go on with such a run."""
    if arguments.resume:
        return _resume(arguments.resume, arguments)
    _require_options(arguments)
    task, method = _task(arguments), _seeded(_method(arguments), arguments)
    net = load(arguments.model, arguments.device)
    small, frame = task.fit(net.size, net.size)
    way = inversion(arguments)
    validate(net, small, way, method)
    _claim(arguments.out)
    notes = {"method": arguments.method, "frame": list(frame.box)}
    also = {"image": torch.from_numpy(np.array(task.image)), "region": task.region}
    with Bar("invert") as inverting, Bar("edit") as bar:
        out = {"out": arguments.out / "trace", "force": arguments.force, "notes": notes, "also": also}
        trace = _told(arguments.out, partial(run, net, small, way, method, None, bar, inverting=inverting, **out))
    report(_write(trace, arguments.out))


def _resume(out: Path, arguments: argparse.Namespace) -> None:
    """Go on from the last whole step, and write what the whole run would have written."""
    _claim(out)
    net = load(_model_of(out / "trace", arguments.model), arguments.device)
    with Bar("invert") as inverting, Bar("edit") as bar:
        trace = _told(out, partial(resume, out / "trace", net, None, bar, inverting))
    report(_write(trace, out))


def _model_of(folder: Path, given: str) -> str:
    """The name of a run's model; of one in a folder of the user's, whose place a run does not keep, the one given."""
    meta, _ = storage.read_run(folder)
    own = meta.get("model", {"name": "", "local": True})
    if own["local"] and given == MODEL:
        raise ValueError(f"expected --model with the folder of this run's model, called {own['name']!r}, got none")
    return given if own["local"] else own["name"]


def _told(out: Path, work: Callable[[], Trace]) -> Trace:
    """What the work gives; where it was broken off, the line also says what is kept, and how to go on."""
    advice = f"magedit-lab edit --resume {out} goes on"
    try:
        return work()
    except Stopped as stop:
        raise KeyboardInterrupt(f"{stop.where}; {advice}") from None
    except FloatingPointError as error:
        kept = len(getattr(error, "trace", None).times)  # type: ignore[union-attr]
        raise FloatingPointError(f"{error}; the {kept} steps before it are in {out / 'trace'}") from None


def _require_options(arguments: argparse.Namespace) -> None:
    """ValueError that names what is missing of a new run."""
    missing = [f"--{name}" for name in REQUIRED if getattr(arguments, name, None) is None]
    if missing:
        raise ValueError(f"expected {', '.join(missing)}, got none; or go on with an earlier run: --resume DIR")


def _task(arguments: argparse.Namespace) -> Task:
    a = arguments
    if a.source.split() == a.target.split():
        raise ValueError("expected a target prompt that differs from the source, got equal ones; add a word")
    if a.negative_words and a.negative is None:
        raise ValueError("expected a negative prompt for the negative words, got none; add --negative")
    kept = words.split(a.target)
    negative = a.negative_words or [w for w in dict.fromkeys(words.split(a.negative or "")) if w not in kept]
    if a.negative and not negative:
        raise ValueError("expected a negative prompt with a word that the target lacks, got none; add --negative-words")
    planes = [masks.open_mask(path) for path in a.mask]
    image = masks.open_image(a.image)
    return Task(image, planes, a.source, a.target, a.words, a.weights, a.negative, negative)


def _method(arguments: argparse.Namespace) -> Method:
    """The method by its name; ValueError where it has no use for an option that was given."""
    method, given = METHODS[arguments.method], {k: v for k, v in vars(arguments).items() if k in GUIDANCE}
    method = method.preset(given.pop("preset")) if "preset" in given else method
    own = {row.name: row for row in table(method)}
    for text in arguments.set:
        name, _, value = text.partition("=")
        given[name] = parsed(own[name], value) if name in own else value
    return change(method, given)


def _seeded(method: Any, arguments: argparse.Namespace) -> Any:
    """The method with the seed that was asked for; ValueError where it has no use for one."""
    if arguments.seed is None:
        return method
    if not hasattr(method, "seed"):
        raise ValueError(f"--seed: for methods that draw noise, got method {arguments.method!r}; leave it out")
    return replace(method, seed=arguments.seed)


def _claim(out: Path) -> None:
    """An error now, and not after the run, where its results could not be written."""
    for name in ("result.png", "comparison.png", "loss.png"):
        if (out / name).is_dir():
            raise ValueError(f"expected a file or nothing at {str(out / name)!r}, got a folder; take another --out")


def _write(trace: Trace, out: Path) -> Iterator[tuple[Path, str]]:
    assert trace.result is not None
    notes, also = noted(out / "trace")
    image, frame, name = Image.fromarray(also["image"].numpy()), Frame(*notes["frame"]), notes["method"]
    yield out / "trace", "the whole run, for mag.load"
    result = frame.paste(image, trace.result, also["region"] if METHODS[name].keeps_outside else None)
    files.write(out / "result.png", result.save)
    yield out / "result.png", f"the edit, {result.width}x{result.height} like the image"
    plots.comparison({name: trace}).save(out / "comparison.png")
    yield out / "comparison.png", "before and after, as the model sees them"
    if any(trace.terms):
        plots.loss_curves(trace).save(out / "loss.png")
        yield out / "loss.png", "the loss at every nudge"
    else:
        (out / "loss.png").unlink(missing_ok=True)  # of an earlier run
