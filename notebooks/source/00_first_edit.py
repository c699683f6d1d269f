# %% [markdown]
# # 00 · First edit
#
# ![A scene with two objects of one kind, one of them outlined by a mask](pictures/00_first_edit.png)
#
# *Two objects look alike, and the prompt does not tell them apart. Only the outlined one is to change its colour.*
#
# **You will** *run* a whole MAG-Edit (*Mask-based Attention-adjusted Guidance*, Mao et al. 2024, “the paper” of this
# course), *compare* it with Prompt-to-Prompt (P2P), which it builds on, *see* where the model looked in both, and *read*
# a loss curve.
#
# **You need** Python, and an idea of what a neural network is. Nothing is downloaded. Words that are new here (noise,
# attention, inversion) each get a notebook of their own later; here a sentence each is enough.
# **Time** {time}.
#
# ![Map of the course, with the present part lit: 00, First edit](pictures/course-00.svg)

# %%
import magedit_lab as mag
from dataclasses import replace
from magedit_lab.course.figures import same_step
from magedit_lab.course.start import start
from magedit_lab.course.exercises import check_other_object, check_best_step

lab = start()

# %% [markdown]
# `lab` holds the model, `lab.net`, and runs things with a line of progress. All else is the library, `mag`.
#
# ## 1 · A task
#
# An edit needs four things: a picture, a mask that says **where**, a source prompt that describes the picture, and a
# target prompt that describes the result. The *edit word* is what the target prompt adds. `mag.bench.demo` has a scene for
# this, and the numbers that the course uses: how many steps, how large.

# %% tags=["title"]
demo = mag.bench.demo.Demo()
task = mag.bench.demo.complex_task(demo.seed)
mag.plots.task(task)

# %% [markdown]
# *The dashed line is the mask. The edit word is bold.* Two objects of one kind, and both prompts call them by the same
# name.
#
# **Predict.** Prompt-to-Prompt changes the prompt and keeps the source words' attention where it was. It never sees the
# mask. Which of the look-alikes will change: the masked one, the other one, both, or none? Write it down.
#
# ## 2 · Back to noise
#
# The model is a *denoiser*: it makes pictures by removing noise, a step at a time. So editing starts from the noise
# that the picture could have come from. *Direct inversion* finds it, and keeps the noisy pictures of the way, so that
# what must not change can be taken from them (notebook 03).

# %%
path = lab.invert(task, replace(demo.inversion, steps=lab.steps(demo.steps)))

# %% [markdown]
# ## 3 · Three edits from the same noise

# %%
traces = {
    "P2P": lab.run(task, path, mag.PromptToPrompt()),
    "P2P+Mask": lab.run(task, path, mag.METHODS["p2p+mask"]),
    "P2P+MAG-Edit": lab.run(task, path, demo.guided),
}

# %%
mag.plots.comparison(traces)

# %% [markdown]
# *From left to right: the source with its mask, Prompt-to-Prompt, the same with everything outside the mask put back,
# and MAG-Edit.* See which objects each of them changed, and whether the others kept their colour and shape.
#
# **Look.** Prompt-to-Prompt's word goes where the model likes it best. Putting the outside back can only take away: it
# brings nothing into the mask that was not there. MAG-Edit moves the *noise* until the mask looks at the word. It has a
# price: compare the handle with the source's.
#
# **Check** your guess in the picture, and by the mean colour that each result has inside the mask.

# %%
print(f"asked for: {task.words[0]}")
for name, trace in traces.items():
    print(f"{name:<14} {mag.bench.demo.colour_of(trace)}")

# %%
reached = [mag.bench.demo.colour_of(trace) == task.words[0] for trace in traces.values()]
lab.claim("methods without nudges that reach the colour", sum(reached[:2]), most=0)
lab.claim("MAG-Edit reaches it (1: yes)", reached[2], least=1)

# %% [markdown]
# This scene was chosen, and a chosen scene proves nothing. Section 6 shows some that were not.
#
# ## 4 · Where the word is looked at
#
# In the model, every place of the picture divides its *attention* among the words of the prompt, and takes up what it
# attends to. A word's attention at all places, put back into the picture's shape, is its *map*.
#
# **Predict.** Take one step in the middle of the run. Which share of the edit word's map lies inside the mask under
# Prompt-to-Prompt, and which under MAG-Edit?

# %%
trace, middle = traces["P2P+MAG-Edit"], path.steps // 2 - 1
same_step({"P2P": traces["P2P"], "MAG-Edit": trace}, middle)

# %% [markdown]
# *The edit word's map at the same step of both runs, on one scale; the dashed outline is the mask.* **Look:** the same
# model, word and step. Only the noise that the model looks at differs, for MAG-Edit has nudged it.

# %%
shares = [100 * run.share(task.words[0])[middle] for run in (traces["P2P"], trace)]
lab.claim("share of P2P's map inside the mask", shares[0], most=15, unit=" %")
lab.claim("share of MAG-Edit's map inside the mask", shares[1], least=30, unit=" %")

# %%
mag.plots.attention_over_time(traces)

# %% [markdown]
# *The share of the edit word's attention that lies inside the mask, at each step of the three runs.* The dotted line is
# the share that it would have if its attention were spread evenly; above it, a word prefers the mask.
#
# **Look.** The nudges end halfway. The jump near step 15 is not theirs: from there on P2P+Mask and MAG-Edit put the
# outside back, and the attention that the word had there goes with it. So a share can also rise because the rest was
# taken away, as P2P+Mask's does, and its mug stays as it was.
#
# ## 5 · The loss and the gradient
#
# MAG-Edit asks: inside the mask, how much of the attention does the edit word get? It squares what is missing to 1
# (Eq. 1 of the paper), and follows the gradient with some *nudges* of the noise in each of the early steps.

# %%
mag.plots.loss_curves(trace)

# %% [markdown]
# *Each row of dots is one denoising step, each dot one nudge of the noise. 1 means that the word gets no attention
# inside the mask, 0 that it gets all.* **Look** at one row at a time: guidance works where a row falls from left to
# right. The black line joins the ends of the rows, and *may rise*. That is no failure: between two rows the picture is
# denoised, and a cleaner picture divides its attention among more words. Note that the axis need not begin at 0.

# %%
falls = [float(row[-1] < row[0]) for row in trace.losses if row[0] == row[0]]
falling = 100 * sum(falls) / len(falls)
lab.claim("share of steps within which the loss falls", falling, least=70, unit=" %")

# %% [markdown]
#
# The gradient says how each cell of the noise should change so that the loss falls. The update keeps only its part
# inside the mask (Eq. 4).

# %%
mag.plots.gradient_inside_outside(trace)

# %% [markdown]
# *Size of the gradient inside the mask (blue, solid) and outside (orange, dashed), and its mean over all nudges.* It is
# largest where the mask is, and not zero elsewhere: what one place attends to depends on all.
#
# ## 6 · Scenes that nobody chose
#
# The next scenes in the list, taken as they come. Each is edited in fewer steps, so that this takes seconds.

# %%
others = {}
for seed in range(demo.seed + 1, demo.seed + (4 if lab.profile == "lesson" else 2)):
    other = mag.bench.demo.complex_task(seed)
    way = mag.invert(lab.net, lab.fit(other), replace(demo.inversion, steps=lab.steps(8)))
    edited = mag.run(lab.net, lab.fit(other), way, demo.guided, mag.Keep(previews=False))
    others[f"{seed % 100}: to {other.words[0]}"] = other.image
    others[f"is {mag.bench.demo.colour_of(edited)}"] = edited.result
words = "Scenes that nobody chose: sources, and their edits by MAG-Edit in eight steps"
mag.plots.pictures(others, words)

# %% [markdown]
# *For each scene the source with the colour that is asked for, and MAG-Edit's result with the colour inside the mask.*
# Not every one works, and eight steps are fewer than the twenty above. The README counts successes on many scenes.
#
# ## Exercise 1 · The other one
#
# Difficulty ●○○ · 5 minutes. Make a task that recolours the **other** look-alike. `scene.masks` has a mask for each of
# `scene.things`; `replace(task, mask=…)` copies a task with another mask.
#
# <details><summary>Hint</summary>Two of the things are of one kind. Which of them is edited already?</details>

# %%
scene = mag.bench.demo.complex_scene(demo.seed)
print([f"{i}: {thing.colour} {thing.kind}" for i, thing in enumerate(scene.things)])

# %% tags=["exercise"]
my_task = None  # your turn

# %% tags=["solution"]
my_task = replace(task, mask=scene.masks[1])  # 1: the green mug

# %%
check_other_object(my_task, task, scene)

# %% [markdown]
# The noise belongs to the picture, not to the mask: `lab.run(my_task, path, demo.guided)` needs no new inversion.
#
# ## Exercise 2 · Read a trace
#
# Difficulty ●●○ · 5 minutes. `trace.share(word)` has the share of the word's attention inside the mask, one number a
# step, from noise to picture. At which step is it largest? Before you compute it: should that be the last guided step?
#
# <details><summary>Hint</summary>It is an array of numpy, which has methods for its largest value and for the place of
# that value. Which of the two is a step?</details>

# %% tags=["exercise"]
best = None  # your turn

# %% tags=["solution"]
best = trace.share(task.words[0]).argmax()

# %%
check_best_step(best, trace)

# %% [markdown]
# ## If something goes wrong
#
# - *Nothing changes:* the nudges are too small for this scene; double `step_size` in the demo's settings.
# - *The object turns striped, white or torn:* the step size is too large, or the nudges too many.
# - *It takes long:* `MAGEDIT_LAB_PROFILE=ci` in the environment shortens every run; close other notebooks.
# - *`NameError`:* a cell above was not run; *Kernel, Restart and run all*.
# - `magedit-lab doctor` prints what a bug report needs.
