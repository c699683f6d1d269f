"""`magedit-lab doctor --model`: whether a model fits, and why not."""

import pytest
from families import flux_pipe

from magedit_lab import cli


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
