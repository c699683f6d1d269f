from dataclasses import dataclass, fields, is_dataclass

import pytest

import magedit_lab as mag
from magedit_lab import settings

EVERY = {**mag.METHODS, **mag.INVERSIONS}


@pytest.mark.parametrize("name", EVERY)
def test_a_table_put_back_changes_nothing(name):
    one = EVERY[name]
    assert settings.change(one, {s.name: s.value for s in settings.table(one)}) == one


@pytest.mark.parametrize("name", EVERY)
def test_every_setting_of_the_table_can_be_changed(name):
    for setting in settings.table(EVERY[name]):
        others = setting.choices if setting.kind == "choice" else (not setting.value,)
        if setting.kind in ("whole", "maybe-whole"):
            others = (3,)
        elif setting.kind == "number":
            others = (setting.value / 2 or 0.5,)
        for value in others:
            found = {s.name: s.value for s in settings.table(settings.change(EVERY[name], {setting.name: value}))}
            assert found[setting.name] == value


def test_nested_settings_have_dotted_names():
    changed = settings.change(mag.MagEdit(), {"base.blend.grow": 2, "base.mode": "swap", "iterations": 3})
    assert changed == mag.MagEdit(
        base=mag.PromptToPrompt(mode="swap", blend=mag.MaskBlend(start=0.7, grow=2)), iterations=3
    )


@pytest.mark.parametrize(
    "wrong",
    [{"iterations": 1.5}, {"iterations": True}, {"iterations": "3"}, {"step_size": None}, {"loss": "charm"},
     {"all_tokens": 1}, {"by_sigma": 1}, {"zeal": 3}, {"base.mode": "burn"}, {"step_size": float("nan")},
     {"stop_step": 1.5}, {"iterations": -1}],
)  # fmt: skip
def test_a_wrong_value_is_refused_in_one_line(wrong):
    with pytest.raises(ValueError, match=r"^expected [^\n]*got[^\n]*$"):
        settings.change(mag.MagEdit(), wrong)


def test_a_number_written_without_its_point_is_a_number_still():
    @dataclass(frozen=True)
    class Own:
        step_size: float = 5
        share: float | tuple[float, float] = 1
        iterations: int = 15

    assert {s.name: s.kind for s in settings.table(Own())} == {
        "step_size": "number", "share": "number", "iterations": "whole",
    }  # fmt: skip
    assert settings.change(Own(), {"step_size": 1.25}).step_size == 1.25


def test_the_form_has_every_setting_that_is_a_text():
    def texts(made):
        for f in fields(made):
            value = getattr(made, f.name)
            if is_dataclass(value):
                yield from texts(value)
            elif isinstance(value, str):
                yield f.name, value in f.metadata.get("choices", ())

    for made in (*mag.METHODS.values(), *mag.INVERSIONS.values()):
        assert [name for name, known in texts(made) if not known] == []


@pytest.mark.parametrize("name", EVERY)
def test_every_setting_of_the_table_says_what_it_does(name):
    assert [row.name for row in settings.table(EVERY[name]) if not row.help] == []


@pytest.mark.parametrize("name", EVERY)
def test_a_value_out_of_range_is_refused_in_one_line(name):
    for row in settings.table(EVERY[name]):
        for bound, beyond in ((row.least, -1), (row.most, 1)):
            if bound is not None:
                with pytest.raises(ValueError, match=r"^expected [^\n]*got[^\n]*$"):
                    settings.change(EVERY[name], {row.name: bound + beyond})
