"""Folders that are harmed, foreign, or of another day: refused in one line, or read, and never half of each."""

import json
import os
import time

import numpy as np
import old
import pytest
import safetensors.torch

import magedit_lab as mag


@pytest.fixture(scope="module")
def trace(net, task, path):
    return mag.run(net, task, path, mag.MagEdit(iterations=2))


@pytest.fixture
def folder(trace, tmp_path):
    return trace.save(tmp_path / "run")


def place(folder):
    return folder / json.loads((folder / "run.json").read_text())["generation"]


def refused(folder, match="cannot read a trace from"):
    """Within a second, in one line."""
    began = time.perf_counter()
    with pytest.raises(ValueError, match=match) as error:
        mag.load(folder)
    assert time.perf_counter() - began < 1
    assert "\n" not in str(error.value)


def rewritten(path, **change):
    path.write_text(json.dumps(json.loads(path.read_text()) | change))


def with_tensors(path, change):
    """A safetensors file with its tensors as `change` returns them."""
    header = path.read_bytes()
    length = int.from_bytes(header[:8], "little")
    facts = json.loads(header[8 : 8 + length])["__metadata__"]
    path.write_bytes(safetensors.torch.save(change(safetensors.torch.load(header)), facts))


@pytest.mark.parametrize("schema", [99, True, -5, 1.5, 0, None, "3", [3]])
@pytest.mark.parametrize("name", ["run.json", "trace.json"])
def test_a_newer_or_nonsensical_schema_is_refused(trace, tmp_path, name, schema):
    folder = trace.save(tmp_path / "a") if name == "run.json" else old.write(trace, tmp_path / "b")
    rewritten(folder / name, schema=schema)
    refused(folder, "newer; update" if schema == 99 else "expected a schema of 1 to")


@pytest.mark.parametrize("change", [
    {"terms": None}, {"cells": ["a", "b"]}, {"times": [1]}, {"columns": [["target", "yellow", [999]]]},
    {"task": {"source": "a", "target": "a b", "words": [5]}}, {"times": "x" * 9}, {"cells": [15_000, 15_000]},
    {"columns": [["target", f"word{i}", [1]] for i in range(200_000)]},
    {"columns": [["target", "yellow", [1] * 1_000_000]]}, {"tokens": ["a"] * 1_000_000}, {"keep": {"heads": 1}},
    {"columns": [["target", "yellow", [True]]]}, {"sites": ["\ud800"]},
])  # fmt: skip
def test_a_harmed_folder_of_an_older_schema_is_refused(trace, tmp_path, change):
    folder = old.write(trace, tmp_path / "run")
    rewritten(folder / "trace.json", **change)
    refused(folder)


@pytest.mark.parametrize("change", [
    {"cells": [15_000, 15_000]}, {"cells": [8]}, {"columns": [["target", "yellow", [10**9]]]}, {"tokens": "abc"},
    {"columns": [["target", f"word{i}", [1]] for i in range(200_000)]}, {"generation": "0" * 16},
])  # fmt: skip
def test_a_harmed_layout_is_refused(folder, change):
    rewritten(place(folder) / "layout.json", **change)
    refused(folder)


def test_unknown_names_are_left_out(folder, trace):
    rewritten(folder / "run.json", colour="blue")
    with_tensors(
        place(folder) / "step-0000.safetensors", lambda t: t | {"row.new": t["row.loss"] + 1, "new": t["row.x0"] + 1}
    )
    back = mag.load(folder)
    assert "new" not in back._rows[0]
    assert np.array_equal(back.losses, trace.losses, equal_nan=True)


@pytest.mark.parametrize("name", ["run.json", "layout.json", "step-0002.safetensors", "inputs.safetensors"])
def test_a_half_file_is_refused(folder, name):
    path = folder / name if name == "run.json" else place(folder) / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refused(folder)


def test_a_step_that_is_missing_between_others_is_refused(folder):
    (place(folder) / "step-0002.safetensors").unlink()
    refused(folder, "expected every step, got 'a gap")


def test_a_step_of_another_run_is_refused(folder, trace, tmp_path):
    other = trace.save(tmp_path / "other")
    os.replace(place(other) / "step-0002.safetensors", place(folder) / "step-0002.safetensors")
    refused(folder, "to be of the run")


@pytest.mark.parametrize("name", ["row.loss", "row.target_attention", "row.gradient_maps", "row.x0"])
def test_an_array_of_another_shape_or_with_nan_is_refused(folder, name):
    file = place(folder) / "step-0001.safetensors"
    whole = file.read_bytes()
    for harm in (lambda a: a[..., :1], lambda a: a[None], lambda a: a * np.nan, lambda a: a.long()):
        with_tensors(file, lambda tensors, harm=harm: tensors | {name: harm(tensors[name]).contiguous()})
        refused(folder)
        file.write_bytes(whole)


@pytest.mark.parametrize("name", ["run.json", "layout.json", "step-0000.safetensors", "inputs.safetensors"])
def test_a_pipe_or_a_device_in_place_of_a_file_does_not_hang(folder, name):
    path = folder / name if name == "run.json" else place(folder) / name
    path.unlink()
    os.mkfifo(path)
    refused(folder)
    path.unlink()
    path.symlink_to("/dev/zero")
    refused(folder)


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(trace, tmp_path):
    from PIL import Image

    folder = old.write(trace, tmp_path / "run")
    Image.new("1", (12_000, 12_000)).save(folder / "image.png")
    refused(folder, "pixels")


def test_no_folder_and_an_empty_one_are_refused(tmp_path):
    refused(tmp_path / "nowhere")
    refused(tmp_path)


def test_a_list_nested_without_end_is_refused(folder):
    (folder / "run.json").write_text("[" * 100_000)
    refused(folder)


def test_the_files_have_the_modes_of_the_users_other_files(folder):
    own = folder.parent / "own"
    own.write_text("")
    modes = {p.stat().st_mode for p in folder.rglob("*") if p.is_file() and p.name != ".lock"}
    assert modes == {own.stat().st_mode}
