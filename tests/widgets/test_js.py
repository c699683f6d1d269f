"""The pure functions of the widgets' scripts, under node's own test runner."""

import shutil
import subprocess
from pathlib import Path

import pytest
from magedit_lab.widgets.shared.esm import FOLDER, esm

JS = Path(__file__).with_name("js")
NODE = shutil.which("node")


@pytest.mark.skipif(NODE is None, reason="expected node 20 or newer for the widgets' scripts, got none; install nodejs")
def test_the_scripts_own_tests_pass():
    files = sorted(map(str, JS.glob("*.test.mjs")))
    assert files
    done = subprocess.run([NODE, "--test", *files], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]


@pytest.mark.parametrize("script", sorted(str(p.relative_to(FOLDER)) for p in FOLDER.rglob("*.js")))
def test_a_script_stands_alone_once_its_imports_are_put_in(script):
    whole = esm(script)
    assert "\nimport " not in whole
    names = [line.split("(")[0] for line in whole.splitlines() if line.startswith(("function ", "async function "))]
    assert len(names) == len(set(names)), f"two functions of one name in {script}"
