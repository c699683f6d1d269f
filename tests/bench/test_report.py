"""What is written of a benchmark's rows."""

from dataclasses import replace

import numpy as np
from PIL import Image

from magedit_lab.bench import report, tabletop
from magedit_lab.cli import study as cli_study


def test_the_report_has_every_group_and_escapes_prompts(net, judges, tmp_path):
    listed = list(tabletop.cases(8))
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
    listed = list(tabletop.cases(1))
    rows = [
        {"case": "tabletop-000", "setting": s, "change": "<img src=x>", "complex": False, "clip": 20.0, "success": v}
        for s, v in (("p2p", 0.0), ("(ideal edit)", 1.0))
    ]
    report.write(rows, listed, tmp_path, "Table 1", [])
    assert "<img src=x>" not in (tmp_path / "report.html").read_text()
    assert "<img src=x>" not in (tmp_path / "report.md").read_text()


def test_methods_are_compared_on_the_same_cases_and_shares_have_wilsons_interval(tmp_path):
    listed = list(tabletop.cases(4))
    scores = {"p2p+mag-edit": (1.0, 1.0, 1.0), "p2p": (0.0, 1.0, 0.0)}
    rows = [
        {"case": case.name, "setting": name, "complex": True, "success": value}
        for name, values in scores.items() for case, value in zip(listed, values, strict=False)
    ]  # fmt: skip
    rows.append({"case": listed[3].name, "setting": "p2p+mag-edit", "complex": True, "success": 0.0})
    report.write(rows, listed, tmp_path, "Table 1", [], first="p2p+mag-edit")
    text = (tmp_path / "report.md").read_text()
    assert "| p2p+mag-edit | 4 | **0.75** [0.30, 0.95] |" in text
    head = "complex scenes: p2p+mag-edit minus each other, on the same cases"
    section = text.split(f"## {head}")[1].split("##")[0]
    assert "| p2p+mag-edit - p2p | 3 | 0.67 [0.00, 1.00] |" in section


def test_rows_of_pictures_are_those_of_cases_measured_in_all_settings(tmp_path):
    listed = list(tabletop.cases(8))
    (tmp_path / "pictures").mkdir()
    for case, names in ((listed[0], "ab"), (listed[1], "a"), (listed[5], "ab")):
        for shade, name in enumerate(names):
            Image.new("RGB", (32, 32), (0, 0, shade)).save(tmp_path / "pictures" / f"{case.name}.{name}.png")
    found = list(report.picture_rows(listed, ["a", "b"], tmp_path))
    assert len(found) == 2
    assert [[p.getpixel((0, 0))[2] for p in row[1:]] for row in found] == [[0, 1], [0, 1]]
    complex_first = report.outlined(listed[5].task.fit(32, 32)[0])
    np.testing.assert_array_equal(np.asarray(found[0][0]), np.asarray(complex_first))


def test_the_source_is_shown_as_the_results_are_cut(tmp_path):
    (case,) = tabletop.cases(1)
    wide = Image.new("RGB", (512, 256), "navy")
    wide.paste(case.task.image, (256, 0))
    mask = np.zeros((256, 512), np.float32)
    mask[:, 256:] = case.task.region
    other = replace(case, task=replace(case.task, image=wide, mask=mask))
    (tmp_path / "pictures").mkdir()
    small, _ = other.task.fit(64, 64)
    small.image.save(tmp_path / "pictures" / f"{case.name}.a.png")
    ((source, result),) = report.picture_rows([other], ["a"], tmp_path)
    assert source.size == result.size == (64, 64)
    np.testing.assert_array_equal(np.asarray(source), np.asarray(report.outlined(small)))
    seen = cli_study._source(other, "a", tmp_path / "pictures")
    np.testing.assert_array_equal(np.asarray(seen), np.asarray(small.image))
