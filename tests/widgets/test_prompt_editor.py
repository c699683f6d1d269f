import base64
import io

import numpy as np
import pytest
import traitlets
from magedit_lab.widgets.prompt_editor import PromptEditor
from PIL import Image

import magedit_lab as mag
from magedit_lab import training
from magedit_lab.prompts import checks

SOURCE, TARGET = "a ball on a table", "a red ball on a desk"


@pytest.fixture(scope="module")
def tokenizer():
    return training.new_tokenizer()


@pytest.fixture
def editor(tokenizer):
    return PromptEditor(tokenizer, SOURCE, TARGET, ["red"])


def test_what_is_shown_is_the_librarys(editor, tokenizer):
    for name, prompt in (("source", SOURCE), ("target", TARGET)):
        assert [t["text"] for t in editor._tokens[name]] == mag.prompts.words.tokens(tokenizer, prompt)
    assert [tuple(p) for p in editor._pairs] == checks.pairs(tokenizer, SOURCE, TARGET)
    assert editor._tokens["negative"] == []


def test_a_task_takes_its_prompts(editor, task):
    editor.set_state({"negative": "a blue ball", "negative_words": ["blue"]})
    made = mag.Task(task.image, task.mask, **editor.prompts)
    assert (made.source, made.target, made.words) == (SOURCE, TARGET, ("red",))
    assert (made.negative, made.negative_words) == ("a blue ball", ("blue",))


def test_warnings_are_the_librarys_refusals_and_go_when_all_is_well(editor, tokenizer):
    assert editor.warnings == []
    for change in ({"words": ["green"]}, {"words": []}, {"negative": "a cube"}, {"target": ""}):
        before = {name: getattr(editor, name) for name in change}
        editor.set_state(change)
        given = (editor.source, editor.target, editor.words, editor.negative or None, editor.negative_words)
        assert editor.warnings == checks.refusals(tokenizer, *given)
        assert editor.warnings
        with pytest.raises(ValueError, match=r"expected|word"):
            _ = editor.prompts
        editor.set_state(before)
        assert editor.warnings == []


def test_a_word_of_both_prompts_is_for_other_methods_than_mag_edit(editor, tokenizer):
    editor.set_state({"words": ["ball"]})
    assert editor.warnings == checks.unguided(tokenizer, SOURCE, TARGET, ["ball"])
    assert "stands in both prompts" in editor.warnings[0]
    assert editor.status.startswith("MAG-Edit would be refused: 1 reason above")
    assert editor.prompts["words"] == ["ball"]
    editor.set_state({"words": ["red"]})
    assert (editor.warnings, editor.status) == ([], editor.sentence)


def test_a_prompt_that_is_too_long_is_told_and_no_half_of_it_shown(editor):
    editor.target = "ball " * 100
    assert any("tokens, the model reads" in line for line in editor.warnings)
    assert editor._tokens == {"source": [], "target": [], "negative": []}
    assert editor._pairs == []
    editor.set_state({"source": "a" * 3000})
    assert editor.source == SOURCE
    assert editor.status.startswith("expected a prompt of 2000 letters")
    with pytest.raises(traitlets.TraitError):
        editor.words = [3]


def test_a_hostile_prompt_stays_text(editor):
    editor.source = "<img src=x onerror=alert(1)> $x$"
    assert editor.source in editor.sentence
    assert editor.still()


@pytest.mark.parametrize("empty", [False, True])
def test_a_page_without_a_kernel_shows_a_picture_and_a_sentence(editor, tokenizer, empty):
    widget = PromptEditor(tokenizer) if empty else editor
    data, metadata = widget._repr_mimebundle_()
    assert data["text/plain"] == widget.sentence == metadata["image/png"]["alt"]
    with Image.open(io.BytesIO(base64.b64decode(data["image/png"]))) as picture:
        assert np.asarray(picture.convert("L")).std() > 5
    assert repr(widget) == f"PromptEditor: {widget.sentence}"
