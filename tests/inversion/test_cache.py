"""Paths on disk: a second edit inverts nothing, and nothing else is taken for the same path."""

from dataclasses import replace

import pytest
import torch
from families import PIPES, SOURCE, TARGET, backbone, task

import magedit_lab as mag
from magedit_lab.model.hooks import count_forwards


@pytest.fixture(params=["sdxl", "flux"])
def net(request):
    return backbone(PIPES[request.param]())


def inverted(net, asked, folder, inversion="null-text", **more):
    settings = {"steps": 3, "guidance_scale": 2.0} | ({"inner": 1} if inversion == "null-text" else {})
    with count_forwards() as counter:
        path = mag.invert(net, asked, inversion, cache=folder, **settings | more)
    return path, counter.forwards


@pytest.mark.parametrize("inversion", ["null-text", "proximal"])
def test_a_second_edit_inverts_nothing_and_is_the_same(net, tmp_path, inversion):
    first, paid = inverted(net, task(), tmp_path, inversion)
    again, free = inverted(net, task(target="a red ball and a box on a table", words="red"), tmp_path, inversion)
    assert paid > 0
    assert free == 0
    edits = [list(mag.edit(net, task(), path, mag.MagEdit(iterations=1)))[-1].target for path in (first, again)]
    assert torch.equal(*edits)
    assert (first.times, first.pin, first.proximal) == (again.times, again.pin, again.proximal)


def test_whatever_a_path_depends_on_makes_another(net, tmp_path):
    asked = task()
    inverted(net, asked, tmp_path, "direct")
    other = [
        (net, replace(asked, image=asked.image.rotate(90)), {}),
        (net, task(source="a ball and a table on a table"), {}),
        (net, asked, {"guidance_scale": 3.0}),
        (net, asked, {"steps": 2}),
        (net, asked, {"fixed_point": 1}),
    ]
    assert all(inverted(n, t, tmp_path, "direct", **more)[1] > 0 for n, t, more in other)
    next(net.denoiser.parameters()).data.view(-1)[0] += 1e-3
    assert inverted(net, asked, tmp_path, "direct")[1] > 0
    assert inverted(net, asked, tmp_path, "direct")[1] == 0
    assert SOURCE != TARGET


def test_a_file_that_is_no_path_is_refused_in_one_line(net, tmp_path):
    inverted(net, task(), tmp_path, "direct")
    (file,) = tmp_path.glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"^expected a path in .*; delete the file$") as error:
        inverted(net, task(), tmp_path, "direct")
    assert "\n" not in str(error.value)


def test_without_a_folder_nothing_is_kept(net, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert inverted(net, task(), None, "direct")[1] > 0
    assert not list(tmp_path.iterdir())
