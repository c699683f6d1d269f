"""`magedit-lab bench`: Table 1, the ablations, and the shipped model's own bars."""

import argparse
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from .. import files, plots
from ..bench import ablations, datasets, demo, metrics, tabletop
from ..bench import departures as departure_sizes
from ..bench.cases import Case
from ..bench.judges import Judges
from ..bench.pages import report
from ..bench.rows import Shard
from ..bench.run import Setting, measure, references, summary
from ..bench.run import load as load_rows
from ..inversion.base import Inversion
from ..inversion.null_text import NullText
from ..inversion.table import INVERSIONS
from ..methods.mag_edit import MagEdit
from ..methods.table import METHODS
from ..methods.validate import validate
from ..model.backbone import Backbone
from ..settings import change, table
from . import cast, judges, speed
from .common import Bar, claim, command, inversion, load, require_both

TABLE1 = (
    "blended", "diffedit+mask", "masactrl", "pnp", "p2p", "p2p+mask", "p2p+re-weight", "p2p+mag-edit",
)  # fmt: skip
COMPARED = "p2p+mag-edit"  # minus each other method, case by case
SHOWN = 3  # complex scenes above an ablation's curves


def add(commands: Any, name: str) -> None:
    parser = command(commands, name, table1)
    which = parser.add_subparsers(dest="bench", required=True)
    table = command(which, "table1", table1, "the paper's Table 1: every method on every case; resumes")
    table.add_argument("--methods", nargs="+", default=list(TABLE1), choices=METHODS, help="rows")
    single = command(which, "ablations", ablate, "the paper's Fig. 6 to 8 and more: one setting at a time; resumes")
    single.add_argument(
        "--groups", nargs="+", help="of: iterations guided loss step lambda negative base inversion; else all"
    )
    bars = command(which, "model", model, "the shipped model's scores on held-out scenes")
    bars.add_argument("--model", default="tabletop", help="shipped model or folder")
    bars.add_argument("--clip", default="tabletop-clip", help="shipped CLIP or folder")
    bars.add_argument("--scenes", type=int, default=256, help="held-out scenes")
    bars.add_argument("--bars", nargs="+", help="some of them only; several processes can share the work in one --out")
    bars.add_argument("--out", type=Path, default=Path("out/model"), help="folder for scores and contact sheet")
    bars.add_argument("--card", action="store_true", help="write the scores into the models' cards as well")
    judges.add(which)
    speed.add(which)
    cast.add(which)
    for part, out in ((table, "out/table1"), (single, "out/ablations")):
        _options(part, out)
    sizes = command(which, "departures", departures, "how much each departure from the released code changes a scene")
    usual = demo.Demo()
    sizes.add_argument("--model", default="tabletop", help="shipped model, folder or hub name")
    sizes.add_argument("--steps", type=int, default=usual.steps, help="DDIM steps")
    sizes.add_argument("--seed", type=int, default=usual.seed, help="the scene")
    sizes.add_argument("--step-size", type=float, default=usual.step_size, help="MAG-Edit's delta")
    sizes.add_argument("--iterations", type=int, default=usual.iterations, help="MAG-Edit's nudges at each guided step")
    sizes.add_argument("--out", type=Path, default=Path("out/departures"), help="folder for the table")


def _options(parser: argparse.ArgumentParser, out: str) -> None:
    add = parser.add_argument
    add("--model", default="tabletop", help="shipped model, folder or hub name")
    add("--tasks", type=int, default=200, help="so many cases of TabletopBench, balanced at multiples of 8")
    add("--tuning", action="store_true", help="cases like TabletopBench's on other scenes, to choose settings by")
    add("--format", choices=datasets.FORMATS, help="a dataset's folder in --data, in place of TabletopBench")
    add("--data", type=Path, help="the dataset's folder")
    add("--inversion", default="null-text", choices=INVERSIONS, help="how the image's noise is found")
    add("--steps", type=int, default=50, help="DDIM steps")
    add("--inner", type=int, default=NullText().inner, help="null-text's updates at each step, at most")
    add("--rate", type=float, default=NullText().rate, help="null-text's learning rate")
    add("--fixed-point", type=int, default=0, help="inversion: how often each step up is taken anew, at most")
    add("--guidance-scale", type=float, default=7.5, help="classifier-free guidance")
    add("--step-size", type=float, default=MagEdit().step_size, help="MAG-Edit's delta, for the token ratio")
    add("--iterations", type=int, default=MagEdit().iterations, help="MAG-Edit's nudges at each guided step")
    add("--clip", default="tabletop-clip", help="CLIP for local scores: openai/clip-vit-large-patch14 for photographs")
    add("--structure", default="tabletop-clip", help="ViT for structure: facebook/dino-vitb8 for photographs")
    add("--lpips", help="with pie-bench: a folder with the weights of squeezenet1_1 and of LPIPS's heads for it")
    add(
        "--shard",
        help="part i of n of the cases, as i/n: every machine of a cluster its own; rows are merged when read",
    )
    add("--out", type=Path, default=Path(out), help="folder of rows, pictures and report")


def table1(arguments: argparse.Namespace) -> None:
    """A row of scores for each case and method, then the report; done rows are kept."""
    inverted = _inversion(arguments)
    chosen = [Setting(name, _set(METHODS[name], arguments), inverted) for name in arguments.methods]
    rows, listed = _measure(arguments, chosen)
    first = COMPARED if COMPARED in arguments.methods else None
    report.write(rows, listed, arguments.out, "Table 1", _notes(arguments, len(listed)), first=first)
    print(report.markdown(summary(rows)))
    print(f"{arguments.out / 'report.html'}: the same with intervals, by simple and complex scenes, and pictures")


def ablate(arguments: argparse.Namespace) -> None:
    """The same for one setting at a time, with a plot for each group."""
    inverted = _inversion(arguments)
    groups = ablations.settings(_set(MagEdit(), arguments), inverted)
    names = arguments.groups or list(groups)
    if unknown := set(names) - set(groups):
        raise ValueError(f"no such group: {', '.join(sorted(unknown))}; choose from: {', '.join(groups)}")
    rows, listed = _measure(arguments, [setting for name in names for setting in groups[name]])
    lines = []
    for name in names:
        own = {setting.name for setting in groups[name]}
        some = [row for row in rows if row["setting"] in own]
        pictures = report.picture_rows(listed, [setting.name for setting in groups[name]], arguments.out)
        plots.ablation(summary(some), name, list(islice(pictures, SHOWN))).save(arguments.out / f"{name}.png")
        report.write(
            some, listed, arguments.out / name, f"Ablation: {name}", _notes(arguments, len(listed)), arguments.out
        )
        lines.append(f"{arguments.out / name}.png, {arguments.out / name / 'report.html'}")
    print("\n".join(lines))


def departures(arguments: argparse.Namespace) -> None:
    """Write and print the table of docs/methods.md, for the demo's numbers on a scene of its kind."""
    a = arguments
    claim(a.out, "departures.md")
    method = MagEdit(iterations=a.iterations, step_size=a.step_size)
    inversion = replace(demo.Demo(), steps=a.steps).null_text
    with Bar("departures") as bar:
        sizes = list(departure_sizes.measure(load(a.model), departure_sizes.scene_task(a.seed), inversion, method, bar))
    text = departure_sizes.markdown(sizes)
    files.write_text(a.out / "departures.md", text + "\n")
    print(text)


def _inversion(arguments: argparse.Namespace) -> Inversion:
    chosen, own = inversion(arguments), {"inner": arguments.inner, "rate": arguments.rate}
    known = {row.name for row in table(chosen)}
    return change(chosen, {name: value for name, value in own.items() if name in known})


def _set(method: Any, arguments: argparse.Namespace) -> Any:
    if not isinstance(method, MagEdit):  # the options are MAG-Edit's own
        return method
    return replace(method, step_size=arguments.step_size, iterations=arguments.iterations)


def _measure(arguments: argparse.Namespace, settings: Sequence[Setting]) -> tuple[list[dict[str, Any]], list[Case]]:
    require_both(arguments)
    if arguments.tuning and arguments.format:
        raise ValueError("expected --tuning or --format, got both; leave one of them out")
    drawn = tabletop.tuning if arguments.tuning else tabletop.cases
    listed = list(datasets.FORMATS[arguments.format](arguments.data) if arguments.format else drawn(arguments.tasks))
    if not listed:
        raise ValueError("expected at least one case, got none; see --tasks, or the dataset's folder")
    claim(arguments.out, "rows.jsonl", "report.html")
    net, judges = load(arguments.model), _judges(arguments)
    if arguments.format:
        _validate(net, listed, settings)
    shard = Shard.parse(arguments.shard) if arguments.shard else Shard()
    of, names = len(shard.of(listed)) * len(settings), {setting.name for setting in settings}
    with Bar("cases x settings") as bar:
        for done, _ in enumerate(measure(net, listed, settings, judges, arguments.out, shard), 1):
            bar(done, of)
    cases = {case.name for case in listed}
    rows = [row for row in load_rows(arguments.out) if row["setting"] in names and row["case"] in cases]
    return [*references(net, listed, judges), *sorted(rows, key=_place(listed, settings))], listed


def _place(listed: Sequence[Case], settings: Sequence[Setting]) -> Callable[[dict[str, Any]], tuple[int, int]]:
    """Where a row stands: by case, then by setting."""
    cases = {case.name: i for i, case in enumerate(listed)}
    names = {setting.name: i for i, setting in enumerate(settings)}
    return lambda row: (cases[row["case"]], names[row["setting"]])


def _judges(arguments: argparse.Namespace) -> Judges:
    """With PIE-Bench's own columns where that is what is measured."""
    pie = arguments.format == "pie-bench"
    if arguments.lpips and not pie:
        raise ValueError("expected --lpips with --format pie-bench, of whose columns it is one; leave it out")
    return Judges.load(arguments.clip, arguments.structure, pie, arguments.lpips)


def _validate(net: Backbone, listed: Sequence[Case], settings: Sequence[Setting]) -> None:
    """ValueError that names the first case of a dataset that a method can't edit, before any is measured."""
    for case in listed:
        try:
            task, _ = case.task.fit(net.size, net.size)
            for setting in settings:
                validate(net, task, setting.inversion, setting.method)
        except ValueError as error:
            raise ValueError(f"case {case.name!r}: {error}") from None


def _notes(arguments: argparse.Namespace, count: int) -> list[str]:
    a = arguments
    updates = f" (at most {a.inner} updates a step, rate {a.rate:g})" if a.inversion == "null-text" else ""
    return [
        f"{count} cases; {a.model}, {a.inversion} inversion{updates}, "
        f"{a.fixed_point} fixed-point iterations, {a.steps} steps, "
        f"guidance scale {a.guidance_scale:g}; "
        f"MAG-Edit's step size {a.step_size:g}, {a.iterations} iterations. Local CLIP by {a.clip}, structure by "
        f"{a.structure}, both on the mask's bounding box; numbers of different models do not compare. "
        "Brackets: 95 % intervals, Wilson's for success, the bootstrap's of the mean for all else."
    ]


def model(arguments: argparse.Namespace) -> None:
    """Each bar into a file of its own, done ones from there; with all of them, the contact sheet; then print them."""
    from ..bench.model import card, targets

    names = arguments.bars or list(targets.TARGETS)
    if unknown := set(names) - set(targets.TARGETS):
        raise ValueError(f"no such bar: {', '.join(sorted(unknown))}; choose from: {', '.join(targets.TARGETS)}")
    if arguments.card and arguments.bars:
        raise ValueError("expected --card with all bars, got it with --bars; leave one of them out")
    claim(arguments.out, "contact-sheet.png")
    net, scores = load(arguments.model), []
    held = targets.Held(net, metrics.Clip(arguments.clip), arguments.scenes)
    for score in targets.measure(held, names, arguments.out):
        print(score, file=sys.stderr, flush=True)
        scores.append(score)
    if not arguments.bars:
        card.write_sheet(net, arguments.out)
    if arguments.card:
        folder = Path(metrics.located(arguments.model))
        card.write_card(folder, Path(metrics.located(arguments.clip)), scores)
        files.write(folder / "contact-sheet.png", lambda p: shutil.copyfile(arguments.out / "contact-sheet.png", p))
    print("\n".join(map(str, scores)))
    if not arguments.bars:
        print(f"{arguments.out / 'contact-sheet.png'}: 32 uncurated generations with their captions")
