"""An inversion of one's own, written from the docs alone, runs wherever ours do."""

from dataclasses import dataclass

import torch
from magedit_lab.widgets.live_run import LiveRun

import magedit_lab as mag
from magedit_lab.model.schedule import add_noise


@dataclass(frozen=True)
class OneNoise(mag.Inversion):
    """The picture at every noise level with the same random noise (as SDEdit starts), replayed."""

    steps: int = mag.setting(2, "steps of the edit", least=1)
    seed: int = mag.setting(0, "of the noise that is drawn", least=0)

    def __call__(self, net, z0, cond, progress):
        noise = torch.randn(z0.shape, generator=torch.Generator().manual_seed(self.seed), dtype=z0.dtype)
        route = [add_noise(z0, noise.to(z0), net.level(t)) for t in net.timesteps(self.steps, z0)]
        progress(self.steps, self.steps)
        return self.path(net, [*route, z0], cond, net.embed(""), pin=True)


def test_it_inverts_fits_and_edits(net, task):
    mag.validate(net, task, OneNoise(), "p2p")
    path = mag.invert(net, task, OneNoise(), seed=3)
    trace = mag.run(net, task, path, "p2p")
    assert len(trace.times) == 2
    assert torch.equal(path.latents[-1:], net.encode(task.image))


def test_it_runs_in_the_live_run_with_its_settings_in_the_form(net, task):
    live = LiveRun(net, task, mag.METHODS["p2p"], OneNoise())
    assert {"steps", "seed"} <= {field["name"] for field in live._form["inversion"]}
    live.run()
    assert live.wait(60.0) == "done"
    assert len(live.trace.times) == 2
