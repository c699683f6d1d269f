"""`magedit-lab doctor`: what a bug report needs, and with --model whether a model fits, and why not."""

import getpass
import shutil
from pathlib import Path

import pytest
from families import flux_pipe

import magedit_lab as mag
from magedit_lab import cli
from magedit_lab.cli import health


def test_it_tells_a_models_facts(capsys):
    assert cli.main(["doctor", "--model", "tabletop", "--device", "cpu", "--dtype", "bfloat16"]) == 0
    out = capsys.readouterr().out
    assert "fits: Backbone('tabletop', UNet2DConditionModel" in out
    assert "in torch.bfloat16 on cpu" in out
    assert "256 pixels a side" in out
    assert "guided at:" in out
    assert "one call of the denoiser takes" in out


def test_it_says_in_one_line_why_a_model_does_not_fit(capsys, tmp_path):
    assert cli.main(["doctor", "--model", str(tmp_path / "nothing.safetensors")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    flux_pipe().save_pretrained(tmp_path)
    (tmp_path / "transformer" / "config.json").unlink()
    capsys.readouterr()
    assert cli.main(["doctor", "--model", str(tmp_path), "--device", "cpu"]) == 2
    line = capsys.readouterr().err
    assert line.startswith("magedit-lab: error: cannot load model")
    assert line.count("\n") == 1


def test_a_variant_that_is_not_there_is_refused(capsys):
    assert cli.main(["doctor", "--model", "tabletop", "--variant", "fp16"]) == 2
    assert "cannot load model 'tabletop'" in capsys.readouterr().err


@pytest.mark.parametrize("dtype", ["float64", "int8"])
def test_other_dtypes_are_refused(dtype):
    with pytest.raises(SystemExit):
        cli.main(["doctor", "--model", "tabletop", "--dtype", dtype])


def lines(report):
    return {line.subject: line for line in report.lines}


def test_a_report_has_versions_machine_models_and_a_trial_and_nothing_of_the_user(capsys):
    assert cli.main(["doctor"]) == 0
    out = capsys.readouterr().out
    for words in (
        "python: 3.",
        "torch: ",
        "(>=",
        "disk, here: ",
        "files as shipped",
        "trial tabletop: loads and edits",
    ):
        assert words in out
    assert "BAD" not in out
    assert out.strip().endswith("all is well; paste these lines into a report")
    assert str(Path.cwd()) not in out
    assert str(Path.home()) not in out or (getpass.getuser() == "root" and str(Path.home()) == "/")


def test_a_version_out_of_range_a_changed_weight_and_a_full_disk_are_named(monkeypatch, tmp_path):
    shutil.copytree(health.SHIPPED, tmp_path / "models")
    with (tmp_path / "models" / "tabletop" / "vae" / "config.json").open("a") as file:
        file.write(" ")
    monkeypatch.setattr(health, "SHIPPED", tmp_path / "models")
    monkeypatch.setattr(health, "_found", {"torch": "1.13.0"}.get)
    monkeypatch.setattr(health.shutil, "disk_usage", lambda _: type("usage", (), {"free": 1000}))
    monkeypatch.delenv("HOME")
    report = mag.doctor(trial=False)
    bad = {name for name, line in lines(report).items() if not line.fine}
    assert {"torch", "diffusers", "model tabletop", "disk, here", "disk, temporary"} <= bad
    assert not report.fine
    assert "tabletop/vae/config.json differs; install anew" in lines(report)["model tabletop"].text
    assert "pip install -U" in lines(report)["torch"].text
    assert "none: downloads are kept nowhere" in lines(report)["home"].text
    assert lines(report)["ipywidgets"].fine  # the library does without


def test_the_shipped_checksums_are_those_of_the_files():
    stale = [line for line in health._models() if not line.fine]
    assert stale == [], "a shipped model was changed: make sums"
