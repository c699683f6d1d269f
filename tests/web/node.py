"""Scripts of the page under node."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).with_name("js")
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="expected node 20 or newer for the page's scripts, got none")


def node(script, given):
    """What a script writes for what it is given, both as JSON."""
    text = json.dumps(given)
    done = subprocess.run([NODE, str(FOLDER / script)], input=text, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)
