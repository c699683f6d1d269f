import base64

import pytest
import traitlets
from magedit_lab.widgets.predict import Predict, Question, codes, predictions, widget


@pytest.fixture(autouse=True)
def no_earlier_ones(monkeypatch):
    monkeypatch.setattr(widget, "_KEPT", {})


@pytest.fixture
def share():
    return Predict("How much is inside?", unit="%", name="00-share")


@pytest.fixture
def which():
    return Predict("Which paints the handle?", ["none", "three", "fifteen"], name="07-which")


def test_a_guess_is_kept_and_put_beside_what_came_out(share):
    share.keep(20)
    assert share.verdict == ""
    figure = share.reveal(48)
    assert (share.guess, share.outcome, share.verdict) == (20.0, 48.0, "off by 28%")
    assert figure.sentence == "How much is inside? You predicted 20%. What came out: 48%; off by 28%."


def test_a_guess_cannot_be_changed_nor_made_after_the_outcome(share, which):
    share.keep(20)
    with pytest.raises(ValueError, match="expected one guess"):
        share.keep(48)
    with pytest.raises(traitlets.TraitError):
        share.guess = 48.0
    share.set_state({"guess": 48.0})
    assert share.guess == 20.0
    which.reveal("three")
    with pytest.raises(ValueError, match="before the outcome"):
        which.keep("three")
    assert which.verdict == "no guess was kept"


@pytest.mark.parametrize(("guess", "verdict"), [(40, "as you predicted"), (58, "as you predicted"), (59, "off by 11%")])
def test_a_number_is_right_within_a_tenth_of_its_range(share, guess, verdict):
    share.keep(guess)
    share.reveal(48)
    assert share.verdict == verdict


def test_what_is_no_answer_is_refused(share, which):
    for value in (-1, 101, "20", None, True, float("nan")):
        with pytest.raises(ValueError, match="expected a number from 0 to 100"):
            share.keep(value)
    with pytest.raises(ValueError, match="expected one of none, three, fifteen"):
        which.keep("two")
    with pytest.raises(ValueError, match="expected one of"):
        which.reveal("two")
    for wrong in ({"text": " "}, {"text": "a", "choices": ("b",)}, {"text": "a", "choices": ("b", "b")},
                  {"text": "a", "low": 1.0, "high": 1.0}):  # fmt: skip
        with pytest.raises(ValueError, match="expected"):
            Question(**wrong)


def test_the_cell_run_again_brings_the_guess_back(share):
    share.keep(20)
    share.reveal(48)
    again = Predict("How much is inside?", unit="%", name="00-share")
    assert (again.guess, again.outcome) == (20.0, 48.0)
    other = Predict("How much is outside?", unit="%", name="00-share")
    assert other.guess is None


def test_codes_carry_every_answer_and_slips_are_noticed(share, which):
    questions = [share.question, which.question, Question("m", low=-5.0, high=5.0)]
    for question in questions:
        answers = question.choices or [question.low, question.high, 2.5, -0.125 if question.low < 0 else 0.5]
        for answer in answers:
            made = codes.code(question, answer)
            assert codes.read(f"ann: {made.upper()}!", question) == ([answer], [])
            assert all(codes.read(made, other) == ([], []) for other in questions if other != question)
    good = codes.code(share.question, 48.5)
    slips = [good.replace("48.5", f"{n}.5") for n in range(10, 48)]
    noticed = sum(codes.read(slip, share.question)[1] != [] for slip in slips)
    assert noticed >= 34  # one sign of 31: a slip in 31 is missed


def test_a_class_is_pooled_from_a_chat_and_from_a_folder(share, which, tmp_path):
    mine, q = codes.code(share.question, 20.0), share.question
    share.pool(f"ben {codes.code(q, 5.0)}, I say {mine} :-)\n{mine[:-1]}i {codes.code(which.question, 'none')}")
    assert share.others == [5.0, 20.0]
    share.keep(30)
    which.keep("three")
    predictions().save(tmp_path, "Ann")
    (tmp_path / "ben.json").write_text('{"00-share": 70}')
    share.pool_folder(tmp_path)
    which.pool_folder(tmp_path)
    assert (share.others, which.others) == ([30.0, 70.0], ["three"])
    (tmp_path / "carl.json").write_text('{"00-share": 700}')
    with pytest.raises(ValueError, match=r"got 'carl\.json': expected a number"):
        share.pool_folder(tmp_path)
    with pytest.raises(ValueError, match="expected a folder"):
        share.pool_folder(tmp_path / "none")
    with pytest.raises(ValueError, match="expected a name"):
        predictions().save(tmp_path, "../ann")


def test_mistyped_codes_are_named(share):
    good = codes.code(share.question, 20.0)
    share.pool(f"{good} {good[:-1]}{'a' if good[-1] != 'a' else 'b'}")
    assert share.status == f"1 guess of this question; mistyped: {good[:-1]}{'a' if good[-1] != 'a' else 'b'}"


def test_a_notebook_ends_with_all_its_predictions(share, which):
    share.keep(45)
    which.keep("three")
    share.reveal(48)
    which.reveal("fifteen")
    Predict("And then?", ["yes", "no"])
    kept = predictions()
    assert list(kept) == ["00-share", "07-which", "And then?"]
    assert [p.right for p in kept.values()] == [True, False, None]
    assert kept.sentence == "2 of 3 questions predicted; 1 of 2 came out as predicted"
    assert kept.codes.split() == [share.code, which.code]
    data, metadata = kept._repr_mimebundle_()
    assert data["image/png"].startswith(b"\x89PNG")
    assert metadata["image/png"]["alt"] == kept.sentence


def test_the_browser_keeps_and_pools_and_is_refused(share):
    share._on_message(share, {"do": "keep", "guess": 20}, [])
    assert share.guess == 20.0
    share._on_message(share, {"do": "pool", "text": share.code}, [])
    assert share.others == [20.0]
    for wrong in ({"do": "keep", "guess": "x"}, {"do": "pool", "text": 1}, {"do": "pool", "text": "x" * 200_001}, "hi"):
        share._on_message(share, wrong, [])
        assert share.status.startswith("expected")


def test_without_a_kernel_its_still_says_the_same(which):
    which.keep("none")
    data, metadata = which._repr_mimebundle_()
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert metadata["image/png"]["alt"] == "Which paints the handle? You predicted none."
