"""The room model's form: Stable Diffusion's with a level less, within the bounds that were set for it."""

import itertools
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch.utils.flop_counter import FlopCounterMode

from magedit_lab import training
from magedit_lab.training.clip import new_clip
from magedit_lab.training.grounding import Attending, weight
from magedit_lab.training.plan import TABLETOP
from magedit_lab.training.pretrained import take, take_text, take_unet, take_vae
from magedit_lab.training.vae import colours, noised

TINY, CPU = training.Plan.tiny(), training.Plan.cpu()


def sites(unet, latent):
    """Module names of cross attention to the number of pixels that each has in a forward."""
    found = {}

    class Spy(AttnProcessor):
        def __call__(self, attn, x, encoder_hidden_states=None, **rest):
            if encoder_hidden_states is not None:
                found[id(attn)] = x.shape[1]
            return super().__call__(attn, x, encoder_hidden_states, **rest)

    unet.set_attn_processor(Spy())
    with torch.no_grad():
        unet(latent, 0, torch.zeros(len(latent), training.TOKENS, 128))
    names = {id(module): name for name, module in unet.named_modules()}
    return {names[key]: pixels for key, pixels in found.items()}


def test_words_enter_at_32_16_and_8_cells():
    found = sites(training.new_unet(CPU), torch.zeros(1, 8, 32, 32))
    assert sorted({math.isqrt(p) for p in found.values()}) == [8, 16, 32]
    assert [name for name, p in found.items() if p == 64] == ["mid_block.attentions.0.transformer_blocks.0.attn2"]
    assert sum(p == 256 for p in found.values()) == 5  # as in Stable Diffusion 1


def flops(unet, channels):
    unet.set_attn_processor(AttnProcessor())  # fused kernels are not counted
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        unet(torch.zeros(1, channels, 32, 32), 0, torch.zeros(1, training.TOKENS, 128))
    return counter.get_total_flops()


def test_a_forward_costs_at_most_half_as_much_again_as_the_tabletops():
    tabletop = UNet2DConditionModel.from_pretrained(Path(TABLETOP) / "unet", torch_dtype=torch.float32)
    unet = training.new_unet(CPU)
    assert flops(unet, 8) <= 1.5 * flops(tabletop, 4)
    assert sum(p.numel() for p in unet.parameters()) <= 17e6


def test_all_shipped_weights_are_within_45_megabytes():
    tokenizer = training.new_tokenizer()
    half = [training.new_unet(CPU), training.new_vae(CPU), new_clip(tokenizer)]
    size = 2 * sum(p.numel() for module in half for p in module.parameters())
    size += 4 * sum(p.numel() for p in training.new_text_encoder(tokenizer, CPU).parameters())
    assert size <= 45e6


def test_presets_train_one_shape():
    shape = ("size", "latent_channels", "vae_channels", "unet_channels", "heads", "text_layers")
    plans = [training.Plan.cpu(), training.Plan.gpu(), training.Plan.further()]
    assert len({tuple(getattr(plan, name) for name in shape) for plan in plans}) == 1
    assert training.Plan.gpu().start == ""


def test_the_noise_is_stable_diffusions():
    config = training.new_scheduler().config
    assert (config.beta_start, config.beta_end, config.beta_schedule) == (0.00085, 0.012, "scaled_linear")
    assert (config.prediction_type, config.steps_offset, config.set_alpha_to_one) == ("v_prediction", 1, False)


def test_captions_have_a_start_token_and_padding_as_clip():
    ids = training.new_tokenizer()("a red pillow", padding="max_length", max_length=77).input_ids
    assert ids[0] == 0
    assert ids[4:] == [1] * 73
    text = training.new_text_encoder(training.new_tokenizer(), CPU).eval()
    with torch.no_grad():
        first, other = (text(torch.tensor([x])).last_hidden_state for x in (ids, [0, *ids[2:], 1]))
    assert torch.allclose(first[:, 0], other[:, 0])  # causal: the start token knows no word
    assert not torch.allclose(first[:, 50], other[:, 50])  # padding knows all
    assert text.config.num_hidden_layers in (2, 3, 4)


def test_training_attends_as_diffusers_does_and_keeps_what_it_is_asked_for():
    torch.manual_seed(0)
    unet = training.new_unet(TINY)
    z, text, t = torch.randn(2, 8, 16, 16), torch.randn(2, training.TOKENS, 128), torch.tensor([10, 900])
    with torch.no_grad():
        expected = unet(z, t, text).sample
        attending = Attending(unet)
        plain = unet(z, t, text).sample
        assert attending.maps == []
        attending.pixels = 64
        kept = unet(z, t, text).sample
    assert torch.allclose(plain, expected, atol=1e-5)
    assert torch.equal(plain, kept)
    assert [m.shape for m in attending.maps] == [(2, 2, 64, training.TOKENS)] * 5
    assert all(torch.allclose(m.sum(-1), torch.ones(())) for m in attending.maps)


def test_nothing_in_training_multiplies_attention():
    fields = set(training.Plan.__dataclass_fields__)
    assert not fields & {"boosted", "told_twice", "factors"}
    source = "".join(p.read_text() for p in Path(training.__file__).parent.glob("*.py"))
    assert "boost" not in source
    assert source.count("probs *") == source.count("* probs") == 0


@pytest.mark.parametrize("plan", [training.Plan.cpu(), training.Plan.gpu(), TINY])
def test_grounding_is_small_and_falls_to_nothing_before_the_end(plan):
    weights = [weight(step, plan) for step in range(plan.steps)]
    assert 0 < weights[0] <= 0.01
    assert all(a >= b for a, b in itertools.pairwise(weights))
    assert set(weights[math.ceil(0.85 * plan.steps) :]) == {0.0}
    assert weight(0, replace(plan, grounding=0.0)) == 0


def test_a_grounding_loss_that_lasts_is_refused():
    with pytest.raises(ValueError, match=r"expected the grounding loss gone by 85 % of 8 steps"):
        replace(TINY, grounded_steps=7)
    assert replace(TINY, grounding=0.0, grounded_steps=7).grounding == 0


def test_the_decoder_meets_exact_latents_and_noise_of_every_size_up_to_the_plans():
    plan, z = replace(CPU, noise=0.15, noisy=0.7), 3 * torch.randn(4000, 2, 8, 8)
    error = (noised(z, plan, torch.Generator().manual_seed(0)) - z).std((1, 2, 3)) / z.std()
    assert (error == 0).float().mean() == pytest.approx(0.3, abs=0.03)
    assert error.max() == pytest.approx(0.15, abs=0.03)
    assert error[error > 0].mean() == pytest.approx(0.075, abs=0.004)
    assert torch.equal(noised(z, replace(plan, noisy=0.0), torch.Generator()), z)


def test_a_latents_first_channels_are_brightness_red_green_and_blue_yellow():
    grey, red, blue = (torch.tensor(c)[None, :, None, None].expand(1, 3, 8, 8) for c in
                       ([0.5, 0.5, 0.5], [1.0, -1.0, -1.0], [-1.0, -1.0, 1.0]))  # fmt: skip
    assert colours(grey)[0, 0] > colours(-grey)[0, 0]
    assert colours(red)[0, 1] > colours(grey)[0, 1] > colours(-red)[0, 1]
    assert colours(blue)[0, 2] > colours(grey)[0, 2] > colours(-blue)[0, 2]
    assert torch.allclose(colours(grey)[:, 1:], colours(-grey)[:, 1:])


def test_weights_of_another_shape_go_into_a_corner_and_the_rest_stays():
    old, new = torch.nn.Conv2d(2, 3, 1), torch.nn.Conv2d(4, 3, 1)
    fresh = new.weight.detach().clone()
    taken = take(new, old.state_dict())
    assert torch.equal(new.weight[:, :2], old.weight)
    assert torch.equal(new.weight[:, 2:], fresh[:, 2:])
    assert (taken.whole, taken.corner, taken.new) == (3, 6, 6)


def test_the_cpu_preset_begins_with_most_of_the_tabletops_weights():
    tokenizer = training.new_tokenizer()
    unet, vae, text = training.new_unet(CPU), training.new_vae(CPU), training.new_text_encoder(tokenizer, CPU)
    for taken in (take_unet(unet, TABLETOP), take_vae(vae, TABLETOP)):
        assert taken.whole > 0.75 * (taken.whole + taken.corner + taken.new)
    take_text(text, tokenizer, TABLETOP)
    old = UNet2DConditionModel.from_pretrained(Path(TABLETOP) / "unet", torch_dtype=torch.float32)
    name = "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight"
    assert torch.equal(unet.state_dict()[name], old.state_dict()[name])
