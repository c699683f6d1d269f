"""TabletopBench against the scenes that it is drawn from."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

import magedit_lab as mag
from magedit_lab import scenes, training
from magedit_lab.bench import tabletop


def test_tabletop_bench_is_balanced_and_fixed():
    found, again = (list(tabletop.cases(16)) for _ in range(2))
    kinds = [(c.change, c.complex) for c in found]
    assert all(kinds.count(pair) == 2 for pair in itertools.product(tabletop.CHANGES, (False, True)))
    assert [c.task.target for c in found] == [c.task.target for c in again]
    assert all(np.array_equal(a.task.image, b.task.image) for a, b in zip(found, again, strict=True))


@pytest.mark.parametrize("number", range(8))
def test_the_ideal_edit_differs_from_the_source_just_at_the_object(number):
    case = tabletop.case(number, tabletop.FIRST + number)
    difference = np.abs(np.asarray(case.ideal, int) - np.asarray(case.task.image, int)).max(-1) > 8
    inside = case.task.region.numpy() > 0.01
    if case.change != "object":
        assert not (difference & ~inside).any()
    assert (difference & inside).sum() > 0.05 * inside.sum()
    assert case.phrase not in case.rivals
    assert case.phrase.split()[-1] in scenes.KINDS


@pytest.mark.parametrize("number", range(40))
def test_complex_cases_do_not_tell_look_alikes_apart(number):
    case = tabletop.case(number, tabletop.FIRST + number)
    things = case.task.source.split(" on ")[0].replace(" and ", ", ").split(", ")
    assert (len(set(things)) < 3) == case.complex
    assert all(w in case.task.target.replace(",", "").split() for w in case.task.words)


def test_no_case_is_on_a_scene_of_training():
    assert tabletop.FIRST >= scenes.HELD_OUT > training.Plan.gpu().pictures


def test_tuning_has_the_same_kinds_of_cases_on_scenes_of_its_own():
    own, theirs = list(tabletop.tuning(16)), list(tabletop.cases(16))
    assert [(c.change, c.complex) for c in own] == [(c.change, c.complex) for c in theirs]
    assert not {c.name for c in own} & {c.name for c in theirs}
    assert not {c.task.image.tobytes() for c in own} & {c.task.image.tobytes() for c in theirs}
    assert tabletop.FIRST_TUNING + 200 < tabletop.FIRST


@pytest.mark.parametrize("number", range(16))
def test_a_negative_prompt_is_what_the_object_has_now_and_the_source_prompt_does_not_say(number):
    case = tabletop.case(number, tabletop.FIRST + number)
    if case.negative is None:
        assert case.change in ("object", "removal")
        return
    prompt, word = case.negative
    assert word in mag.prompts.words.split(prompt)
    assert word not in mag.prompts.words.split(case.task.source)
    task = mag.Task(case.task.image, case.task.mask, case.task.source, case.task.target, case.task.words,
                    negative=prompt, negative_words=word)  # fmt: skip
    assert task.negative_words == (word,)


def test_a_cases_digest_is_of_all_that_its_scores_depend_on():
    case = tabletop.case(4, tabletop.FIRST + 4)
    task = case.task
    others = [
        replace(case, ideal=task.image), replace(case, rivals=case.rivals[1:]), replace(case, negative=None),
        replace(case, phrase="a box"), replace(case, change="texture"),
        *(replace(case, task=other) for other in (
            replace(task, negative="a mug", negative_words=["mug"]), replace(task, image=case.ideal),
            replace(task, mask=1 - task.region), replace(task, source=f"{task.source}."),
        )),
    ]  # fmt: skip
    assert len({case.digest, *(other.digest for other in others)}) == 1 + len(others)
    assert replace(case, name="other").digest == case.digest
