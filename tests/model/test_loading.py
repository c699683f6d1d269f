"""Models as people have them: folders, variants, single files, and what is refused in one line."""

import json
import shutil

import diffusers
import pytest
import torch
from conftest import pipeline
from families import PIPES, backbone, frozen
from safetensors.torch import load_file, save_file

import magedit_lab as mag
from magedit_lab.model import loading


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    frozen(pipeline()).save_pretrained(folder)
    return folder


@pytest.fixture
def folder(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "model")


def weights(folder, part):
    return next((folder / part).glob("*.safetensors"))


def refusal(folder):
    with pytest.raises(ValueError, match=r"^cannot load model") as error:
        mag.Backbone.load(str(folder), "cpu")
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("part", ["text_encoder", "unet", "vae"])
def test_a_missing_weight_is_refused(folder, part):
    tensors = load_file(weights(folder, part))
    name = sorted(tensors)[len(tensors) // 2]
    del tensors[name]
    save_file(tensors, weights(folder, part), {"format": "pt"})
    assert f"expected all weights of {part}, got 1 missing" in refusal(folder)


@pytest.mark.parametrize("part", ["text_encoder", "unet", "vae"])
def test_a_weight_that_is_not_finite_is_refused(folder, part):
    tensors = load_file(weights(folder, part))
    name = sorted(tensors)[0]
    tensors[name].view(-1)[0] = float("nan")
    save_file(tensors, weights(folder, part), {"format": "pt"})
    assert f"got NaN or infinity in {part}" in refusal(folder)


@pytest.mark.parametrize("part", ["text_encoder", "unet", "vae"])
def test_a_weight_of_another_shape_is_refused(folder, part):
    tensors = load_file(weights(folder, part))
    name = next(n for n in sorted(tensors) if tensors[n].ndim == 2 or "conv_in.weight" in n)
    tensors[name] = torch.cat([tensors[name]] * 2)
    save_file(tensors, weights(folder, part), {"format": "pt"})
    refusal(folder)


@pytest.mark.parametrize("part", ["text_encoder", "unet", "vae"])
def test_a_file_that_ends_early_is_refused(folder, part):
    data = weights(folder, part).read_bytes()
    weights(folder, part).write_bytes(data[: len(data) // 2])
    refusal(folder)


@pytest.mark.parametrize("value", [100_000, None, 0, [16, 32], "16"])
def test_a_size_that_no_computer_holds_is_refused(folder, value):
    config = json.loads((folder / "unet" / "config.json").read_text())
    (folder / "unet" / "config.json").write_text(json.dumps(config | {"sample_size": value}))
    with pytest.raises(
        ValueError, match=r"expected sample_size of 1 to 1024 latent cells, got .*unet/config.json"
    ) as e:
        mag.Backbone.load(str(folder), "cpu")
    assert "\n" not in str(e.value)


def test_a_folder_that_holds_one_variant_alone_needs_no_name_for_it(folder):
    z, dtype = torch.randn(1, 4, 32, 32), torch.float32
    before = mag.Backbone.load(str(folder), "cpu", dtype)
    for part in ("unet", "vae", "text_encoder"):
        weights(folder, part).rename(weights(folder, part).with_suffix(".fp16.safetensors"))
    after = mag.Backbone.load(str(folder), "cpu")
    named = mag.Backbone.load(str(folder), "cpu", variant="fp16")
    with torch.no_grad():
        found = [net.predict(z, 300, net.embed("a ball")) for net in (before, after, named)]
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_a_variant_that_is_not_there_is_refused(folder):
    with pytest.raises(ValueError, match=r"^cannot load model"):
        mag.Backbone.load(str(folder), "cpu", variant="fp16")


def test_home_is_written_as_a_tilde(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    assert mag.Backbone.load("~/model", "cpu").size == 256


def test_a_dtype_is_what_the_denoiser_computes_in(folder):
    net = mag.Backbone.load(str(folder), "cpu", torch.bfloat16)
    assert net.dtype == torch.bfloat16
    assert net.embed("a ball").embedding.dtype == torch.float32


@pytest.mark.parametrize("name", PIPES)
def test_every_family_loads_from_its_folder(name, tmp_path):
    PIPES[name]().save_pretrained(tmp_path)
    net, z = mag.Backbone.load(str(tmp_path), "cpu"), torch.randn(1, 4, 16, 16)
    ours = backbone(PIPES[name]())
    with torch.no_grad():
        text = ours.embed("a ball")
        assert torch.equal(net.predict(z, 300, text), ours.predict(z, 300, text))


def test_apples_gpu_is_taken_where_there_is_no_cuda(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert loading.usual_device() == "mps"


@pytest.mark.parametrize(
    ("weight", "kind"),
    [("model.diffusion_model.input_blocks.0.0.weight", "StableDiffusionPipeline"),
     ("conditioner.embedders.1.model.ln_final.weight", "StableDiffusionXLPipeline"),
     ("model.diffusion_model.joint_blocks.0.x.weight", "StableDiffusion3Pipeline"),
     ("model.diffusion_model.double_blocks.0.x.weight", "FluxPipeline")],
)  # fmt: skip
def test_a_single_file_goes_to_the_pipeline_of_its_weights(tmp_path, monkeypatch, weight, kind):
    save_file({weight: torch.zeros(1), "model.diffusion_model.out.weight": torch.zeros(1)}, tmp_path / "x.safetensors")
    asked = {}

    def from_single_file(place, **more):
        asked.update(more, place=place)
        raise OSError("no configuration here")

    monkeypatch.setattr(getattr(diffusers, kind), "from_single_file", from_single_file)
    with pytest.raises(ValueError, match="OSError: no configuration here"):
        mag.Backbone.load(str(tmp_path / "x.safetensors"), "cpu", torch.float16, local_files_only=True)
    assert asked == {
        "place": str(tmp_path / "x.safetensors"), "dtype": torch.float16, "local_files_only": True,
    }  # fmt: skip


def test_a_single_file_of_other_weights_is_refused(tmp_path):
    save_file({"lora_unet.alpha": torch.zeros(1)}, tmp_path / "lora.safetensors")
    assert "expected a whole model in the file" in refusal(tmp_path / "lora.safetensors")
    assert "cannot load model" in refusal(tmp_path / "nothing.safetensors")


def test_another_pipeline_is_refused_before_its_weights_are_read(folder):
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"_class_name": "StableDiffusionInpaintPipeline"}))
    assert "got StableDiffusionInpaintPipeline; take a text-to-image model" in refusal(folder)


@pytest.mark.parametrize("given", [pipeline, lambda: "tabletop"])
def test_the_constructor_says_what_to_call(given):
    with pytest.raises(
        ValueError, match=r"^expected a model's parts, got .*; call Backbone\.(of\(pipe\)|load\(name\))"
    ):
        mag.Backbone(given())


def test_a_concept_of_several_vectors_is_read_whole():
    """As diffusers' pipeline reads it, and its columns are all of its vectors'."""
    pipe = frozen(pipeline())
    torch.manual_seed(1)
    pipe.load_textual_inversion({"<cat>": torch.randn(3, 32)}, token="<cat>")
    net = mag.Backbone.of(pipe)
    expected = pipe.encode_prompt("a red <cat> on a table", "cpu", 1, False)[0]
    assert torch.allclose(net.embed("a red <cat> on a table").embedding, expected, atol=1e-6)
    assert net.positions("a red <cat> on a table", "cat") == [3, 4, 5]
    assert net.positions("a red <cat> on a table", "table") == [8]
    without = pipe.text_encoder(torch.tensor([pipe.tokenizer("a red <cat> on a table").input_ids]))[0]
    assert not torch.allclose(net.embed("a red <cat> on a table").embedding[:, 3:5], without[:, 3:5], atol=1e-3)


def test_low_rank_weights_count():
    """A LoRA that was fused into the weights: what the pipeline computes is what an edit computes."""
    pipe = frozen(pipeline())
    z = torch.randn(1, 4, 32, 32)
    with torch.no_grad():
        net = mag.Backbone.of(pipe)
        before = net.predict(z, 300, net.embed("a ball"))
        layer = pipe.unet.mid_block.attentions[0].transformer_blocks[0].attn2.to_v if pipe.unet.mid_block else None
        layer.weight += 0.5 * torch.randn(32, 2) @ torch.randn(2, 32)
        after = net.predict(z, 300, net.embed("a ball"))
        assert torch.equal(after, pipe.unet(z, 300, net.embed("a ball").embedding).sample)
    assert not torch.allclose(before, after, atol=1e-4)
