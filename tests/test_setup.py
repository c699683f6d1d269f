import ast
import re
import tomllib
from importlib import metadata
from pathlib import Path

import diffusers
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
CONDA = {"pytorch": "torch", "matplotlib-base": "matplotlib", "lazy_loader": "lazy-loader"}
USED = {  # what is called and not imported: where, and by what words
    "ruff": ("Makefile", "/ruff check"), "mypy": ("Makefile", "/mypy"), "jupyterlab": ("Makefile", "/jupyter lab"),
    "pytest-xdist": ("Makefile", "-n 2"), "nbval": ("Makefile", "--nbval"), "beartype": ("pyproject.toml", ",beartype"),
    "setuptools": ("pyproject.toml", '"setuptools.build_meta"'),
    "peft": ("tests/model/test_loading.py", 'importorskip("peft"'),
    "ipykernel": ("notebooks/00_first_edit.ipynb", '"name": "python3"'),
}  # fmt: skip


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
    own = ("docs", "web")  # which `make docs` and `make web` alone install
    assert {CONDA.get(k, k): v for k, v in conda.items()} == pip(without=own)
    assert [x for x in listed if isinstance(x, dict)] == [{"pip": ["-e .[dev]"]}]


def test_every_dependency_is_pinned_at_a_version_that_its_bound_allows():
    lines = (ROOT / "constraints.txt").read_text().split()
    pins = dict(line.lower().replace("_", "-").split("==") for line in lines)
    for name, bound in pip().items():
        assert Requirement(f"{name}{bound}").specifier.contains(pins[name.lower()]), name


def test_every_package_on_disk_is_installed_with_the_files_that_it_reads():
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {package: ROOT / folder for package, folder in tools["package-dir"].items()}
    packages = {
        ".".join((package, *init.parent.relative_to(folder).parts)): init.parent
        for package, folder in folders.items()
        for init in folder.rglob("__init__.py")
    }
    assert sorted(tools["packages"]) == sorted(packages)
    shipped = {f for p, patterns in tools["package-data"].items() for x in patterns for f in packages[p].glob(x)}
    read = {f for folder in folders.values() for f in folder.rglob("*") if f.is_file() and "__pycache__" not in f.parts}
    left_out = {f.relative_to(ROOT).as_posix() for f in read - shipped if f.suffix != ".py"}
    assert left_out == {"widgets/package.json"}  # for those who read the scripts


def imported():
    """The first part of every module that code here imports."""
    for folder in ("magedit_lab", "widgets", "notebooks", "tests"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Import):
                    yield from (name.name.partition(".")[0] for name in node.names)
                elif isinstance(node, ast.ImportFrom) and not node.level:
                    yield node.module.partition(".")[0]


def test_every_requirement_is_used():
    modules = {}
    for module, names in metadata.packages_distributions().items():
        for name in names:
            modules.setdefault(name.lower().replace("_", "-"), set()).add(module)
    known = set(imported())
    unused = {name for name in pip(without=("docs", "web")) if not modules[name.lower()] & known}
    for name in unused & set(USED):
        file, words = USED[name]
        assert words in (ROOT / file).read_text(), name
    assert unused - set(USED) == set()
    loading = Path(diffusers.__file__).parent / "models" / "modeling_utils.py"
    assert "is_accelerate_available" in loading.read_text()  # by which a model is loaded once, and not twice


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
