"""Each family against diffusers' own pipeline: text, denoiser, pictures, hook points. Random weights of a few channels;
no real weights of these families were at hand."""

import copy

import numpy as np
import pytest
import torch
from diffusers.pipelines.flux.pipeline_flux import FluxPipeline
from families import NAMES, PIPES, SIDE, SOURCE, T5_TOKENS, TARGET, backbone, flux_pipe, sd3_pipe, sdxl_pipe, task

import magedit_lab as mag
from magedit_lab.methods.shared import losses
from magedit_lab.model import joint
from magedit_lab.model.hooks import Listen, recorder
from magedit_lab.training import TOKENS

T = {"sdxl": 481, "sd3": 481.25, "flux": 481.25}


@pytest.fixture(scope="module", params=NAMES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def pipe(name):
    return PIPES[name]()


@pytest.fixture(scope="module")
def net(pipe, name):
    return backbone(copy.deepcopy(pipe), name)


@pytest.fixture
def z():
    return torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(1))


def stock(pipe, name, z, prompt):
    """The denoiser's own output, called as its pipeline calls it."""
    if name == "sdxl":
        embedding, _, pooled, _ = pipe.encode_prompt(prompt, device="cpu")
        sizes = pipe._get_add_time_ids((SIDE, SIDE), (0, 0), (SIDE, SIDE), z.dtype, pooled.shape[-1])
        return pipe.unet(z, T[name], embedding, added_cond_kwargs={"text_embeds": pooled, "time_ids": sizes}).sample
    if name == "sd3":
        embedding, _, pooled, _ = pipe.encode_prompt(prompt, None, None, device="cpu", max_sequence_length=T5_TOKENS)
        return pipe.transformer(z, embedding, pooled, torch.tensor([T[name]])).sample
    embedding, pooled, places = pipe.encode_prompt(prompt, device="cpu", max_sequence_length=T5_TOKENS)
    packed = FluxPipeline._pack_latents(z, 1, 4, 16, 16)
    out = pipe.transformer(
        packed, embedding, pooled, torch.tensor([T[name]]) / 1000,
        FluxPipeline._prepare_latent_image_ids(1, 8, 8, "cpu", z.dtype), places, torch.tensor([3.5]),
    ).sample  # fmt: skip
    return FluxPipeline._unpack_latents(out, SIDE, SIDE, 8)


@torch.no_grad()
def own(net, name, z, prompt, hooks=None):
    """The library's prediction; of the U-Net's noise, of a flow the velocity."""
    return net.predict(z, T[name], net.embed(prompt), hooks)


@torch.no_grad()
def test_fused_it_equals_the_stock_processors_bit_for_bit(pipe, net, name, z):
    assert torch.equal(own(net, name, z, SOURCE), stock(pipe, name, z, SOURCE))


@torch.no_grad()
def test_with_identity_hooks_everywhere_it_equals_them_nearly(pipe, net, name, z):
    maps = {}
    found = own(net, name, z, SOURCE, {s.name: recorder(maps, s.name) for s in net.sites(z)})
    assert (found - stock(pipe, name, z, SOURCE)).abs().max() < 1e-5
    assert len(maps) == len(net.sites(z))


@torch.no_grad()
def test_listening_changes_no_bit(net, name, z):
    heard = []
    listeners = {s.name: Listen(lambda x, where: heard.append(x), None) for s in net.sites(z)}
    assert torch.equal(own(net, name, z, SOURCE, listeners), own(net, name, z, SOURCE))
    assert len(heard) == len(net.sites(z))


@torch.no_grad()
def test_the_empty_prompt_is_read_as_the_pipeline_reads_it(pipe, net, name):
    text = net.embed("")
    if name == "sdxl":
        _, embedding, _, pooled = pipe.encode_prompt("a", device="cpu")
    elif name == "sd3":
        _, embedding, _, pooled = pipe.encode_prompt("a", None, None, device="cpu", max_sequence_length=T5_TOKENS)
    else:
        embedding, pooled, _ = pipe.encode_prompt("", device="cpu", max_sequence_length=T5_TOKENS)
    assert torch.equal(text.embedding, embedding)
    assert torch.equal(text.pooled, pooled)


@torch.no_grad()
def test_pictures_are_read_and_shown_as_the_pipeline_does(pipe, net):
    image, config = task().image, pipe.vae.config
    x = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 127.5 - 1
    assert torch.allclose(x, pipe.image_processor.preprocess(image), atol=1e-6)
    z = (pipe.vae.encode(x).latent_dist.mean - config.shift_factor) * config.scaling_factor
    assert torch.allclose(net.encode(image), z, atol=1e-6)
    back = pipe.vae.decode(z / config.scaling_factor + config.shift_factor).sample
    theirs = torch.from_numpy(pipe.image_processor.postprocess(back, output_type="np"))
    ours = torch.from_numpy(np.array(net.decode(z)))[None] / 255
    assert (ours - theirs).abs().max() <= 1.01 / 255


def test_a_map_has_a_row_for_each_cell_and_a_column_for_each_token(net, name, z):
    maps = {}
    own(net, name, z, SOURCE, {s.name: recorder(maps, s.name) for s in net.sites(z)})
    columns = {"sdxl": TOKENS, "sd3": TOKENS + T5_TOKENS, "flux": T5_TOKENS}[name]
    for site in net.sites(z):
        assert maps[site.name].shape[2:] == (site.cells, columns if site.cross else site.cells)


def test_the_two_blocks_of_joint_attention_make_up_one_softmax(net, name, z):
    if name == "sdxl":
        pytest.skip("cross attention has a softmax of its own")
    maps = {}
    own(net, name, z, SOURCE, {s.name: recorder(maps, s.name) for s in net.sites(z)})
    for site in net.sites(z):
        if site.cross:
            whole = maps[site.name].sum(-1) + maps[f"{site.layer}.image_to_image"].sum(-1)
            assert torch.allclose(whole, torch.ones_like(whole), atol=1e-5)


@pytest.mark.parametrize("name", ["sd3", "flux"])
def test_rows_of_a_map_are_the_cells_of_the_picture_row_by_row(name, z):
    """In the first block, where no cell has seen another, a change of one cell changes its own row alone."""
    net = backbone(PIPES[name]())
    (site,) = [s for s in net.sites(z) if s.cross and s.name.startswith("transformer_blocks.0.")]
    other, maps = z.clone(), [{}, {}]
    other[..., 10:12, 4:6] += 3.0
    for latent, into in zip((z, other), maps, strict=True):
        own(net, name, latent, SOURCE, {site.name: recorder(into, "map")})
    share = [m["map"] / m["map"].sum(-1, keepdim=True) for m in maps]  # of the text: keys of the image changed too
    change = (share[1] - share[0])[0].abs().sum((0, 2)).reshape(site.height, site.width)
    assert change[5, 2] > 1e-3
    assert change.sum() - change[5, 2] < 1e-5


def test_a_word_has_columns_wherever_its_tokens_are_read(net, name):
    run = mag.Run(net, task(), mag.invert(net, task(), mag.DDIM(steps=1)))
    clip, t5 = [2], [1]  # after a start token; T5 has none
    assert run.columns("yellow") == {"sdxl": clip, "sd3": clip + [TOKENS + c for c in t5], "flux": t5}[name]
    texts = run.tokens(TARGET)
    assert all("yellow" in texts[c] for c in run.columns("yellow"))


def test_guided_maps_can_be_chosen_by_block(name):
    if name == "sdxl":
        with pytest.raises(ValueError, match=r"expected blocks for a transformer, got a U-Net"):
            backbone(sdxl_pipe(), blocks=[1])
        return
    net = backbone(PIPES[name](), blocks=[0, 2])
    place = {"sd3": "transformer_blocks.2", "flux": "single_transformer_blocks.0"}[name]
    found = [s.name for s in net.guided(torch.zeros(1, 4, 16, 16))]
    assert found == ["transformer_blocks.0.attn.image_to_text", f"{place}.attn.image_to_text"]
    with pytest.raises(ValueError, match=r"expected blocks of 0 to \d, got 9; leave it out"):
        backbone(PIPES[name](), blocks=[9]).guided(torch.zeros(1, 4, 16, 16))


def rotated(x, places, sequence_dim):
    """Rotary positions in the dtype of `x`."""
    cos, sin = (part[None, None].to(x) for part in places)
    real, imaginary = x.unflatten(-1, (-1, 2)).unbind(-1)
    return x * cos + torch.stack([-imaginary, real], -1).flatten(-2) * sin


@pytest.mark.parametrize("until", [True, False])
def test_the_gradient_of_a_loss_equals_finite_differences(name, until, monkeypatch):
    """In float64; what the models themselves compute in float32 (rotary positions, SD 3.5's norms) is left out."""
    monkeypatch.setattr(joint, "apply_rotary_emb", rotated)
    pipe = sd3_pipe(dual=False) if name == "sd3" else PIPES[name]()
    net = backbone(pipe.to(torch.float64))
    z = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    site, text = net.guided(z)[-1], net.embed(TARGET)
    mask = torch.zeros(site.height, site.width, dtype=torch.float64)
    mask[1:3, 1:3] = 1

    def loss(at):
        maps = {}
        net.predict(at, T[name], text, {site.name: recorder(maps, site.name)}, until=site.name if until else None)
        return losses.token_ratio(maps[site.name][0], mask.flatten(), [2])

    at = z.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(loss(at), at)
    step = 1e-5
    for place in [(0, 0, 3, 4), (0, 2, 9, 9), (0, 3, 15, 0)]:
        more = torch.zeros_like(z)
        more[place] = step
        with torch.no_grad():
            slope = (loss(z + more) - loss(z - more)) / (2 * step)
        assert gradient[place].item() == pytest.approx(slope.item(), rel=1e-4, abs=1e-10)


def test_a_lent_pipeline_comes_back_as_it_was(pipe, name, z):
    lent = copy.deepcopy(pipe)
    denoiser = lent.unet if name == "sdxl" else lent.transformer
    names, kinds = set(dict(denoiser.named_modules())), {type(p) for p in denoiser.attn_processors.values()}
    with mag.inspect(lent) as net:
        assert set(dict(net.denoiser.named_modules())) > names
    assert set(dict(denoiser.named_modules())) == names
    assert {type(p) for p in denoiser.attn_processors.values()} == kinds
    assert not any(m._forward_hooks for m in denoiser.modules())
    with torch.no_grad():
        assert torch.equal(stock(lent, name, z, SOURCE), stock(pipe, name, z, SOURCE))


def test_stable_diffusion_3_reads_without_t5_as_its_pipeline_does(z):
    pipe = sd3_pipe(dual=False)
    pipe.register_modules(text_encoder_3=None, tokenizer_3=None)
    net = backbone(copy.deepcopy(pipe))
    with torch.no_grad():
        embedding = pipe.encode_prompt(SOURCE, None, None, device="cpu", max_sequence_length=T5_TOKENS)[0]
        assert torch.equal(net.embed(SOURCE).embedding, embedding)
        assert torch.equal(own(net, "sd3", z, SOURCE), stock(pipe, "sd3", z, SOURCE))
    assert len(net.readers) == 1


def test_what_is_of_no_family_is_refused_in_one_line():
    pipe = flux_pipe()
    pipe.transformer.register_to_config(in_channels=96)
    with pytest.raises(
        ValueError, match=r"^expected a transformer that takes the 4 channels of a latent, got one that"
    ):
        mag.Backbone.of(pipe)
    pipe = sdxl_pipe()
    pipe.controlnet = torch.nn.Identity()
    with pytest.raises(ValueError, match=r"^expected a pipeline that takes a prompt alone.*controlnet wants more"):
        mag.Backbone.of(pipe)
    pipe = sd3_pipe()
    pipe.transformer.set_attn_processor(torch.nn.Identity())
    with pytest.raises(ValueError, match=r"^expected diffusers' own attention processors, got Identity at transformer"):
        mag.Backbone.of(pipe)
