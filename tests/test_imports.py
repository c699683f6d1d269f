"""Imports go one way, and the library knows nothing of widgets."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import magedit_lab

ORDER = [
    {
        "task",
        "masks",
        "words",
        "ddim",
        "taps",
        "losses",
        "files",
        "grow",
        "strokes",
        "regions",
        "settings",
        "saved",
        "shapes",
    },
    {"scenes", "room", "attention", "prompts"},
    {"backbone"},
    {"proximal", "training"},
    {"inversion"},
    {"edit"},
    {"rehearsal"},
    {"blend"},
    {"methods"},
    {"keep"},
    {"trace"},
    {"metrics"},
    {"cases"},
    {"tabletop", "datasets", "judging"},
    {"benchmark"},
    {"look", "gradient_plots", "scores"},
    {"plots", "side_by_side", "report", "study", "ablations", "applications", "leaderboard", "curves"},
    {"demo"},
    {"probes"},
    {"model_bars"},
    {"model_card"},
    {"cli"},
]
ROOT = Path(magedit_lab.__file__).parent


def files():
    return [f for f in ROOT.rglob("*.py") if f.stem not in ("__init__", "__main__") or f.parent != ROOT]


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield node.level, node.module or "", [n.name for n in node.names]
        elif isinstance(node, ast.Import):
            yield from ((0, n.name, []) for n in node.names)


def rank(name):
    return next(i for i, group in enumerate(ORDER) if name in group)


def test_imports_go_one_way():
    for file in files():
        own = file.relative_to(ROOT).with_suffix("").parts[0]
        for level, module, names in imported(ast.parse(file.read_text())):
            if level == 0 or (file.parent != ROOT and level == 1):
                continue
            for name in [module.split(".")[0]] if module else names:
                below = rank(name) < rank(own) or (rank(name) == rank(own) and name != own)
                assert below, f"{own} must not import {name}"


def test_no_module_comes_back_to_itself_through_those_that_it_imports():
    graph = {}
    for file in files():
        own = file.relative_to(ROOT).with_suffix("").parts[0]
        for level, module, names in imported(ast.parse(file.read_text())):
            if level and not (file.parent != ROOT and level == 1):
                graph.setdefault(own, set()).update([module.split(".")[0]] if module else names)
    assert len(graph) > 30
    TopologicalSorter(graph).prepare()  # raises CycleError


def test_the_library_imports_no_widgets_and_no_pyplot():
    for file in files():
        for _, module, names in imported(ast.parse(file.read_text())):
            for name in (module, *names, *(f"{module}.{n}" for n in names)):
                assert name.split(".")[0] not in ("widgets", "ipywidgets", "IPython", "anywidget"), file
                assert "pyplot" not in name, file
