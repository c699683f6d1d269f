import copy

import numpy as np
import pytest
import torch
from conftest import pipeline
from diffusers import StableDiffusionPipeline
from PIL import Image

import magedit_lab as mag
from magedit_lab.model import loading


def test_a_saved_folder_loads_and_predicts_the_same(tmp_path, pipe, net):
    pipe.save_pretrained(tmp_path / "model")
    loaded = mag.Backbone.load(str(tmp_path / "model"), "cpu")
    z = torch.randn(1, 4, 32, 32)
    with torch.no_grad():
        assert torch.equal(loaded.predict(z, 300, loaded.embed("a ball")), net.predict(z, 300, net.embed("a ball")))


def test_prompts_and_pictures_are_read_as_diffusers_reads_them(pipe, net):
    expected = pipe.encode_prompt("a red ball", "cpu", 1, False)[0]
    assert torch.allclose(net.embed("a red ball").embedding, expected, atol=1e-6)
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (128, 192, 3), np.uint8))
    with torch.no_grad():
        x = pipe.image_processor.preprocess(image)
        z = pipe.vae.encode(x).latent_dist.mean * pipe.vae.config.scaling_factor
        back = pipe.image_processor.postprocess(pipe.vae.decode(z / pipe.vae.config.scaling_factor).sample)[0]
    assert torch.allclose(net.encode(image), z, atol=1e-5)
    assert np.abs(np.asarray(net.decode(z), int) - np.asarray(back, int)).max() <= 1


def test_a_v_model_gives_epsilon():
    pipe = pipeline("v_prediction")
    z, text = torch.randn(1, 4, 32, 32), torch.randn(1, 32, 32)
    with torch.no_grad():
        v = pipe.unet(z, 400, text).sample
        a = pipe.scheduler.alphas_cumprod[400]
        eps = mag.Backbone.of(pipe).predict(z, 400, text)
    assert torch.allclose(eps, a.sqrt() * v + (1 - a).sqrt() * z, atol=1e-4)


def test_a_raising_tap_leaves_the_model_as_it_was(net):
    def broken(_):
        raise RuntimeError("mine")

    z, text = torch.randn(1, 4, 32, 32), net.embed("a")
    with torch.no_grad():
        before = net.predict(z, 10, text)
        with pytest.raises(RuntimeError, match="mine"):
            net.predict(z, 10, text, {net.sites(z)[2].name: broken})
        assert torch.equal(net.predict(z, 10, text), before)


@pytest.mark.parametrize("name", ["nope/nothing", "nope"])
def test_a_model_that_is_not_there_is_refused_in_one_line(name, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ValueError, match="cannot load model 'nope") as error:
        mag.Backbone.load(name)
    assert "\n" not in str(error.value)


def test_a_folder_without_a_unet_is_refused(tmp_path, pipe):
    import shutil

    pipe.save_pretrained(tmp_path)
    shutil.rmtree(tmp_path / "unet")
    with pytest.raises(ValueError, match="cannot load model"):
        mag.Backbone.load(str(tmp_path))


def test_pickled_weights_are_refused(tmp_path, pipe):
    pipe.save_pretrained(tmp_path)
    weights = tmp_path / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(ValueError, match="cannot load model"):
        mag.Backbone.load(str(tmp_path))


def test_sides_that_do_not_fit_name_the_remedy(net):
    with pytest.raises(ValueError, match=r"multiples of 64, got 100x64; use task.fit\(256, 256\)"):
        net.encode(Image.new("RGB", (100, 64)))


def test_pictures_that_are_not_square_are_edited(net):
    image, mask = Image.new("RGB", (192, 128), "navy"), np.zeros((128, 192), np.float32)
    mask[40:100, 40:120] = 1
    task = mag.Task(image, mask, "a ball", "a red ball", "red")
    trace = mag.run(net, task, mag.invert(net, task, mag.DDIM(steps=2)), mag.MagEdit(iterations=1))
    assert trace.result.size == (192, 128)
    assert trace.attention("red").shape == (2, 4, 6)


def test_diffusers_loads_the_shipped_folder_unchanged_and_generates():
    pipe = StableDiffusionPipeline.from_pretrained(loading.SHIPPED / "tabletop", safety_checker=None)
    pipe.set_progress_bar_config(disable=True)
    image = pipe(
        "a red ball on a wooden table", num_inference_steps=2, generator=torch.Generator().manual_seed(0)
    ).images[0]
    assert image.size == (256, 256)
    assert np.asarray(image).std() > 5


def test_half_precision_keeps_all_that_there_is_to_see(pipe, task):
    half = mag.Backbone.of(copy.deepcopy(pipe).to(torch.bfloat16))
    trace = mag.run(half, task, mag.invert(half, task, mag.DDIM(steps=2)), mag.MagEdit(iterations=1))
    for name in trace.sites:
        assert np.isfinite(trace.head_attention("yellow")[name]).all()


def test_an_inpainting_model_and_an_unknown_prediction_are_refused(pipe):
    for part, name, value, message in (
        (pipe.unet, "in_channels", 9, "takes the 4 channels of a latent, got one that takes 9"),
        (pipe.unet, "addition_embed_type", "text_time", r"wants more \(text_time\)"),
        (pipe.scheduler, "prediction_type", "sample", "predicts epsilon or v_prediction, got 'sample'"),
    ):
        before = part.config[name]
        part.register_to_config(**{name: value})
        try:
            with pytest.raises(ValueError, match=message):
                mag.Backbone.of(pipe)
        finally:
            part.register_to_config(**{name: before})


def test_a_picture_that_is_not_finite_is_no_black_one(net):
    with pytest.raises(FloatingPointError, match=r"expected a finite picture.*torch.float32"):
        net.decode(torch.full((1, 4, 8, 8), float("nan")))
