"""`magedit-lab edit`: a picture of the user's own."""

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from .. import files, pictures, plots
from ..inversion.base import Path as Route
from ..inversion.table import ALL_INVERSIONS, invert
from ..methods.base import Method
from ..methods.mag_edit import MagEdit
from ..methods.shared.losses import LOSSES
from ..methods.table import ALL_METHODS
from ..methods.validate import validate
from ..model.backbone import Backbone
from ..prompts import words
from ..settings import Field, change, parsed, table
from ..task import Frame, Task
from ..trace.trace import Trace, run
from .common import NEEDED, Bar, claim, command, inversion, model, model_options, report

GUIDANCE = ("preset", "loss", "iterations", "stop_step", "step_size")


def add(commands: Any, name: str) -> None:
    parser = command(commands, name, edit)
    option = parser.add_argument
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
    """Check, invert, edit, and paste the result back at the picture's own size."""
    task, method = _task(arguments), _seeded(_method(arguments), arguments)
    alpha = pictures.read(arguments.image).alpha
    net, inverted = model(arguments), inversion(arguments)
    small, frame = task.fit(net.size, net.size)
    validate(net, small, inverted, method)
    claim(arguments.out, "result.png", "comparison.png", "loss.png")
    claim(arguments.out / "trace")
    with Bar("invert") as bar:
        path = invert(net, small, inverted, bar)
    with Bar("edit") as bar:
        trace = _run(net, small, path, method, bar, arguments.out / "trace")
    report(_write(trace, _pasted(trace, task, frame, method, alpha), arguments.method, arguments.out))


def _pasted(trace: Trace, task: Task, frame: Frame, method: Method, alpha: Image.Image | None) -> Image.Image:
    """The result at the picture's own size, with the transparency that the picture had."""
    assert trace.result is not None  # whole runs have one
    result = frame.paste(task.image, trace.result, task.region if method.keeps_outside else None)
    if alpha:
        result.putalpha(alpha)
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


def _run(net: Backbone, task: Task, path: Route, method: Method, bar: "Bar", out: Path) -> Trace:
    """The edit's trace; the steps before an interrupt, or before something was not finite, are saved beside it."""
    try:
        return run(net, task, path, method, progress=bar)
    except (FloatingPointError, KeyboardInterrupt) as error:
        trace: Trace = error.trace  # type: ignore[union-attr]
        if not trace.times:
            raise
        where = trace.save(out.with_name("trace-unfinished"))
        raise type(error)(f"{error}; the {len(trace.times)} steps before it are in {where}".lstrip("; ")) from None


def _write(trace: Trace, result: Image.Image, name: str, out: Path) -> Iterator[tuple[Path, str]]:
    """Every file with what it is, the picture first."""
    files.write(out / "result.png", result.save)
    yield (
        out / "result.png",
        f"the edit, {result.width}x{result.height} {'and transparent ' * (result.mode == 'RGBA')}like the image",
    )
    yield trace.save(out / "trace"), "the whole run, for Trace.load"
    plots.comparison({name: trace}).save(out / "comparison.png")
    yield out / "comparison.png", "before and after, as the model sees them"
    if any(trace.terms):
        plots.loss_curves(trace).save(out / "loss.png")
        yield out / "loss.png", "the loss at every nudge"
    else:
        (out / "loss.png").unlink(missing_ok=True)  # of an earlier run
