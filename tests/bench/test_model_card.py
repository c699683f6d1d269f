import copy
import json

import numpy as np
import pytest
import torch
from PIL import Image

import magedit_lab as mag
from magedit_lab import scenes
from magedit_lab.bench import metrics
from magedit_lab.bench.model import card, measures, targets
from magedit_lab.bench.model.targets import Score
from magedit_lab.model import loading


@pytest.mark.parametrize(
    ("value", "least", "aim", "reached"),
    [(0.95, 0.6, 0.9, "aim"), (0.6, 0.6, 0.9, "least"),
     (0.59, 0.6, 0.9, "missed"), (39.0, 80.0, 40.0, "aim"),
     (60.0, 80.0, 40.0, "least"), (81.0, 80.0, 40.0, "missed"),
     (-1.2, -1.0, -0.2, "missed"), (-0.1, -1.0, -0.2, "aim")],
)  # fmt: skip
def test_a_bar_is_reached_from_its_own_side(value, least, aim, reached):
    assert Score("a bar", value, least, aim).reached == reached


def test_a_bar_that_was_measured_is_read_from_its_file(net, tmp_path, monkeypatch):
    asked = []

    def bar(held):
        asked.append(held.count)
        yield Score("a bar", 0.7, 0.6, 0.9, "a note")

    monkeypatch.setattr(targets, "TARGETS", {"one": bar, "two": bar})
    clip = Fake()
    (first,) = targets.measure(targets.Held(net, clip, 3), ["one"], tmp_path)
    again, other = targets.measure(targets.Held(net, clip, 3), ["one", "two"], tmp_path)
    assert first == again == other == Score("a bar", 0.7, 0.6, 0.9, "a note")
    assert asked == [3, 3]
    with pytest.raises(ValueError, match=r"scenes = 4; got scenes = 3; remove that file"):
        list(targets.measure(targets.Held(net, clip, 4), ["one"], tmp_path))


def test_held_out_scenes_are_beyond_training_and_can_be_read_whole(net):
    seeds = measures.held_out(net, 40)
    trained_on = json.loads((loading.SHIPPED / "tabletop" / "training.json").read_text())["plan"]["pictures"]
    assert min(seeds) >= scenes.HELD_OUT > trained_on
    lengths = [len(net.tokenizer(measures.full_caption(s)).input_ids) for s in seeds]
    assert max(lengths) <= net.tokenizer.model_max_length
    assert min(measures.FIRST, *seeds) > scenes.HELD_OUT + 10_200  # TabletopBench's own are below


class Fake(metrics.Clip):
    """A CLIP that knows each picture by the place that its first pixel tells."""

    def __init__(self):
        self.name = "fake"

    def similarity(self, images, texts):
        rows = torch.zeros(len(images), len(texts))
        for row, image in zip(rows, images, strict=True):
            row[np.asarray(image)[0, 0, 0]] = 1
        return rows


def test_recall_is_the_share_of_pictures_nearest_to_their_own_caption():
    places = [0, 1, 2, 2, 4, 4]
    pictures = [Image.new("RGB", (8, 8), (place, 0, 0)) for place in places]
    assert measures.recall(Fake(), pictures, [str(i) for i in range(6)]) == pytest.approx(4 / 6)


def test_generation_is_diffusers_own(pipe):
    """The same latents as DDIM in diffusers, from the same noise and guidance scale."""
    pipe = copy.deepcopy(pipe)
    net = mag.Backbone.of(pipe)
    noise = torch.randn(4, 32, 32, generator=torch.Generator().manual_seed(0))[None]
    (ours,) = measures.generate(net, ["a red ball on a table"], 3.0)
    pipe.set_progress_bar_config(disable=True)
    theirs = pipe(
        "a red ball on a table", latents=noise, guidance_scale=3.0, num_inference_steps=measures.STEPS
    ).images[0]
    difference = np.abs(np.asarray(ours, int) - np.asarray(theirs, int))
    assert difference.max() <= 1


def test_the_cards_say_what_was_run_and_scored(tmp_path):
    kept = json.loads((loading.SHIPPED / "tabletop" / "training.json").read_text())
    kept.pop("compared", None)
    kept["plan"]["pictures"] = 321
    for i, part in enumerate(("vae", "diffusion", "clip", "clip-hard")):
        kept[part] = {"steps": 1000 + i, "seconds": 60.0 * (i + 2)}
    for folder in ("tabletop", "tabletop-clip"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "training.json").write_text(json.dumps(kept))
    scores = [Score("image-to-caption R@1, rendered", 0.931, 0.9, 0.99, "among 256"), Score("VAE", 37.4, 30.0, 36.0)]
    card.write_card(tmp_path / "tabletop", tmp_path / "tabletop-clip", scores)
    page, clip = ((tmp_path / f / "README.md").read_text() for f in ("tabletop", "tabletop-clip"))
    assert "321 scenes" in page
    assert "1,001 steps in 3 minutes" in page
    assert f"{kept['plan']['contrary']:.0%} of the captions" in page
    assert "| VAE () | 37.4 | 30 | 36 | aim |" in page
    assert "1,002 steps in 4 minutes" in clip
    assert "| VAE" not in clip
    assert "Compared" not in page
    (tmp_path / "tabletop" / "training.json").write_text(json.dumps({**kept, "compared": "with none: worse."}))
    card.write_card(tmp_path / "tabletop", tmp_path / "tabletop-clip", scores)
    assert (
        "## Compared on a small budget\n\nwith none: worse.\n\n## Scores"
        in (tmp_path / "tabletop" / "README.md").read_text()
    )
    assert "0.931" in clip


def test_a_contact_sheet_has_a_cell_for_each_picture():
    pictures = [Image.new("RGB", (128, 128), c) for c in ("red", "green", "blue")]
    sheet = card.contact_sheet(pictures, ["a red ball", "a green ball", "a blue ball"], columns=2).convert("RGB")
    assert sheet.width > 2 * 128
    assert sheet.height > 2 * 128
    shown, made = (np.asarray(p.crop((10, 10, 120, 120)), int) for p in (sheet, pictures[0]))
    assert np.abs(shown - made).max() <= 8
