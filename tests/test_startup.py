"""What a program costs and says before it does anything: little, and nothing."""

import json
import subprocess
import sys
from importlib import metadata

import pytest

import magedit_lab as mag
from magedit_lab.cli.commands import COMMANDS

HEAVY = ("torch", "diffusers", "transformers", "matplotlib", "numpy", "PIL", "skimage")
REPORT = """
import json, resource, sys
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([used.ru_utime + used.ru_stime, [name for name in {heavy!r} if name in sys.modules]]), file=sys.stderr)
"""


def python(program):
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("import magedit_lab", ""),
        ("import magedit_lab; magedit_lab.__version__", ""),
        ("import magedit_lab.cli as c\ntry: c.main(['--help'])\nexcept SystemExit: pass", "usage: magedit-lab"),
        ("import magedit_lab.cli as c\ntry: c.main(['--version'])\nexcept SystemExit: pass", "magedit-lab "),
    ],
)
def test_a_start_imports_nothing_heavy_is_quick_and_silent(program, words):
    done = python(program + REPORT.format(heavy=HEAVY))
    seconds, imported = json.loads(done.stderr)  # the report alone: no library wrote to stderr
    assert imported == []
    assert seconds < 1.5
    assert done.stdout.startswith(words)
    assert bool(done.stdout) == bool(words)


def test_loading_a_model_writes_nothing():
    done = python("import magedit_lab as mag; mag.Backbone.load('tabletop')")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_version_is_the_installed_ones():
    assert mag.__version__ == metadata.version("magedit-lab")


def test_each_command_of_the_help_is_a_command():
    every = json.dumps([[name, "--help"] for name in COMMANDS])
    done = python(
        f"import magedit_lab.cli as c\nfor given in {every}:\n"
        " try: c.main(given)\n except SystemExit as stop: assert stop.code == 0"
    )
    assert done.returncode == 0, done.stderr
    assert [line.split()[2] for line in done.stdout.splitlines() if line.startswith("usage:")] == list(COMMANDS)
    for _, words in COMMANDS.values():
        assert words in " ".join(done.stdout.split())
