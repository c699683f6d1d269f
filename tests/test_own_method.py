"""A new method is one file: defined here, it is in the form, on the command line, in the docs, and runs by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from magedit_lab.widgets.live_run import LiveRun
from magedit_lab.widgets.shared.runner import units

import magedit_lab as mag
from magedit_lab import cli
from magedit_lab.methods.guidance import attention, guiding, nudge

HELP = "on which side of the mask the target is drawn to the source"


@dataclass(frozen=True)
class Leash(mag.Method):
    """Before each step the target is drawn to the source, on one side of the mask, by a share of their distance."""

    reference: ClassVar[str] = "leash (this test 2026)"
    reads_mask: ClassVar[bool] = True

    side: str = mag.setting("outside", HELP, choices=("inside", "outside"))
    share: float = mag.setting(0.5, "how much of the distance a pull takes away", least=0, most=1)
    pulls: int = mag.setting(2, "pulls before each step", least=0)

    def nudges(self, steps: int) -> Sequence[int]:
        return [self.pulls] * steps

    def bind(self, run: mag.Run) -> mag.Plan:
        mask = run.latent_mask if self.side == "inside" else 1 - run.latent_mask
        names = [site.name for site in run.guided]

        def distance(now):
            loss = (now.target - now.source).square().sum() / 2
            return loss, {}, attention(now, run.cond, mag.Plan(), names)

        def guide(now):
            for _ in range(self.pulls):
                step = nudge(now, distance, self.share, mask)
                yield step
                now = now.after(step)

        return guiding(mag.Plan(), guide)


@pytest.fixture(autouse=True)
def known(monkeypatch):
    monkeypatch.setitem(mag.METHODS, "leash", Leash())


def test_it_runs_by_name_and_pulls_as_its_formula_says(net, task, path):
    steps = list(mag.edit(net, task, path, "leash"))
    mask = mag.Run(net, task, path).latent_mask
    for step in steps:
        apart = step.now.target - step.now.source
        pulled = step.now.source + apart * (mask + (1 - mask) * 0.5**2)
        torch.testing.assert_close(step.guided, pulled)
    assert steps[-1].now.target.ne(steps[-1].now.source).any()
    trace = mag.run(net, task, path, "leash")
    assert trace.losses.shape == (path.steps, 2)
    assert (trace.losses[1:, 1] < trace.losses[1:, 0]).all()
    mag.validate(net, task, "direct", "leash")


def test_the_form_has_its_settings_with_its_own_help_and_progress_counts_its_nudges(net, task):
    live = LiveRun(net, task, inversion=mag.Direct(steps=2))
    live.set_state({"method_name": "leash"})
    form = {field["name"]: field for field in live._form["method"]}
    assert list(form) == ["side", "share", "pulls"]
    assert (form["side"]["about"], form["side"]["choices"]) == (HELP, ["inside", "outside"])
    assert "leash" in live._form["methods"]
    live.set_state({"settings": {**live.settings, "side": "inside", "pulls": 1}})
    assert live._chosen()[0] == Leash(side="inside", pulls=1)
    assert units(Leash(), 3) == [4, 4, 4]
    live.run()
    assert live.wait() == "done"
    assert live.done == live.of == sum(units(Leash(pulls=1), 2))
    assert live.trace.losses.shape == (2, 1)


def test_the_command_line_and_the_docs_table_have_it(capsys):
    assert cli.main(["methods"]) == 0
    assert any(line.split()[:3] == ["leash", "leash", "(this"] for line in capsys.readouterr().out.splitlines())
    assert cli.main(["methods", "leash"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["side", "share", "pulls"]
    assert HELP in lines[1]
    assert "inside, outside" in lines[1]
    assert "a number, 0 to 1" in lines[2]
    assert cli.main(["methods", "--markdown"]) == 0
    assert "| `leash` | leash (this test 2026) | yes | no | 100 |" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        cli.main(["edit", "--help"])
    assert "boxdiff,pix2pix-zero,leash" in "".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("value", ["around", 0, True])
def test_what_its_choices_leave_out_is_refused(value):
    with pytest.raises(ValueError, match="expected side"):
        mag.settings.change(Leash(), {"side": value})
