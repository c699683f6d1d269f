"""Whatever people bring is read in one way by every reader, or refused by all in the same line."""

import io
import os
import threading
import tracemalloc
import warnings

import numpy as np
import pytest
import torch
from benchmarks import inputs
from benchmarks import pictures as drawn
from magedit_lab.widgets.app import App
from magedit_lab.widgets.mask_painter import MaskPainter
from PIL import Image

import magedit_lab as mag
from magedit_lab import cli, masks, pictures, task
from magedit_lab.pictures import pixels

RGB, SHAPE = drawn.RGB, drawn.SHAPE
CHANNELS_FIRST = torch.from_numpy(RGB).permute(2, 0, 1)


@pytest.fixture(scope="module")
def rows(net, tmp_path_factory):
    """(pictures, masks) as `make inputs` has them."""
    return inputs.matrix(App(net), tmp_path_factory.mktemp("inputs"))


def test_forty_files_and_more_come_to_the_same_by_every_reader(rows):
    assert sum(map(len, rows)) > 60
    for part in rows:
        for name, row in part.items():
            assert inputs.agree(row), (name, {reader: inputs.shown(one) for reader, one in row.items()})
            assert sum(one is not None for one in row.values()) >= 4, name


def test_every_refusal_is_one_line_with_a_remedy(rows):
    lines = [one for part in rows for row in part.values() for one in row.values() if isinstance(one, str)]
    assert len(lines) > 100
    for line in lines:
        assert "\n" not in line
        assert line.startswith(("expected", "cannot read FILE as a picture", "no such file: FILE"))
        assert ";" in line


def pixels_of(rows, start):
    return {name: row["Task, path"] for name, row in rows[0].items() if name.startswith(start)}


@pytest.mark.parametrize("start", ["rgb", "turned-3", "turned-6.png", "turned-8", "alpha-opaque", "cmyk.tif"])
def test_the_same_scene_has_the_same_pixels_in_every_form(rows, start):
    found = pixels_of(rows, start)
    assert found
    for name, made in found.items():
        assert np.array_equal(made, RGB), name


def test_grey_of_any_depth_has_the_same_256_levels(rows):
    for name, made in pixels_of(rows, "grey").items():
        if "profile" not in name:
            assert np.array_equal(made, drawn.LEVELS[..., None].repeat(3, 2)), name


def test_what_is_transparent_is_white_and_what_was_under_it_is_not_seen(rows):
    for name in ("alpha.png", "alpha.webp", "alpha.tif"):
        assert np.array_equal(rows[0][name]["App"], np.where(drawn.ALPHA[..., None] > 0, RGB, 255)), name
    grey = np.where(drawn.ALPHA > 0, drawn.LEVELS, 255)
    assert np.array_equal(rows[0]["alpha-grey.png"]["App"][..., 0], grey)


def to_srgb(light):
    """IEC 61966-2-1."""
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)


def test_a_profile_of_grey_light_becomes_srgb(rows):
    made = rows[0]["grey-linear-profile.png"]["Task, PIL"].astype(float)
    assert np.abs(made - to_srgb(drawn.LEVELS / 255)[..., None]).max() <= 1  # a step of 8 bits


def test_a_profile_of_inks_becomes_srgb(rows):
    made = rows[0]["cmyk-profile.tif"]["command line"].astype(float)
    inks = np.asarray(Image.fromarray(RGB).convert("CMYK")).mean(2) / 255
    lightness = 100 * (1 - inks)  # as the profile says, every ink is a neutral grey
    light = ((lightness + 16) / 116) ** 3
    assert np.abs(made - to_srgb(light)[..., None]).max() <= 1


def test_nothing_of_the_file_stays_on_the_pixels(tmp_path):
    drawn.write(tmp_path)
    for name in ("cmyk-profile.tif", "turned-6.jpg", "rgb-cmyk-profile.png", "alpha.png"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = mag.Task(tmp_path / name, SHAPE, *inputs.PROMPTS).image
        out = io.BytesIO()
        image.save(out, "PNG")
        with Image.open(out) as again:
            assert (image.mode, again.info.get("icc_profile"), dict(again.getexif())) == ("RGB", None, {}), name


# ------------------------------------------------------------ arrays


@pytest.mark.parametrize(
    "given",
    [
        RGB, RGB / 255, (RGB / 255).astype(np.float32), RGB.astype(np.int64), RGB.astype(np.uint16) * 257,
        torch.from_numpy(RGB), CHANNELS_FIRST, CHANNELS_FIRST[None] / 255, CHANNELS_FIRST.double() / 255,
        memoryview(drawn.encoded(RGB)), bytearray(drawn.encoded(RGB)),
    ],
)  # fmt: skip
def test_arrays_and_tensors_are_pictures_too(given):
    assert np.array_equal(np.asarray(pictures.read(given).rgb), RGB)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "expected a picture, got NoneType; give a path"),
        (5, "expected a picture, got int"),
        (RGB[None, None, :, :, :2], "height x width x 3, got uint8 of shape"),
        (np.zeros((0, 4, 3), np.uint8), "of shape"),
        (RGB / 127.5 - 1, "values in 0-1, got -0.922 to 0.804; scale them"),
        (np.array([["a"]]), "height x width x 3"),
        (Image.new("RGB", (0, 3)), "it is empty"),
        ("https://example.com/ball.png", "got the address 'https://example.com/ball.png'; download it first"),
        ("a\0b.png", "cannot read"),
        ("~nobody-of-this-name/x.png", "cannot read"),
        ("/dev/zero", "got a pipe or device: '/dev/zero'"),
        ("", "got the folder"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_line(given, message):
    with pytest.raises(ValueError, match=r".") as error:
        pictures.read(given)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_home_is_known(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    Image.fromarray(RGB).save(tmp_path / "x.png")
    assert np.array_equal(np.asarray(pictures.read("~/x.png").rgb), RGB)
    assert np.array_equal(np.asarray(masks.open_image("~/x.png")), RGB)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    told = []
    thread = threading.Thread(target=lambda: told.extend(inputs.cell(pictures.read, tmp_path / "pipe.png").split(";")))
    thread.daemon = True
    thread.start()
    thread.join(10)
    assert "got a pipe or device" in told[0]


def test_a_hundred_megapixels_take_no_memory(tmp_path):
    drawn.write(tmp_path)
    tracemalloc.start()
    with pytest.raises(ValueError, match="10000x10000 pixels; expected at most 64 megapixels"):
        pictures.read(tmp_path / "megapixels-100.png")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e6  # bytes; the picture would be 300 MB


def test_no_program_is_started_for_a_drawing(tmp_path, monkeypatch):
    (tmp_path / "x.eps").write_bytes(drawn.pictures()["drawing.eps"])

    def started(*_, **__):
        raise AssertionError("a program was started")

    monkeypatch.setattr("subprocess.Popen", started)
    for given in (tmp_path / "x.eps", Image.open(tmp_path / "x.eps")):
        with pytest.raises(ValueError, match="cannot read"):
            pictures.read(given)


def test_reading_twice_changes_nothing():
    for content in drawn.pictures().values():
        try:
            once = pictures.read(content).rgb
        except pixels.PictureError:
            continue
        assert pictures.read(once).rgb.tobytes() == once.tobytes()


# ------------------------------------------------------------ masks and words that are none


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mask": None}, "expected a mask, got None; paint one with MaskPainter"),
        ({"mask": "mask.png"}, "no such file: 'mask.png'; expected a PNG or JPEG"),
        ({"mask": 5}, "expected a mask, got int"),
        ({"mask": SHAPE.astype(np.uint16)}, "expected bytes of 0-65535, got 0 and 1; pass mask.astype"),
        ({"words": None}, "expected edit words as texts, got None; name a word of the target prompt"),
        ({"words": [None]}, "expected edit words as texts, got"),
        ({"image": None}, "expected a picture, got NoneType; give a path"),
    ],
)
def test_what_is_missing_is_told_in_one_line_with_the_remedy(change, message):
    good = {"image": RGB, "mask": SHAPE, "source": "a ball", "target": "a red ball", "words": "red"}
    with pytest.raises(ValueError, match=r".") as error:
        mag.Task(**good | change)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_prompts_are_texts():
    for given, name in (((None, "a", None), "source"), (("a", 5, None), "target"), (("a", "a", ["a"]), "negative")):
        with pytest.raises(ValueError, match=f"expected a text as {name} prompt, got"):
            task._require_texts(*given)


def test_masks_of_sixteen_bits_and_of_truth_are_masks():
    for given in (
        SHAPE,
        SHAPE * 1.0,
        SHAPE.astype(np.uint8) * 255,
        SHAPE.astype(np.uint16) * 65535,
        torch.tensor(SHAPE),
    ):
        assert np.array_equal(masks.as_mask(given).numpy(), SHAPE.astype(np.float32))


# ------------------------------------------------------------ a word for what is transparent


def test_every_reader_says_that_a_part_was_transparent(net, tmp_path):
    drawn.write(tmp_path)
    note = "part of the picture is transparent; it is taken as white there"
    with pytest.warns(UserWarning, match=note):
        mag.Task(tmp_path / "alpha.png", SHAPE, *inputs.PROMPTS)
    assert MaskPainter(tmp_path / "alpha.png").status == note
    app = App(net)
    inputs.by_app(app, tmp_path / "alpha.png")
    assert app.status == note
    inputs.by_app(app, tmp_path / "rgb.png")
    assert app.status == ""


def test_the_command_line_gives_the_transparency_back(model, tmp_path, capsys):
    drawn.write(tmp_path)
    prompts = [a for pair in zip(("--source", "--target", "--words"), inputs.PROMPTS, strict=True) for a in pair]
    paths = ["--image", str(tmp_path / "alpha.png"), "--mask", str(tmp_path / "mask-grey.png"), "--model", model]
    out = tmp_path / "out"
    assert cli.main(["edit", *paths, *prompts, "--steps", "2", "--inversion", "direct", "--out", str(out)]) == 0
    with Image.open(out / "result.png") as result:
        assert result.mode == "RGBA"
        assert np.array_equal(np.asarray(result)[..., 3], drawn.ALPHA)
    assert "transparent like the image" in capsys.readouterr().out
