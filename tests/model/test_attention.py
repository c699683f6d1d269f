import copy

import pytest
import torch
from conftest import pipeline
from diffusers import UNet2DConditionModel

import magedit_lab as mag
from magedit_lab.model import attention


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
        sample_size=64, block_out_channels=(8, 8, 8, 8), cross_attention_dim=8, norm_num_groups=4, attention_head_dim=2
    )
    attention.install(unet)
    found = attention.guided(attention.sites(unet, 64, 64))
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
