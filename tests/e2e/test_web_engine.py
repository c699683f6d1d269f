"""The page's engine in Chromium gives the edit that Python gives: `make web` first."""

import base64
import json
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import magedit_lab as mag
from magedit_lab.cli.web import server

SITE = Path(os.environ.get("MAGEDIT_LAB_SITE", "out/web"))
MODEL = SITE / "models/tabletop"
STEPS, GUIDANCE, NUDGES, STEP_SIZE = 4, 4.0, 2, 5.0
METHODS = {
    "p2p": mag.METHODS["p2p"],
    "p2p+mag-edit": mag.MagEdit(iterations=NUDGES, step_size=STEP_SIZE),
}
RUN = """
async ([request, options]) => {
  const { createEngine } = await import("/engine/index.js");
  window.engine ??= await createEngine({ base: "/models/tabletop/", runtime: "/engine/runtime/", ...options });
  const nudges = [];
  let last = performance.now();
  const onNudge = () => { nudges.push((performance.now() - last) / 1000); last = performance.now(); };
  const onStep = () => { last = performance.now(); };
  const began = performance.now();
  const run = await engine.edit(request, { onNudge, onStep });
  const zip = new Uint8Array(await (await engine.download(run.trace)).arrayBuffer());
  const base64 = (bytes) => bytes.reduce((text, b) => text + String.fromCharCode(b), "");
  return {
    losses: run.trace.steps.map((s) => s.losses), picture: btoa(base64(run.picture.data)), zip: btoa(base64(zip)),
    width: run.picture.width, seconds: (performance.now() - began) / 1000, steps: run.trace.steps.map((s) => s.seconds),
    nudges, backend: engine.backend, threads: engine.threads,
  };
}
"""


@pytest.fixture(scope="module")
def site():
    """The address of the built page, isolated as `magedit-lab web` serves it."""
    with server(SITE) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()


@pytest.fixture(scope="module")
def page(browser, site):
    page = browser.new_page()
    page.set_default_timeout(600_000)
    page.goto(f"{site}/models/tabletop/manifest.json")  # no page of its own, but its origin and its headers
    yield page
    page.close()


@pytest.fixture(scope="module")
def net():
    return mag.Backbone.load("tabletop", "cpu")


def scenes():
    return json.loads((MODEL / "manifest.json").read_text())["scenes"]


def task_of(scene):
    image, mask = (Image.open(MODEL / scene[kind]) for kind in ("picture", "mask"))
    return mag.Task(image, np.asarray(mask), scene["source"], scene["target"], scene["words"])


def computed(page, request, **options):
    answer = page.evaluate(RUN, [request, {"backend": "wasm", **options}])
    pixels = np.frombuffer(base64.b64decode(answer["picture"]), np.uint8).reshape(-1, answer["width"], 4)[..., :3]
    return answer, pixels.astype(float), base64.b64decode(answer["zip"])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("index", range(3))
def test_a_whole_edit_is_pythons(page, net, tmp_path, index, method):
    scene = scenes()[index]
    request = {"scene": scene["name"], "method": method, "steps": STEPS, "guidance": GUIDANCE}
    request |= {"nudges": NUDGES, "stepSize": STEP_SIZE} if "mag" in method else {}
    answer, pixels, _ = computed(page, request)
    task, began = task_of(scene), time.perf_counter()
    path = mag.invert(net, task, mag.Direct(STEPS, GUIDANCE))
    inverted = time.perf_counter()
    steps = list(mag.edit(net, task, path, METHODS[method]))
    edited = time.perf_counter()
    losses = [[n.loss for n in s.nudges] for s in steps]
    wanted = np.asarray(net.decode(steps[-1].target), float)
    apart = max(
        (abs(a - b) for x, y in zip(answer["losses"], losses, strict=True) for a, b in zip(x, y, strict=True)),
        default=0,
    )
    grey = np.abs(pixels - wanted).mean()
    print(
        f"\n{scene['name']}, {method}: losses {apart:.1e}, picture {grey:.4f} grey levels apart; "
        f"{answer['backend']} with {answer['threads']} threads: edit {answer['seconds']:.1f} s with inversion, a step "
        f"{np.median(answer['steps']):.2f}, a nudge {np.median(answer['nudges'] or [np.nan]):.2f}; torch with "
        f"{torch.get_num_threads()}: inversion {inverted - began:.1f}, edit {edited - inverted:.1f} s"
    )
    assert [len(x) for x in answer["losses"]] == [
        NUDGES if "mag" in method and i < STEPS // 2 else 0 for i in range(STEPS)
    ]
    assert apart <= 1e-4
    assert grey <= 1


def test_a_cancelled_edit_ends_within_a_step_and_keeps_its_steps(page):
    page.evaluate(RUN, [{"scene": scenes()[0]["name"], "method": "p2p", "steps": 1}, {"backend": "wasm"}])
    answer = page.evaluate("""async (scene) => {
      const stop = new AbortController();
      let pressed = 0;
      const onStep = ({ step }) => { if (step === 0) { pressed = performance.now(); stop.abort(); } };
      const run = engine.edit({ scene, method: "p2p", steps: 4 }, { signal: stop.signal, onStep });
      const { name, message, trace } = await run.then(() => ({ name: "nothing" }), (error) => error);
      const after = performance.now() - pressed;
      return { name, message, after, steps: trace?.steps.length, step: trace?.steps[0].seconds * 1000 };
    }""", scenes()[0]["name"])  # fmt: skip
    print(f"\ncancelled after {answer['after']:.0f} ms, a step takes {answer['step']:.0f}")
    assert (answer["name"], answer["steps"]) == ("AbortError", 1)
    assert answer["message"].startswith("cancelled; ")
    assert answer["after"] < max(answer["step"], 500)


WRONG = {
    "a word that is not there": ({"words": ["zebra"]}, "word 'zebra' is not in the target prompt"),
    "a word of both prompts": ({"words": ["table"]}, "word 'table' stands in both prompts"),
    "an empty mask": ({"mask": 0}, "expected a mask with at least one pixel of 0.5 or more, got an empty one"),
    "a full mask": ({"mask": 255}, "expected a mask that leaves something out, got a full one"),
    "no such method": ({"method": "magic"}, "expected a method (p2p, p2p+mask, "),
    "no such scene": ({"scene": "moon"}, "expected a scene that ships (scene-"),
    "too many steps": ({"steps": 5000}, "expected steps of 1 to 999, got 5000"),
    "a long prompt": ({"target": "red " * 80}, "prompt has 82 tokens, the model reads 32"),
    "no picture": (
        {"scene": None, "source": "a", "target": "a b", "words": ["b"]},
        "expected a mask of 256x256 values",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_bad_input_is_one_line_with_a_remedy(page, what):
    request, said = WRONG[what]
    messages = page.evaluate("""async ([request, scene, side]) => {
      const { createEngine } = await import("/engine/index.js");
      window.engine ??= await createEngine({ base: "/models/tabletop/", runtime: "/engine/runtime/", backend: "wasm" });
      const full = { scene, ...request };
      if (full.scene === null) delete full.scene;
      if ("mask" in request) full.mask = new Uint8Array(side * side).fill(request.mask);
      const edited = await engine.edit(full).then(() => "nothing wrong", (error) => error.message);
      return [edited, ...(await engine.check(full))];
    }""", [request, scenes()[0]["name"], 256])  # fmt: skip
    assert messages[0] == messages[1]
    assert messages[0].startswith(said)
    assert "\n" not in messages[0]
    assert "; " in messages[0]


def test_a_broken_download_is_one_line(page, site):
    def broken(route):
        route.fulfill(status=200, body=b"x" * 1000)

    page.context.route("**/broken/nudge.onnx*", broken)
    page.context.route(
        "**/broken/*", lambda route: route.continue_(url=route.request.url.replace("/broken/", "/models/tabletop/"))
    )
    page.context.route("**/broken/nudge.onnx*", broken)
    message = page.evaluate("""async () => {
      const { createEngine } = await import("/engine/index.js");
      const made = createEngine({ base: "/broken/", runtime: "/engine/runtime/", backend: "wasm" });
      return made.then(() => "nothing wrong", (error) => error.message);
    }""")
    assert "bytes of nudge.onnx, got 1000 that are not the exported ones; reload" in message


def test_webgpu_without_an_adapter_says_what_to_take(page):
    message = page.evaluate("""async () => {
      const { createEngine } = await import("/engine/index.js");
      const made = createEngine({ base: "/models/tabletop/", runtime: "/engine/runtime/", backend: "webgpu" });
      return made.then((engine) => engine.backend, (error) => error.message);
    }""")
    assert message == "webgpu" or message.startswith("expected WebGPU, got a browser without an adapter; take ")
