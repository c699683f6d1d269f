"""The student's own MAG-Edit: the course's pieces equal the library, and each check says what is wrong with a slip."""

import inspect
import re

import jupytext
import pytest
import torch
from magedit_lab.course import mine, my_magedit
from magedit_lab.course.exercises import pieces as checks
from test_notebooks import NOTEBOOKS, SOURCES, build

import magedit_lab as mag


@pytest.mark.parametrize("name", mine.PIECES)
def test_every_piece_of_the_course_passes_its_check(name):
    verdict = mine.CHECKS[name](getattr(my_magedit, name))
    assert verdict.right, verdict


def test_all_pieces_together_have_the_librarys_latent_to_the_last_bit():
    given = checks._lesson()
    found = my_magedit.mag_edit(given, given.noise, checks.NUDGES, checks.DELTA)
    base = mag.PromptToPrompt(blend=mag.methods.shared.blend.LATE)
    method = mag.MagEdit(base=base, iterations=checks.NUDGES, step_size=checks.DELTA)
    *_, step = mag.edit(given.net, given.task, given.path, method)
    assert torch.equal(found, step.target)


def test_mag_edit_has_at_most_40_lines():
    lines = [line for name in mine.PIECES for line in inspect.getsource(getattr(my_magedit, name)).splitlines() if line]
    assert len(lines) <= 40


def test_the_solutions_of_the_notebooks_are_these_pieces():
    solved = "\n".join(
        cell.source
        for name in SOURCES
        for cell in jupytext.read(NOTEBOOKS / "source" / f"{name}.py").cells
        if "solution" in build.tags(cell)
    )
    for name in mine.PIECES:
        source = re.sub(r"\n\n", "\n", inspect.getsource(getattr(my_magedit, name))).strip()
        assert source in re.sub(r"\n\n", "\n", solved), name


def test_a_stub_is_not_kept_and_a_right_piece_is(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def nudge(z, gradient, mask, delta):
        return None

    assert not mine.keep(nudge).right
    assert not (tmp_path / mine.FILE).exists()
    assert mine.keep(my_magedit.nudge).right
    assert "def nudge(" in (tmp_path / mine.FILE).read_text()
    assert mine.keep(my_magedit.inject).right
    found = mine.pieces("nudge", "token_ratio")
    assert capsys.readouterr().out.strip() == "nudge: yours, token_ratio: the course's"
    assert found[0](torch.ones(1), torch.ones(1), 1.0, 0.25) == 0.75


def test_a_kept_piece_that_was_spoilt_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert mine.keep(my_magedit.nudge).right
    file = tmp_path / mine.FILE
    file.write_text(file.read_text().replace("z - mask", "z + mask"))
    with pytest.raises(ValueError, match=r"expected nudge of my_magedit\.py to pass its check"):
        mine.pieces("nudge")


def test_other_names_are_not_kept():
    assert "keep the name" in mine.keep(len).words


@pytest.mark.parametrize(
    ("slip", "words"),
    [
        (lambda source, origin: lambda probs: source[..., origin], "took column -1"),
        (lambda source, origin: lambda probs: torch.where(origin >= 0, source, probs), "same number"),
        (lambda source, origin: lambda probs: probs, "a common token should take"),
        (lambda source, origin: None, "returns None"),
    ],
)
def test_slips_of_injection_are_named(slip, words):
    verdict = checks.check_inject(slip)
    assert not verdict.right
    assert words in verdict.words


def test_slips_of_reading_and_inverting_are_named():
    def forgetful(net, z, t, text, names, change={}):  # noqa: B006
        maps = {}
        hooks = {name: mag.model.hooks.recorder(maps, name) for name in names}
        net.predict(z, t, text, hooks, until=names[-1])
        return maps

    assert "after the change" in checks.check_maps(forgetful).words
    backwards = lambda net, z, text, times: my_magedit.invert(net, z, text, times)[::-1]  # noqa: E731
    assert "in the other order" in checks.check_invert(backwards).words
    assert "one more than there are steps" in checks.check_invert(lambda net, z, text, times: [z]).words
