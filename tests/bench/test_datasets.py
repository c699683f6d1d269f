"""Folders in the published formats, read as published."""

import json

import numpy as np
import pytest
from PIL import Image

from magedit_lab import scenes
from magedit_lab.bench import datasets


@pytest.fixture
def pie(tmp_path):
    """PIE-Bench's published layout, with one entry to edit, one whole-picture mask and one that only deletes."""
    (tmp_path / "annotation_images" / "6_colour").mkdir(parents=True)
    scenes.sample(1).image.resize((512, 512)).save(tmp_path / "annotation_images" / "6_colour" / "a.jpg")
    entry = {
        "image_path": "6_colour/a.jpg", "original_prompt": "a ball on a table", "editing_type_id": "6",
        "editing_prompt": "a [green] ball on a table", "editing_instruction": "", "blended_word": "ball ball",
        "mask": [512 * 100 + 40, 30, 512 * 101 + 40, 30],
    }  # fmt: skip
    whole = entry | {"mask": [0, 512 * 512]}
    gone = entry | {"editing_prompt": "a table"}
    within = entry | {"original_prompt": "a covered Ball", "editing_prompt": "a [red] covered ball"}
    entries = {"a": entry, "b": whole, "c": gone, "d": within}
    (tmp_path / "mapping_file.json").write_text(json.dumps(entries))
    return tmp_path


def test_pie_bench_is_read_as_published(pie):
    case, within = datasets.pie_bench(pie)
    assert (case.name, case.change, case.task.words) == ("a", "6", ("green",))
    assert within.task.words == ("red",)  # which "covered" holds as letters, not as a word
    assert case.task.target == "a green ball on a table"
    expected = np.zeros((512, 512), np.float32)
    expected[100:102, 40:70] = 1
    expected[[0, -1]] = expected[:, [0, -1]] = 1
    assert np.array_equal(case.task.region.numpy(), expected)


def test_ted_bench_is_read_with_the_masks_that_it_lacks(tmp_path):
    (tmp_path / "masks").mkdir()
    scenes.sample(1).image.save(tmp_path / "dog.jpeg")
    Image.fromarray(np.pad(np.full((40, 40), 255, np.uint8), 108)).save(tmp_path / "masks" / "dog.png")
    (tmp_path / "input_list.json").write_text(json.dumps([{"img_name": "dog.jpeg", "target_text": "a sitting dog"}]))
    with pytest.raises(ValueError, match=r"sources\.json"):
        list(datasets.ted_bench(tmp_path))
    (tmp_path / "sources.json").write_text(json.dumps({"dog.jpeg": {"source": "a dog", "words": ["sitting"]}}))
    (case,) = datasets.ted_bench(tmp_path)
    assert (case.task.source, case.phrase) == ("a dog", "a sitting dog")


def test_a_folder_of_tasks_names_the_entry_that_is_wrong(tmp_path):
    scenes.sample(1).image.save(tmp_path / "a.png")
    Image.fromarray(np.pad(np.full((40, 40), 255, np.uint8), 108)).save(tmp_path / "m.png")
    good = {"image": "a.png", "mask": "m.png", "source": "a ball", "target": "a red ball", "words": ["red"]}
    (tmp_path / "tasks.json").write_text(json.dumps([good]))
    (case,) = datasets.folder(tmp_path)
    assert case.task.words == ("red",)
    for bad, message in (({"words": ["blue"]}, "'blue' is not in the target"), ({"image": "b.png"}, "no such file")):
        (tmp_path / "tasks.json").write_text(json.dumps([good, good | bad]))
        with pytest.raises(ValueError, match=f"entry 1: .*{message}"):
            list(datasets.folder(tmp_path))
    (tmp_path / "tasks.json").write_text(json.dumps([{k: v for k, v in good.items() if k != "mask"}]))
    with pytest.raises(ValueError, match="entry 0: expected a key 'mask'"):
        list(datasets.folder(tmp_path))
