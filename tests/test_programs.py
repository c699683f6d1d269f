"""The programs of docs/programs.md, each run as it stands there, do what the page says."""

import copy
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from magedit_lab.widgets.live_run import LiveRun

import magedit_lab as mag

PAGE = (Path(__file__).parent.parent / "docs" / "programs.md").read_text()
PROGRAMS = dict(re.findall(r"^## (.*?)\n.*?^```python\n(.*?)^```", PAGE, re.M | re.S))


@pytest.fixture(scope="module")
def short(net, task):
    return mag.invert(net, task, "direct", steps=2)


@pytest.fixture
def run(net, task, short, pipe):
    """Runs the program whose heading begins so; the names that it leaves."""

    def program(heading):
        (code,) = (text for title, text in PROGRAMS.items() if title.startswith(heading))
        names = {"net": net, "task": task, "path": short, "pipe": copy.deepcopy(pipe), "__name__": "program"}
        exec(compile(code, heading, "exec"), names)
        return names

    return program


def test_there_are_five():
    assert len(PROGRAMS) == PAGE.count("\n## ") == 5


def test_the_method_keeps_the_picture_outside_the_mask(run, net, task, short, monkeypatch):
    fade = run("A method")["Fade"]
    *_, step = mag.edit(net, task, short, fade(share=1.0))
    outside = 1 - mag.Run(net, task, short).latent_mask
    assert torch.allclose(step.target * outside, short.latents[-1:] * outside, atol=1e-6)
    monkeypatch.setitem(mag.METHODS, "fade", fade())
    *_, named = mag.edit(net, task, short, "fade")
    assert not torch.equal(named.target, step.target)


def test_the_loss_is_the_formulas_and_falls_with_the_nudges(run):
    names = run("A loss")
    probs, mask = torch.rand(3, 4, 5), torch.tensor([1.0, 1.0, 0.0, 0.0])
    shares = [(probs[h, c, 2] / probs[h, c].sum()).item() for h in range(3) for c in range(2)]
    wanted = -np.mean([np.log(np.mean(shares[2 * h : 2 * h + 2])) for h in range(3)])
    assert names["log_ratio"](probs, mask, [2]).item() == pytest.approx(wanted, rel=1e-5)
    losses = names["trace"].losses
    assert losses.shape == (2, 2)
    assert losses[0, 1] < losses[0, 0]


def test_the_layer_is_heard_in_each_nudge_and_changes_no_bit(run, net, task, short):
    names = run("Listening")
    plain = list(mag.edit(net, task, short, mag.MagEdit(iterations=2)))
    assert torch.equal(names["last"].target, plain[-1].target)
    nudges = {(i, nudge) for i, _, nudge, _ in names["in_nudges"]}
    assert nudges == {(i, k) for i, step in enumerate(plain) for k in range(len(step.nudges))} != set()
    assert {branch for _, branch, _, _ in names["heard"]} == {"source", "target"}


def test_the_inversion_ends_at_the_picture_and_runs_in_the_live_run(run, net, task):
    names = run("An inversion")
    assert len(names["trace"].times) == 2
    live = LiveRun(net, task, mag.METHODS["p2p"], names["OneNoise"]())
    assert {"steps", "seed"} <= {field["name"] for field in live._form["inversion"]}
    live.run()
    assert live.wait(120.0) == "done"
    assert np.array_equal(np.asarray(live.trace.result), np.asarray(names["trace"].result))


def test_the_pipeline_comes_back_as_it_was(run, pipe):
    names = run("A pipeline")
    lent = names["pipe"]
    kinds = {name: type(processor) for name, processor in pipe.unet.attn_processors.items()}
    assert {name: type(processor) for name, processor in lent.unet.attn_processors.items()} == kinds
    assert [p.requires_grad for p in lent.unet.parameters()] == [p.requires_grad for p in pipe.unet.parameters()]
    assert [m.training for m in lent.unet.modules()] == [m.training for m in pipe.unet.modules()]
    assert not any(m._forward_hooks for m in lent.unet.modules())
    assert names["trace"].result is not None
