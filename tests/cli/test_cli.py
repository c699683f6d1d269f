import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import magedit_lab as mag
from magedit_lab import cli
from magedit_lab.cli import edit as command

PROMPTS = ["--source", "a ball on a table", "--target", "a red ball on a table", "--words", "red"]


@pytest.fixture
def files(tmp_path):
    generator = np.random.default_rng(0)
    Image.fromarray(generator.integers(0, 255, (90, 150, 3), np.uint8)).save(tmp_path / "image.png")
    mask = np.zeros((90, 150), np.uint8)
    mask[30:60, 80:120] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    return tmp_path


def raising(error):
    def run(*_, **__):
        raise error

    return run


def arguments(files, model, *more):
    paths = ["--image", str(files / "image.png"), "--mask", str(files / "mask.png"), "--out", str(files / "out")]
    return ["edit", *paths, *PROMPTS, "--model", model, "--device", "cpu", "--steps", "2", "--iterations", "1", *more]


def quick(files, model, *more):
    return arguments(files, model, "--inversion", "direct", *more)


@pytest.mark.parametrize("more", [[], ["--preset", "paper"], ["--loss", "spatial_ratio", "--inversion", "ddim"]])
def test_edit_writes_a_picture_at_the_size_of_the_image(files, model, more, capsys):
    assert cli.main(arguments(files, model, *more)) == 0
    with Image.open(files / "out" / "result.png") as result, Image.open(files / "image.png") as image:
        assert result.size == image.size
        assert (np.asarray(result)[:, :20] == np.asarray(image)[:, :20]).all()
    assert "result.png" in capsys.readouterr().out
    assert mag.Trace.load(files / "out" / "trace").losses.shape == (2, 1)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--words", "green"], "word 'green' is not in the target prompt"),
        (["--target", "a ball on a table"], "got equal ones"),
        (["--target", "a red " + "ball " * 80], "the model reads 77; shorten"),
        (["--steps", "-1"], "expected steps of 1 to 100, got -1"),
        (["--stop-step", "9"], "stop step of 0 to 2, got 9"),
        (["--iterations", "-1"], "expected iterations of 0 or more, got -1"),
        (["--image", "nowhere.png"], "no such file: 'nowhere.png'"),
        (["--model", "/nowhere"], "cannot load model '/nowhere'"),
        (["--guidance-scale", "nan"], "expected a number for guidance_scale, got nan; type one"),
        (["--weights", "nan"], "weights of at least 0 that sum to 1, got [nan]"),
        (["--target", "a red \ud800 ball"], "expected a prompt in Unicode"),
        (["--negative", "a ball"], "a word that the target lacks, got none"),
        (["--words", "ball"], "stands in both prompts"),
        (["--device", "nowhere"], "cannot use device 'nowhere'"),
        (
            ["--method", "pnp", "--iterations", "1"],
            "--iterations: for methods with this setting, got method 'pnp'; leave it out",
        ),
        (["--set", "zeal=1"], "expected settings base.mode, "),
        (["--set", "iterations"], "expected --set NAME=VALUE, got 'iterations'"),
        (["--set", "step_size=wide"], "expected a number for step_size, got 'wide'"),
        (["--set", "per_head=maybe"], "expected true or false for per_head, got 'maybe'"),
        (["--set", "base.mode=burn"], "expected base.mode of refine, swap, got 'burn'"),
        (["--set", "iterations=1.5"], "expected a whole number for iterations, got 1.5"),
        (["--method", "pnp", "--preset", "paper"], "expected a preset of this method (none), got 'paper'"),
        (["--seed", "1"], "--seed: for methods that draw noise, got method 'p2p+mag-edit'"),
        (["--step-size", "1e30"], "expected finite latents, got NaN or infinity at step 0"),
    ],
)
def test_bad_input_is_one_line_and_status_2(files, model, more, message, capsys):
    assert cli.main(arguments(files, model, *more)) == 2
    error = capsys.readouterr().err.strip().split("\n")[-1]
    assert error.startswith("magedit-lab: error: ")
    assert message in error
    assert not (files / "out" / "result.png").exists()


@pytest.mark.parametrize("name", [n for n, m in mag.METHODS.items() if isinstance(m, mag.MagEdit)])
def test_mag_edit_on_another_base_keeps_it(files, model, name, monkeypatch):
    asked = []
    monkeypatch.setattr(command, "validate", lambda net, task, inversion, method: asked.append(method))
    monkeypatch.setattr(command, "run", raising(KeyboardInterrupt))
    assert cli.main(arguments(files, model, "--method", name)) == 130
    assert asked[0] == replace(mag.METHODS[name], iterations=1)


def test_any_setting_of_a_method_is_set_by_its_name(files, model, monkeypatch):
    asked = []
    monkeypatch.setattr(command, "validate", lambda net, task, inversion, method: asked.append(method))
    monkeypatch.setattr(command, "run", raising(KeyboardInterrupt))
    pairs = ["base.blend.grow=3", "base.mode=swap", "stop_step=none", "by_sigma=yes", "per_head=no", "lam=0.5"]
    assert cli.main(arguments(files, model, "--preset", "paper", "--set", "base.self_replace=0.25")) == 130
    assert cli.main(arguments(files, model, "--stop-step", "1", "--set", *pairs[:3], "--set", *pairs[3:])) == 130
    paper, base = mag.MagEdit.paper(), mag.METHODS["p2p+mag-edit"].base
    assert asked[0] == replace(paper, iterations=1, base=replace(paper.base, self_replace=0.25))
    blend = replace(base.blend, grow=3)
    assert asked[1] == mag.MagEdit(
        base=replace(base, mode="swap", blend=blend), iterations=1, by_sigma=True, per_head=False, lam=0.5
    )


def test_whether_the_outside_is_kept_follows_from_the_methods_settings(files, model, monkeypatch):
    pasted = []
    monkeypatch.setattr(mag.task.Frame, "paste", lambda frame, image, part, mask=None: pasted.append(mask) or part)
    given = [a for a in arguments(files, model) if a not in ("--iterations", "1")]
    for blend in ("none", "mask"):
        assert cli.main([*given, "--force", "--inversion", "direct", "--method", "p2p", "--set", f"blend={blend}"]) == 0
    assert pasted[0] is None
    assert pasted[1] is not None


def test_only_the_mask_is_pasted_where_the_method_keeps_the_outside(files, model):
    for name in ("blended", "diffedit+mask", "p2p+mask", "pnp+mag-edit"):
        assert mag.METHODS[name].keeps_outside
    for name in ("plain", "diffedit", "pnp", "p2p", "attend-and-excite"):
        assert not mag.METHODS[name].keeps_outside


def test_words_of_a_negative_prompt_are_those_that_the_target_lacks(files, model):
    words = arguments(files, model, "--negative", "a Blue ball, on a table")
    given = cli._parser(words).parse_args(words)
    assert command._task(given).negative_words == ("blue",)


def test_an_earlier_run_is_left_as_it_is_unless_it_is_given_up(files, model, capsys):
    assert cli.main(quick(files, model)) == 0
    before = {p: p.read_bytes() for p in (files / "out").rglob("*") if p.is_file()}
    assert cli.main(quick(files, model, "--step-size", "2")) == 2
    assert "which holds one; take another folder, go on with that run" in capsys.readouterr().err
    assert {p: p.read_bytes() for p in (files / "out").rglob("*") if p.is_file()} == before
    assert cli.main(quick(files, model, "--step-size", "1e30", "--force")) == 2
    assert "the 0 steps before it are in" in capsys.readouterr().err
    assert not (files / "out" / "result.png").exists()  # of the run that was given up


def outputs(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.glob("*.png")}


@pytest.mark.parametrize("at", [("inverting", 1), (None, 1)])
def test_an_interrupted_edit_goes_on_to_the_same_pictures(files, model, capsys, monkeypatch, at):
    which, step = at
    given = [a if a != str(files / "out") else str(files / "straight") for a in quick(files, model)]
    assert cli.main(given) == 0
    whole = command.run

    def broken_off(*positional, inverting, **more):
        def stopping(done, of):
            if done == step:
                raise KeyboardInterrupt

        bars = [inverting if which is None else stopping, positional[-1] if which else stopping]
        return whole(*positional[:-1], bars[1], inverting=bars[0], **more)

    monkeypatch.setattr(command, "run", broken_off)
    assert cli.main(quick(files, model)) == 130
    error = capsys.readouterr().err
    assert "goes on\n" in error
    assert f"magedit-lab edit --resume {files / 'out'}" in error
    assert not (files / "out" / "result.png").exists()
    assert len(mag.load(files / "out" / "trace").times) == (0 if which else step)
    assert cli.main(["edit", "--resume", str(files / "out"), "--device", "cpu", "--model", model]) == 0
    assert outputs(files / "out") == outputs(files / "straight")


def test_resuming_asks_for_the_model_of_a_folder(files, model, capsys):
    assert cli.main(quick(files, model)) == 0
    assert cli.main(["edit", "--resume", str(files / "out")]) == 2
    assert "expected --model with the folder of this run's model" in capsys.readouterr().err


def test_resuming_keeps_transparency(files, model):
    with Image.open(files / "image.png") as image:
        clear = image.convert("RGBA")
    clear.putalpha(128)
    clear.save(files / "image.png")
    assert cli.main(quick(files, model)) == 0
    before = outputs(files / "out")
    assert cli.main(["edit", "--resume", str(files / "out"), "--device", "cpu", "--model", model]) == 0
    assert outputs(files / "out") == before
    with Image.open(files / "out" / "result.png") as result:
        assert result.mode == "RGBA"


@pytest.mark.parametrize("folder", ["nowhere", "."])
def test_nothing_to_resume_is_one_line(files, capsys, folder, monkeypatch):
    monkeypatch.chdir(files)
    assert cli.main(["edit", "--resume", folder]) == 2
    assert capsys.readouterr().err.startswith("magedit-lab: error: cannot read")


def test_what_a_new_run_needs_is_named(capsys):
    assert cli.main(["edit", "--image", "a.png", "--source", "a"]) == 2
    assert "expected --mask, --target, --words, --out, got none" in capsys.readouterr().err


def test_a_place_that_can_not_be_written_is_told_before_the_run(files, model, capsys, monkeypatch):
    (files / "out" / "result.png").mkdir(parents=True)
    monkeypatch.setattr(command, "run", None)
    assert cli.main(arguments(files, model)) == 2
    assert "expected a file or nothing at" in capsys.readouterr().err


def test_a_figure_of_an_earlier_run_does_not_stay(files, model):
    assert cli.main(arguments(files, model)) == 0
    assert (files / "out" / "loss.png").exists()
    assert cli.main(arguments(files, model, "--iterations", "0", "--force")) == 0
    assert not (files / "out" / "loss.png").exists()


@pytest.mark.parametrize("part", ["unet/config.json", "text_encoder/config.json", "tokenizer/tokenizer_config.json"])
@pytest.mark.parametrize("content", ["", "[]", "{}", "null"])
def test_a_broken_model_folder_is_one_line_and_status_2(files, model, part, content, capsys, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(model, broken)
    (broken / part).write_text(content)
    assert cli.main(arguments(files, str(broken))) == 2
    assert capsys.readouterr().err.strip().split("\n")[-1].startswith("magedit-lab: error: ")


def test_out_of_memory_is_one_line_and_status_2(files, model, capsys, monkeypatch):
    full = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
    monkeypatch.setattr(command, "run", raising(full))
    assert cli.main(arguments(files, model)) == 2
    assert (
        "error: CUDA out of memory; take --dtype bfloat16, a smaller picture or model, or --device cpu"
        in capsys.readouterr().err
    )


def test_a_mask_of_another_size_is_refused(files, model, capsys):
    Image.fromarray(np.eye(10, dtype=np.uint8) * 255).save(files / "mask.png")
    assert cli.main(arguments(files, model)) == 2
    assert "like the image, got 10x10; resize the mask" in capsys.readouterr().err


def test_iterations_0_are_the_base_method(files, model):
    assert cli.main(arguments(files, model, "--iterations", "0")) == 0
    assert not (files / "out" / "loss.png").exists()


def test_an_interrupt_is_one_line_and_status_130(files, model, capsys, monkeypatch):
    monkeypatch.setattr(command, "run", raising(KeyboardInterrupt))
    assert cli.main(arguments(files, model)) == 130
    assert "interrupted" in capsys.readouterr().err


def test_the_seed_is_the_methods_own(files, model, monkeypatch):
    asked = []
    monkeypatch.setattr(command, "validate", lambda net, task, inversion, method: asked.append(method))
    monkeypatch.setattr(command, "run", raising(KeyboardInterrupt))
    given = [a for a in arguments(files, model) if a not in ("--iterations", "1")]
    for more in ([], ["--seed", "7"]):
        assert cli.main([*given, "--method", "blended", *more]) == 130
    assert asked == [mag.METHODS["blended"], replace(mag.METHODS["blended"], seed=7)]


EVERY = [[], ["demo"], ["edit"], ["methods"], ["train"], ["doctor"], ["applications"], ["bench"], ["bench", "table1"],
         ["bench", "ablations"], ["bench", "model"], ["study"], ["study-report"]]  # fmt: skip


@pytest.mark.parametrize("command", EVERY)
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([*command, "--help"])
    assert stop.value.code == 0
    assert "usage: magedit-lab" in capsys.readouterr().out
