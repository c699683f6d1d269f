"""Figures draw what a user wrote, whatever it is."""

import numpy as np
import pytest
from PIL import Image

import magedit_lab as mag
from magedit_lab.plots import style

HOSTILE = ["$x_1$", "$\\frac$", "a $ b $ c", "\\mathbf{", "$", "\U0002005a", "_{", "<b>", "%#$^{"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_of_any_letters_is_drawn(text):
    picture = Image.new("RGB", (8, 8), "navy")
    assert mag.plots.pictures({text: picture}, text).png()


@pytest.mark.parametrize("text", HOSTILE)
def test_a_prompt_of_any_letters_is_drawn_with_its_word_in_bold(text):
    mask = np.zeros((64, 64), np.float32)
    mask[10:30, 10:30] = 1
    for words in (["red"], [text] if mag.prompts.words.split(text) else ["red"]):
        task = mag.Task(Image.new("RGB", (64, 64), "navy"), mask, f"a {text} ball", f"a {text} red ball", words)
        assert mag.plots.task(task).png()


def test_a_dollar_is_drawn_as_it_stands_and_ticks_stay_formulas():
    figure = style.figure(3.0, 3.0, "a sentence")
    axes = figure.subplots()
    axes.plot([1, 1000])
    axes.set_yscale("log")
    axes.set_title("$x_1$")
    figure.suptitle(style.emphasised("a $5 red ball", ["red"]))
    figure.png()
    assert not axes.title.get_parse_math()
    assert figure._suptitle.get_text() == r"a \$5 $\mathbf{red}$ ball"
    assert all(tick.get_parse_math() for tick in axes.get_yticklabels() if tick.get_text())
