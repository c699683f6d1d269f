"""Scores against literal formulas; cases against their scenes; a benchmark that can be interrupted anywhere."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import magedit_lab as mag
from magedit_lab import ablations, benchmark, cases, metrics, report, scenes, training
from magedit_lab.methods.plain import Plain
from magedit_lab.training.clip import new_clip, new_processor

SHOWN = [benchmark.Setting(n, m, mag.DDIM(steps=2)) for n, m in (("plain", Plain()), ("p2p", mag.PromptToPrompt()))]


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory):
    torch.manual_seed(0)
    folder, tokenizer = tmp_path_factory.mktemp("clip"), training.new_tokenizer()
    new_clip(tokenizer).save_pretrained(folder)
    new_processor(tokenizer).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def judges(clip_folder):
    return benchmark.Judges.load(str(clip_folder), str(clip_folder))


# ---------------------------------------------------------------- metrics


def noisy(image, seed=0):
    array = np.asarray(image).astype(int) + np.random.default_rng(seed).integers(-20, 20, (*image.size[::-1], 3))
    return Image.fromarray(array.clip(0, 255).astype(np.uint8))


def test_background_scores_see_the_outside_only_and_average_over_the_frame(task):
    mask = task.region.numpy()
    changed = np.array(task.image)
    changed[mask >= 0.5] = 0
    same = metrics.background(task.image, Image.fromarray(changed), mask)
    assert same == {"psnr": float("inf"), "mse": 0.0, "ssim": pytest.approx(1.0)}
    other = noisy(task.image)
    difference = (np.asarray(task.image) / 255 - np.asarray(other) / 255)[mask < 0.5]
    expected = (difference**2).sum() / mask.size / 3
    found = metrics.background(task.image, other, mask)
    assert found["mse"] == pytest.approx(expected)
    assert found["psnr"] == pytest.approx(10 * np.log10(1 / expected))
    assert 0 < found["ssim"] < 1


def test_the_error_to_the_ideal_is_that_inside_the_mask(task):
    mask, other = task.region.numpy(), noisy(task.image)
    difference = (np.asarray(task.image) / 255 - np.asarray(other) / 255)[mask >= 0.5]
    assert metrics.error_to_ideal(other, task.image, mask) == pytest.approx(np.sqrt((difference**2).mean()))


def test_the_crop_is_the_masks_box(task):
    rows, columns = np.nonzero(task.region.numpy())
    assert metrics.crop(task.image, task.region.numpy()).size == (np.ptp(columns) + 1, np.ptp(rows) + 1)


def test_clip_scores_are_transformers_own(judges, task):
    clip = judges.clip
    given = clip.processor(text=["a red ball"], images=[task.image], return_tensors="pt", padding=True)
    with torch.no_grad():
        image = clip.model.get_image_features(given["pixel_values"])
        text = clip.model.get_text_features(given["input_ids"], given["attention_mask"])
    image, text = (x if isinstance(x, torch.Tensor) else x.pooler_output for x in (image, text))
    cosine = torch.cosine_similarity(image, text).item()
    assert clip.score(task.image, "a red ball") == pytest.approx(max(100 * cosine, 0), abs=1e-3)


def test_structure_distance_is_the_tables_of_cosines_compared(judges, task):
    a, b = task.image, task.image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    assert judges.structure.distance(a, a) == 0
    model, tables = judges.structure.model, []
    for picture in (a, b):
        small = picture.resize((128, 128), Image.Resampling.BICUBIC)
        x = torch.from_numpy(np.array(small)).permute(2, 0, 1)[None].float() / 127.5 - 1
        with torch.no_grad():
            *_, before, _ = model(x, output_hidden_states=True).hidden_states
            layer = model.encoder.layers[-1]
            keys = layer.self_attn.k_proj(layer.layer_norm1(before))[0]
        tables.append(torch.cosine_similarity(keys[:, None], keys[None], dim=-1))
    assert judges.structure.distance(a, b) == pytest.approx((tables[0] - tables[1]).square().mean().item(), rel=1e-4)


def test_structure_reads_a_dino(tmp_path, task):
    from transformers import ViTConfig, ViTModel

    config = ViTConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, image_size=64)
    ViTModel(config, add_pooling_layer=False).save_pretrained(tmp_path)
    structure = metrics.Structure(str(tmp_path))
    assert structure.distance(task.image, task.image) == 0
    assert structure.distance(task.image, task.image.rotate(90)) > 0


@pytest.mark.parametrize("judge", [metrics.Clip, metrics.Structure])
def test_a_missing_judge_is_named_in_one_line(judge, tmp_path):
    with pytest.raises(ValueError, match="cannot load") as error:
        judge(str(tmp_path / "none"))
    assert "\n" not in str(error.value)


# ---------------------------------------------------------------- cases


def test_tabletop_bench_is_balanced_and_fixed():
    found, again = (list(cases.tabletop(16)) for _ in range(2))
    kinds = [(c.change, c.complex) for c in found]
    assert all(kinds.count(pair) == 2 for pair in itertools.product(cases.CHANGES, (False, True)))
    assert [c.task.target for c in found] == [c.task.target for c in again]
    assert all(np.array_equal(a.task.image, b.task.image) for a, b in zip(found, again, strict=True))


@pytest.mark.parametrize("number", range(8))
def test_the_ideal_edit_differs_from_the_source_just_at_the_object(number):
    case = cases.tabletop_case(number, cases.FIRST + number)
    difference = np.abs(np.asarray(case.ideal, int) - np.asarray(case.task.image, int)).max(-1) > 8
    inside = case.task.region.numpy() > 0.01
    if case.change != "object":
        assert not (difference & ~inside).any()
    assert (difference & inside).sum() > 0.05 * inside.sum()
    assert case.phrase not in case.rivals
    assert case.phrase.split()[-1] in scenes.KINDS


@pytest.mark.parametrize("number", range(40))
def test_complex_cases_do_not_tell_look_alikes_apart(number):
    case = cases.tabletop_case(number, cases.FIRST + number)
    things = case.task.source.split(" on ")[0].replace(" and ", ", ").split(", ")
    assert (len(set(things)) < 3) == case.complex
    assert all(w in case.task.target.replace(",", "").split() for w in case.task.words)


def test_no_case_is_on_a_scene_of_training():
    assert cases.FIRST >= scenes.HELD_OUT > training.Plan.gpu().pictures


@pytest.fixture
def pie(tmp_path):
    """PIE-Bench's published layout, with one entry to edit, one whole-picture mask and one that only deletes."""
    (tmp_path / "annotation_images" / "6_colour").mkdir(parents=True)
    scenes.sample(1).image.resize((512, 512)).save(tmp_path / "annotation_images" / "6_colour" / "a.jpg")
    entry = {
        "image_path": "6_colour/a.jpg", "original_prompt": "a ball on a table", "editing_type_id": "6",
        "editing_prompt": "a [green] ball on a table", "editing_instruction": "", "blended_word": "ball ball",
        "mask": [512 * 100 + 40, 30, 512 * 101 + 40, 30],
    }  # fmt: skip
    whole = entry | {"mask": [0, 512 * 512]}
    gone = entry | {"editing_prompt": "a table"}
    within = entry | {"original_prompt": "a covered Ball", "editing_prompt": "a [red] covered ball"}
    entries = {"a": entry, "b": whole, "c": gone, "d": within}
    (tmp_path / "mapping_file.json").write_text(json.dumps(entries))
    return tmp_path


def test_pie_bench_is_read_as_published(pie):
    case, within = cases.pie_bench(pie)
    assert (case.name, case.change, case.task.words) == ("a", "6", ("green",))
    assert within.task.words == ("red",)  # which "covered" holds as letters, not as a word
    assert case.task.target == "a green ball on a table"
    expected = np.zeros((512, 512), np.float32)
    expected[100:102, 40:70] = 1
    expected[[0, -1]] = expected[:, [0, -1]] = 1
    assert np.array_equal(case.task.region.numpy(), expected)


def test_ted_bench_is_read_with_the_masks_that_it_lacks(tmp_path):
    (tmp_path / "masks").mkdir()
    scenes.sample(1).image.save(tmp_path / "dog.jpeg")
    Image.fromarray(np.pad(np.full((40, 40), 255, np.uint8), 108)).save(tmp_path / "masks" / "dog.png")
    (tmp_path / "input_list.json").write_text(json.dumps([{"img_name": "dog.jpeg", "target_text": "a sitting dog"}]))
    with pytest.raises(ValueError, match=r"sources\.json"):
        list(cases.ted_bench(tmp_path))
    (tmp_path / "sources.json").write_text(json.dumps({"dog.jpeg": {"source": "a dog", "words": ["sitting"]}}))
    (case,) = cases.ted_bench(tmp_path)
    assert (case.task.source, case.phrase) == ("a dog", "a sitting dog")


def test_a_folder_of_tasks_names_the_entry_that_is_wrong(tmp_path):
    scenes.sample(1).image.save(tmp_path / "a.png")
    Image.fromarray(np.pad(np.full((40, 40), 255, np.uint8), 108)).save(tmp_path / "m.png")
    good = {"image": "a.png", "mask": "m.png", "source": "a ball", "target": "a red ball", "words": ["red"]}
    (tmp_path / "tasks.json").write_text(json.dumps([good]))
    (case,) = cases.folder(tmp_path)
    assert case.task.words == ("red",)
    for bad, message in (({"words": ["blue"]}, "'blue' is not in the target"), ({"image": "b.png"}, "no such file")):
        (tmp_path / "tasks.json").write_text(json.dumps([good, good | bad]))
        with pytest.raises(ValueError, match=f"entry 1: .*{message}"):
            list(cases.folder(tmp_path))
    (tmp_path / "tasks.json").write_text(json.dumps([{k: v for k, v in good.items() if k != "mask"}]))
    with pytest.raises(ValueError, match="entry 0: expected a key 'mask'"):
        list(cases.folder(tmp_path))


# ---------------------------------------------------------------- rows


def run(net, out, judges, count=2):
    return list(benchmark.measure(net, list(cases.tabletop(count)), SHOWN, judges, out))


def without_time(rows):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def test_an_interrupted_benchmark_resumes_where_it_was(net, judges, tmp_path):
    straight = run(net, tmp_path / "straight", judges)
    part = benchmark.measure(net, list(cases.tabletop(2)), SHOWN, judges, tmp_path / "resumed")
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


def test_tuning_has_the_same_kinds_of_cases_on_scenes_of_its_own():
    own, theirs = list(cases.tuning(16)), list(cases.tabletop(16))
    assert [(c.change, c.complex) for c in own] == [(c.change, c.complex) for c in theirs]
    assert not {c.name for c in own} & {c.name for c in theirs}
    assert not {c.task.image.tobytes() for c in own} & {c.task.image.tobytes() for c in theirs}
    assert cases.FIRST_TUNING + 200 < cases.FIRST


def test_done_rows_are_not_run_again(net, judges, tmp_path):
    run(net, tmp_path, judges)
    with benchmark.Calls(net) as calls:
        run(net, tmp_path, judges)
    assert calls.count == 0


def test_a_folder_measured_with_other_settings_is_refused_and_kept(net, judges, tmp_path):
    run(net, tmp_path, judges, 1)
    before = (tmp_path / "rows.jsonl").read_bytes()
    other = [benchmark.Setting("p2p", mag.PromptToPrompt(), mag.DDIM(steps=3))]
    with pytest.raises(ValueError, match=r"measured with p2p = .*steps=3.*take another --out"):
        list(benchmark.measure(net, list(cases.tabletop(1)), other, judges, tmp_path))
    assert (tmp_path / "rows.jsonl").read_bytes() == before


def test_a_start_that_measured_nothing_does_not_bind_the_folder(net, judges, tmp_path):
    other = [benchmark.Setting("p2p", mag.PromptToPrompt(), mag.DDIM(steps=3))]
    next(benchmark.measure(net, list(cases.tabletop(1)), other, judges, tmp_path))
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
    (case,) = cases.tabletop(1)
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
    (case,) = cases.tabletop(1)
    with pytest.raises(ValueError, match="expected a name that can begin a file's"):
        replace(case, name=name)


def test_references_are_the_source_and_the_ideal_edit(net, judges):
    listed = list(cases.tabletop(4))
    rows = list(benchmark.references(net, listed, judges))
    assert [r["setting"] for r in rows] == ["(source)", "(ideal edit)"] * 4
    for source, ideal, case in zip(rows[::2], rows[1::2], listed, strict=True):
        assert source["structure"] == 0
        assert source["mse"] == 0
        assert ideal["ideal"] == 0
        assert source["ideal"] > 0
        assert (ideal["success"] == 1) or case.change != "colour"


@pytest.mark.parametrize("number", range(16))
def test_a_negative_prompt_is_what_the_object_has_now_and_the_source_prompt_does_not_say(number):
    case = cases.tabletop_case(number, cases.FIRST + number)
    if case.negative is None:
        assert case.change in ("object", "removal")
        return
    prompt, word = case.negative
    assert word in mag.words.split(prompt)
    assert word not in mag.words.split(case.task.source)
    task = mag.Task(case.task.image, case.task.mask, case.task.source, case.task.target, case.task.words,
                    negative=prompt, negative_words=word)  # fmt: skip
    assert task.negative_words == (word,)


def test_the_interval_is_the_bootstraps():
    mean, low, high = benchmark.interval([0.0, 1.0] * 50)
    assert mean == 0.5
    assert low == pytest.approx(0.5 - 1.96 * 0.05, abs=0.02)
    assert high == pytest.approx(0.5 + 1.96 * 0.05, abs=0.02)
    assert benchmark.interval([3.0]) == (3.0, 3.0, 3.0)


def test_the_report_has_every_group_and_escapes_prompts(net, judges, tmp_path):
    listed = list(cases.tabletop(8))
    rows = [
        {"case": c.name, "setting": s, "complex": c.complex, "clip": value, "calls": 9, "success": c.complex * 1.0}
        for c in listed
        for s, value in (("p2p", 21.0), ("<b>rude</b>", 20.0))
    ]
    report.write(rows, listed, tmp_path, "Table 1", ["a note"])
    text, page = (tmp_path / "report.md").read_text(), (tmp_path / "report.html").read_text()
    assert text.count("| p2p | 8 |") == 1
    assert text.count("| p2p | 4 |") == 3  # simple, complex, solved
    assert "solved cases only" in text
    assert "**21.0**" in text
    assert "<b>rude" not in page
    assert page.count("<img alt=") == 2 * 8


def test_a_report_is_written_where_no_method_solved_a_case(tmp_path):
    listed = list(cases.tabletop(1))
    rows = [
        {"case": "tabletop-000", "setting": s, "change": "<img src=x>", "complex": False, "clip": 20.0, "success": v}
        for s, v in (("p2p", 0.0), ("(ideal edit)", 1.0))
    ]
    report.write(rows, listed, tmp_path, "Table 1", [])
    assert "<img src=x>" not in (tmp_path / "report.html").read_text()
    assert "<img src=x>" not in (tmp_path / "report.md").read_text()


def test_every_ablation_turns_one_setting_only():
    method, inversion = mag.MagEdit(step_size=10.0), mag.NullText(steps=10)
    groups = ablations.settings(method, inversion)
    for name, group in groups.items():
        assert len({s.name for s in group}) == len(group) >= 2
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


def test_rows_of_pictures_are_those_of_cases_measured_in_all_settings(tmp_path):
    listed = list(cases.tabletop(8))
    (tmp_path / "pictures").mkdir()
    for case, names in ((listed[0], "ab"), (listed[1], "a"), (listed[5], "ab")):
        for shade, name in enumerate(names):
            Image.new("RGB", (32, 32), (0, 0, shade)).save(tmp_path / "pictures" / f"{case.name}.{name}.png")
    found = list(report.picture_rows(listed, ["a", "b"], tmp_path))
    assert len(found) == 2
    assert [[p.getpixel((0, 0))[2] for p in row[1:]] for row in found] == [[0, 1], [0, 1]]
    complex_first = report.outlined(listed[5]).resize((32, 32), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(np.asarray(found[0][0]), np.asarray(complex_first))
