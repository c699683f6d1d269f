"""What a public object says of itself in a cell or a traceback: one short line."""

import ast
import importlib
import inspect
from pathlib import Path

import numpy as np
import pytest
import torch

import magedit_lab as mag
from magedit_lab.bench import demo, study
from magedit_lab.bench import run as bench
from magedit_lab.bench.cases import Case
from magedit_lab.inversion.table import ALL_INVERSIONS
from magedit_lab.methods.table import ALL_METHODS
from magedit_lab.model import attention, hooks
from magedit_lab.pictures.reader import one_line
from magedit_lab.settings import described, table

ROOT = Path(mag.__file__).parent
LONGEST = 200
LONG = "a ball with a very long description " * 6


def faces():
    """Every class that a package's face or a public module has."""
    for face in ROOT.rglob("__init__.pyi"):
        package = ".".join(["magedit_lab", *face.parent.relative_to(ROOT).parts])
        for node in ast.parse(face.read_text()).body:
            for name in (a.name for a in node.names) if isinstance(node, ast.ImportFrom) else ():
                value = getattr(importlib.import_module(package), name)
                if inspect.isclass(value) and value.__module__.startswith("magedit_lab"):
                    yield value


@pytest.fixture(scope="module")
def objects(net, task, path):
    """One of each public class, with contents as large as they come."""
    run = mag.Run(net, task, path)
    step = next(mag.edit(net, task, path, mag.MagEdit(iterations=1)))
    words = mag.Task(task.image, [task.mask] * 2, LONG, LONG + " yellow", ["yellow", "ball"])
    scene = max(map(mag.scenes.sample, range(60)), key=lambda scene: len(scene.things))
    case = Case("a name", words, "colour", "a yellow ball", ideal=task.image)
    changed = mag.MagEdit.paper(base=mag.PromptToPrompt(cross_replace=dict.fromkeys(LONG.split(), 0.5)), lam=2.0)
    return [
        net, task, words, path, run, step, step.nudges[0], step.now, step.after, mag.Stopped("stopped"),
        words.goals[0], words.fit(64, 64)[1],
        net.schedule, net.level(500), net.layout(path.latents), run.guided[0], hooks.Replace(path.latents),
        hooks.Listen(print, mag.Where(0, 981, "target", True, None)), mag.Where(0, 981, "target", True, None),
        attention.Probs(), hooks.Counter(), mag.Plan(), changed, mag.MagEdit().bind(run), mag.LocalBlend(),
        mag.MaskBlend(), *ALL_METHODS.values(), *ALL_INVERSIONS.values(), mag.Proximal(), mag.methods.Method(),
        mag.inversion.Inversion(), mag.Trace(words), mag.Keep(), scene, scene.things[0], mag.plots.task(task), case,
        demo.Demo(), study.Pair("case", LONG[:60], "p2p", "pnp", False), mag.masks.regions.Region(),
        bench.Setting("p2p+mag-edit", mag.METHODS["pnp+mag-edit"], mag.NullText(steps=20, inner=3)),
        *table(changed), mag.pictures.read(task.image), mag.pictures.PictureError("no picture"), one_line("a name"),
        mag.plots.Explorable(None, mag.plots.task(task)),
    ]  # fmt: skip


def test_no_repr_is_over_200_characters(objects):
    long = {type(x).__name__: len(repr(x)) for x in objects if len(repr(x)) > LONGEST}
    assert long == {}


def test_no_repr_goes_over_lines_or_shows_numbers_of_a_tensor(objects):
    assert [repr(x) for x in objects if "\n" in repr(x)] == []


def test_every_public_class_was_looked_at(objects):
    looked_at = {type(x) for x in objects}
    assert {cls.__name__ for cls in faces() if cls not in looked_at} == set()


def test_scorers_name_their_model(judges, clip_folder):
    assert repr(judges.clip) == f"Clip({str(clip_folder)!r})"


def test_settings_show_what_differs_from_the_defaults():
    assert repr(mag.MagEdit()) == "MagEdit()"
    assert repr(mag.MagEdit(iterations=3, base=mag.methods.PlugAndPlay())) == (
        "MagEdit(base=PlugAndPlay(), iterations=3)"
    )
    assert repr(mag.NullText(steps=20)) == "NullText(steps=20)"


@pytest.mark.parametrize("name", [*mag.METHODS, *mag.INVERSIONS])
def test_a_description_has_every_setting(name):
    settings = (mag.METHODS | mag.INVERSIONS)[name]
    for row in table(settings):
        assert f"{row.name.rpartition('.')[2]}={row.value!r}" in described(settings)


def test_rows_of_a_benchmark_are_bound_to_settings_that_the_repr_leaves_out(net, judges):
    facts = bench._facts(net, [bench.Setting("own", mag.MagEdit(), mag.NullText())], judges)
    assert "step_size=2.5" in facts["own"]
    assert "inner=10" in facts["own"]


def test_objects_say_what_they_are(task):
    assert repr(task).startswith("Task('a ball, a ball and a box on a wooden table' to 'a yellow ball")
    assert repr(task).endswith("words=yellow, 256x256)")
    inside = float(np.mean(task.mask))
    assert repr(task.goals[0]) == f"Goal('yellow', {inside:.1%} of the picture, weight 1)"
    assert repr(mag.Plan(first=3, blend=lambda now, step: step.target)) == "Plan(blend, first)"
    assert repr(hooks.Replace(torch.zeros(2, 8))) == "Replace((2, 8))"
