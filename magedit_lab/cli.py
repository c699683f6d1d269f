"""The command line: demo, edit, train, doctor."""

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Generator
from importlib import metadata
from pathlib import Path

import torch
from PIL import Image
from tqdm import tqdm

from . import demo as first
from . import masks, plots, training
from .backbone import SHIPPED, Backbone
from .inversion import DDIM, Direct, Inversion, NegativePrompt, NullText, invert
from .methods import METHODS
from .methods.mag_edit import MagEdit
from .task import Frame, Task
from .trace import Trace, run

INVERSIONS = {"null-text": NullText, "ddim": DDIM, "negative-prompt": NegativePrompt, "direct": Direct}


def main(argv: list[str] | None = None) -> int:
    """Run a command; 0 when done, 2 for bad input, 130 when interrupted."""
    arguments = _parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"magedit-lab: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("magedit-lab: interrupted; what is written is whole", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="magedit-lab", description="Attention-guided image editing (MAG-Edit).")
    commands = parser.add_subparsers(dest="command", required=True)
    _demo_options(_command(commands, "demo", demo, "edit one of two look-alikes on the shipped model"))
    _edit_options(_command(commands, "edit", edit, "edit a picture of your own"))
    _train_options(_command(commands, "train", train, "train the shipped model anew; resumes"))
    _command(commands, "doctor", doctor, "versions, device and models, for a bug report")
    return parser


def _command(commands, name: str, function: Callable, words: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name, help=words, description=words, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.set_defaults(run=function)
    return parser


# ---------------------------------------------------------------- demo


def _demo_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="tabletop", help="shipped model, folder or hub name")
    parser.add_argument("--seed", type=int, default=first.Demo().seed, help="which scene")
    parser.add_argument("--out", type=Path, default=Path("out/demo"), help="folder for the figures")
    parser.add_argument("--more", type=int, default=0, help="so many further scenes, as a count of successes only")


def demo(arguments: argparse.Namespace) -> None:
    net = load(arguments.model)
    traces = _play(net, arguments.seed)
    for path, words in first.write(traces, arguments.out):
        print(f"{path}: {words}")
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


# ---------------------------------------------------------------- edit


def _edit_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--image", type=Path, required=True, help="PNG or JPEG of any size")
    add(
        "--mask", type=Path, required=True, nargs="+", help="white where to edit, size of the image; one, or one a word"
    )
    add("--source", required=True, help="a prompt that describes the image")
    add("--target", required=True, help="a prompt that describes the result")
    add("--words", required=True, nargs="+", help="edit words of the target prompt")
    add("--weights", type=float, nargs="+", help="lambdas of Eq. 5, one a word, summing to 1")
    add("--negative", help="a prompt for what is to fade (Eq. 3)")
    add("--negative-words", nargs="+", default=[], help="its words that count; by default all that --target lacks")
    add("--out", type=Path, required=True, help="folder for result, figures and trace")
    add("--model", default="tabletop", help="shipped model, folder or hub name")
    add("--device", help="cpu or cuda; by default cuda where there is one")
    add("--method", default="p2p+mag-edit", choices=METHODS, help="editing method")
    add("--preset", default="official", choices=("official", "paper"), help="MAG-Edit as coded or as printed")
    add("--loss", default="token_ratio", choices=("token_ratio", "spatial_ratio"), help="Eq. 1 or Eq. 2")
    add("--iterations", type=int, default=15, help="MAX_IT, nudges a step")
    add("--stop-step", type=int, help="steps before this are guided; half of them by default")
    add("--step-size", type=float, default=2.5, help="delta")
    add("--steps", type=int, default=50, help="DDIM steps")
    add("--guidance-scale", type=float, default=7.5, help="classifier-free guidance")
    add("--inversion", default="null-text", choices=INVERSIONS, help="how the image's noise is found")
    add("--seed", type=int, default=0, help="for methods that draw noise; DDIM draws none")


def edit(arguments: argparse.Namespace) -> None:
    image = masks.open_image(arguments.image)
    task = _task(arguments, image)
    method = _method(arguments)
    torch.manual_seed(arguments.seed)
    net = load(arguments.model, arguments.device)
    small, frame = task.fit(net.size, net.size)
    inversion: Inversion = INVERSIONS[arguments.inversion](arguments.steps, arguments.guidance_scale)
    method.bind(net, small, _blank_path(net, small, inversion))
    arguments.out.mkdir(parents=True, exist_ok=True)
    with Bar("invert") as bar:
        path = invert(net, small, inversion, bar)
    try:
        with Bar("edit") as bar:
            trace = run(net, small, path, method, progress=bar)
    except FloatingPointError as error:
        where = error.trace.save(arguments.out / "trace")  # type: ignore[attr-defined]
        raise FloatingPointError(f"{error}; the steps before it are in {where}") from None
    for written, words in _write(trace, task, frame, arguments):
        print(f"{written}: {words}")


def _task(arguments: argparse.Namespace, image: Image.Image) -> Task:
    if arguments.source.strip() == arguments.target.strip():
        raise ValueError("expected a target prompt that differs from the source, got equal ones; add or change a word")
    planes = [_open_mask(path) for path in arguments.mask]
    negative = arguments.negative_words
    if arguments.negative and not negative:
        negative = [w for w in arguments.negative.split() if w not in arguments.target.split()]
    return Task(
        image,
        planes,
        arguments.source,
        arguments.target,
        arguments.words,
        arguments.weights,
        arguments.negative,
        negative,
    )


def _open_mask(path: Path) -> Image.Image:
    return masks.open_image(path).convert("L")


def _method(arguments: argparse.Namespace):
    method = METHODS[arguments.method]
    if not isinstance(method, MagEdit):
        return method
    settings = {k: getattr(arguments, k) for k in ("loss", "iterations", "stop_step", "step_size")}
    return getattr(MagEdit, arguments.preset)(**settings)


def _blank_path(net: Backbone, task: Task, inversion):
    """A path of zeros, on which a method finds out whether it can run before the inversion is paid for."""
    from .ddim import timesteps
    from .inversion import Path as Route

    times, side = tuple(timesteps(inversion.steps, len(net.alphas))), task.image.height // net.factor
    cond = net.embed(task.source)
    net.embed(task.target)
    z = torch.zeros(
        len(times) + 1, net.unet.config.in_channels, side, task.image.width // net.factor, device=net.device
    )
    return Route(z, times, cond.expand(len(times), -1, -1), cond, True, inversion.guidance_scale)


def _write(trace: Trace, task: Task, frame: Frame, arguments: argparse.Namespace):
    masked = arguments.method != "p2p"
    assert trace.result is not None
    result = frame.paste(task.image, trace.result, task.region if masked else None)
    result.save(arguments.out / "result.png")
    yield arguments.out / "result.png", "the edit, at the size of the image"
    plots.comparison({arguments.method: trace}).savefig(arguments.out / "comparison.png")
    yield arguments.out / "comparison.png", "before and after, as the model sees them"
    if any(trace.terms):
        plots.loss_curves(trace).savefig(arguments.out / "loss.png")
        yield arguments.out / "loss.png", "the loss at every inner iteration"
    yield trace.save(arguments.out / "trace"), "the whole run, for Trace.load"


# ---------------------------------------------------------------- train and doctor


def _train_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("vae", "diffusion", "all"), help="which part")
    parser.add_argument("--out", type=Path, required=True, help="folder for data, checkpoints and the model")
    parser.add_argument("--minutes", type=float, help="stop, saved, after so long")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="CPU threads")


def train(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(arguments.threads)
    plan, end = training.Plan(), time.monotonic() + 60 * (arguments.minutes or float("inf"))
    parts = {"vae": training.train_vae, "diffusion": training.train_diffusion}
    stages: list[Generator] = [training.draw(arguments.out / "data", plan.pictures)]
    stages += [part(arguments.out, plan) for name, part in parts.items() if arguments.what in (name, "all")]
    for stage in stages:
        for row in stage:
            if row.get("step", 0) % 25 == 0:
                print("  ".join(f"{k} {v:.5g}" for k, v in row.items()), flush=True)
            if time.monotonic() > end:
                stage.close()
                print(f"stopped after {arguments.minutes:g} minutes; the same command goes on from here")
                return


def doctor(arguments: argparse.Namespace) -> None:
    print(f"python {platform.python_version()} on {platform.system()}")
    for name in ("magedit-lab", "torch", "diffusers", "transformers", "matplotlib", "ipywidgets", "anywidget"):
        print(name, _version(name))
    print(
        "device:",
        torch.cuda.get_device_name() if torch.cuda.is_available() else f"cpu, {torch.get_num_threads()} threads",
    )
    for index in sorted(SHIPPED.glob("*/model_index.json")):
        size = sum(f.stat().st_size for f in index.parent.rglob("*") if f.is_file()) / 2**20
        net = load(index.parent.name)
        z = torch.zeros(2, net.unet.config.in_channels, *[net.unet.config.sample_size] * 2, device=net.device)
        start = time.perf_counter()
        with torch.no_grad():
            net.predict(z, 500, net.embed("").expand(2, -1, -1))
        print(f"model {net.name}: {size:.1f} MiB, one U-Net call at batch 2 {time.perf_counter() - start:.3f} s")


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def load(name: str, device: str | None = None) -> Backbone:
    """`Backbone.load` without the libraries' progress bars and notices."""
    import diffusers
    import transformers

    diffusers.utils.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    return Backbone.load(name, device)


class Bar:
    """A tqdm bar that is called with (done, of)."""

    def __init__(self, words: str) -> None:
        self.bar = tqdm(desc=words, unit="step", file=sys.stderr)

    def __call__(self, done: int, of: int) -> None:
        self.bar.total = of
        self.bar.update(done - self.bar.n)

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()
