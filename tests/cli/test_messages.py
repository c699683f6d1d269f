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

import magedit_lab as mag
from magedit_lab import cli
from magedit_lab.bench import demo
from magedit_lab.bench.casting import further
from magedit_lab.bench.model import card, targets
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


def watched(monkeypatch, out):
    """What had been written in a folder at each message on stdout."""
    there = []

    class Watched(io.StringIO):
        def write(self, text):
            there.append({str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()})
            return super().write(text)

    monkeypatch.setattr(sys, "stdout", Watched())
    return there


def faked(monkeypatch, model, out):
    """The commands that run long, with the small model and most of their work left out; arguments by name."""
    picture = Image.new("RGB", (64, 64))
    trace = mag.Trace(demo.complex_task(0))
    trace.result = trace.task.image
    examples = [(name, {"source": trace}) for name in ("balance", "part")]
    monkeypatch.setattr(mag.bench.applications, "examples", lambda *_: iter(examples))
    monkeypatch.setattr(mag.plots, "comparison", lambda _: picture)
    monkeypatch.setattr(mag.bench.departures, "measure", lambda *_: iter(()))
    monkeypatch.setattr(further, "measure", lambda *_: iter([further.Row(1, "red", {demo.GUIDED: "red"}, "")]))
    monkeypatch.setattr(demo, "play", lambda *_: {demo.GUIDED: trace})
    monkeypatch.setattr(trace, "share", lambda _: [0.1, 0.2])
    monkeypatch.setattr(demo, "write", lambda _, out: iter([(out / "a.png", picture.save(out / "a.png") or "a")]))
    scores = [targets.Score("forward, ms", 50.0, 100.0, 60.0)]
    monkeypatch.setattr(targets, "measure", lambda *_: iter(scores))
    monkeypatch.setattr(card, "write_sheet", lambda net, out: picture.save(out / "contact-sheet.png"))
    common = ["--model", model, "--out", str(out)]
    return {
        "applications": (["applications", *common], {"balance.png", "part.png"}),
        "departures": (["bench", "departures", *common], {"departures.md"}),
        "demo": (["demo", "--more", "1", *common], {"a.png", "further.md"}),
        "model": (["bench", "model", *common], {"contact-sheet.png"}),
    }


@pytest.mark.parametrize("name", ["applications", "departures", "demo", "model"])
@pytest.mark.parametrize("stream", ["watched", "a closed pipe", "ascii"])
def test_long_commands_write_all_before_they_print(name, stream, model, tmp_path, monkeypatch):
    out = tmp_path / "Bälle 🎈"
    out.mkdir()
    arguments, expected = faked(monkeypatch, model, out)[name]
    there = watched(monkeypatch, out) if stream == "watched" else []
    if stream != "watched":
        monkeypatch.setattr(sys, "stdout", STREAMS[stream]())
        monkeypatch.setattr(sys, "stderr", STREAMS[stream]())
    assert cli.main(arguments) == 0
    assert {p.name for p in out.iterdir()} == expected
    assert all(files == expected for files in there)
    assert bool(there) == (stream == "watched")


@pytest.mark.parametrize("stream", ["watched", "a closed pipe", "ascii"])
def test_training_ends_whatever_becomes_of_its_lines(stream, tmp_path, monkeypatch):
    """Rows of metrics go to stderr, and neither stream stops the work."""
    from magedit_lab import training

    def vae(out, plan):
        yield from ({"step": step, "loss": 1.0} for step in (25, 50))
        (out / "vae.done").write_text("")

    monkeypatch.setitem(training.TRAINERS, "vae", vae)
    monkeypatch.setattr(training, "record", lambda out, plan: (out / "training.json").write_text("{}"))
    there = watched(monkeypatch, tmp_path) if stream == "watched" else []
    if stream != "watched":
        monkeypatch.setattr(sys, "stdout", STREAMS[stream]())
        monkeypatch.setattr(sys, "stderr", STREAMS[stream]())
    assert cli.main(["train", "vae", "--preset", "tiny", "--out", str(tmp_path), "--threads", "1"]) == 0
    assert {"vae.done", "training.json"} <= {p.name for p in tmp_path.iterdir()}
    assert there == []


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
    def started(*_, **__):
        raise AssertionError("the work was begun")

    monkeypatch.setattr(command, "run", started)


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
