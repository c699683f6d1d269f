"""A result is never lost to a message, and a place that can't be written is found before the work."""

import io
import os
import shutil
import subprocess
import sys
from collections import namedtuple

import numpy as np
import pytest
from PIL import Image

from magedit_lab import cli
from magedit_lab.cli import common
from magedit_lab.cli import edit as command
from magedit_lab.cli.messages import Steady, steady

FILES = {"result.png", "comparison.png", "loss.png", "trace"}
PROMPTS = ["--source", "a ball", "--target", "a red ball", "--words", "red"]


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "Bälle 🎈"  # a name that ASCII and cp1252 lack
    folder.mkdir()
    mask = np.zeros((48, 64), np.uint8)
    mask[10:30, 20:40] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    Image.new("RGB", (64, 48), "navy").save(folder / "image.png")
    return folder


def arguments(files, model, *more):
    paths = ["--image", str(files / "image.png"), "--mask", str(files / "mask.png"), "--out", str(files / "out")]
    settings = ["--device", "cpu", "--steps", "2", "--iterations", "1", "--inversion", "direct"]
    return ["edit", *paths, *PROMPTS, "--model", model, *settings, *more]


def broken_pipe():
    reading, writing = os.pipe()
    os.close(reading)
    return os.fdopen(writing, "w", encoding="utf-8", buffering=1)


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


STREAMS = {
    "ascii": lambda: io.TextIOWrapper(io.BytesIO(), encoding="ascii"),
    "cp1252": lambda: io.TextIOWrapper(io.BytesIO(), encoding="cp1252"),
    "a closed pipe": broken_pipe,
    "a full disk": lambda: open("/dev/full", "w", encoding="utf-8"),  # noqa: SIM115
    "closed": closed,
    "none": lambda: None,
}


@pytest.mark.parametrize("name", STREAMS)
def test_every_file_is_there_whatever_stdout_and_stderr_are(name, files, model, monkeypatch):
    monkeypatch.setattr(sys, "stdout", STREAMS[name]())
    monkeypatch.setattr(sys, "stderr", STREAMS[name]())
    assert cli.main(arguments(files, model)) == 0
    assert {p.name for p in (files / "out").iterdir()} == FILES
    if name in ("ascii", "cp1252"):
        sys.stdout.seek(0)
        text = sys.stdout.read()
        assert "result.png: the edit" in text
        assert "\\U0001f388" in text
        assert ("Bälle" in text) == (name == "cp1252")


def test_nothing_is_printed_before_the_last_file_is_written(files, model, monkeypatch):
    there = []

    class Watched(io.StringIO):
        def write(self, text):
            there.append({p.name for p in (files / "out").glob("*")})
            return super().write(text)

    monkeypatch.setattr(sys, "stdout", Watched())
    assert cli.main(arguments(files, model)) == 0
    assert there
    assert all(names == FILES for names in there)


def test_a_pipe_that_closes_leaves_no_traceback_and_a_good_status():
    """As in `magedit-lab ... | head -1`: Python itself would fail over the rest at its end."""
    code = (
        "import sys\nfrom magedit_lab.cli.messages import steady\n"
        "with steady():\n    for i in range(100000): print('line', i)\n    print('done', file=sys.stderr)"
    )
    done = subprocess.run(
        ["bash", "-c", 'set -o pipefail; "$0" -c "$1" | head -1', sys.executable, code], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "line 0\n", "done\n")


def test_a_stream_is_itself_again_afterwards():
    before = sys.stdout, sys.stderr
    with steady():
        assert isinstance(sys.stdout, Steady)
        assert sys.stdout.encoding == before[0].encoding
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    assert (sys.stdout, sys.stderr) == before


def no_work(monkeypatch):
    def started(*_):
        raise AssertionError("the work was begun")

    monkeypatch.setattr(command, "invert", started)


def refused(files, model, capsys, *more):
    assert cli.main(arguments(files, model, *more)) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("magedit-lab")]
    assert len(lines) == 1
    return lines[0]


def test_a_full_disk_is_found_before_the_work(files, model, monkeypatch, capsys):
    no_work(monkeypatch)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 4096))
    assert "expected 50 MB free" in (line := refused(files, model, capsys))
    assert "got 0.0 MB; take another --out" in line


@pytest.mark.parametrize("place", ["/proc/nowhere", "/dev/null/out"])
def test_a_place_that_can_not_be_written_is_found_before_the_work(place, files, model, monkeypatch, capsys):
    no_work(monkeypatch)
    assert place in refused(files, model, capsys, "--out", place)


def test_a_place_that_takes_no_bytes_is_found_before_the_work(files, model, monkeypatch, capsys):
    """As with a quota: names can be made there, but nothing can be put into them."""
    no_work(monkeypatch)
    monkeypatch.setattr(
        common, "_probe", lambda path: path.write_bytes(b"") or (_ for _ in ()).throw(OSError(28, "full"))
    )
    assert "full" in refused(files, model, capsys)
    assert not list((files / "out").glob("*probe*"))


@pytest.mark.skipif(os.geteuid() == 0, reason="expected a user whom permissions bind, got root; run as another")
def test_a_folder_that_can_only_be_read_is_found_before_the_work(files, model, monkeypatch, capsys):
    no_work(monkeypatch)
    (files / "out").mkdir(mode=0o500)
    assert "Permission denied" in refused(files, model, capsys)
