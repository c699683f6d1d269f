# %% [markdown]
# # 06 · Live lab
#
# ![The whole lab in one widget: a picture to paint on, two prompts, a run with its loss, and tabs to look inside](../docs/widgets/app.png)
#
# *The whole lab in one widget: paint, write, run, look inside.*
#
# **You will** *paint* a mask, *write* two prompts and see what the model reads, *run* an edit that can be watched and
# stopped, *look* inside it nudge by nudge, and *find* an edit that fails.
#
# **You need** notebook 05, and for the widgets a running kernel: JupyterLab, Notebook 7 or VS Code. **Every widget is
# followed by its twin**, a plain function that shows the same. On a page without a kernel you see the widgets as still
# pictures, and miss only what moves. **Time** {time}.
#
# ![Map of the course, with the present part lit: 06, Live lab](pictures/course-06.svg)

# %%
from magedit_lab.widgets.ablate import Ablate
from magedit_lab.widgets.app import App
from magedit_lab.widgets.attention_explorer import AttentionExplorer
from magedit_lab.widgets.compare import Compare
from magedit_lab.widgets.gradient_inspector import GradientInspector
from magedit_lab.widgets.live_run import LiveRun
from magedit_lab.widgets.mask_painter import MaskPainter
from magedit_lab.widgets.prompt_editor import PromptEditor

# %%
from dataclasses import replace
from magedit_lab.course.start import start
from magedit_lab.course.exercises import check_no_guidance, check_strokes
import magedit_lab as mag

lab = start()
net, demo = lab.net, mag.bench.demo.Demo()

# %% [markdown]
# ## 1 · Paint
#
# The scene of notebook 00 again. `MaskPainter` has a brush, an eraser, a lasso, polygons, boxes, and *grow*: click, and
# all that looks alike around the click is painted. With the keyboard: arrows move the cursor, space paints, brackets
# change the radius, Ctrl-Z takes back.
#
# What it holds is not pixels but a list of *strokes*, with positions from 0 to 1. So a stroke can also be written in
# code: here a click on one of the look-alikes.

# %%
scene, task = mag.bench.demo.complex_scene(demo.seed), mag.bench.demo.complex_task(demo.seed)
chosen = [bool((m == task.mask).all()) for m in scene.masks].index(True)
thing = scene.things[chosen]
painter = MaskPainter(scene.image)
painter.add({"tool": "grow", "points": [[thing.x, thing.y - 0.4 * thing.size]], "tolerance": 15.0})
painter

# %% [markdown]
# *The picture with what is painted on it, tinted blue and outlined.* See whether the click took the whole object, and
# nothing else; if not, add or erase with the brush, then run the cells below again.
#
# **The twin** draws the same strokes in code, at any size.

# %%
import numpy as np
from PIL import Image

mask = mag.masks.strokes.rasterise(painter.strokes, *scene.image.size, scene.image)
white = Image.fromarray((mask * 255).astype("uint8")).convert("RGB")
shown = {"picture": scene.image, "mask": white}
mag.plots.pictures(shown, f"The picture, and the mask: {mask.mean():.1%} of it")

# %% [markdown]
# *The picture and the mask, white where the edit is to be.* **Check:** both are the same mask, and the first stroke is
# a few words of JSON.

# %%
print("equal:", bool((mask == painter.mask).all()))
print(mag.masks.strokes.dumps(painter.strokes)[:150])

# %% [markdown]
# ## 2 · Write
#
# `PromptEditor` shows both prompts as the model reads them, token by token, with lines between those that correspond.
# Click a word to make it an edit word. It warns of what a run would refuse, and of what only MAG-Edit would.

# %%
editor = PromptEditor(net.tokenizer, task.source, task.target, task.words)
editor

# %% [markdown]
# *Source above, target below; grey lines join common tokens, the edit word is filled.* See which tokens have no
# partner: only those can be guided.
#
# **Predict:** what will it say if you choose a word that both prompts have, and what for one that neither has?
#
# **The twin** gives the warnings, and draws the figure.

# %%
from magedit_lab.prompts import checks
from magedit_lab.plots import prompt_pair

asked, common = (net.tokenizer, task.source, task.target), mag.prompts.words.split(task.source)[1]
print(checks.refusals(*asked, ["zebra"])[0])
print(checks.unguided(*asked, [common])[0])
print("as it stands:", checks.refusals(*asked, task.words) + checks.unguided(*asked, task.words))

# %%
sentence = "The tokens of both prompts, joined"
prompt_pair.figure(net.tokenizer, task.source, task.target, task.words, sentence)

# %% [markdown]
# *The tokens of both prompts.* An edit word that has no line to the source has a map of its own.
#
# ## 3 · Run
#
# `LiveRun` inverts and edits on a thread of its own: the loss grows nudge by nudge, the picture appears step by step,
# and you can pause, resume and cancel. Every setting is in its form. In code its buttons are `run()`, `pause()`,
# `resume()`, `cancel()`; `wait()` blocks until it ended.
#
# You can stop a run that goes wrong. Cancel the first one. **Predict:** how many nudges after `cancel()` does
# it stop?

# %%
own = mag.Task(painter.image, painter.mask, **editor.prompts)
live = LiveRun(net, own, demo.guided, replace(demo.inversion, steps=lab.steps(demo.steps)))

# %%
import time

live.run()
while live.state == "running" and len(live.losses) < 4:
    time.sleep(0.02)
live.cancel()
print(f"{live.wait()}: {len(live.losses)} nudges; {len(live.trace.times)} steps are kept")

# %% [markdown]
# **Look:** before the very next one; the steps that were finished are kept. Between two nudges the thread asks whether
# to go on, so nothing stops halfway, and the model is left as it was. The inversion is kept too, so the next
# run begins at once:

# %%
live.run()
print(live.wait(), "-", live.status.split(" in ")[0])
live

# %% [markdown]
# *The source, and what the run has made of it so far.* In a browser you see the curves of loss and gradient beside it.
#
# **The twin** is the loop of notebook 05, here in one call, with the method and the path that the widget used.

# %%
method, path = live.used
trace = lab.run(own, path, method)
mag.plots.loss_curves(trace)

# %% [markdown]
# *The loss at every nudge.* The same run gives the same curve, in the widget and out of it.
#
# **Check:** are the two results the same picture? A method holds no state, so they must be.

# %%
same = trace.result.tobytes() == live.trace.result.tobytes()
lab.claim("the two pictures are equal, byte for byte (1: yes)", same, least=1)

# %% [markdown]
# ## 4 · Look inside
#
# `AttentionExplorer` has the map of every word at every step, nudge, site and head; all of it is in the browser, so
# scrubbing never waits. Find the step at which the edit word finds its place.

# %%
half = path.steps // 2
AttentionExplorer(trace, step=half)

# %% [markdown]
# *The maps of the words halfway through the run.* In a browser: one map over the picture, and a slider for the steps.
#
# **The twin:**

# %%
mag.plots.attention_of_words(trace, step=half)

# %% [markdown]
# *The map of each word at the same step, each on a scale of its own; below it the share inside the mask.* See which
# other words have much of their attention inside it.
#
# `GradientInspector` shows where each nudge pulls, how hard inside and outside the mask, and how far the latent moved.
#
# **Predict:** does the first nudge of a step pull harder than the last?

# %%
GradientInspector(trace)

# %% [markdown]
# *The size of the gradient at some nudges (rows) of some steps (columns), on one colour scale.* In a browser: any of
# them, over the picture.
#
# **The twin:**

# %%
mag.plots.gradient_maps(trace)

# %% [markdown]
# *The same maps by a plain function.* **Look:** not always: at step 0 the last nudge pulls harder than the first; in
# the later steps the pull hardly changes, and falls a little. It sits in the middle of things rather than on edges, and
# at some steps it is strong on the *other* object too, where Eq. 4 cuts it off.
#
# ## 5 · Compare
#
# `Compare` puts two results under one slider, and all of them under one zoom, with their numbers.

# %%
results = {"P2P+Mask": lab.run(own, path, mag.METHODS["p2p+mask"]), "P2P+MAG-Edit": trace}
Compare(results)

# %% [markdown]
# *The source and the results side by side.* In a browser: a slider between any two of them.
#
# **The twins** are a figure and a list of numbers.

# %%
mag.plots.comparison(results)

# %% [markdown]
# *The source with the painted mask, and both edits.* Look along the mask's edge, where a hand-made mask matters most.

# %%
for name, result in results.items():
    print(f"{name:<14}", ", ".join(mag.bench.scores.spoken(mag.bench.scores.of(result))))

# %% [markdown]
# ## 6 · Move one setting
#
# `Ablate` runs one setting at several values from one inversion, and lets you move along them.

# %%
values = (0, 1, demo.iterations)
ablate = Ablate(net, own, demo.guided, path, "iterations", values, runs={demo.iterations: trace})
ablate.run()
print(ablate.wait())
ablate

# %% [markdown]
# *The source, the result for each number of nudges, and their losses.* The run that was there already was not run anew.
#
# **The twin:**

# %%
mag.plots.sweep({value: ablate.runs[value] for value in values}, "iterations")

# %% [markdown]
# *The same by a plain function.* `mag.bench.ablations.sweep` makes the runs without a widget. Without nudges there is
# no loss to draw, with one there is a dot a step. See what the nudges change: the colour, how much of the object takes
# it, its surface, or its shape.
#
# ## 7 · All of it
#
# `App` joins everything, for a projector: choose an example or upload a picture, paint, write, run, and look inside in
# its tabs. In a browser it is all you need; here it runs the painted task once.

# %%
app = App(net, own)
app.live.settings = {**app.live.settings, "steps": lab.steps(demo.steps)}
app.live.run()
print(app.live.wait())
app

# %% [markdown]
# *The picture, its mask, and the results so far.* **The twin** is this notebook: each of its parts had one above.
#
# **Your turn:** find an edit that fails, and say at which of the four it broke: mask, words, inversion or guidance. The
# tabs of the app have the evidence.
#
# ## Exercise 1 · Paint the other one
#
# Difficulty ●○○ · 10 minutes. Cover the *other* look-alike: overlap divided by union should be at least 70 %. Paint in
# a `MaskPainter(scene.image)` and take its `strokes`, or write them:
# `{"tool": "box", "rect": [left, top, right, bottom]}`, `{"tool": "polygon", "points": [[x, y], …]}`.
#
# <details><summary>Hint</summary>x runs to the right and y runs down, both from 0 to 1. An object's foot is at
# <code>scene.things[i].x, .y</code>, its height is <code>.size</code>. And <code>mag.masks.strokes.trace(mask)</code> makes
# strokes of a mask.</details>

# %%
kinds = [t.kind for t in scene.things]
(other,) = [i for i, kind in enumerate(kinds) if kind == thing.kind and i != chosen]
print(f"the other {thing.kind} is {scene.things[other].colour}")

# %% tags=["exercise"]
my_strokes = []  # your turn

# %% tags=["solution"]
my_strokes = mag.masks.strokes.trace(scene.masks[other])

# %%
check_strokes(my_strokes, scene.image, scene.masks[other])

# %% [markdown]
# ## Exercise 2 · Switch guidance off
#
# Difficulty ●●○ · 10 minutes. Which *one* setting in the form of `LiveRun` turns MAG-Edit into its base method, bit for
# bit and without wasted work? Give a dict of its name and value, such as `{"loss": "spatial_ratio"}`;
# `mag.settings.table(demo.guided)` lists them all.
#
# <details><summary>Hint</summary>There are two right answers. Which settings does the inner loop of Algorithm 1 read
# before it computes a gradient?</details>

# %% tags=["exercise"]
change = None  # your turn

# %% tags=["solution"]
change = {"iterations": 0}

# %%
check_no_guidance(change)

# %% [markdown]
# ## If something goes wrong
#
# - *A widget is blank:* the kernel is not running, or the page is a still one; run its cell again, or use the twin.
# - *`expected no other run under way`:* one model runs one thing at a time; `wait()` for it or `cancel()` it.
# - *A button does nothing:* read the widget's status line; errors are told there.
# - *The kernel's stop button does not stop a run:* it stops cells. A run has its own, or `live.cancel()`.
# - *After reopening, only pictures:* widgets live as long as the kernel; run the cells again.
