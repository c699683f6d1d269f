"""What is installed from a wheel, built here from the files that git knows."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = {"magedit_lab": "magedit_lab", "widgets": "magedit_lab/widgets", "notebooks/course": "magedit_lab/course"}


def tracked(*folders):
    done = subprocess.run(["git", "ls-files", "-z", *folders], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in tracked("magedit_lab", "widgets", "notebooks/course", "pyproject.toml", "README.md", "LICENSE"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, source / name)
    code = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, str(out)], cwd=source, check=True, capture_output=True, timeout=300)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def elsewhere(wheel, tmp_path_factory):
    """Runs a Python command line beside a folder `widgets` of the user's own, with the wheel's files before all."""
    site, here = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("here")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (here / "widgets").mkdir()
    (here / "widgets" / "__init__.py").write_text("own = True\n")

    def run(*words):
        env = {**os.environ, "PYTHONPATH": str(site)}
        done = subprocess.run([sys.executable, *words], cwd=here, env=env, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run.site = site
    return run


def test_it_has_one_package_with_all_of_our_modules_and_their_types(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"magedit_lab"}
    for folder, package in FOLDERS.items():
        ours = [name for name in tracked(folder) if name.endswith((".py", ".pyi", ".js", ".css"))]
        assert {name.replace(folder, package, 1) for name in ours} - names == set(), folder
    assert {"magedit_lab/py.typed", "magedit_lab/models/tabletop/model_index.json"} <= names


def test_it_runs_in_a_folder_with_a_package_widgets_of_its_own(elsewhere):
    code = "import magedit_lab.widgets.live_run as w, widgets; print(w.__file__, widgets.own, w.LiveRun.__module__)"
    place, own, module = elsewhere("-c", code).split()
    assert Path(place).is_relative_to(elsewhere.site)
    assert (own, module) == ("True", "magedit_lab.widgets.live_run")


def test_its_command_gives_help_without_the_repository(elsewhere):
    assert "--resume" in elsewhere("-m", "magedit_lab", "demo", "--help")
