"""Imports go one way: every room of the library knows only those before it."""

import ast
import importlib
import subprocess
import sys
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path
from types import ModuleType

import pytest

import magedit_lab

ROOMS = [
    "settings", "files", "pictures", "masks", "prompts", "scenes", "model", "task", "inversion", "runs", "steps",
    "methods", "loop", "trace", "plots", "bench", "training", "export", "cli", "__main__", "widgets", "course",
]  # fmt: skip
FOLDERS = {
    "magedit_lab": Path(magedit_lab.__file__).parent,
    **{f"magedit_lab.{name}": Path(importlib.import_module(f"magedit_lab.{name}").__file__).parent
       for name in ("widgets", "course")},
}  # fmt: skip
MODULES = {
    ".".join((package, *file.relative_to(folder).with_suffix("").parts)).removesuffix(".__init__"): file
    for package, folder in FOLDERS.items()
    for file in folder.rglob("*.py")
}
BROWSER = {"widgets", "ipywidgets", "IPython", "anywidget", "traitlets"}


def room(module):
    return [*module.split("."), ""][1]


def imported(module):
    """Every module of ours, or name of another, that a file imports: at its head, in a function, or for types alone."""
    file = MODULES[module]
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.rsplit(".", node.level - 1)[0] + "." if node.level else ""
            source = (base + (node.module or "")).rstrip(".")
            for name in node.names:
                yield f"{source}.{name.name}" if f"{source}.{name.name}" in MODULES else source


GRAPH = {module: {name for name in imported(module) if name in MODULES} for module in MODULES}


def test_every_room_has_its_place_in_the_order():
    assert {room(module) for module in MODULES} - {""} == set(ROOMS)


def test_each_folder_has_fewer_than_20_rooms():
    rooms = [file for module, file in MODULES.items() if not module.endswith("__main__")]  # a door, not a room
    places = [file.parent if file.name == "__init__.py" else file for file in rooms]
    counts = Counter(place.parent for place in places if place not in FOLDERS.values())
    assert len(counts) > 12
    assert {str(folder): count for folder, count in counts.items() if count >= 20} == {}


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_imports_only_those_before_it(name):
    before = ROOMS[: ROOMS.index(name) + 1]
    for module in (m for m in MODULES if room(m) == name):
        for other in GRAPH[module] - {"magedit_lab"}:
            assert room(other) in before, f"{module} must not import {other}"
        if name not in ("widgets", "course"):
            assert "magedit_lab" not in GRAPH[module], f"{module} must not import the whole library"


def test_no_module_comes_back_to_itself_through_those_that_it_imports():
    assert sum(map(len, GRAPH.values())) > 300
    TopologicalSorter(GRAPH).prepare()  # raises CycleError


def test_the_library_imports_no_widgets_and_no_pyplot():
    for module in (m for m in MODULES if room(m) not in ("widgets", "course")):
        for name in imported(module):
            assert not BROWSER & set(name.split(".")), f"{module} must not import {name}"
            assert "pyplot" not in name, module


def test_no_module_is_hidden_by_a_name_that_its_package_exports():
    """Of `import magedit_lab.methods.validate as m` comes the module."""
    for package in (m for m, file in MODULES.items() if file.name == "__init__.py"):
        whole = importlib.import_module(package)
        for name in getattr(whole, "__all__", []):
            getattr(whole, name)
        for module in (m for m in MODULES if m.rpartition(".")[0] == package and not m.endswith("__main__")):
            importlib.import_module(module)
            assert isinstance(getattr(whole, module.rpartition(".")[2]), ModuleType), module


def test_public_names_are_the_librarys_own_and_all_there():
    for name in magedit_lab.__all__:
        assert getattr(magedit_lab, name) is not None, name
    for name in (
        "Backbone",
        "Task",
        "MagEdit",
        "edit",
        "run",
        "invert",
        "validate",
        "METHODS",
        "Method",
        "Plan",
        "Run",
    ):
        assert name in magedit_lab.__all__


def test_the_library_at_work_has_loaded_no_notebook_tool():
    code = "import sys, magedit_lab as mag; mag.METHODS, mag.Backbone, mag.bench.run, mag.plots.comparison; "
    code += f"assert not {BROWSER!r} & set(sys.modules), sorted({BROWSER!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
