"""`magedit-lab edit`: a picture of the user's own."""

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from .. import files, pictures, plots
from ..inversion.stopped import Stopped
from ..inversion.table import ALL_INVERSIONS
from ..methods.base import Method
from ..methods.mag_edit import MagEdit
from ..methods.shared.losses import LOSSES
from ..methods.table import ALL_METHODS
from ..methods.validate import validate
from ..prompts import words
from ..settings import Field, change, parsed, table
from ..task import Frame, Task
from ..trace.folder import require_none
from ..trace.resuming import facts_of, method_of, noted, resume
from ..trace.runner import run
from ..trace.trace import Trace
from .common import Bar, claim, command, inversion, load, model, model_options, report

REQUIRED = ("image", "mask", "source", "target", "words", "out")
NEEDED: dict[str, Any] = {"default": argparse.SUPPRESS}  # by a new run
MODEL = "tabletop"
FIGURES = ("result.png", "comparison.png", "loss.png")
GUIDANCE = ("preset", "loss", "iterations", "stop_step", "step_size")


def add(commands: Any, name: str) -> None:
    parser = command(commands, name, edit)
    option = parser.add_argument
    option("--resume", type=Path, metavar="DIR", help="go on with the run in the --out of an earlier call")
    option("--image", type=Path, help="a picture of up to 64 megapixels: PNG, JPEG, WebP, TIFF ...", **NEEDED)
    more: dict[str, Any] = {"action": "extend", "nargs": "+", **NEEDED}
    option("--mask", type=Path, help="of the image's size, white where to edit; one, or one a word", **more)
    option("--source", help="a prompt that describes the image", **NEEDED)
    option("--target", help="a prompt that describes the result", **NEEDED)
    option("--words", help="edit words of the target prompt", **more)
    option("--weights", type=float, nargs="+", help="lambdas of Eq. 5, one a word, summing to 1; else equal")
    option("--negative", help="a prompt for what is to fade (Eq. 3)")
    option("--negative-words", nargs="+", default=(), help="its words that count; else all that --target lacks")
    option("--out", type=Path, help="folder for result, figures and trace", **NEEDED)
    option("--force", action="store_true", help="give up an earlier run in that folder")
    model_options(option)
    option("--inversion", default="null-text", choices=ALL_INVERSIONS, help="how the image's noise is found")
    option("--steps", type=int, default=50, help="DDIM steps")
    option("--guidance-scale", type=float, default=7.5, help="classifier-free guidance")
    option("--fixed-point", type=int, default=0, help="inversion: how often each step up is taken anew, at most")
    option("--method", default="p2p+mag-edit", choices=ALL_METHODS, help="editing method")
    option("--seed", type=int, help="of the noise that a method draws: blended, diffedit; the others draw none")
    about = "any setting of the method; `magedit-lab methods NAME` lists them"
    option("--set", metavar="NAME=VALUE", action="extend", nargs="+", default=[], help=about)
    _guidance_options(parser.add_argument_group("guidance, for methods that have these settings").add_argument)


def _guidance_options(add: Callable) -> None:
    usual = MagEdit()
    unset: dict[str, Any] = {"default": argparse.SUPPRESS}
    add("--preset", choices=MagEdit.presets, help="as the released code has it, or as printed", **unset)
    add("--loss", choices=LOSSES, help=f"Eq. 1 or Eq. 2 (default: {usual.loss})", **unset)
    add("--iterations", type=int, help=f"MAX_IT, nudges a step (default: {usual.iterations})", **unset)
    add("--stop-step", type=int, help="tau: steps before this are guided (default: half of them)", **unset)
    add("--step-size", type=float, help=f"delta of Eq. 4 (default: {usual.step_size})", **unset)


def edit(arguments: argparse.Namespace) -> None:
    """Check, invert, edit, and paste the result back at the picture's own size; or go on with such a run."""
    if arguments.resume:
        return _resume(arguments.resume, arguments)
    _require_options(arguments)
    out = arguments.out
    task, method = _task(arguments), _seeded(_method(arguments), arguments)
    net, inverted = model(arguments), inversion(arguments)
    small, frame = task.fit(net.size, net.size)
    validate(net, small, inverted, method)
    claim(out, *FIGURES)
    _give_up_earlier(out, arguments.force)
    notes = {"method": arguments.method, "frame": list(frame.box)}
    also = _own_size(task, pictures.read(arguments.image).alpha)
    with Bar("invert") as inverting, Bar("edit") as bar:
        kept = {"out": out / "trace", "force": arguments.force, "notes": notes, "also": also}
        trace = _advised(out, partial(run, net, small, inverted, method, None, bar, inverting=inverting, **kept))
    report(_write(trace, method, out))


def _resume(out: Path, arguments: argparse.Namespace) -> None:
    """Go on from the last whole step, and write what the whole run would have written."""
    claim(out, *FIGURES)
    name, dtype = _model_of(out / "trace", arguments.model)
    net = load(name, arguments.device, dtype, variant=arguments.variant, config=arguments.config)
    with Bar("invert") as inverting, Bar("edit") as bar:
        trace = _advised(out, partial(resume, out / "trace", net, None, bar, inverting))
    report(_write(trace, method_of(out / "trace"), out))


def _model_of(folder: Path, given: str) -> tuple[str, str]:
    """Name and dtype of a run's model; of one in a folder of the user's, whose place a run does not keep, the name that
    was given."""
    own = facts_of(folder).get("model")
    if own is None:
        raise ValueError(f"expected a run of `edit` in {str(folder)!r}, got a trace that was saved; run it anew")
    if own["local"] and given == MODEL:
        raise ValueError(f"expected --model with the folder of this run's model, called {own['name']!r}, got none")
    return (given if own["local"] else own["name"]), own["dtype"]


def _require_options(arguments: argparse.Namespace) -> None:
    """ValueError that names what is missing of a new run."""
    missing = [f"--{name}" for name in REQUIRED if getattr(arguments, name, None) is None]
    if missing:
        raise ValueError(f"expected {', '.join(missing)}, got none; or go on with an earlier run: --resume DIR")


def _give_up_earlier(out: Path, force: bool) -> None:
    """The pictures of an earlier run, which must not lie beside the new one's; ValueError where that is not wanted."""
    require_none(out / "trace", force)
    for name in FIGURES:
        (out / name).unlink(missing_ok=True)


def _advised(out: Path, work: Callable[[], Trace]) -> Trace:
    """What the work gives; where it was broken off, the line says what is kept, and how to go on."""
    try:
        return work()
    except Stopped as stop:
        raise KeyboardInterrupt(f"{stop.where}; magedit-lab edit --resume {out} goes on") from None
    except FloatingPointError as error:
        count = len(error.trace.times)  # type: ignore[attr-defined]
        raise FloatingPointError(f"{error}; the {count} steps before it are in {out / 'trace'}") from None


def _own_size(task: Task, alpha: Image.Image | None) -> dict[str, torch.Tensor]:
    """What is needed to put the result back into the picture: kept with the run, for one that is taken up again."""
    planes = {"image": np.array(task.image), "region": (task.region * 255).round().byte().numpy()}
    if alpha:
        planes["alpha"] = np.array(alpha)
    return {name: torch.from_numpy(plane) for name, plane in planes.items()}


def _pasted(trace: Trace, method: Method, out: Path) -> Image.Image:
    """The result at the picture's own size, with the transparency that the picture had."""
    assert trace.result is not None  # whole runs have one
    notes, also = noted(out / "trace")
    image, region = Image.fromarray(also["image"].numpy()), also["region"].float() / 255
    result = Frame(*notes["frame"]).paste(image, trace.result, region if method.keeps_outside else None)
    if "alpha" in also:
        result.putalpha(Image.fromarray(also["alpha"].numpy()))
    return result


def _task(arguments: argparse.Namespace) -> Task:
    a = arguments
    if a.source.split() == a.target.split():
        raise ValueError("expected a target prompt that differs from the source, got equal ones; add a word")
    if a.negative_words and a.negative is None:
        raise ValueError("expected a negative prompt for the negative words, got none; add --negative")
    target_words = words.split(a.target)
    negative = a.negative_words or [w for w in dict.fromkeys(words.split(a.negative or "")) if w not in target_words]
    if a.negative and not negative:
        raise ValueError("expected a negative prompt with a word that the target lacks, got none; add --negative-words")
    image = pictures.read(a.image).rgb  # its alpha comes back in the result
    return Task(image, a.mask, a.source, a.target, a.words, a.weights, a.negative, negative)


def _method(arguments: argparse.Namespace) -> Method:
    """The method by its name; ValueError where it has no use for an option that was given."""
    method, options = ALL_METHODS[arguments.method], {k: v for k, v in vars(arguments).items() if k in GUIDANCE}
    method = method.preset(options.pop("preset")) if "preset" in options else method
    own = {row.name: row for row in table(method)}
    if strange := options.keys() - own:
        option = min(strange).replace("_", "-")
        raise ValueError(f"--{option}: for methods with this setting, got method {arguments.method!r}; leave it out")
    return change(method, options | dict(_assigned(own, text) for text in arguments.set))


def _assigned(own: Mapping[str, Field], text: str) -> tuple[str, Any]:
    """A setting's name and value from NAME=VALUE; ValueError for a text that is none."""
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"expected --set NAME=VALUE, got {text!r}; write for example {text}=1")
    return name, parsed(own[name], value) if name in own else value


def _seeded(method: Any, arguments: argparse.Namespace) -> Any:
    """The method with the seed that was asked for; ValueError where it has no use for one."""
    if arguments.seed is None:
        return method
    if not hasattr(method, "seed"):
        raise ValueError(f"--seed: for methods that draw noise, got method {arguments.method!r}; leave it out")
    return replace(method, seed=arguments.seed)


def _write(trace: Trace, method: Method, out: Path) -> Iterator[tuple[Path, str]]:
    """Every file with what it is, the picture first."""
    result, name = _pasted(trace, method, out), noted(out / "trace")[0]["method"]
    files.write(out / "result.png", result.save)
    clear = "and transparent " if result.mode == "RGBA" else ""
    yield out / "result.png", f"the edit, {result.width}x{result.height} {clear}like the image"
    yield out / "trace", "the whole run, for mag.load"
    plots.comparison({name: trace}).save(out / "comparison.png")
    yield out / "comparison.png", "before and after, as the model sees them"
    if any(trace.terms):
        plots.loss_curves(trace).save(out / "loss.png")
        yield out / "loss.png", "the loss at every nudge"
    else:
        (out / "loss.png").unlink(missing_ok=True)  # of an earlier run
