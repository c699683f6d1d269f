import pytest
import torch
from torch import nn

from magedit_lab.model.hooks import HookError, Replace, call, chain, count_forwards, detach


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3))


def test_a_hook_replaces_an_output_for_one_forward_only(model):
    x = torch.randn(2, 3)
    plain = model(x)
    assert torch.equal(call(model, {"0": torch.zeros_like}, x), model[2](torch.zeros(2, 3)))
    assert torch.equal(call(model, {"0": Replace(torch.ones(2, 3))}, x), model[2](torch.ones(2, 3).tanh()))
    assert torch.equal(model(x), plain)
    assert torch.equal(call(model, {}, x), plain)


def test_what_a_hook_raises_comes_out_and_leaves_nothing_on(model):
    def mine(output):
        raise RuntimeError("mine")

    x = torch.randn(2, 3)
    plain = model(x)
    with pytest.raises(RuntimeError, match="mine"):
        call(model, {"0": mine}, x)
    assert torch.equal(model(x), plain)


def test_until_runs_its_own_hook_and_nothing_after_it(model):
    outputs, later = [], []
    model[2].register_forward_pre_hook(lambda *_: later.append(1))
    assert call(model, {"1": outputs.append}, torch.randn(2, 3), until="1") is None
    assert len(outputs) == 1
    assert not later


def test_a_forward_inside_of_a_forward_has_its_own_hooks(model):
    other = nn.Sequential(nn.Linear(3, 3))
    inner = []
    outer = call(model, {"0": lambda x: call(other, {"0": inner.append}, x)}, torch.randn(2, 3))
    assert len(inner) == 1
    assert outer.shape == (2, 3)


def test_a_hook_that_does_not_run_is_an_error(model):
    model.spare = nn.Linear(3, 3)
    model.forward = lambda x: model[0](x)
    with pytest.raises(HookError, match="'2' to run"):
        call(model, {"2": print}, torch.randn(2, 3))


def test_behind_until_a_hook_need_not_run_and_before_it_must(model):
    order = {"0": 0, "1": 1, "2": 2}
    assert call(model, {"2": print}, torch.randn(2, 3), until="1", order=order) is None
    skipping = nn.Sequential(*model)
    skipping.forward = lambda x: skipping[1](x)
    with pytest.raises(HookError, match="'0' to run"):
        call(skipping, {"0": print}, torch.randn(2, 3), until="1", order=order)


def test_an_unknown_site_names_its_neighbours():
    model = nn.ModuleDict({"attention": nn.Identity()})
    with pytest.raises(KeyError, match=r"no module 'atention' .* nearest: attention"):
        call(model, {"atention": print})


def test_a_module_has_one_permanent_hook_and_gives_it_back(model):
    for _ in range(3):
        call(model, {"0": print}, torch.randn(2, 3))
    assert len(model[0]._forward_hooks) == 1
    detach(model)
    assert not any(m._forward_hooks for m in model.modules())


def test_a_chain_passes_the_output_on_in_order():
    both = chain(lambda x: x + 1, None, lambda x: None, lambda x: x * 10)
    assert both(torch.tensor(1.0)) == 20


def test_forwards_are_counted_inside_only(model):
    with count_forwards() as outer:
        call(model, {}, torch.randn(2, 3))
        with count_forwards() as inner:
            call(model, {}, torch.randn(2, 3))
    call(model, {}, torch.randn(2, 3))
    assert (outer.forwards, inner.forwards) == (2, 1)


def test_the_gradient_up_to_a_site_is_the_whole_forwards(net):
    z = torch.randn(1, 4, 32, 32, requires_grad=True)
    site = next(s.name for s in reversed(net.sites(z)) if s.cross and s.cells == 64)
    text, gradients = net.embed("a yellow ball"), []
    for until in (None, site):
        maps = []
        net.predict(z, 300, text, {site: lambda p, m=maps: m.append(p)}, until=until)
        gradients.append(torch.autograd.grad(maps[0][..., 2].square().sum(), z)[0])
    assert torch.equal(*gradients)
    assert gradients[0].abs().max() > 0
