"""Models as people have them: folders, variants, single files, and what is refused in one line."""

import json
import shutil

import diffusers
import pytest
import single_file
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
    for loaded, saved in zip(net.parts, ours.parts, strict=True):
        for (key, weight), kept in zip(loaded.state_dict().items(), saved.state_dict().values(), strict=True):
            assert torch.equal(weight, kept), key
    with torch.no_grad():  # weights that lie elsewhere in memory go through other kernels
        text = ours.embed("a ball")
        assert torch.allclose(net.predict(z, 300, text), ours.predict(z, 300, text), atol=1e-5)


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


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    """A model as a file of Stable Diffusion 1's first names, and its configuration without weights."""
    place, pipe = tmp_path_factory.mktemp("single"), frozen(pipeline())
    pipe.save_pretrained(place / "config")
    for file in (place / "config").rglob("*.safetensors"):
        file.unlink()
    save_file(single_file.weights(pipe), place / "model.safetensors")
    return place


def test_a_single_file_is_the_model_that_it_was_written_from(single):
    net = mag.Backbone.load(str(single / "model.safetensors"), "cpu", config=str(single / "config"))
    expected, z = mag.Backbone.of(frozen(pipeline())), torch.randn(1, 4, 32, 32)
    for part, other in zip(net.parts, expected.parts, strict=True):
        weights_, others = part.state_dict(), other.state_dict()
        assert weights_.keys() == others.keys()
        assert all(torch.equal(weights_[name], others[name]) for name in others)
    assert net.timesteps(50, z) == expected.timesteps(50, z)
    with torch.no_grad():  # in float64, since weights that lie elsewhere in memory go through other kernels
        text, z = net.embed("a yellow ball").to(torch.float64), z.double()
        found = [n.denoiser.to(torch.float64)(z, 300, text.embedding).sample for n in (net, expected)]
    assert torch.equal(*found)


@pytest.mark.parametrize(
    "lacking",
    ["cond_stage_model.transformer.text_model.final_layer_norm.weight", "first_stage_model.quant_conv.weight",
     "model.diffusion_model.middle_block.0.in_layers.2.weight", "model.diffusion_model.out.2.bias"],
)  # fmt: skip
def test_a_single_file_that_lacks_a_weight_is_refused(single, tmp_path, lacking):
    tensors = load_file(single / "model.safetensors")
    del tensors[lacking]
    save_file(tensors, tmp_path / "x.safetensors")
    with pytest.raises(ValueError, match=r"expected all weights .* download the model anew") as error:
        mag.Backbone.load(str(tmp_path / "x.safetensors"), "cpu", config=str(single / "config"))
    assert "\n" not in str(error.value)


def test_a_configuration_is_a_single_files(folder):
    with pytest.raises(ValueError, match=r"expected config with one \.safetensors file"):
        mag.Backbone.load(str(folder), "cpu", config=str(folder))


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


def test_low_rank_weights_count(tmp_path):
    """A LoRA of peft's, saved and loaded as diffusers does: what the pipeline computes is what an edit computes."""
    peft = pytest.importorskip("peft", reason="expected peft of the dev extra")
    trained = frozen(pipeline())
    torch.manual_seed(3)
    layers = ["to_q", "to_k", "to_v", "to_out.0"]
    trained.unet.add_adapter(peft.LoraConfig(r=4, lora_alpha=8, target_modules=layers))
    for name, weight in trained.unet.named_parameters():
        if "lora_B" in name:  # zeros before training
            weight.data.normal_(0, 0.3)
    lora = peft.utils.get_peft_model_state_dict(trained.unet)
    diffusers.StableDiffusionPipeline.save_lora_weights(tmp_path, unet_lora_layers=lora)
    pipes, z = [frozen(pipeline()) for _ in range(3)], torch.randn(1, 4, 32, 32, dtype=torch.float64)
    for pipe in pipes[:2]:
        pipe.load_lora_weights(tmp_path)
    for pipe in pipes:
        pipe.to(torch.float64)
    with torch.no_grad():
        net, plain = mag.Backbone.of(pipes[0]), mag.Backbone.of(pipes[2])
        text = net.embed("a ball")
        found = net.predict(z, 300, text)
        assert torch.allclose(found, pipes[1].unet(z, 300, text.embedding).sample, atol=1e-9)
        assert not torch.allclose(found, plain.predict(z, 300, text), atol=1e-2)
    assert [site.name for site in net.sites(z)] == [site.name for site in plain.sites(z)]
    with torch.no_grad():
        every = net.predict(z, 300, text, {site.name: lambda probs: probs for site in net.sites(z)})
    assert torch.allclose(every, found, atol=1e-9)


@torch.no_grad()
def test_parts_that_wait_elsewhere_compute_where_they_are_sent():
    """CPU offload as accelerate does it, whose weights wait on torch's meta device."""
    from accelerate import cpu_offload

    pipe, z = frozen(pipeline()), torch.randn(1, 4, 32, 32)
    expected = pipe.unet(z, 300, pipe.encode_prompt("a ball", "cpu", 1, False)[0]).sample
    for part in (pipe.unet, pipe.vae, pipe.text_encoder):
        cpu_offload(part, torch.device("cpu"))
    net = mag.Backbone.of(pipe)
    assert next(net.denoiser.parameters()).is_meta
    assert net.device == torch.device("cpu")
    assert torch.equal(net.predict(z, 300, net.embed("a ball")), expected)
    assert net.decode(z).size == (256, 256)
