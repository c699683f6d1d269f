"""What the page's graphs compute is what the library computes: as functions, and as ONNX."""

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel

import magedit_lab as mag
from magedit_lab.export import check, graphs, objective, onnx_graph, web, weights
from magedit_lab.export.tokenizer import as_json
from magedit_lab.methods.shared import losses

onnx = pytest.importorskip("onnx", reason="expected onnx for graphs; pip install 'magedit-lab[web]'")


@pytest.fixture(scope="module")
def direct(net, task):
    return mag.invert(net, task, mag.Direct(steps=4, guidance_scale=3.0))


@pytest.fixture(scope="module")
def made(net):
    return {graph.name: graph for graph in graphs.graphs(net)}


@pytest.fixture(scope="module")
def run(net, task, direct):
    return mag.MagEdit().read(mag.Run(net, task, direct))


def rows(run, columns):
    word = torch.zeros(graphs.WORDS, run.net.tokenizer.model_max_length)
    word[:, columns] = 1
    return word


def source_maps(made, run, i):
    """What the source pass gives to the target's at step i."""
    origin = run.aligned()
    mapper = torch.zeros(len(origin), len(origin))
    common = (origin >= 0).nonzero()[:, 0]
    mapper[origin[common], common] = 1
    z, t = run.path.latents[i : i + 1], torch.tensor([float(run.path.times[i])])
    maps = made["source"]({"z": z, "t": t, "text": run.path.cond.embedding, "mapper": mapper})
    flags = {"taken": (origin >= 0).float(), "itself": torch.ones(1), "factors": torch.ones(len(origin))}
    return maps | flags | {name: torch.ones(size) for name, size in graphs.Sites(run.net).regions.items()}


def guidance(run, sigma):
    """A nudge's inputs for the task's one word."""
    site, columns = run.guided[0], run.columns(run.task.words[0])
    cells = run.cells(run.task.goals[0].mask, site.height, site.width).flatten()
    return {
        "word": rows(run, columns), "over": torch.ones(graphs.WORDS, run.net.tokenizer.model_max_length),
        "cells": cells.expand(graphs.WORDS, -1).contiguous(), "weights": torch.tensor([1.0, 0, 0, 0]),
        "kinds": torch.tensor([1.0, 0, 0, 0]), "lam": torch.tensor([3.0]), "delta": torch.tensor([2.5 * sigma]),
        "mask": run.latent_mask,
    }  # fmt: skip


@torch.no_grad()
def test_a_step_made_of_graphs_is_mag_edits(made, net, task, direct, run):
    step = next(iter(mag.edit(net, task, direct, mag.MagEdit(iterations=2))))
    given = source_maps(made, run, 0) | guidance(run, net.schedule.sigma(direct.times[0]))
    given |= {"z": direct.latents[:1], "t": torch.tensor([float(direct.times[0])]), "text": run.cond.embedding}
    for nudge in step.nudges:
        answer = made["nudge"](given)
        assert answer["loss"].item() == pytest.approx(nudge.loss, abs=1e-6)
        torch.testing.assert_close(answer["gradient"], nudge.gradient, rtol=1e-3, atol=1e-6)
        given["z"] = answer["moved"]
    cond = made["target"](given)["out"]
    uncond = made["unet"]({"z": given["z"], "t": given["t"], "text": direct.uncond.embedding[:1]})["out"]
    torch.testing.assert_close(uncond + 3.0 * (cond - uncond), step.eps, rtol=1e-3, atol=1e-4)


def test_the_objective_is_that_of_the_losses():
    probs = torch.rand(3, 16, 8, generator=torch.Generator().manual_seed(0)).softmax(-1)
    cells = torch.zeros(2, 16)
    cells[:, 3:7] = 1
    word, over = torch.zeros(2, 8), torch.zeros(2, 8)
    word[0, 2] = word[1, 4:6] = 1
    over[:, 1:7] = 1
    for row, columns in enumerate(([2], [4, 5])):
        one = losses.token_ratio(probs, cells[row], columns, list(range(1, 7)))
        two = losses.spatial_ratio(probs, cells[row], columns, 3.0)
        mixed = objective.terms([probs], cells, word, over, torch.tensor([3.0]), torch.tensor([0.25, 0.75, 0, 0]))
        torch.testing.assert_close(objective.token_ratios(probs, cells, word, over)[row], one)
        torch.testing.assert_close(objective.spatial_ratios(probs, cells, word, torch.tensor([3.0]))[row], two)
        torch.testing.assert_close(mixed[row], 0.25 * one + 0.75 * two)


def smallest(pipe):
    """A model of two levels and one guided site each way, for a graph in seconds."""
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=32, layers_per_block=1, block_out_channels=(8, 8), cross_attention_dim=32, norm_num_groups=4,
        attention_head_dim=2, down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), mid_block_type="UNetMidBlock2D",
    )  # fmt: skip
    parts = {**pipe.components, "unet": unet}
    return mag.Backbone.of(type(pipe)(**parts, requires_safety_checker=False), "smallest")


@pytest.fixture(scope="module")
def nudge(pipe):
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    graph = {graph.name: graph for graph in graphs.graphs(smallest(pipe))}["nudge"]
    return graph, onnx_graph.to_onnx(graph)


@pytest.mark.parametrize("dtype", weights.DTYPES)
def test_onnx_runtime_gives_a_nudge_with_its_gradient_as_torch_does(nudge, tmp_path, dtype):
    graph, proto = nudge
    copy = onnx.ModelProto.FromString(proto.SerializeToString())
    shared = weights.Weights(tmp_path / "weights.bin", dtype)
    shared.take(copy)
    (tmp_path / "nudge.onnx").write_bytes(copy.SerializeToString())
    shared.path.write_bytes(shared.expanded())
    apart = check.measure(graph, tmp_path / "nudge.onnx")
    assert max(apart.values()) > 0 or dtype == "float32"
    if dtype == "float32":
        assert apart["loss"] < 1e-6
        assert apart["gradient"] < 1e-4
        check.require(graph, apart)
    assert str(mag.__file__) not in copy.SerializeToString().decode("latin1")


def test_a_graph_that_is_off_is_refused(nudge):
    graph, _ = nudge
    fine = dict.fromkeys(graph.outputs, 0.0)
    check.require(graph, fine)
    for wrong in ({"loss": 2e-5}, {"gradient": 2e-3}, {"heat": float("nan")}):
        with pytest.raises(ValueError, match=rf"^expected graph 'nudge' .* {next(iter(wrong))} within"):
            check.require(graph, fine | wrong)


def test_equal_weights_of_two_graphs_are_kept_once(tmp_path):
    values = np.arange(1000, dtype=np.float32)
    tensor = onnx.numpy_helper.from_array(values, "w")
    shared = weights.Weights(tmp_path / "weights.bin", "float16")
    protos = [onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [], [tensor])) for _ in range(2)]
    for proto in protos:
        shared.take(proto)
    assert len(shared.content()) == 2 * 1008
    assert len(shared.expanded()) == 4 * 1008
    assert (np.frombuffer(shared.expanded(), np.float32)[:1000] == values).all()
    places = [{e.key: e.value for e in p.graph.initializer[0].external_data} for p in protos]
    assert places[0] == places[1] == {"location": "weights.bin", "offset": "0", "length": "4000"}


def test_weights_too_large_for_half_precision_are_refused(tmp_path):
    tensor = onnx.numpy_helper.from_array(np.full(1000, 1e6, np.float32), "w")
    proto = onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [], [tensor]))
    with pytest.raises(ValueError, match="expected weights below 65504 for float16, got 1e\\+06 in w; take"):
        weights.Weights(tmp_path / "w", "float16").take(proto)


def test_the_methods_of_the_page_are_the_librarys():
    page = web.methods()
    assert set(page) == {"p2p", "p2p+mask", "p2p+reweight", "p2p+mag-edit"}
    usual = mag.METHODS["p2p"]
    for settings in page.values():
        assert (settings["crossReplace"], settings["selfReplace"]) == (usual.cross_replace, usual.self_replace)
    assert page["p2p+reweight"]["reweight"] == mag.METHODS["p2p+re-weight"].reweight
    assert page["p2p+mask"]["blend"] == {"start": 0.7, "grow": 1}


def test_a_tokenizer_of_another_kind_is_refused(net):
    with pytest.raises(ValueError, match="expected CLIP's byte-pair tokenizer, got"):
        as_json(object())
    assert as_json(net.tokenizer)["length"] == net.tokenizer.model_max_length
