"""The examples in docstrings say what comes out."""

import doctest
import importlib
from pathlib import Path

import numpy as np
import pytest
import torch

import magedit_lab as mag

ROOT = Path(mag.__file__).parent
FILES = sorted(file for file in ROOT.rglob("*.py") if ">>>" in file.read_text())


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_examples_do_what_they_say(file):
    module = importlib.import_module(".".join(["magedit_lab", *file.relative_to(ROOT).with_suffix("").parts]))
    names = {**vars(module), "mag": mag, "np": np, "torch": torch}
    done = doctest.testmod(module, globs=names)
    assert done.attempted == sum(line.lstrip().startswith(">>> ") for line in file.read_text().splitlines())
    assert done.failed == 0


def test_there_are_examples_of_what_people_meet_first():
    packages = {file.relative_to(ROOT).parts[0].removesuffix(".py") for file in FILES}
    assert {"masks", "prompts", "settings", "model", "methods", "scenes"} <= packages
