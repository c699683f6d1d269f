import copy

import pytest
import torch
from conftest import pipeline
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor2_0, IPAdapterAttnProcessor2_0

import magedit_lab as mag
from magedit_lab.model import attention
from magedit_lab.model.hooks import HookError


@pytest.mark.parametrize("upcast", [False, True])
@pytest.mark.parametrize("listening", [False, True])
def test_the_hook_point_changes_nothing(upcast, listening):
    pipe = pipeline(upcast=upcast, sharpen=1.0)
    z, text = torch.randn(2, 4, 32, 32), torch.randn(2, 32, 32)
    with torch.no_grad():
        expected = pipe.unet(z, 500, text).sample
        net = mag.Backbone.of(copy.deepcopy(pipe))
        names = [s.name for s in net.sites(z)] if listening else []
        out = net.predict(z, 500, text, {n: lambda p: p * 1.0 for n in names})
    assert (out - expected).abs().max() < 1e-5


def test_probabilities_sum_to_one_over_tokens(net):
    seen = {}
    z = torch.randn(1, 4, 32, 32)
    taps = {s.name: lambda p, n=s.name: seen.__setitem__(n, p) for s in net.sites(z)}
    with torch.no_grad():
        net.predict(z, 10, net.embed("a ball"), taps)
    assert len(seen) == len(net.sites(z))
    for probs in seen.values():
        assert torch.allclose(probs.sum(-1), torch.ones(probs.shape[:-1]), atol=1e-5)


def test_sites_know_their_size_on_pictures_that_are_not_square(net):
    sizes = {(s.height, s.width) for s in net.sites(torch.zeros(1, 4, 32, 48))}
    assert sizes == {(32, 48), (16, 24), (8, 12), (4, 6)}


def test_stable_diffusion_1_is_guided_at_the_five_16x16_sites():
    unet = UNet2DConditionModel(
        sample_size=64, block_out_channels=(8, 8, 8, 8), cross_attention_dim=32, norm_num_groups=4, attention_head_dim=2
    )
    pipe = pipeline()
    pipe.unet = unet
    found = mag.Backbone.of(pipe).guided(torch.zeros(1, 4, 64, 64))
    blocks = ["down_blocks.2.attentions.0", "down_blocks.2.attentions.1"]
    blocks += [f"up_blocks.1.attentions.{i}" for i in range(3)]
    assert [s.name for s in found] == [f"{b}.transformer_blocks.0.attn2.probs" for b in blocks]
    assert {(s.height, s.width) for s in found} == {(16, 16)}


def test_a_model_without_cross_attention_outside_the_middle_is_refused():
    middle = [attention.Site("mid_block.attentions.0.attn2.probs", True, 8, 8)]
    with pytest.raises(ValueError, match="expected cross attention in a down or up block"):
        attention.guided(middle)


def test_attention_masks_are_refused(net):
    z = torch.zeros(1, 4, 32, 32)
    with pytest.raises(ValueError, match="attention without a mask"), torch.no_grad():
        net.denoiser(z, 0, net.embed("a").embedding, encoder_attention_mask=torch.ones(1, 32))


def test_added_projections_are_refused():
    unet = UNet2DConditionModel(
        sample_size=8, block_out_channels=(8, 8), cross_attention_dim=8, norm_num_groups=4, attention_head_dim=2,
        down_block_types=("SimpleCrossAttnDownBlock2D", "DownBlock2D"), mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        up_block_types=("UpBlock2D", "SimpleCrossAttnUpBlock2D"),
    )  # fmt: skip
    with pytest.raises(ValueError, match="expected plain attention"):
        attention.install(unet)


def test_the_layout_has_the_order_in_which_a_real_forward_runs_its_modules(net):
    z, text = torch.randn(1, 4, 32, 32), net.embed("a ball")
    layout, fired = net.layout(z), []
    names = [name for name in layout.order if name]
    with torch.no_grad():
        net.predict(z, 10, text, {name: (lambda output, n=name: fired.append(n)) for name in names})
    assert list(dict.fromkeys(fired)) == sorted(names, key=layout.order.__getitem__)


@pytest.mark.parametrize("change", ["enable_attention_slicing", "set_attn_processor", "fuse_qkv_projections"])
def test_processors_that_were_changed_afterwards_are_an_error_and_not_another_method(pipe, task, change):
    lent = copy.deepcopy(pipe)
    net = mag.Backbone.of(lent)
    path = mag.invert(net, task, mag.DDIM(2))
    if change == "set_attn_processor":
        lent.unet.set_attn_processor(AttnProcessor2_0())
    elif change == "enable_attention_slicing":
        lent.enable_attention_slicing()
    else:
        lent.unet.fuse_qkv_projections()
    with pytest.raises(HookError, match="the attention processors were changed"):
        list(mag.edit(net, task, path, "p2p"))


def test_processors_of_others_are_refused_and_nothing_is_changed(pipe):
    lent = copy.deepcopy(pipe)
    lent.enable_attention_slicing()
    before = dict(lent.unet.attn_processors)
    with pytest.raises(ValueError, match=r"expected diffusers' own attention processors, got SlicedAttnProcessor"):
        mag.Backbone.of(lent)
    assert lent.unet.attn_processors == before
    assert all(p.requires_grad for p in lent.unet.parameters())


@pytest.mark.parametrize("kind", ["adapter", "own"])
def test_processors_of_an_adapter_or_of_ones_own_are_refused_and_stay(pipe, kind):
    class Own(AttnProcessor2_0):
        """Of the user's own; replaced without a word, it would do nothing."""

    lent = copy.deepcopy(pipe)
    layer = lent.unet.mid_block.attentions[0].transformer_blocks[0].attn2
    processor = IPAdapterAttnProcessor2_0(32, 32) if kind == "adapter" else Own()
    layer.set_processor(processor)
    with pytest.raises(ValueError, match=f"diffusers' own attention processors, got {type(processor).__name__} at"):
        mag.Backbone.of(lent)
    assert layer.processor is processor


def test_a_compiled_wrapper_is_unwrapped_and_one_compiled_in_place_refused(pipe, task):
    plain, lent = copy.deepcopy(pipe), copy.deepcopy(pipe)
    lent.unet = torch.compile(lent.unet, backend="eager")
    nets = [mag.Backbone.of(p) for p in (plain, lent)]
    assert nets[0].sites(torch.zeros(1, 4, 32, 32)) == nets[1].sites(torch.zeros(1, 4, 32, 32))
    paths = [mag.invert(net, task, mag.DDIM(2)) for net in nets]
    assert torch.equal(paths[0].latents, paths[1].latents)
    plain.unet.compile(backend="eager")
    with pytest.raises(ValueError, match="not compiled in place"):
        mag.Backbone.of(plain)


def test_a_pipeline_that_was_lent_is_given_back_as_it_was(pipe, task):
    lent = copy.deepcopy(pipe)
    lent.unet.train()
    modes = [m.training for part in (lent.unet, lent.vae, lent.text_encoder) for m in part.modules()]
    lent.unet.conv_in.requires_grad_(False)
    processors = dict(lent.unet.attn_processors)
    grads = [p.requires_grad for p in lent.unet.parameters()]
    with mag.inspect(lent) as net:
        list(mag.edit(net, task, mag.invert(net, task, "direct", steps=2), "p2p+mag-edit"))
        assert not any(p.requires_grad for p in lent.unet.parameters())
    assert lent.unet.attn_processors == processors
    assert [p.requires_grad for p in lent.unet.parameters()] == grads
    assert [m.training for part in (lent.unet, lent.vae, lent.text_encoder) for m in part.modules()] == modes
    assert not any(m._forward_hooks for m in lent.unet.modules())
    assert not any(hasattr(m, "probs") for m in lent.unet.modules())


def test_gradient_checkpointing_is_refused_where_it_would_drop_hooks(pipe, task):
    lent = copy.deepcopy(pipe)
    net = mag.Backbone.of(lent)
    lent.unet.enable_gradient_checkpointing()
    path = mag.invert(net, task, mag.DDIM(2))
    with pytest.raises(ValueError, match="without gradient checkpointing"):
        list(mag.edit(net, task, path, mag.MagEdit(iterations=1)))
