import re
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
CONDA = {"pytorch": "torch", "matplotlib-base": "matplotlib", "lazy_loader": "lazy-loader"}


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pip(without=()):
    extras = {name: lines for name, lines in project()["optional-dependencies"].items() if name not in without}
    lines = [*project()["dependencies"], *(x for group in extras.values() for x in group)]
    return {r.name: str(r.specifier) for r in map(Requirement, lines) if r.name != "magedit-lab"}


def test_conda_and_pip_name_the_same_dependencies():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    conda = {r.name: str(r.specifier) for r in map(Requirement, (x for x in listed if isinstance(x, str)))}
    assert conda.pop("python") == project()["requires-python"]
    assert conda.pop("pip") == ""
    assert {CONDA.get(k, k): v for k, v in conda.items()} == pip(without=("docs",))  # which `make docs` alone installs
    assert [x for x in listed if isinstance(x, dict)] == [{"pip": ["-e .[dev]"]}]


def test_every_dependency_is_pinned_at_a_version_that_its_bound_allows():
    lines = (ROOT / "constraints.txt").read_text().split()
    pins = dict(line.lower().replace("_", "-").split("==") for line in lines)
    for name, bound in pip().items():
        assert Requirement(f"{name}{bound}").specifier.contains(pins[name.lower()]), name


def test_no_registry_is_named():
    hosts = re.compile(r"(index-url|//[\w.-]*(pypi|pythonhosted|npmjs)[\w.-]*)")
    for file in (
        "Makefile",
        "constraints.txt",
        "pyproject.toml",
        "environment.yml",
        ".ci/run",
        "README.md",
        "mkdocs.yml",
        "package.json",
        "package-lock.json",
        ".npmrc",
        "biome.json",
    ):
        assert not hosts.search((ROOT / file).read_text()), file
