"""The page's pure modules under node's own test runner, and its click-to-mask against the library's."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import magedit_lab as mag

JS = Path(__file__).with_name("js")
NODE = shutil.which("node")
FLOOD = Path(__file__).parents[2] / "web" / "page" / "flood.js"
pytestmark = pytest.mark.skipif(NODE is None, reason="expected node 20 or newer, got none; install nodejs")


def test_the_scripts_own_tests_pass():
    files = sorted(map(str, JS.glob("*.test.mjs")))
    assert files
    done = subprocess.run([NODE, "--test", *files], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]


def test_a_click_masks_the_pixels_that_python_masks():
    image = mag.scenes.sample(11).image.convert("RGB").resize((96, 80))
    clicks = [(0.5, 0.8, 12.0), (0.2, 0.7, 12.0), (0.8, 0.7, 20.0), (0.0, 0.0, 3.0), (1.0, 1.0, 30.0)]
    ours = [mag.masks.flood.grow(image, *click) for click in clicks]
    pixels = np.asarray(image.convert("RGBA")).reshape(-1).tolist()
    script = f"""
    import {{ readFileSync }} from "node:fs";
    import {{ grow }} from {json.dumps(FLOOD.as_uri())};
    const {{ pixels, clicks }} = JSON.parse(readFileSync(0, "utf-8"));
    console.log(JSON.stringify(clicks.map((click) => [...grow(pixels, 96, 80, ...click)])));
    """
    asked = json.dumps({"pixels": pixels, "clicks": clicks})
    done = subprocess.run(
        [NODE, "--input-type=module", "-e", script], input=asked, capture_output=True, text=True, check=True
    )
    theirs = [np.array(mask).reshape(80, 96) > 0 for mask in json.loads(done.stdout)]
    assert [int((a != b).sum()) for a, b in zip(ours, theirs, strict=True)] == [0] * len(clicks)
    assert len({int(mask.sum()) for mask in ours}) > 3  # the clicks differ
