import io

import numpy as np
import pytest
import torch
from PIL import Image

import magedit_lab as mag
from magedit_lab import masks
from magedit_lab.prompts import words

IMAGE = Image.new("RGB", (64, 48), "navy")
MASK = np.zeros((48, 64), np.float32)
MASK[10:20, 40:60] = 1
GOOD = {"image": IMAGE, "mask": MASK, "source": "a ball", "target": "a red ball", "words": "red"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"words": "green"}, "word 'green' is not in the target prompt 'a red ball'; its words are: a, red, ball"),
        ({"words": []}, "at least one edit word"),
        ({"mask": MASK * 0}, "got an empty one; paint"),
        ({"mask": MASK * 0 + 1}, "got a full one; paint"),
        ({"mask": MASK.T}, "expected a mask of 64x48 like the image, got 48x64; resize"),
        ({"mask": MASK[None]}, "height x width"),
        ({"mask": MASK * 255}, "values in 0-1, got 0 to 255; divide"),
        ({"mask": MASK * np.nan}, "values in 0-1"),
        ({"words": ["red", "ball"], "weights": [1.0]}, "one mask and one weight for each of 2 words"),
        ({"words": ["red", "ball"], "weights": [1.0, 1.0]}, "sum to 1, got"),
        ({"mask": (MASK > 0).astype(np.uint8)}, r"bytes of 0-255, got 0 and 1; pass mask.astype\(bool\)"),
        ({"words": ["red", "red"]}, "each edit word once, got 'red' twice"),
        ({"negative": "a blue ball"}, "a negative prompt and its words together"),
        ({"negative": "a blue ball", "negative_words": "green"}, "is not in the negative prompt"),
    ],
)
def test_what_does_not_fit_together_is_refused_in_one_line(change, message):
    with pytest.raises(ValueError, match=message) as error:
        mag.Task(**GOOD | change)
    assert "\n" not in str(error.value)


def test_several_words_have_masks_and_weights_of_their_own():
    other = np.zeros_like(MASK)
    other[30:40, 5:15] = 1
    task = mag.Task(**GOOD | {"mask": [MASK, other], "words": ["red", "ball"], "weights": [0.3, 0.7]})
    assert [(g.word, g.weight, g.mask.sum().item()) for g in task.goals] == [("red", 0.3, 200.0), ("ball", 0.7, 100.0)]
    assert task.region.sum() == 300


def test_overlaps_count_once():
    task = mag.Task(**GOOD | {"mask": [MASK, MASK], "words": ["red", "ball"]})
    assert task.region.max() == 1


@pytest.mark.parametrize("side", [(32, 32), (64, 32)])
def test_image_and_mask_are_cropped_and_resized_alike(side):
    white = Image.fromarray((MASK * 255).astype(np.uint8)).convert("RGB")
    small, _ = mag.Task(**GOOD | {"image": white}).fit(*side)
    assert small.image.size == side
    picture = np.asarray(small.image.convert("L")) > 127
    assert (picture == (small.region.numpy() > 0.5)).mean() > 0.97


def test_the_window_holds_the_mask_at_the_edge():
    task = mag.Task(**GOOD)
    small, frame = task.fit(48, 48)
    assert frame.box == (16, 0, 64, 48)
    assert small.region.sum() == 200


def test_a_mask_that_the_window_would_cut_is_refused():
    wide = MASK.copy()
    wide[20:24, 2:62] = 1
    with pytest.raises(ValueError, match=r"expected a mask within 48x48, .* got one of 60x14"):
        mag.Task(**GOOD | {"mask": wide}).fit(32, 32)


def test_pasting_back_leaves_the_rest_exactly_as_it_was():
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8))
    task = mag.Task(**GOOD | {"image": noise})
    small, frame = task.fit(32, 32)
    out = np.asarray(frame.paste(task.image, Image.new("RGB", small.image.size, "red"), task.region))
    assert out.shape == (48, 64, 3)
    far = masks.dilate(task.region, 6).numpy() == 0
    assert (out[far] == np.asarray(noise)[far]).all()
    assert (out[14, 50] == (255, 0, 0)).all()


def test_a_mask_that_would_vanish_keeps_its_largest_cell():
    mask = torch.zeros(128, 128)
    mask[70:73, 33:36] = 1
    cells = masks.to_cells(mask, 16, 16)
    assert cells.nonzero().tolist() == [[8, 4]]


def test_exif_orientation_is_honoured(tmp_path):
    image = Image.new("RGB", (40, 20))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "turned.jpg", exif=exif)
    assert masks.open_image(tmp_path / "turned.jpg").size == (20, 40)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"hello"])
def test_broken_pictures_are_refused_in_one_line(tmp_path, content):
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(ValueError, match=r"cannot read .* as a picture"):
        masks.open_image(tmp_path / "x.png")
    with pytest.raises(ValueError, match="no such file"):
        masks.open_image(tmp_path / "y.png")


def test_a_truncated_picture_is_refused(tmp_path):
    path = tmp_path / "x.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(ValueError, match="cannot read"):
        masks.open_image(path)


@pytest.mark.parametrize("paint", [(0, 0, 0), (255, 255, 255), (200, 30, 30)])
def test_a_mask_painted_on_a_transparent_ground_counts_where_it_is_opaque(tmp_path, paint):
    picture = np.zeros((8, 10, 4), np.uint8)
    picture[2:5, 3:6] = (*paint, 255)
    if paint == (200, 30, 30):
        picture[..., :3] = paint
    Image.fromarray(picture).save(tmp_path / "mask.png")
    mask = masks.as_mask(masks.open_mask(tmp_path / "mask.png"))
    assert torch.equal(mask, torch.from_numpy(picture[..., 3] / 255).float())


def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path):
    grey = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    Image.fromarray(grey).save(tmp_path / "deep.png")
    seen = np.asarray(masks.open_image(tmp_path / "deep.png"))[..., 0]
    assert np.array_equal(seen.ravel(), np.arange(256))


def test_pictures_broken_in_any_way_are_refused_in_one_line(tmp_path):
    """Every byte of a small picture's head changed in turn: Pillow raises all kinds of errors."""
    whole = io.BytesIO()
    picture = Image.new("RGB", (9, 7), "navy")
    picture.getexif()[0x0112] = 6
    picture.save(whole, "TIFF", exif=picture.getexif())
    told = []
    for place in range(len(whole.getvalue())):
        content = bytearray(whole.getvalue())
        content[place] ^= 0xFF
        told += words.complaint(masks.read_image, bytes(content), "x.tif")
    assert len(told) > 10
    assert all("cannot read 'x.tif' as a picture" in line for line in told)


@pytest.mark.parametrize("side", [1, 2, 3, 40])
def test_a_mask_of_a_few_pixels_in_a_large_picture_is_still_there(side):
    mask = np.zeros((2048, 2048), np.float32)
    mask[900 : 900 + side, 700 : 700 + side] = 1
    small, _ = mag.Task(Image.new("RGB", (2048, 2048)), mask, "a ball", "a red ball", "red").fit(256, 256)
    assert small.region.max() == 1
    assert 1 <= (small.region >= 0.5).sum() <= (side / 8 + 1) ** 2
