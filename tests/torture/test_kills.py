import os
import signal
import subprocess
import sys
import time

import kills
import numpy as np
import pytest
import world

import magedit_lab as mag


@pytest.fixture(scope="module")
def child():
    with kills.Child() as child:
        yield child


@pytest.fixture(scope="module")
def straight(child, tmp_path_factory):
    return kills.whole(child, tmp_path_factory.mktemp("straight") / "run")


def test_a_killed_run_keeps_its_whole_steps_and_its_rest_has_the_straight_runs_bits(child, straight, tmp_path):
    generator = np.random.default_rng(0)
    for i in range(3):
        found = kills.kill_and_resume(child, tmp_path / str(i), generator.integers(1, 60, 3).tolist(), straight)
        assert found.pop("kills") >= 1
        assert not +found, found


def test_a_save_over_another_run_that_is_killed_leaves_one_of_the_two(child, straight, tmp_path):
    other = mag.Trace(straight.task, straight.keep, times=[], terms=[])
    saved, killed = straight.save(tmp_path / "saved"), 0
    for i, kill in enumerate((1, 9, 20, 30)):
        folder = other.save(tmp_path / str(i))
        found = kills.kill_while_replacing(child, folder, kill, other, straight, saved)
        killed += found["kills"]
        assert not found["neither the old run nor the new one"], kill
    assert killed >= 2


def test_a_kill_at_any_moment_from_outside(straight, tmp_path):
    script = (
        f"import sys; sys.path.insert(0, {str(kills.HERE)!r}); import world, magedit_lab as mag; "
        "mag.run(world.model(), world.task(), world.INVERSION, world.METHOD, out=sys.argv[1])"
    )
    folder = tmp_path / "run"
    process = subprocess.Popen([sys.executable, "-c", script, str(folder)])
    while not list(folder.glob("*/step-0000.safetensors")):
        assert process.poll() is None
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert len(mag.load(folder).times) >= 1
    assert world.same(mag.resume(folder, world.model()), straight)
