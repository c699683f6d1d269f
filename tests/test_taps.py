import pytest
import torch
from torch import nn

from magedit_lab.taps import chain, tapped


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3))


def hooked(model):
    return any(m._forward_hooks for m in model.modules())


def test_a_tap_replaces_an_output_for_one_span_only(model):
    x = torch.randn(2, 3)
    plain = model(x)
    with tapped(model, {"0": torch.zeros_like}):
        assert torch.equal(model(x), model[2](torch.zeros(2, 3)))
    assert torch.equal(model(x), plain)


def test_hooks_come_off_when_something_is_raised(model):
    with pytest.raises(RuntimeError, match="mine"), tapped(model, {"0": lambda x: None}):
        raise RuntimeError("mine")
    assert not hooked(model)


def test_until_runs_its_own_tap_and_nothing_after_it(model):
    seen, later = [], []
    model[2].register_forward_pre_hook(lambda *_: later.append(1))
    with tapped(model, {"1": seen.append}, until="1"):
        model(torch.randn(2, 3))
    assert len(seen) == 1
    assert not later
    assert not hooked(model)


def test_an_unknown_site_names_its_neighbours():
    model = nn.ModuleDict({"attention": nn.Identity()})
    with (
        pytest.raises(KeyError, match=r"no module 'atention' .* nearest: attention"),
        tapped(model, {"atention": print}),
    ):
        pass


def test_a_chain_passes_the_output_on_in_order():
    both = chain(lambda x: x + 1, None, lambda x: None, lambda x: x * 10)
    assert both(torch.tensor(1.0)) == 20


def test_the_gradient_up_to_a_site_is_the_whole_forwards(net):
    z = torch.randn(1, 4, 32, 32, requires_grad=True)
    site = next(s.name for s in reversed(net.sites(z)) if s.cross and s.cells == 64)
    text, found = net.embed("a yellow ball"), []
    for until in (None, site):
        maps = []
        net.predict(z, 300, text, {site: lambda p, m=maps: m.append(p)}, until=until)
        found.append(torch.autograd.grad(maps[0][..., 2].square().sum(), z)[0])
    assert torch.equal(*found)
    assert found[0].abs().max() > 0
