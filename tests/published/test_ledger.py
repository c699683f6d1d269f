"""Every value that the published code gave: equal to 1e-6, or a departure with a name (`ledger.py`)."""

import copy

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler
from ledger import DEPARTURES, LEDGER, OURS, OWN_COLUMNS, WORDS, clip_tokenizer

from magedit_lab.bench import metrics
from magedit_lab.methods.shared import losses
from magedit_lab.model.schedule import Schedule
from magedit_lab.prompts import alignment, words


@pytest.fixture(scope="module")
def clip_tokens():
    return clip_tokenizer()


def softmax(values):
    powers = np.exp(values - values.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def named(entry):
    return " | ".join(str(entry[key]) for key in ("source", "target", "prompt", "word", "seed") if key in entry)


# ---------------------------------------------------------------- words


@pytest.mark.parametrize("padding", ["start", "end"])
@pytest.mark.parametrize("entry", LEDGER["refinement"], ids=named)
def test_refinement_pairs_the_published_tokens(clip_tokens, entry, padding):
    assert alignment.align(entry["source_ids"], entry["target_ids"]) == entry["source_column_of_target_column"]
    found = alignment.refinement(clip_tokens, entry["source"], entry["target"], padding)
    assert found[: len(entry["target_ids"])].tolist() == entry["source_column_of_target_column"]


def test_padding_from_the_start_keeps_its_place_as_published(clip_tokens):
    found = alignment.refinement(clip_tokens, "a cat", "a cat cat cat", "start")
    assert found[6:].tolist() == list(range(6, 77))
    assert alignment.refinement(clip_tokens, "a cat", "a cat cat cat")[6:].tolist() == [*range(4, 75)]


def swapped(clip_tokens, entry, **how):
    matrix = alignment.swap(clip_tokens, entry["source"], entry["target"], **how)
    columns = range(len(clip_tokens(entry["target"]).input_ids))
    return {str(j): {str(i): matrix[i, j].item() for i in matrix[:, j].nonzero()[:, 0].tolist()} for j in columns}


@pytest.mark.parametrize("entry", LEDGER["replacement"], ids=named)
def test_word_swap_takes_the_published_columns(clip_tokens, entry):
    expected = entry["weights_target_column_to_source"]
    assert swapped(clip_tokens, entry, padding="start", split="spaces") == expected
    assert (swapped(clip_tokens, entry) == expected) != ("wyverns" in entry["target"]), OURS["words keep their columns"]


def test_after_an_unequal_replacement_the_published_columns_go_on_by_number(clip_tokens):
    apples = {"source": "photo of 3 apples", "target": "photo of 12 apples"}
    published, ours = swapped(clip_tokens, apples, padding="start", split="spaces"), swapped(clip_tokens, apples)
    assert {j: published[j] for j in "345"} == {"3": {"3": 0.5}, "4": {"3": 0.5}, "5": {"5": 1.0}}
    assert {j: ours[j] for j in "56"} == {"5": {"4": 1.0}, "6": {"5": 1.0}}, OURS["words keep their columns"]


@pytest.mark.parametrize("entry", LEDGER["word_columns"], ids=named)
def test_words_have_the_published_columns(clip_tokens, entry):
    prompt, word = entry["prompt"], entry["word"]
    if (prompt, word) in WORDS:
        with pytest.raises(ValueError, match="as it stands between spaces"):
            words.positions(clip_tokens, prompt, word, split="spaces")
    else:
        assert words.positions(clip_tokens, prompt, word, split="spaces") == entry["columns"]
    ours = words.positions(clip_tokens, prompt, word)
    assert ours == OWN_COLUMNS.get((prompt, word), entry["columns"]), OURS["words end at marks"]


COUNTED = {  # by hand: letters of each token alone, against the letters of each word
    ("a 貓 mat on a mat", "mat"): [3, 4, 5, 8],
    ("a 貓 mat on a mat", "貓"): [2],
    ("a  double  space", "double"): [3],  # each second space is a word of no letters, and takes a token
    ("a red pillow, a green lamp", "lamp"): [7],
    ("a cat sitting on a mat ", "mat"): [6],
}


@pytest.mark.parametrize(("prompt", "word"), COUNTED)
def test_tokens_are_counted_out_to_words_by_their_letters(clip_tokens, prompt, word):
    for tokenizer in (clip_tokens, copy.deepcopy(clip_tokens)):
        assert words.positions(tokenizer, prompt, word, split="spaces") == COUNTED[prompt, word]


def test_a_word_that_the_counting_leaves_no_token_is_refused(clip_tokens):
    with pytest.raises(ValueError, match=r"as it stands between spaces .* its words are: a, double$"):
        words.positions(clip_tokens, "a  double  space", "space", split="spaces")
    with pytest.raises(ValueError, match="found no token of a replaced word, as after two spaces"):
        alignment.swap(clip_tokens, "a  double  space", "a  double  mat", "start", "spaces")


def test_every_departure_has_a_name_a_reason_and_an_entry():
    entries = {(entry["prompt"], entry["word"]) for entry in LEDGER["word_columns"]}
    assert set(WORDS) | set(OWN_COLUMNS) <= entries
    assert set(WORDS.values()) == set(DEPARTURES)


# ---------------------------------------------------------------- losses


@pytest.mark.parametrize("entry", LEDGER["losses"], ids=named)
def test_mag_edits_losses_are_the_published(entry):
    r = np.random.default_rng(entry["seed"])
    maps = [torch.from_numpy(softmax(r.standard_normal((8, 256, 77)) * 3)) for _ in range(5)]
    mask = torch.from_numpy((r.random((16, 16)) > 0.7).astype(float)).flatten()
    for name in ("token_ratio", "spatial_ratio"):
        found = torch.stack([losses.LOSSES[name](probs, mask, entry["columns"]) for probs in maps]).mean()
        assert found.item() == pytest.approx(entry[name], rel=1e-6), name


def relatives(entry):
    """The map of the mean over heads, the box, and the maps of the up and the middle block that its seed gives."""
    r = np.random.default_rng(entry["seed"])
    mean = softmax(r.standard_normal((40, 256, 77)) * 4).astype(np.float32).mean(0)
    x1, y1 = r.integers(0, 9), r.integers(0, 9)
    x2, y2 = r.integers(x1 + 3, 17), r.integers(y1 + 3, 17)
    assert [x1, y1, x2, y2] == entry["box_cells_x1_y1_x2_y2"]
    several = [softmax(r.standard_normal((8, cells, 77)) * 3) for cells in (256, 256, 256, 64)]
    return torch.from_numpy(mean)[None], (x1, y1, x2, y2), [torch.from_numpy(probs) for probs in several]


def boxed(x1, y1, x2, y2, side, dtype):
    mask = torch.zeros(side, side, dtype=dtype)
    mask[y1 * side // 16 : y2 * side // 16, x1 * side // 16 : x2 * side // 16] = 1
    return mask


@pytest.mark.parametrize("entry", LEDGER["relatives"], ids=named)
def test_the_relatives_losses_are_the_published(entry):
    mean, box, several = relatives(entry)
    found = {}
    for name, tokens in (
        ("attend_and_excite_columns_2_5", (2, 5)),
        ("attend_and_excite_one_word_of_columns_4_5", (4, 5)),
    ):
        found[name] = losses.attend_and_excite([losses.sharpened(mean, 16, 16, token) for token in tokens])
    found["boxdiff_column_5"] = losses.box(losses.sharpened(mean, 16, 16, 5), boxed(*box, 16, mean.dtype))
    for name, tokens in (("layout_column_3", [3]), ("layout_columns_3_4", [3, 4])):
        wide = [round(16 * share) for share in entry["layout_box_0_1"]]
        sides = [boxed(*wide, int(probs.shape[1] ** 0.5), probs.dtype).flatten() for probs in several]
        each = [losses.layout(probs, mask, tokens) for probs, mask in zip(several, sides, strict=True)]
        found[name] = torch.stack(each).mean()
    for name, value in found.items():
        assert value.item() == pytest.approx(entry[name], rel=1e-6), name


# ---------------------------------------------------------------- pictures, timesteps


@pytest.mark.parametrize("entry", LEDGER["picture_metrics"], ids=named)
def test_picture_metrics_are_the_published(entry):
    r, seed = np.random.default_rng(entry["seed"]), entry["seed"]
    a = np.kron(r.integers(0, 256, (8, 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    b = np.clip(a + r.normal(0, 4 + 6 * (seed - 2000), a.shape), 0, 255).astype(np.uint8)
    mask = np.zeros((64, 64))
    mask[16:40, 20:50] = 1
    found = metrics.background(a, b, mask)
    for name in ("psnr", "mse", "ssim"):
        assert found[name] == pytest.approx(entry[f"{name}_outside"], rel=1e-6), name


@pytest.mark.parametrize("steps", LEDGER["timesteps"])
def test_timesteps_are_the_published(steps):
    scheduler = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1)
    assert Schedule.of(scheduler, torch.float32).timesteps(int(steps)) == LEDGER["timesteps"][steps]
