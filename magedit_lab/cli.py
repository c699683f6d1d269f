"""The command line: demo, edit, train, doctor."""

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib import metadata
from pathlib import Path
from typing import Any

from tqdm import tqdm

from . import demo as first
from . import files, masks, plots
from .attention import guided
from .backbone import SHIPPED, Backbone, quiet
from .ddim import timesteps
from .edit import Method
from .inversion import DDIM, Direct, NegativePrompt, NullText, invert
from .inversion import Path as Route
from .losses import LOSSES
from .methods import METHODS
from .methods.mag_edit import MagEdit
from .methods.prompt_to_prompt import PromptToPrompt
from .task import Frame, Task
from .trace import Trace, run

INVERSIONS: dict[str, type[DDIM] | type[NullText]] = {
    "null-text": NullText, "ddim": DDIM, "negative-prompt": NegativePrompt, "direct": Direct,
}  # fmt: skip
PACKAGES = ("magedit-lab", "torch", "diffusers", "transformers", "matplotlib", "ipywidgets", "anywidget")
GUIDANCE = ("preset", "loss", "iterations", "stop_step", "step_size")


def main(argv: list[str] | None = None) -> int:
    """Run a command; 0 when done, 2 for bad input, 130 when interrupted."""
    arguments = _parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"magedit-lab: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("magedit-lab: interrupted; every file that is there is whole", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="magedit-lab", description="Attention-guided image editing.")
    commands = parser.add_subparsers(dest="command", required=True)
    _demo_options(_command(commands, "demo", demo, "edit one of two look-alikes with the shipped model"))
    _edit_options(_command(commands, "edit", edit, "edit a picture of your own"))
    _train_options(_command(commands, "train", train, "train the shipped model anew, from where it stands"))
    _command(commands, "doctor", doctor, "versions, device and shipped models, for a bug report")
    return parser


def _command(commands: Any, name: str, function: Callable, words: str) -> argparse.ArgumentParser:
    shown = argparse.ArgumentDefaultsHelpFormatter
    parser = commands.add_parser(name, help=words, description=words, formatter_class=shown)
    parser.set_defaults(run=function)
    return parser


# ---------------------------------------------------------------- demo


def _demo_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="tabletop", help="shipped model, folder or hub name")
    parser.add_argument("--seed", type=int, default=first.Demo().seed, help="which scene")
    parser.add_argument("--more", type=int, default=0, help="so many further scenes, as a count of successes only")
    parser.add_argument("--out", type=Path, default=Path("out/demo"), help="folder for figures and trace")


def demo(arguments: argparse.Namespace) -> None:
    """Edit one of two look-alikes with three methods from one inversion, and write what there is to see."""
    net = load(arguments.model)
    traces = _play(net, arguments.seed)
    _report(first.write(traces, arguments.out))
    hits = dict.fromkeys(traces, 0)
    for seed in range(arguments.seed + 1, arguments.seed + 1 + arguments.more):
        for name, trace in _play(net, seed).items():
            hits[name] += first.colour_of(trace) == trace.task.words[0]
    if arguments.more:
        print(f"of {arguments.more} further scenes the masked object took its colour in: {hits}")


def _play(net: Backbone, seed: int) -> dict[str, Trace]:
    """Run the demo on one scene and say what became of the masked object."""
    print(f"{net.name} on {net.device}, scene {seed}: {first.complex_task(seed).target}")
    with Bar("invert and edit") as bar:
        traces = first.play(net, first.Demo(seed=seed), bar)
    for name, trace in traces.items():
        share, word = trace.share(trace.task.words[0]), trace.task.words[0]
        print(
            f"{name:>14}: the masked object is now {first.colour_of(trace)}, asked for {word}; "
            f"attention inside the mask {share[0]:.0%} at the first step, {share[len(share) // 2]:.0%} halfway"
        )
    return traces


def _report(written: Iterator[tuple[Path, str]]) -> None:
    for path, words in written:
        print(f"{path}: {words}")


# ---------------------------------------------------------------- edit


def _edit_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    needed: dict[str, Any] = {"required": True, "default": argparse.SUPPRESS}
    add("--image", type=Path, help="PNG or JPEG of any size", **needed)
    more: dict[str, Any] = {"action": "extend", "nargs": "+", **needed}
    add("--mask", type=Path, help="of the image's size, white where to edit; one, or one a word", **more)
    add("--source", help="a prompt that describes the image", **needed)
    add("--target", help="a prompt that describes the result", **needed)
    add("--words", help="edit words of the target prompt", **more)
    add("--weights", type=float, nargs="+", help="lambdas of Eq. 5, one a word, summing to 1; else equal")
    add("--negative", help="a prompt for what is to fade (Eq. 3)")
    add("--negative-words", nargs="+", default=(), help="its words that count; else all that --target lacks")
    add("--out", type=Path, help="folder for result, figures and trace", **needed)
    add("--model", default="tabletop", help="shipped model, folder or hub name")
    add("--device", help="cpu or cuda; else cuda where there is one")
    add("--inversion", default="null-text", choices=INVERSIONS, help="how the image's noise is found")
    add("--steps", type=int, default=50, help="DDIM steps")
    add("--guidance-scale", type=float, default=7.5, help="classifier-free guidance")
    add("--method", default="p2p+mag-edit", choices=METHODS, help="editing method")
    add("--seed", type=int, default=0, help="torch's seed, for methods that draw noise; DDIM draws none")
    _guidance_options(parser.add_argument_group("guidance, for MAG-Edit only").add_argument)


def _guidance_options(add: Callable) -> None:
    usual = MagEdit()
    unset: dict[str, Any] = {"default": argparse.SUPPRESS}
    add("--preset", choices=("official", "paper"), help="as coded (the default) or as printed", **unset)
    add("--loss", choices=LOSSES, help=f"Eq. 1 or Eq. 2 (default: {usual.loss})", **unset)
    add("--iterations", type=int, help=f"MAX_IT, nudges a step (default: {usual.iterations})", **unset)
    add("--stop-step", type=int, help="tau: steps before this are guided (default: half of them)", **unset)
    add("--step-size", type=float, help=f"delta of Eq. 4 (default: {usual.step_size})", **unset)


def edit(arguments: argparse.Namespace) -> None:
    """Check, invert, edit, and paste the result back at the picture's own size."""
    import torch

    task, method = _task(arguments), _method(arguments)
    torch.manual_seed(arguments.seed)
    net = load(arguments.model, arguments.device)
    small, frame = task.fit(net.size, net.size)
    inversion = INVERSIONS[arguments.inversion](arguments.steps, arguments.guidance_scale)
    _check(net, small, inversion, method)
    arguments.out.mkdir(parents=True, exist_ok=True)
    with Bar("invert") as bar:
        path = invert(net, small, inversion, bar)
    with Bar("edit") as bar:
        trace = _run(net, small, path, method, bar, arguments.out / "trace")
    _report(_write(trace, task, frame, arguments.method, arguments.out))


def _task(arguments: argparse.Namespace) -> Task:
    a = arguments
    if a.source.split() == a.target.split():
        raise ValueError("expected a target prompt that differs from the source, got equal ones; add a word")
    if a.negative_words and a.negative is None:
        raise ValueError("expected a negative prompt for the negative words, got none; add --negative")
    negative = a.negative_words or [w for w in (a.negative or "").split() if w not in a.target.split()]
    planes = [masks.open_mask(path) for path in a.mask]
    image = masks.open_image(a.image)
    return Task(image, planes, a.source, a.target, a.words, a.weights, a.negative, negative)


def _method(arguments: argparse.Namespace) -> Method:
    """The method by its name; ValueError where it has no use for an option that was given."""
    method, given = METHODS[arguments.method], {k: v for k, v in vars(arguments).items() if k in GUIDANCE}
    if isinstance(method, MagEdit):
        return getattr(MagEdit, given.pop("preset", "official"))(**given)
    if given:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise ValueError(f"{names}: for p2p+mag-edit only, got method {arguments.method!r}; leave it out")
    return method


def _check(net: Backbone, task: Task, inversion: DDIM | NullText, method: Method) -> None:
    """Bind the method to a path of zeros: whatever does not fit shows before the inversion is paid for."""
    import torch

    times = tuple(timesteps(inversion.steps, len(net.alphas)))
    side, channels = net.size // net.factor, net.unet.config.in_channels
    z, cond = torch.zeros(len(times) + 1, channels, side, side, device=net.device), net.embed(task.source)
    blank = Route(z, times, cond.expand(len(times), -1, -1), cond, True, inversion.guidance_scale)
    net.embed(task.target)
    guided(net.sites(z))
    method.bind(net, task, blank)


def _run(net: Backbone, task: Task, path: Route, method: Method, bar: "Bar", out: Path) -> Trace:
    """The edit's trace; what was traced before something was not finite is saved."""
    try:
        return run(net, task, path, method, progress=bar)
    except FloatingPointError as error:
        where = error.trace.save(out)  # type: ignore[attr-defined]
        raise FloatingPointError(f"{error}; the steps before it are in {where}") from None


def _write(trace: Trace, task: Task, frame: Frame, name: str, out: Path) -> Iterator[tuple[Path, str]]:
    assert trace.result is not None
    result = frame.paste(task.image, trace.result, task.region if _blends(METHODS[name]) else None)
    files.write(out / "result.png", result.save)
    yield out / "result.png", f"the edit, {result.width}x{result.height} like the image"
    plots.comparison({name: trace}).save(out / "comparison.png")
    yield out / "comparison.png", "before and after, as the model sees them"
    if any(trace.terms):
        plots.loss_curves(trace).save(out / "loss.png")
        yield out / "loss.png", "the loss at every nudge"
    yield trace.save(out / "trace"), "the whole run, for Trace.load"


def _blends(method: Method) -> bool:
    base = method.base if isinstance(method, MagEdit) else method
    return isinstance(base, PromptToPrompt) and base.blend is not None


# ---------------------------------------------------------------- train


def _train_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("vae", "diffusion", "clip", "all"), help="which part")
    needed: dict[str, Any] = {"required": True, "default": argparse.SUPPRESS}
    parser.add_argument("--out", type=Path, help="folder for data, checkpoints and the models", **needed)
    parser.add_argument("--preset", choices=("cpu", "gpu"), default="cpu", help="the shipped size, or a larger one")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop, saved, after so long")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoints in the folder")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="CPU threads")


def train(arguments: argparse.Namespace) -> None:
    """Draw scenes and train on them, a line of metrics every 25 steps; the model card is written at the end."""
    import torch

    from . import training

    torch.set_flush_denormal(True)
    if arguments.threads < 1:
        raise ValueError(f"expected 1 thread or more, got {arguments.threads}; leave --threads out for all")
    torch.set_num_threads(arguments.threads)
    plan, out = getattr(training.Plan, arguments.preset)(), arguments.out
    parts = [part for part in training.TRAINERS if arguments.what in (part, "all")]
    if not arguments.resume:
        training.require_new(out, parts)
    end = time.monotonic() + 60 * arguments.minutes
    for stage in [training.draw(out / "data", plan), *(training.TRAINERS[part](out, plan) for part in parts)]:
        with closing(stage) as rows:
            if not _train(rows, end):
                print(f"stopped after {arguments.minutes:g} minutes; go on with the same command and --resume")
                return


def _train(rows: Iterator[dict[str, float]], end: float) -> bool:
    """Whether the stage came to its end in time."""
    for row in rows:
        if row.get("step", 0) % 25 == 0:
            print("  ".join(f"{k} {v:.5g}" for k, v in row.items()), flush=True)
        if time.monotonic() > end:
            return False
    return True


# ---------------------------------------------------------------- doctor


def doctor(arguments: argparse.Namespace) -> None:
    """What a bug report needs."""
    import torch

    print(f"python {platform.python_version()} on {platform.platform()}")
    for name in PACKAGES:
        print(name, _version(name))
    cpu = f"cpu, {torch.get_num_threads()} threads"
    print("device:", torch.cuda.get_device_name() if torch.cuda.is_available() else cpu)
    folders = sorted(index.parent for index in SHIPPED.glob("*/model_index.json"))
    for folder in folders:
        print(f"model {folder.name}: {_size(folder) / 2**20:.1f} MiB, {_trial(folder.name)}")
    if not folders:
        print(f"models: none in {SHIPPED}; train one with: magedit-lab train all --out DIR")


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _size(folder: Path) -> int:
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())


def _trial(name: str) -> str:
    """How long a model's U-Net takes, or why it does not load."""
    import torch

    try:
        net = load(name)
    except ValueError as error:
        return str(error)
    side, text = net.unet.config.sample_size, net.embed("")
    z = torch.zeros(1, net.unet.config.in_channels, side, side, device=net.device)
    with torch.no_grad():
        net.predict(z, 500, text)
        start = time.perf_counter()
        net.predict(z, 500, text).sum().item()  # type: ignore[union-attr]
    return f"loads; one U-Net call takes {1000 * (time.perf_counter() - start):.0f} ms"


def load(name: str, device: str | None = None) -> Backbone:
    """`Backbone.load` without the libraries' progress bars and notices."""
    quiet()
    return Backbone.load(name, device)


class Bar:
    """A tqdm bar on stderr that is called with (done, of)."""

    def __init__(self, words: str) -> None:
        self.bar = tqdm(desc=words, unit="step", file=sys.stderr)

    def __call__(self, done: int, of: int) -> None:
        self.bar.total = of
        self.bar.update(done - self.bar.n)

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()
