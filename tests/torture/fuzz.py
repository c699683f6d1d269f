"""Run folders with bytes and values changed at random: each is refused in one line, or all of it can be looked at."""

import json
import resource
import shutil
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import world

import magedit_lab as mag
from magedit_lab.trace import reader

VALUES = [None, True, -1, 1.5, 0, 2**63, "", "\x00", "\ud800", [], {}, [[]], "a" * 10_000, [0] * 10_000, 1e999]
PLOTS = ("loss_curves", "loss_terms", "attention_before_after", "gradient_inside_outside", "previews", "gradient_maps",
         "moves")  # fmt: skip


def changed_bytes(content: bytes, rng: np.random.Generator) -> bytes:
    """Bytes flipped, left out, put in, or an end cut off."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(0, max(len(data), 1)))
        how = rng.integers(0, 4)
        if how == 0 and data:
            data[at % len(data)] = int(rng.integers(0, 256))
        elif how == 1:
            del data[at : at + int(rng.integers(1, 64))]
        elif how == 2:
            data[at:at] = rng.integers(0, 256, int(rng.integers(1, 16)), np.uint8).tobytes()
        else:
            del data[at:]
    return bytes(data)


def changed_value(value, rng: np.random.Generator):
    """A JSON value with one of its parts changed."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        name = str(rng.choice(list(value)))
        return {**value, name: changed_value(value[name], rng)}
    if isinstance(value, list) and value and rng.random() < 0.9:
        at = int(rng.integers(0, len(value)))
        return [*value[:at], changed_value(value[at], rng), *value[at + 1 :]]
    return VALUES[int(rng.integers(0, len(VALUES)))]


def harm(folder: Path, rng: np.random.Generator) -> None:
    """One file of the folder, or its header, changed; or gone, or put in another's place."""
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != ".lock")
    path = paths[int(rng.integers(0, len(paths)))]
    how = rng.random()
    if how < 0.05:
        path.unlink()
    elif how < 0.1:
        other = paths[int(rng.integers(0, len(paths)))]
        path.write_bytes(other.read_bytes())
    elif path.suffix == ".json" and how < 0.8:
        path.write_text(json.dumps(changed_value(json.loads(path.read_text()), rng)))
    elif path.suffix == ".safetensors" and how < 0.6:
        path.write_bytes(changed_header(path.read_bytes(), rng))
    else:
        path.write_bytes(changed_bytes(path.read_bytes(), rng))


def changed_header(content: bytes, rng: np.random.Generator) -> bytes:
    """A safetensors file with one value of its header changed."""
    length = int.from_bytes(content[: reader.PREFIX], "little")
    header = json.loads(content[reader.PREFIX : reader.PREFIX + length])
    text = json.dumps(changed_value(header, rng)).encode()
    return len(text).to_bytes(reader.PREFIX, "little") + text + content[reader.PREFIX + length :]


def look(trace: mag.Trace, draw: bool) -> None:
    """Every accessor, and where `draw`, every plot; ValueErrors in one line are answers too."""
    _ = (repr(trace), trace._repr_html_(), trace.losses, trace.gradients, trace.gradient_maps, trace.term_words)
    for branch in ("target", "source"):
        for word in trace.words(branch):
            answered(trace.attention, word, branch)
            answered(trace.share, word, branch)
    for word in (*trace.words(), *trace.term_words):
        for what in (trace.nudge_attention, trace.inner_attention, trace.head_attention, trace.term,
                     trace.term_gradients, trace.term_gradient_maps):  # fmt: skip
            answered(what, word)
    answered(lambda: trace.previews)
    for name in PLOTS if draw else ():
        answered(lambda name=name: getattr(mag.plots, name)(trace).png())


def answered(what, *arguments) -> None:
    try:
        what(*arguments)
    except ValueError as error:
        if "\n" in str(error) or not ("expected" in str(error) or "is not in the" in str(error)):
            raise TypeError(f"not one line that says what was expected: {error}") from None


def fuzz(net, folder: Path, rng: np.random.Generator, straight: mag.Trace) -> Iterator[Counter]:
    """Folders of today's schema; some with plots, which take most of the time."""
    whole, harmed = straight.save(folder / "whole"), folder / "harmed"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for i in range(10**9):
        shutil.rmtree(harmed, ignore_errors=True)
        shutil.copytree(whole, harmed)
        harm(harmed, rng)
        found, began = Counter({"faults": 1}), time.perf_counter()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                trace = mag.load(harmed)
                found["loaded"] += 1
                loaded = time.perf_counter()
                look(trace, draw=i % 50 == 0)
        except ValueError as error:
            found["refused"] += 1
            loaded = time.perf_counter()
            if not str(error).startswith("cannot read a trace") or "\n" in str(error):
                found[f"refused otherwise: {error}"[:120]] += 1
        except Exception as error:
            found[f"failed when looked at: {error!r}"[:160]] += 1
        found["max ms to load"] = round(1000 * (loaded - began))
        found["max MB more"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
        yield found


PIECES = ["a ball", "a", "", " ", "\n", "\u200b", "é", "e\u0301", "😀", "\ud800", "ball" * 30, "<b>", "</script>", "%s",
          "{0}", "\x00", "İ", "ß", "ﬁ", "中文", "red", "yellow", ",", "'", "\u202e", "a ball " * 30]  # fmt: skip


def hostile(net, folder: Path, rng: np.random.Generator, straight: mag.Trace) -> Iterator[Counter]:
    """Prompts of odd letters, and pictures with changed bytes: an edit, or one line that says why not."""
    picture = folder / "picture.png"
    world.task().image.save(picture)
    content, mask = picture.read_bytes(), world.task().mask
    for i in range(10**9):
        found = Counter({"faults": 1})
        source, target = (" ".join(rng.choice(PIECES, int(rng.integers(1, 6)))) for _ in range(2))
        words = [str(w) for w in rng.choice([*PIECES, *target.split()], int(rng.integers(1, 3)))]
        data = changed_bytes(content, rng) if i % 2 else content
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                task = mag.Task(data, mask, source, target, words)
                mag.validate(net, task, "direct", "p2p+mag-edit")
                found["accepted"] += 1
        except ValueError as error:
            found["refused"] += 1
            found["refused in several lines"] += "\n" in str(error)
        except Exception as error:
            found[f"failed: {error!r}"[:160]] += 1
        yield found
