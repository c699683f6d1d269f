"""README: its program is run and does what it says; the files that it names are there."""

import contextlib
import io
import re
from pathlib import Path

import numpy as np
import pytest

import magedit_lab as mag
from magedit_lab.cli.commands import COMMANDS

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text()


def program():
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    return code


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The program's variables, what it printed, and the folder that it ran in."""
    folder, names, printed = tmp_path_factory.mktemp("readme"), {}, io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(printed):
        exec(compile(program(), "README.md", "exec"), names)
    return names, printed.getvalue().split(), folder


def test_the_scene_is_the_one_that_the_comment_describes(ran):
    scene = ran[0]["scene"]
    (words,) = re.findall(r"# (a .* mug, a .*), with their exact masks", program())
    assert words.replace(" and", ",") == ", ".join(mag.scenes.phrase([t.colour, t.kind]) for t in scene.things)


def test_the_mug_takes_the_colour_that_was_asked_for_and_had_another(ran):
    names, printed, _ = ran
    scene, task, result = names["scene"], names["task"], names["trace"].result
    (asked,) = task.words
    assert mag.scenes.nearest_colour(scene.image, scene.masks[0]) != asked
    assert printed == [asked]
    assert f"print(mag.scenes.nearest_colour(trace.result, scene.masks[0]))  # {asked}\n" in program()
    for mask in scene.masks[1:]:  # the others keep theirs
        assert mag.scenes.nearest_colour(result, mask) == mag.scenes.nearest_colour(scene.image, mask)


def test_what_the_program_reads_of_the_trace_is_there(ran):
    names, _, folder = ran
    trace = names["trace"]
    assert np.isfinite(trace.losses[:10]).all()  # the first half of the steps is guided
    assert trace.attention("green").shape[0] == 20
    assert mag.Trace.load(folder / "runs/mug").losses == pytest.approx(trace.losses, nan_ok=True)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([\w/]+\.py)`", TEXT))))
def test_a_file_that_readme_names_is_there(name):
    assert (ROOT / name).exists() or (ROOT / "magedit_lab" / name).exists()


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!https?:)([^)#]+)", TEXT))))
def test_a_link_leads_somewhere(link):
    assert (ROOT / link).exists()


def test_the_commands_are_those_of_the_help():
    (table,) = re.findall(r"\| `magedit-lab` … \| \|\n(.*?)\n\n", TEXT, re.DOTALL)
    first = " ".join(line.split(" | ")[0] for line in table.split("\n"))
    assert set(re.findall(r"`([a-z-]+)", first)) == set(COMMANDS) - {"edit"}
