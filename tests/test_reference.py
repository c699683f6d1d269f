"""The reference documents every public name: those of the packages' faces, and the widgets."""

import ast
import importlib.util
import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "reference"
DOCUMENTED = {name for page in REFERENCE.glob("*.md") for name in re.findall(r"^::: ([\w.]+)$", page.read_text(), re.M)}


def module(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


CHECK = module(ROOT / "docs" / "site" / "check.py")
PACKAGES = {".".join(face.parent.relative_to(ROOT).parts) for face in (ROOT / "magedit_lab").rglob("__init__.pyi")}


def test_the_module_of_every_public_name_is_on_a_page():
    defined = {at for at in CHECK.public().values() if at not in PACKAGES}
    assert len(defined) > 100
    assert {at for at in defined if at not in DOCUMENTED and at.rpartition(".")[0] not in DOCUMENTED} == set()


def test_every_documented_module_is_a_file():
    folders = {"magedit_lab": "magedit_lab", "magedit_lab/widgets": "widgets"}
    for name in DOCUMENTED:
        path = name.replace(".", "/")
        folder = max((f for f in folders if path.startswith(f)), key=len)
        place = ROOT / path.replace(folder, folders[folder], 1)
        assert place.with_suffix(".py").exists() or (place / "__init__.py").exists(), name


ROOMS = sorted(path.parent.name for path in (ROOT / "magedit_lab").glob("*/__init__.py"))


@pytest.mark.parametrize("package", ROOMS)
def test_a_packages_page_has_all_of_its_modules(package):
    files = (ROOT / "magedit_lab" / package).glob("*.py")
    assert {f"magedit_lab.{package}.{f.stem}" for f in files if f.stem != "__init__"} <= DOCUMENTED


def test_the_first_page_lists_the_names_of_the_library():
    listed = set(re.findall(r"^\| `mag\.(\w+)` \|", (REFERENCE / "index.md").read_text(), re.M))
    body = ast.parse((ROOT / "magedit_lab" / "__init__.pyi").read_text()).body
    assert listed == {a.name for node in body if isinstance(node, ast.ImportFrom) for a in node.names}


def test_every_page_is_in_the_navigation_and_the_other_way_round():
    text = (ROOT / "mkdocs.yml").read_text()
    named = set(re.findall(r"([\w/]+\.md)$", text, re.M))
    pages = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    made = {"index.md", "contributing.md", "changelog.md", "models/tabletop.md", "gallery.md"}
    assert named == pages | made
    assert set(yaml.safe_load(text)["plugins"][-1]) == {"mkdocstrings"}


def test_the_built_sites_check_names_what_is_lost(tmp_path):
    links = '<a href="away.html">x</a><a href="#lost">y</a><a href="#here" id="here">z</a>'
    (tmp_path / "index.html").write_text(links)
    found = CHECK.problems(tmp_path)
    assert "index.html: no away.html" in found
    assert "index.html: no place #lost" in found
    assert not [line for line in found if "#here" in line]
    assert "magedit_lab.Task: no place for magedit_lab.task.Task" in found


def test_an_address_of_the_project_is_the_one_to_cite():
    """None is made up: pyproject.toml names what CITATION.cff names, or nothing."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    addresses = {cited[key] for key in ("repository-code", "repository", "url") if key in cited}
    assert set(project.get("urls", {}).values()) <= addresses
    assert (ROOT / "CHANGELOG.md").read_text().startswith("# Changes")
    assert project["version"] in (ROOT / "CHANGELOG.md").read_text()
