import io

import numpy as np
import pytest
import torch
from magedit_lab.widgets.live_run import LiveRun
from magedit_lab.widgets.progress import Progress, Watched
from PIL import Image

import magedit_lab as mag


def test_a_watched_model_inverts_to_the_same_bits_and_has_the_last_latent(net, task):
    watched = Watched.by(net)
    path = mag.invert(watched, task, mag.Direct(steps=3))
    assert torch.equal(path.latents, mag.invert(net, task, mag.Direct(steps=3)).latents)
    assert torch.equal(watched.latest[0], path.latents[1:2])  # that which the last step up began at


def test_the_strip_shows_noise_coming_and_going(net, task):
    live = LiveRun(net, task, mag.MagEdit(iterations=1), mag.Direct(steps=4))
    live.run()
    assert live.wait() == "done"
    frames = [(frame["stage"], frame["text"]) for frame in live._film]
    assert frames == [("inverting", f"inversion, {i} of 4") for i in (1, 2, 3, 4)] + [
        ("denoising", f"step {i}") for i in range(4)
    ]
    first = Image.open(io.BytesIO(live._film[0]["picture"]))
    source = net.decode(net.encode(task.image)).resize(first.size)
    assert np.abs(np.asarray(first, float) - np.asarray(source, float)).mean() < 8  # the picture, but for JPEG
    assert max(len(frame["picture"]) for frame in live._film) < 9000  # of noise, which a JPEG makes least of


def test_the_time_line_says_stage_step_and_nudge(net, task):
    live = LiveRun(net, task, mag.MagEdit(iterations=2, stop_step=2), mag.Direct(steps=3))
    lines = []
    live.observe(lambda change: lines.append(change.new), "_line")
    live._sent = -1e9
    import magedit_lab.widgets.shared.runner as runner

    runner.EVERY, before = 0.0, runner.EVERY
    try:
        live.run()
        assert live.wait() == "done"
    finally:
        runner.EVERY = before
    stages = [(line["stage"], line["step"], line["nudge"]) for line in lines]
    wanted = [("nudging", 0, 1), ("nudging", 0, 2), ("denoising", 0, 0), ("nudging", 1, 1), ("nudging", 1, 2)]
    wanted += [("denoising", 1, 0), ("denoising", 2, 0), ("", 2, 0)]
    began = ("", 0, 0)  # seen or not, as the thread of the run is slower or faster
    assert [stage for stage in stages if stage[0] != "inverting" and stage != began] == wanted
    assert lines[-1]["nudges"] == [2, 2, 0]
    assert lines[-1]["inverted"] == [3, 3]


@pytest.mark.parametrize("of", [3, 8, 50, 1000])
def test_a_strip_has_eight_frames_of_a_half_at_most(of):
    line = Progress([0] * of)
    for step in range(of):
        line.stepped(step, Image.new("RGB", (8, 8)))
    assert len(line.film) == min(8, of)
    assert line.film[-1]["text"] == f"step {of - 1}"
