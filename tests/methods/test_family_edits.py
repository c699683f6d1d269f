"""Methods and inversions on each family's own classes, with random weights of a few channels."""

import numpy as np
import pytest
import torch
from families import NAMES, PIPES, SOURCE, TARGET, backbone, task

import magedit_lab as mag
from magedit_lab.methods.base import Method

STEPS = 4
REFUSED = {
    "sdxl": {},
    "sd3": dict.fromkeys(("pnp", "pnp+mag-edit"), r"^expected a U-Net, whose ResNets have the features, got SD3"),
    "flux": dict.fromkeys(("pnp", "pnp+mag-edit"), r"^expected a U-Net, whose ResNets have the features, got Flux")
    | dict.fromkeys(
        ("attend-and-excite", "boxdiff"), r": expected a text with a start token, .* got Flux.*T5 has none"
    ),
}


@pytest.fixture(scope="module", params=NAMES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def net(name):
    return backbone(PIPES[name](), name)


@pytest.fixture(scope="module")
def path(net):
    return mag.invert(net, task(), mag.Direct(steps=STEPS, guidance_scale=2.0))


def last(net, path, method, asked=None):
    return list(mag.edit(net, asked or task(), path, method))[-1]


def quick(method):
    """With fewer nudges."""
    return mag.settings.change(method, {"iterations": 1}) if hasattr(method, "iterations") else method


@pytest.mark.parametrize("method", mag.METHODS)
def test_every_method_edits_or_is_refused_in_one_line(net, name, path, method):
    wanted = REFUSED[name].get(method)
    if wanted:
        with pytest.raises(ValueError, match=wanted) as error:
            last(net, path, quick(mag.METHODS[method]))
        assert "\n" not in str(error.value)
        return
    step = last(net, path, quick(mag.METHODS[method]))
    assert step.target.shape == (1, 4, 16, 16)
    assert step.target.isfinite().all()
    own = method == "diffedit" and not mag.METHODS[method].own_mask(step.now.run).any()  # it found no difference
    assert torch.equal(step.target, step.source) == own


@pytest.mark.parametrize("inversion", ["ddim", "negative-prompt", "null-text"])
def test_equal_prompts_reproduce_the_source_under_injection(net, inversion):
    same = task(SOURCE, SOURCE, "box")
    more = {"inner": 1} if inversion == "null-text" else {}
    path = mag.invert(net, same, inversion, steps=STEPS, guidance_scale=2.0, **more)
    method = mag.PromptToPrompt(self_cells=64, self_replace=1.0, cross_replace=1.0)
    step = last(net, path, method, same)
    assert torch.allclose(step.target, step.source, atol=1e-4)


def test_a_replayed_path_ends_at_the_picture(net, path):
    step = last(net, path, "p2p")
    assert torch.equal(step.source, net.encode(task().image))


def test_proximal_guidance_thins_out_what_the_words_add(net):
    """With everything dropped the words add nothing: any guidance scale gives the same."""
    ends = []
    for scale in (2.0, 9.0):
        proximal = mag.NegativePrompt(STEPS, scale, proximal=mag.Proximal(quantile=1.0, below=0))
        ends.append(last(net, mag.invert(net, task(), proximal), "plain").target)
    assert torch.equal(*ends)
    assert ends[0].isfinite().all()


def test_fixed_points_bring_the_way_back_nearer(net, name):
    """To the picture itself in a flow; the U-Net's random weights are no contraction."""

    def gap(**more):
        path = mag.invert(net, task(), mag.DDIM(steps=STEPS, guidance_scale=1.0, **more))
        back = last(net, path, "plain", task(SOURCE, SOURCE, "box")).source
        return (back - path.image).abs().max().item()

    assert gap(fixed_point=30) < (gap() if name == "sdxl" else 1e-3)


@pytest.mark.parametrize(("loss", "size"), [("token_ratio", 30.0), ("spatial_ratio", 3.0)])
@pytest.mark.parametrize("base", [mag.PromptToPrompt(), mag.methods.MasaCtrl()])
def test_nudges_lower_the_loss(net, path, loss, size, base):
    method = mag.MagEdit(base=base, loss=loss, iterations=8, step_size=size, by_sigma=False, stop_step=2)
    for step in list(mag.edit(net, task(), path, method))[:2]:
        falls = [n.loss for n in step.nudges]
        assert falls[-1] < falls[0]
        assert step.guided.isfinite().all()


def test_a_nudge_stays_inside_the_mask(net, path):
    step = next(mag.edit(net, task(), path, mag.MagEdit(iterations=1, step_size=100.0)))
    outside = mag.masks.raster.to_cells(task().region, 16, 16) == 0
    assert step.nudges[0].update.abs().sum() > 0
    assert (step.nudges[0].update * outside).abs().sum() == 0


def test_injection_gives_common_tokens_the_source_columns(net, path):
    """Swap and refinement in both texts of a model that joins two: CLIP's columns never take T5's."""
    step = next(mag.edit(net, task(), path, mag.PromptToPrompt(self_replace=0.0)))
    run = step.now.run
    for site in run.guided:
        for j, i in enumerate(run.aligned().tolist()):
            ours, theirs = step.target_maps[site.name][..., j], step.source_maps[site.name]
            if i >= 0:
                assert torch.equal(ours, theirs[..., i])
    new = [j for j, i in enumerate(run.aligned().tolist()) if i < 0]
    assert new == run.columns("yellow")


def test_a_new_weight_scales_a_words_columns(net, path):
    """At the first map of a forward, which no other weight has reached."""
    first = next(s for s in net.sites(path.latents) if s.cross)
    heard = {}

    def map_of(weight):
        def hear(output, where):
            if (where.branch, where.conditional) == ("target", True):
                heard[weight] = output

        method = mag.PromptToPrompt(self_replace=0.0, reweight=weight)
        return next(mag.edit(net, task(), path, method, listen={first.name: hear}))

    columns = map_of(1.0).now.run.columns("yellow")
    map_of(3.0)
    assert torch.allclose(heard[3.0][..., columns], 3 * heard[1.0][..., columns])
    assert heard[1.0][..., columns].max() > 0


def test_outside_a_blended_mask_the_result_is_the_source(net, path):
    step = last(net, path, mag.PromptToPrompt(blend="mask"))
    outside = (mag.masks.raster.to_cells(task().region, 16, 16) == 0).expand_as(step.target)
    assert torch.equal(step.target[outside], step.source[outside])
    assert not torch.equal(step.target, step.source)


def test_masks_made_from_attention_blend(net, path):
    assert last(net, path, mag.PromptToPrompt(blend="attention")).target.isfinite().all()


def test_word_swap_takes_the_map_of_the_word_in_its_place(net, path):
    asked = task("a ball and a box on a table", "a ball and a table on a table", "table")
    step = next(mag.edit(net, asked, path, mag.PromptToPrompt(mode="swap", self_replace=0.0)))
    run = step.now.run
    boxes = run.source_columns("box")
    site = run.guided[0].name
    places = [r.first + 5 + mag.prompts.words.starts(r.tokenizer) - 1 for r in run.readers]
    assert torch.allclose(step.target_maps[site][..., places], step.source_maps[site][..., boxes])


def test_a_trace_shows_each_word_where_it_is_read(net, path):
    trace = mag.run(net, task(), path, mag.MagEdit(iterations=1))
    columns = trace.columns("yellow")
    assert all("yellow" in trace.tokens[c] for c in columns)
    assert np.isfinite(trace.attention("yellow")).all()
    assert trace.result.size == (128, 128)


def test_a_method_of_ones_own_finds_the_same_sites(net, path):
    class Mine(Method):
        def bind(self, run):
            names = frozenset(s.name for s in run.guided)
            return mag.methods.Plan(record=lambda now: names)

    step = next(mag.edit(net, task(), path, Mine()))
    assert set(step.source_maps) == {s.name for s in step.now.run.guided}
    assert TARGET.split()[1] == "yellow"
