"""The checks of the exercises: right answers pass, a stub is told what to do, a wrong one why it is wrong."""

import re
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from magedit_lab.course import exercises as ex
from magedit_lab.course.exercises.other_methods import reads_mask

import magedit_lab as mag
from magedit_lab.masks.raster import to_cells
from magedit_lab.methods.masactrl import MasaCtrl
from magedit_lab.methods.shared import losses

SEED = 3


def expect(verdict, right, words=""):
    assert isinstance(verdict, ex.Verdict)
    assert verdict.right is right, verdict
    assert repr(verdict).startswith("Right: " if right else "Not yet: ")
    assert re.search(words, verdict.words), verdict
    assert len(verdict.words) > 15


@pytest.fixture(scope="module")
def trace(net, task, path):
    return mag.run(net, task, path, mag.MagEdit(iterations=2))


@pytest.fixture(scope="module")
def judges():
    return mag.bench.leaderboard.Judges.load()


def test_every_check_of_the_package_is_exported_and_used_by_a_notebook():
    from test_notebooks import NOTEBOOKS

    text = "".join(p.read_text() for p in (NOTEBOOKS / "source").glob("*.py"))
    checks = {name for name in ex.__all__ if name.startswith("check_")}
    kept = {"check_step", "check_token_ratio", "check_nudge"}  # by course.mine.keep, with the student's own file
    assert checks - kept == set(re.findall(r"^(check_\w+)\(", text, re.M))
    assert all(callable(getattr(ex, name)) for name in checks)


# ---------------------------------------------------------------- 00 to 04


def test_other_object():
    scene, task = mag.bench.demo.complex_scene(SEED), mag.bench.demo.complex_task(SEED)
    kinds = [t.kind for t in scene.things]
    twins = [i for i, kind in enumerate(kinds) if kinds.count(kind) == 2]
    (same,) = [i for i, m in enumerate(scene.masks) if (m == task.mask).all()]
    (other,) = set(twins) - {same}
    (third,) = {0, 1, 2} - set(twins)
    expect(ex.check_other_object(None, task, scene), False, "still None")
    expect(ex.check_other_object(scene.masks[0], task, scene), False, "should be a Task, not ndarray")
    expect(ex.check_other_object(task, task, scene), False, "same object again")
    expect(ex.check_other_object(replace(task, mask=scene.masks[third]), task, scene), False, f"is the {kinds[third]}")
    expect(ex.check_other_object(replace(task, mask=scene.masks[other]), task, scene), True, "the other")


def test_best_step(trace):
    share = trace.share("yellow")
    best, worst = int(share.argmax()), int(share.argmin())
    expect(ex.check_best_step(best, trace), True, "the share is")
    expect(ex.check_best_step(share.argmax(), trace), True)
    expect(ex.check_best_step(worst, trace), False, "a larger one")
    expect(ex.check_best_step(share.max(), trace), False, "argmax, not max")
    for odd in (99, "first", None):
        expect(ex.check_best_step(odd, trace), False)


def test_timestep(net):
    half = int((net.schedule.alphas - 0.5).abs().argmin())
    expect(ex.check_timestep(half, net), True)
    expect(ex.check_timestep(500, net), False, "does not fall evenly")
    expect(ex.check_timestep(0.5, net), False, "at which t")
    expect(ex.check_timestep(3, net), False, "not 1/2")
    expect(ex.check_timestep(torch.ones(2), net), False, "not Tensor")
    expect(ex.check_timestep(None, net), False, "still None")


def test_step():
    right, x0, noise = mag.model.schedule.move, mag.model.schedule.to_x0, mag.model.schedule.add_noise
    expect(ex.check_step(right), True, "DDIM")
    expect(ex.check_step(lambda z, e, a, b: None), False, "returns None")
    expect(ex.check_step(lambda z, e, a, b: x0(z, e, a)), False, "without noise")
    expect(ex.check_step(lambda z, e, a, b: right(z, e, b, a)), False, "changed places")
    expect(ex.check_step(lambda z, e, a, b: noise(z, e, b)), False, "noisy already")
    expect(ex.check_step(lambda z, e, a, b: b.signal.sqrt() * x0(z, e, a) + b.noise.sqrt() * e), False, "square roots")
    expect(ex.check_step(lambda z, e, a, b: z.sum()), False, "shape")
    expect(ex.check_step(lambda z, e, a, b: z), False, "which level")
    expect(ex.check_step(lambda z: z), False, "TypeError")
    expect(ex.check_step(3), False, "expected a function, got int")


def test_sum():
    probs = torch.rand(2, 5, 4).softmax(-1)
    for axis in (2, -1):
        expect(ex.check_sum(axis, probs), True, r"1\.000")
    expect(ex.check_sum(0, probs), False, "over heads")
    expect(ex.check_sum(1, probs), False, "over cells")
    for odd in (None, 3, "tokens", [2]):
        expect(ex.check_sum(odd, probs), False)


def test_share(trace):
    heat = trace.attention("yellow")[2]
    cells = to_cells(trace.task.region, *heat.shape).numpy()
    inside = (heat * cells).sum()
    expect(ex.check_share(inside / heat.sum(), trace, 2), True, "trace.share")
    expect(ex.check_share(inside, trace, 2), False, "divided by the whole")
    expect(ex.check_share(None, trace, 2), False, "still None")
    expect(ex.check_share(-1, trace, 2), False, "sum of the whole map")


def test_drift():
    psnr = {"a": 20.0, "b": 30.0, "c": 25.0}
    expect(ex.check_drift("a", psnr), True, "20.0 dB")
    expect(ex.check_drift("b", psnr), False, "less error")
    expect(ex.check_drift("c", psnr), False, "a lower one")
    for odd in (None, "d", 20.0, ["a"]):
        expect(ex.check_drift(odd, psnr), False)


def test_exact():
    expect(ex.check_exact(["direct"]), True)
    expect(ex.check_exact("direct"), False, "a list")
    expect(ex.check_exact(["DDIM, scale 1", "direct"]), False, "does not replay")
    expect(ex.check_exact(["null-text"]), False, "must equal")
    expect(ex.check_exact(None), False, "still None")


def test_alignment(net):
    expect(ex.check_alignment(2, net), True)
    expect(ex.check_alignment(3, net), False, "in the target")
    expect(ex.check_alignment(1, net), False, "start token")
    expect(ex.check_alignment(None, net), False, "still None")


def test_outside(net, task, path):
    runs = {
        "P2P": mag.run(net, task, path, mag.PromptToPrompt()),
        "blend by mask": mag.run(net, task, path, mag.PromptToPrompt(blend="mask")),
    }
    found = [mag.bench.metrics.background(t.task.image, t.result, t.task.region.numpy())["psnr"] for t in runs.values()]
    expect(ex.check_outside(found, task, runs), True, "dB blended")
    expect(ex.check_outside(found[::-1], task, runs), False, "changed places")
    expect(ex.check_outside([1.0, 2.0], task, runs), False, "expected PSNR")
    expect(ex.check_outside([{}, {}], task, runs), False, "psnr")
    for odd in (None, 3.0, [1.0]):
        expect(ex.check_outside(odd, task, runs), False)


# ---------------------------------------------------------------- 05 to 07


def test_token_ratio():
    def answer(last):
        def token_ratio(probs, mask, word):
            return last(probs[:, word] / probs.sum(1), mask)

        return ex.check_token_ratio(token_ratio)

    expect(answer(lambda r, m: (1 - (r * m).sum() / m.sum()) ** 2), True, "losses.token_ratio")
    expect(answer(lambda r, m: (r * m).sum() / m.sum()), False, "square of what is missing")
    expect(answer(lambda r, m: 1 - (r * m).sum() / m.sum()), False, "its square")
    expect(answer(lambda r, m: (1 - r.mean()) ** 2), False, "only those of the mask")
    expect(answer(lambda r, m: ((1 - r) ** 2 * m).sum() / m.sum()), False, "averages first")
    expect(answer(lambda r, m: (1 - (r * m).mean()) ** 2), False, "cells in the mask")
    plain = ex.check_token_ratio(lambda probs, mask, word: (1 - (probs[:, word] * mask).sum() / mask.sum()) ** 2)
    expect(plain, False, "need not be 1")
    expect(answer(lambda r, m: r), False, "should be a number")
    expect(answer(lambda r, m: None), False, "returns None")


def test_nudge():
    expect(ex.check_nudge(lambda z, g, m, d: z - m * d * g), True, "Eq. 4")
    expect(ex.check_nudge(lambda z, g, m, d: z + m * d * g), False, "subtract")
    expect(ex.check_nudge(lambda z, g, m, d: z - d * g), False, "outside")
    expect(ex.check_nudge(lambda z, g, m, d: m * (z - d * g)), False, "mask the update alone")
    expect(ex.check_nudge(lambda z, g, m, d: z - m * g), False, "delta is missing")
    expect(ex.check_nudge(lambda z, g, m, d: m * d * g), False, "update alone")
    expect(ex.check_nudge(lambda z, g, m, d: z), False, "not equal")
    expect(ex.check_nudge(lambda z, g, m, d: 3), False, "shape")


def test_strokes():
    scene = mag.bench.demo.complex_scene(SEED)
    mask, image = scene.masks[0], scene.image
    outline = mag.masks.strokes.trace(mask)
    expect(ex.check_strokes(outline, image, mask), True, "the object's own mask")
    expect(ex.check_strokes([], image, mask), False, "nothing is painted")
    expect(ex.check_strokes([{"tool": "laser"}], image, mask), False, "with a tool")
    expect(ex.check_strokes([{"tool": "box", "rect": [0, 0, 1, 1]}], image, mask), False, "beside the object")
    expect(ex.check_strokes([*outline, {"tool": "invert"}], image, mask), False, "do not touch")
    y, x = (float(v.mean()) / 256 for v in np.nonzero(mask > 0.5))
    small = {"tool": "brush", "points": [[x, y]], "radius": 0.03}
    expect(ex.check_strokes([small], image, mask), False, "not covered")
    expect(ex.check_strokes(None, image, mask), False, "a list of strokes")


def test_no_guidance(net, task, path):
    for change in ({"iterations": 0}, {"stop_step": 0}):
        expect(ex.check_no_guidance(change), True, "no nudge")
        method = mag.settings.change(mag.MagEdit(), change)
        assert not any(s.nudges for s in mag.edit(net, task, path, method))
    expect(ex.check_no_guidance({"step_size": 0.0}), False, "every gradient")
    expect(ex.check_no_guidance({"loss": "spatial_ratio"}), False, "15 nudges in each of half")
    expect(ex.check_no_guidance({"stop_step": 3}), False, "the first 3 steps")
    expect(ex.check_no_guidance({"nudges": 0}), False, "expected settings")
    expect(ex.check_no_guidance("iterations"), False, "a dict")
    expect(ex.check_no_guidance(None), False, "still None")


@pytest.mark.parametrize(("steps", "stop"), [(20, 4), (50, 10), (6, 1)])
def test_stop_step(steps, stop):
    expect(ex.check_stop_step(stop, steps), True, "a fifth")
    expect(ex.check_stop_step(None, steps), False, "still None")
    for slip in {steps - stop, 40, 10, 3} - {stop}:
        expect(ex.check_stop_step(slip, steps), False, "tau|50 steps|not guided")


def test_total():
    def right(terms, weights, negative, much):
        return sum(w * t for w, t in zip(weights, terms, strict=True)) - much * negative

    expect(ex.check_total(right), True, "with_negative")
    expect(ex.check_total(lambda t, w, n, m: right(t, w, -n, m)), False, "subtracted")
    expect(ex.check_total(lambda t, w, n, m: right(t, w, n, 0)), False, "term is missing")
    expect(ex.check_total(lambda t, w, n, m: right(t, w, n, 1)), False, "lambda_ng is missing")
    expect(ex.check_total(lambda t, w, n, m: sum(t) - m * n), False, "weights are missing")
    expect(ex.check_total(lambda t, w, n, m: right(t, [x / 2 for x in w], n, m)), False, "no mean on top")
    expect(ex.check_total(lambda t, w, n, m: None), False, "returns None")


# ---------------------------------------------------------------- 08 to 11


def test_mask_readers():
    names = ["blended", "diffedit", "p2p", "p2p+mask"]
    expect(ex.check_mask_readers({"diffedit", "p2p"}, names), True, "must find the place")
    expect(ex.check_mask_readers(["p2p", "diffedit"], names), True)
    expect(ex.check_mask_readers({"p2p"}, names), False, "1 more")
    expect(ex.check_mask_readers({"p2p", "blended"}, names), False, "blended does read it")
    expect(ex.check_mask_readers({"P2P"}, names), False, "none of")
    for odd in (None, "p2p"):
        expect(ex.check_mask_readers(odd, names), False)


def test_what_is_said_of_the_mask_is_what_the_methods_do(net, task):
    other = replace(task, mask=np.roll(task.mask, (20, 50), (0, 1)))
    route = mag.invert(net, task, mag.Direct(steps=5, guidance_scale=3.0))
    for name, method in mag.METHODS.items():
        ends = [list(mag.edit(net, t, route, method))[-1].target for t in (task, other)]
        assert torch.equal(*ends) is not reads_mask(name), name


def test_base():
    expect(ex.check_base(mag.MagEdit(base=MasaCtrl(masked=True))), True)
    expect(ex.check_base(MasaCtrl(masked=True)), False, "the base alone")
    expect(ex.check_base(mag.MagEdit()), False, "PromptToPrompt")
    expect(ex.check_base(mag.MagEdit(base=MasaCtrl())), False, "masked=True")
    expect(ex.check_base(mag.MagEdit(base=MasaCtrl(masked=True), iterations=0)), False, "0 iterations")
    expect(ex.check_base(mag.METHODS["pnp"]), False, "should be a MagEdit")
    expect(ex.check_base(None), False, "still None")


def pasted(mixed, until=99):
    """A method whose blend is `mixed(mask, source, target)`."""

    @dataclass(frozen=True)
    class Paste(mag.Method):
        def bind(self, run):
            mask = to_cells(run.task.region, *run.path.latents.shape[-2:])
            return mag.Plan(blend=lambda now, s: mixed(mask, s.source, s.target) if now.i < until else s.target)

    return Paste()


def test_paste(net, task, path):
    right = lambda m, s, t: s + m * (t - s)  # noqa: E731
    expect(ex.check_paste(pasted(right), net, task, path), True, "what a blend does")
    expect(ex.check_paste(pasted(right, until=2), net, task, path), False, "not the source's")
    expect(ex.check_paste(pasted(lambda m, s, t: t + m * (s - t)), net, task, path), False, "wrong way round")
    expect(ex.check_paste(pasted(lambda m, s, t: s), net, task, path), False, "nothing is edited")
    expect(ex.check_paste(pasted(lambda m, s, t: t), net, task, path), False, "not the source's")
    expect(ex.check_paste(pasted(lambda m, s, t: None), net, task, path), False, "raised")
    expect(ex.check_paste(mag.Plan(), net, task, path), False, "expected a method")


def test_psnr():
    def psnr(a, b):
        return -10 * np.log10(np.square(a - b).mean())

    expect(ex.check_psnr(psnr), True, "metrics.psnr")
    expect(ex.check_psnr(lambda a, b: -psnr(a, b)), False, "the sign")
    expect(ex.check_psnr(lambda a, b: 2 * psnr(a, b)), False, "factor of 20")
    expect(ex.check_psnr(lambda a, b: -10 * np.log(np.square(a - b).mean())), False, "base 10")
    expect(ex.check_psnr(lambda a, b: np.square(a - b).mean()), False, "mean squared difference")
    expect(ex.check_psnr(lambda a, b: None), False, "returns None")


def test_interval():
    rng = np.random.default_rng(5)

    def drawn(values, size=None, replacing=True):
        rows = [rng.choice(values, size or len(values), replacing) for _ in range(2000)]
        return np.quantile(np.mean(rows, 1), [0.025, 0.975])

    expect(ex.check_interval(drawn), True, "12 cases")
    expect(ex.check_interval(lambda v: drawn(v)[::-1]), False, "comes first")
    expect(ex.check_interval(lambda v: drawn(v, replacing=False)), False, "with replacement")
    expect(ex.check_interval(lambda v: np.quantile(v, [0.025, 0.975])), False, "quantiles of the values")
    expect(ex.check_interval(lambda v: drawn(v, 100)), False, "too narrow")
    expect(ex.check_interval(lambda v: (0.0, 0.5)), False, "expected about")
    expect(ex.check_interval(lambda v: v.mean()), False, "two numbers")


def test_fool(judges):
    case = mag.bench.leaderboard.tasks(1)[0]
    expect(ex.check_fool(case.task.image, case, judges), True, "doing nothing")
    expect(ex.check_fool(case.ideal, case, judges), False, "dB|structure")
    expect(ex.check_fool(mag.scenes.sample(5).image, case, judges), False, "background PSNR")
    expect(ex.check_fool(case.task.image.resize((9, 9)), case, judges), False, "256x256")
    expect(ex.check_fool(None, case, judges), False, "still None")


def test_memory(net):
    count = {n: sum(p.numel() for p in getattr(net, n).parameters()) for n in ("denoiser", "vae", "text_encoder")}
    whole = 4 * sum(count.values()) / 1e9
    expect(ex.check_memory(whole, net), True, "GB for weights")
    expect(ex.check_memory(whole / 4, net), False, "number of parameters")
    expect(ex.check_memory(whole / 2, net), False, "float16")
    expect(ex.check_memory(4 * count["denoiser"] / 1e9, net), False, "U-Net alone")
    expect(ex.check_memory(whole * 1e9, net), False, "bytes")
    expect(ex.check_memory(None, net), False, "still None")


def test_settings():
    way, method = mag.NullText(50, 7.5, 10), mag.MagEdit(iterations=15, stop_step=25)
    expect(ex.check_settings(way, method), True)
    expect(ex.check_settings(way, mag.MagEdit()), True)
    expect(ex.check_settings(None, None), False, "still None")
    expect(ex.check_settings(mag.Direct(), method), False, "not Direct")
    expect(ex.check_settings(way, mag.PromptToPrompt()), False, "should be a MagEdit")
    expect(ex.check_settings(replace(way, inner=3), method), False, "inner is 3")
    expect(ex.check_settings(way, replace(method, stop_step=40)), False, "tau")
    expect(ex.check_settings(way, replace(method, loss="spatial_ratio")), False, "loss is 'spatial_ratio'")


def test_loss():
    def log_ratio(probs, mask, word):
        return -((probs[..., word].mean(-1) * mask).sum(-1) / mask.sum()).log().mean()

    expect(ex.check_loss(log_ratio), True, "steepest slope")
    expect(ex.check_loss(losses.spatial_ratio), True)
    expect(ex.check_loss(losses.token_ratio), False, "still Eq. 1")
    expect(ex.check_loss(lambda p, m, w: None), False, "returns None")
    expect(ex.check_loss(lambda p, m, w: log_ratio(p, m, w).item()), False, "not float")
    expect(ex.check_loss(lambda p, m, w: log_ratio(p, m, w).detach()), False, "no gradient")
    expect(ex.check_loss(lambda p, m, w: p[..., w].mean(-1)), False, "one number")
    expect(ex.check_loss(lambda p, m, w: -log_ratio(p, m, w)), False, "should make the loss smaller")
    expect(ex.check_loss(lambda p, m, w: (p.sum() * 0).log()), False, "divided by 0")
    expect(ex.check_loss(lambda p, m, w: p[w, "all"]), False, "raised")


def test_entry():
    def rows(name, values):
        return [{"case": str(i), "setting": name, "ideal": v, "success": float(v < 0.2)} for i, v in enumerate(values)]

    board = rows("token ratio", [0.3, 0.1, 0.4])
    expect(ex.check_entry([*board, *rows("mine", [0.1, 0.1, 0.2])], "mine", 3, "token ratio"), True, "number 1 of 2")
    expect(ex.check_entry([*board, *rows("mine", [0.5, 0.5, 0.5])], "mine", 3, "token ratio"), True, "number 2 of 2")
    expect(ex.check_entry(board, "mine", 3, "token ratio"), False, "no row is called")
    expect(ex.check_entry([*board, *rows("mine", [0.1])], "mine", 3, "token ratio"), False, "1 of 3")
    expect(ex.check_entry([*board, *rows("mine", [0.3, 0.1, 0.4])], "mine", 3, "token ratio"), False, "bit for bit")
