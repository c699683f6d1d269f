import io

import numpy as np
import pytest
import traitlets
from magedit_lab.widgets.compare import Compare
from PIL import Image

import magedit_lab as mag


@pytest.fixture(scope="module")
def traces(net, task, path):
    methods = {"P2P": mag.PromptToPrompt(), "MAG-Edit": mag.MagEdit(iterations=1)}
    return {name: mag.run(net, task, path, method, mag.Keep(previews=False)) for name, method in methods.items()}


@pytest.fixture
def compare(traces):
    return Compare(traces)


def test_source_and_results_go_to_the_browser_unchanged(compare, traces, task):
    assert (compare.left, compare.right) == ("source", "MAG-Edit")
    wanted = {"source": task.image, **{name: trace.result for name, trace in traces.items()}}
    assert compare._meta["names"] == list(wanted)
    for name, picture in wanted.items():
        with Image.open(io.BytesIO(compare._pictures[name])) as shown:
            assert np.array_equal(np.asarray(shown), np.asarray(picture)), name


def test_the_scores_are_the_librarys(compare, traces):
    wanted = {name: mag.bench.scores.spoken(mag.bench.scores.of(trace)) for name, trace in traces.items()}
    assert compare._meta["scores"] == wanted
    assert wanted["P2P"][0] in compare.sentence


def test_scores_can_be_passed_and_pictures_have_none_of_their_own(task):
    picture = Image.new("RGB", (20, 20), "navy")
    compare = Compare({"mine": picture}, source=task.image, scores={"mine": {"votes": 12.0}})
    assert compare._meta["scores"] == {"mine": ["votes 12"]}
    assert compare._meta["mask"] == [0, 0]
    assert compare._mask == b""
    assert Compare({"mine": picture}).left == "mine"


def test_the_outline_is_that_of_the_task(compare, task):
    width, height = compare._meta["mask"]
    cells = np.frombuffer(compare._mask, np.uint8).reshape(height, width)
    np.testing.assert_array_equal(cells, mag.masks.to_cells(task.region, height, width))


@pytest.mark.parametrize(
    "state",
    [{"left": "nobody"}, {"right": ""}, {"position": 1.5}, {"zoom": 0.5}, {"zoom": 9.0}, {"centre": [0.5, 2.0]},
     {"centre": [0.5]}, {"outlined": "yes"}],
)  # fmt: skip
def test_what_is_not_there_is_refused_and_told(compare, state):
    name, value = next(iter(state.items()))
    before = getattr(compare, name)
    compare.set_state(state)
    assert getattr(compare, name) == before
    assert compare.status
    with pytest.raises(traitlets.TraitError):
        setattr(compare, name, value)


def test_the_browser_moves_slider_zoom_and_choice(compare):
    compare.set_state({"left": "P2P", "position": 0.25, "zoom": 4.0, "centre": [0.2, 0.8]})
    assert (compare.left, compare.position, compare.zoom, compare.centre) == ("P2P", 0.25, 4.0, [0.2, 0.8])
    assert compare.sentence.startswith("“P2P” against “MAG-Edit”, of 3 pictures")


@pytest.mark.parametrize(
    ("results", "words"),
    [({}, "expected results"), ({"source": Image.new("RGB", (8, 8))}, "expected results by names other than 'source'")],
)
def test_no_results_are_refused(results, words):
    with pytest.raises(ValueError, match=words):
        Compare(results)


def test_an_unfinished_run_and_scores_of_nothing_are_refused(task, traces):
    with pytest.raises(ValueError, match="expected a finished trace for 'half'"):
        Compare({"half": mag.Trace(task)})
    with pytest.raises(ValueError, match="expected scores of source, P2P, MAG-Edit, got some of 'nobody'"):
        Compare(traces, scores={"nobody": {}})
