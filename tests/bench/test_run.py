"""A benchmark that can be interrupted anywhere, and ablations of one setting."""

import itertools
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import magedit_lab as mag
from magedit_lab.bench import ablations, rows, tabletop
from magedit_lab.bench import run as benchmark
from magedit_lab.methods.base import Plain
from magedit_lab.model.hooks import count_forwards

SHOWN = [benchmark.Setting(n, m, mag.DDIM(steps=2)) for n, m in (("plain", Plain()), ("p2p", mag.PromptToPrompt()))]


def run(net, out, judges, count=2):
    return list(benchmark.measure(net, list(tabletop.cases(count)), SHOWN, judges, out))


def without_time(rows):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def test_an_interrupted_benchmark_resumes_where_it_was(net, judges, tmp_path):
    straight = run(net, tmp_path / "straight", judges)
    part = benchmark.measure(net, list(tabletop.cases(2)), SHOWN, judges, tmp_path / "resumed")
    list(itertools.islice(part, 3))
    part.close()
    with (tmp_path / "resumed" / "rows.jsonl").open("a") as file:
        file.write('{"case": "tabletop-001", "setti')  # cut short
    resumed = run(net, tmp_path / "resumed", judges)
    for row, other in zip(without_time(resumed), without_time(straight), strict=True):
        words = {k for k, v in row.items() if isinstance(v, str)}
        assert {k: row[k] for k in words} == {k: other[k] for k in words}
        assert {k: row[k] for k in row.keys() - words} == pytest.approx(
            {k: other[k] for k in other.keys() - words}, rel=1e-6
        )
    assert len((tmp_path / "resumed" / "rows.jsonl").read_text().splitlines()) == 4


def test_rows_count_the_calls_of_the_u_net(net, judges, tmp_path):
    plain, p2p = run(net, tmp_path, judges, 1)
    assert plain["calls"] == 2 + 2 * 2 * 2  # inversion, then source and target with two passes each, unpinned
    assert p2p["calls"] == plain["calls"]


def test_done_rows_are_not_run_again(net, judges, tmp_path):
    run(net, tmp_path, judges)
    with count_forwards() as calls:
        run(net, tmp_path, judges)
    assert calls.forwards == 0


def test_a_folder_measured_with_other_settings_is_refused_and_kept(net, judges, tmp_path):
    run(net, tmp_path, judges, 1)
    before = (tmp_path / "rows.jsonl").read_bytes()
    other = [benchmark.Setting("p2p", mag.PromptToPrompt(), mag.DDIM(steps=3))]
    with pytest.raises(ValueError, match=r"measured with p2p = .*steps=3.*take another --out"):
        list(benchmark.measure(net, list(tabletop.cases(1)), other, judges, tmp_path))
    assert (tmp_path / "rows.jsonl").read_bytes() == before


def test_a_start_that_measured_nothing_does_not_bind_the_folder(net, judges, tmp_path):
    other = [benchmark.Setting("p2p", mag.PromptToPrompt(), mag.DDIM(steps=3))]
    next(benchmark.measure(net, list(tabletop.cases(1)), other, judges, tmp_path))
    (tmp_path / "rows.jsonl").unlink()
    assert len(run(net, tmp_path, judges, 1)) == len(SHOWN)


def test_rows_without_the_settings_that_they_go_back_to_are_refused(net, judges, tmp_path):
    run(net, tmp_path, judges, 1)
    for content, message in (("{}", "measured with model = .*, got None"), ("[]", "to hold a dict, got list")):
        (tmp_path / "settings.json").write_text(content)
        with pytest.raises(ValueError, match=message):
            run(net, tmp_path, judges, 1)


def test_rows_of_another_task_of_the_same_name_are_refused(net, judges, tmp_path):
    run(net, tmp_path, judges, 1)
    (case,) = tabletop.cases(1)
    other = replace(case, task=replace(case.task, target=case.task.target.replace(" on ", " upon ")))
    with pytest.raises(ValueError, match="got one of another task of that name; take another --out"):
        list(benchmark.measure(net, [other], SHOWN, judges, tmp_path))
    with pytest.raises(ValueError, match="a name of its own for each case, got 'tabletop-000' twice"):
        list(benchmark.measure(net, [case, case], SHOWN, judges, tmp_path))


@pytest.mark.parametrize("line", ["{", "null", "[]", "{}", '{"case": [], "setting": "a", "change": "b"}', "",
                                  '{"case": "a", "setting": "a", "change": "b", "clip": "high"}'])  # fmt: skip
def test_a_broken_row_is_named(tmp_path, line):
    good = '{"case": "a", "setting": "p2p", "change": "colour", "clip": 3}'
    (tmp_path / "rows.jsonl").write_text(f"{good}\n{line}\n{good}\n")
    with pytest.raises(ValueError, match=r"rows.jsonl, line 2: expected a row of scores, got .*; remove that line"):
        benchmark.load(tmp_path)


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "a/b", "a\\b", "", "..", "x" * 200, "a\0b", "a\nb"])
def test_a_case_can_not_be_written_elsewhere(name):
    (case,) = tabletop.cases(1)
    with pytest.raises(ValueError, match="expected a name that can begin a file's"):
        replace(case, name=name)


def test_references_are_the_source_and_the_ideal_edit(net, judges):
    listed = list(tabletop.cases(4))
    rows = list(benchmark.references(net, listed, judges))
    assert [r["setting"] for r in rows] == ["(source)", "(ideal edit)"] * 4
    for source, ideal, case in zip(rows[::2], rows[1::2], listed, strict=True):
        assert source["structure"] == 0
        assert source["mse"] == 0
        assert ideal["ideal"] == 0
        assert source["ideal"] > 0
        assert (ideal["success"] == 1) or case.change != "colour"


def test_the_interval_is_the_bootstraps():
    mean, low, high = benchmark.interval([0.0, 1.0] * 50)
    assert mean == 0.5
    assert low == pytest.approx(0.5 - 1.96 * 0.05, abs=0.02)
    assert high == pytest.approx(0.5 + 1.96 * 0.05, abs=0.02)
    assert benchmark.interval([3.0]) == (3.0, 3.0, 3.0)


def test_every_ablation_turns_one_setting_only():
    method, inversion = mag.MagEdit(step_size=10.0), mag.NullText(steps=10)
    groups = ablations.settings(method, inversion)
    turned = {"iterations": "iterations", "guided": "stop_step", "step": "step_size", "lambda": "lam",
              "negative": "lambda_ng", "base": "base", "loss": "loss", "inversion": "loss"}  # fmt: skip
    for name, group in groups.items():
        assert len({s.name for s in group}) == len(group) >= 2
        same = replace(method, loss="spatial_ratio") if name == "lambda" else method
        assert all(replace(s.method, **{turned[name]: getattr(same, turned[name])}) == same for s in group), name
        assert name == "inversion" or {s.inversion for s in group} == {inversion}
        assert all(s.name.startswith(f"{name}=") for s in group)
    assert [s.method.iterations for s in groups["iterations"]] == list(ablations.ITERATIONS)
    assert [s.method.stop_step for s in groups["guided"]] == [0, 2, 4, 5, 6, 8, 10]
    assert {type(s.inversion).__name__ for s in groups["inversion"]} == {"NullText", "DDIM", "NegativePrompt", "Direct"}


def test_an_ablation_is_plotted_with_its_intervals():
    rows = [{"setting": f"step={v}", "success": float(i % 2), "structure": 0.1 * v} for v in (1, 2) for i in range(4)]
    plot = mag.plots.ablation(benchmark.summary(rows), "step")
    assert plot.sentence == "Success and structure distance over step: 1, 2"
    means = [[y for _, y in axes.containers[0].lines[0].get_xydata()] for axes in plot.axes]
    np.testing.assert_allclose(means, [[0.5, 0.5], [0.1, 0.2]])
    pictures = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    with_pictures = mag.plots.ablation(benchmark.summary(rows), "step", [pictures, pictures])
    shown = [axes.images[0].get_array() for axes in with_pictures.axes if axes.images]
    np.testing.assert_array_equal(
        np.array([image[0, 0] for image in shown]), [np.asarray(p)[0, 0] for p in 2 * pictures]
    )
    with pytest.raises(ValueError, match="a source and 2 edits, got one of 2 pictures"):
        mag.plots.ablation(benchmark.summary(rows), "step", [pictures[:2]])


def test_every_case_belongs_to_one_shard():
    names = [case.name for case in tabletop.cases(11)]
    parts = [list(rows.Shard(i, 3).of(names)) for i in (1, 2, 3)]
    assert sorted(name for part in parts for name in part) == sorted(names)
    assert [len(part) for part in parts] == [4, 4, 3]


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/2/3"])
def test_a_shard_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="expected a shard"):
        rows.Shard.parse(text)


def test_shards_have_files_of_their_own_and_are_merged_when_read(net, judges, tmp_path):
    cases = list(tabletop.cases(3))
    for i in (1, 2):
        list(benchmark.measure(net, cases, SHOWN, judges, tmp_path, rows.Shard(i, 2)))
    assert {path.name for path in tmp_path.glob("rows*")} == {"rows.1-of-2.jsonl", "rows.2-of-2.jsonl"}
    merged = {(row["case"], row["setting"]) for row in benchmark.load(tmp_path)}
    assert merged == {(case.name, setting.name) for case in cases for setting in SHOWN}
    with count_forwards() as calls:
        assert len(run(net, tmp_path, judges, 3)) == 6
    assert calls.forwards == 0


def test_what_another_process_has_under_way_is_waited_for_and_not_done_twice(net, judges, tmp_path):
    """Another process holds the first piece, writes its row and ends, while ours does the rest."""
    case = next(iter(tabletop.cases(1)))
    (theirs,) = benchmark.measure(net, [case], SHOWN[:1], judges, tmp_path / "other")
    out = tmp_path / "shared"
    out.mkdir()
    code = (
        "import sys, json, time, pathlib; from magedit_lab.bench import rows; out = pathlib.Path(sys.argv[1])\n"
        "with rows.claim(out, sys.argv[2], sys.argv[3]):\n"
        "    print('held', flush=True); sys.stdin.readline(); rows.append(out / 'rows.jsonl', json.loads(sys.argv[4]))"
    )
    given = [sys.executable, "-c", code, str(out), case.name, SHOWN[0].name, json.dumps(theirs)]
    with subprocess.Popen(given, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        ours = benchmark.measure(net, [case], SHOWN, judges, out)
        assert next(ours)["setting"] == SHOWN[1].name
        other.stdin.write("go on\n")
        other.stdin.close()
        assert next(ours) == theirs
    assert len(benchmark.load(out)) == len((out / "rows.jsonl").read_text().splitlines()) == 2


def test_a_killed_process_leaves_its_piece_to_others(tmp_path):
    code = (
        "import sys, time, pathlib; from magedit_lab.bench import rows\n"
        "with rows.claim(pathlib.Path(sys.argv[1]), 'piece'): print('held', flush=True); time.sleep(600)"
    )
    given = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(given, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with rows.claim(tmp_path, "piece", wait=False) as held:
            assert not held
        other.kill()
        other.wait()
    with rows.claim(tmp_path, "piece", wait=False) as held:
        assert held
