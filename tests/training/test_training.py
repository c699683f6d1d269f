"""Training of the room's models: every trainer resumes bit for bit, and what it ends in loads as Stable Diffusion."""

import itertools
import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

import magedit_lab as mag
from magedit_lab import training
from magedit_lab.bench.model import measures
from magedit_lab.cli import main
from magedit_lab.training.run import Run

TINY = training.Plan.tiny()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder in which every part was trained at a stretch, and the rows that the trainers gave."""
    out = tmp_path_factory.mktemp("trained")
    list(training.draw(out / "data", TINY))
    return out, {part: list(train(out, TINY)) for part, train in training.TRAINERS.items()}


def linked(trained, tmp_path, *models):
    """A folder with the same pictures and some of the finished models, and no checkpoint."""
    out, _ = trained
    for name in ("data", *(p.name for p in out.glob("latents-*"))):
        (tmp_path / name).symlink_to(out / name)
    for model in models:
        (tmp_path / model).symlink_to(out / model)
    return tmp_path


def untimed(rows):
    return [{k: float(v) for k, v in row.items() if k != "seconds"} for row in rows]


@pytest.mark.parametrize("part", training.TRAINERS)
@pytest.mark.parametrize("stop", [1, 3])
def test_a_stopped_run_goes_on_bit_for_bit(trained, tmp_path, part, stop):
    rows = trained[1][part]
    if part == "decoder":  # whose straight run began with the autoencoder as it was before
        out = linked(trained, tmp_path)
        list(training.train_vae(out, TINY))
    else:
        out = linked(trained, tmp_path, *(["autoencoder"] if part == "diffusion" else []))
    first = list(itertools.islice(generator := training.TRAINERS[part](out, TINY), stop))
    generator.close()
    again = list(training.TRAINERS[part](out, TINY))
    assert untimed(first + again) == untimed(rows)


def test_a_shipped_models_decoder_is_trained_alone_and_its_latents_stay(tmp_path):
    plan = replace(training.Plan.tabletop(), traces=20, vae_batch=2, decoder_steps=2)
    list(training.draw_tabletop(tmp_path / "data", plan))
    list(training.train_decoder(tmp_path, plan))
    before = load_file(Path(plan.start) / "vae" / "diffusion_pytorch_model.safetensors")
    after = load_file(tmp_path / "autoencoder" / "diffusion_pytorch_model.safetensors")
    changed = {name for name in before if not torch.equal(after[name], before[name].float())}
    assert changed
    assert all(name.startswith(("decoder.", "post_quant_conv.")) for name in changed)


def test_an_interrupt_in_the_middle_of_an_update_repeats_it_bit_for_bit(trained, tmp_path, monkeypatch):
    out = linked(trained, tmp_path)
    first = list(itertools.islice(generator := training.train_vae(out, TINY), 2))
    generator.close()
    lerp = torch._foreach_lerp_
    monkeypatch.setattr(torch, "_foreach_lerp_", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        next(training.train_vae(out, TINY))
    monkeypatch.setattr(torch, "_foreach_lerp_", lerp)
    assert untimed(first + list(training.train_vae(out, TINY))) == untimed(trained[1]["vae"])


def test_a_kill_in_the_middle_of_a_save_leaves_the_last_checkpoint_whole(trained, tmp_path, monkeypatch):
    out = linked(trained, tmp_path)
    first = list(itertools.islice(generator := training.train_vae(out, TINY), 2))
    generator.close()
    kept = (out / "vae.safetensors").read_bytes()
    monkeypatch.setattr(training.run, "save_file", lambda _, path: path.write_bytes(b"half"))
    monkeypatch.setattr(mag.files.os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        list(training.train_vae(out, TINY))
    monkeypatch.undo()
    assert (out / "vae.safetensors").read_bytes() == kept
    assert untimed(first + list(training.train_vae(out, TINY))) == untimed(trained[1]["vae"])


def test_the_average_follows_the_weights_as_the_formula_says(tmp_path):
    layer = torch.nn.Linear(1, 1, bias=False)
    run = Run(tmp_path / "run.safetensors", [layer], 0.1, 0.5)
    expected, values = layer.weight.item(), []
    for _ in range(8):
        run.update(layer(torch.ones(1, 1)).square().sum(), 1.0)
        values.append(layer.weight.item())
        keep = min(0.5, (1 + len(values)) / (10 + len(values)))
        expected = keep * expected + (1 - keep) * values[-1]
    assert run.ema[0].item() == pytest.approx(expected, rel=1e-6)
    run.averaged()
    assert layer.weight.item() == run.ema[0].item()


def test_what_training_ends_in_loads_as_stable_diffusion_and_samples(trained):
    net = mag.Backbone.load(str(trained[0] / "room"))
    (image,) = measures.generate(net, ["a red pillow on a blue sofa"], 4.0)
    assert image.size == (128, 128)
    assert (
        json.loads((trained[0] / "room" / "model_index.json").read_text())["_class_name"] == "StableDiffusionPipeline"
    )
    assert json.loads((trained[0] / "room" / "scheduler" / "scheduler_config.json").read_text())["steps_offset"] == 1


def test_a_run_under_way_is_exported_with_its_average_and_left_alone(trained, tmp_path):
    (tmp_path / "run").mkdir()
    out = linked(trained, tmp_path / "run", "autoencoder")
    with pytest.raises(ValueError, match="train the diffusion first"):
        training.export(out, TINY, tmp_path / "model")
    next(generator := training.train_diffusion(out, TINY))
    generator.close()
    before = (out / "diffusion.safetensors").read_bytes()
    assert training.export(out, TINY, tmp_path / "model") == 1
    assert (out / "diffusion.safetensors").read_bytes() == before
    net = mag.Backbone.load(str(tmp_path / "model"))
    with safe_open(out / "diffusion.safetensors", "pt") as f:
        first, weight = f.get_tensor("ema.0"), f.get_tensor("weight.0")
    ours = next(net.denoiser.parameters()).float()
    assert torch.equal(ours, first.half().float())
    assert not torch.equal(ours, weight.half().float())


def test_training_goes_on_from_an_exported_model_alone(trained, tmp_path):
    out = linked(trained, tmp_path)
    plan = replace(TINY, start=str(trained[0] / "room"), early_steps=0, scene_steps=1, grounding=0.0, grounded_steps=0)
    (row,) = training.train_diffusion(out, plan)
    assert "inside" not in row
    ours, given = (mag.Backbone.load(str(folder / "room")).denoiser.state_dict() for folder in (out, trained[0]))
    assert all((ours[name].float() - given[name].float()).abs().max() < 2e-3 for name in ours)
    (new := tmp_path / "new").mkdir()
    with pytest.raises(ValueError, match="train the vae first"):
        next(training.train_diffusion(linked(trained, new), TINY))


def test_the_command_trains_resumes_and_exports(trained, tmp_path, capsys):
    out = linked(trained, tmp_path)
    common = ["--preset", "tiny", "--out", str(out), "--threads", "1"]
    main(["train", "vae", *common, "--minutes", "0"])
    assert "go on with the same command and --resume" in capsys.readouterr().out
    main(["train", "vae", *common, "--resume"])
    main(["train", "diffusion", *common])
    main(["train", "export", *common, "--to", str(tmp_path / "model")])
    assert f"the average at step {TINY.steps}" in capsys.readouterr().out
    assert json.loads((tmp_path / "model" / "training.json").read_text())["diffusion"]["steps"] == TINY.steps


@pytest.mark.parametrize("part", training.TRAINERS)
def test_a_checkpoint_is_never_gone_on_with_unasked(tmp_path, part):
    (tmp_path / f"{part}.safetensors").write_bytes(b"work of hours")
    with pytest.raises(ValueError, match="go on from it with --resume"):
        training.require_new(tmp_path, [part])


def test_a_folder_is_bound_to_the_plan_that_it_was_begun_with(tmp_path):
    training.bind(tmp_path, TINY)
    training.bind(tmp_path, TINY)
    with pytest.raises(ValueError, match=r"begun with size = 256, got 128; take the same --preset and --start"):
        training.bind(tmp_path, replace(TINY, size=256))
    assert json.loads((tmp_path / "plan.json").read_text()) == json.loads(json.dumps(asdict(TINY)))
    (tmp_path / "plan.json").write_text("{")
    with pytest.raises(ValueError, match="cannot read"):
        training.bind(tmp_path, TINY)
