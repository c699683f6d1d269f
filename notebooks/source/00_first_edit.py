# %% [markdown]
# # 00 · First edit
#
# ![A scene with two objects of one kind, one of them outlined by a mask](pictures/00_first_edit.png)
#
# *Two objects look alike, and the prompt does not tell them apart. Only the outlined one shall change its colour.*
#
# **You will** *run* a whole MAG-Edit (*Mask-based Attention-adjusted Guidance*, Mao et al. 2024, “the paper” of this
# course), *compare* it with Prompt-to-Prompt (P2P), which it builds on, *read* its loss curve, and *see* where the
# model looked.
#
# **You need** Python, and an idea of what a neural network is. Nothing is downloaded. Words that are new here (noise,
# attention, inversion) each get a notebook of their own later; for now a sentence must do.
# **Time** {time}.

# %%
import magedit_lab as mag
from dataclasses import replace
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
# brings nothing into the mask that was not there. MAG-Edit moves the *noise* until the mask looks at the word. Its
# price here is the shape: the handle is stretched, and the right side is cut off.
#
# **Check** your guess in the picture, and by the colour that each result has inside the mask, by its mean.

# %%
print(f"asked for: {task.words[0]}")
for name, trace in traces.items():
    print(f"{name:<14} {mag.bench.demo.colour_of(trace)}")

# %% [markdown]
# ## 4 · The loss
#
# In the model, every place of the picture shares out its *attention* among the words of the prompt; what a place
# attends to, it takes up. MAG-Edit asks: inside the mask, how much of the attention does the edit word get? It squares
# what is missing (Eq. 1 of the paper) and follows the gradient with some *nudges* of the noise in each of the early
# steps.

# %%
trace = traces["P2P+MAG-Edit"]
mag.plots.loss_curves(trace)

# %% [markdown]
# *Each row of dots is one denoising step, each dot one nudge of the noise. 1 means that the word gets no attention
# inside the mask, 0 that it gets all.* Guidance works where a row falls from left to right. The black line joins the
# ends of the rows; it may rise again (notebook 05). Mind the axis: it need not begin at 0, and here 0.8 was enough.
#
# ## 5 · Where the word is looked at
#
# A word's attention at all places, put back into the picture's shape, is its *map*.

# %%
mag.plots.attention_before_after(trace)

# %% [markdown]
# *Attention of the edit word before the first nudge of a step (top) and before the last (bottom), on one scale.* Below
# each map stands the share of it that lies inside the mask, the dashed outline: compare top with bottom.
#
# **Predict.** Over the whole run, whose word keeps more to the mask: MAG-Edit's or Prompt-to-Prompt's?

# %%
mag.plots.attention_over_time(traces)

# %% [markdown]
# *The share of the edit word's attention that lies inside the mask, at each step of the three runs.* The dotted line is
# the share that it would have if its attention were spread evenly; above it, a word prefers the mask.
#
# **Look.** Two shares, not one: the loss asks how much of the *mask's* attention the word has; this figure, how much of
# the *word's* attention lies in the mask. The nudges end halfway. The jump at step 15 is not theirs:
# from there on P2P+Mask and MAG-Edit put the outside back, and with it goes the attention that the word had there. So a
# share can also rise because the rest was taken away, as P2P+Mask's does: its mug stays as it was.
#
# ## 6 · The gradient
#
# The gradient says how each cell of the noise should change so that the loss falls. The update keeps only its part
# inside the mask (Eq. 4).

# %%
mag.plots.gradient_inside_outside(trace)

# %% [markdown]
# *Size of the gradient inside the mask (blue, solid) and outside (orange, dashed), and its mean over all nudges.* It is
# largest where the mask is, and not zero elsewhere: what one place attends to depends on all.
#
# ## Exercise 1 · The other one
#
# Difficulty ●○○ · 5 minutes. Make a task that recolours the **other** look-alike. `scene.masks` has a mask for each of
# `scene.things`; `replace(task, mask=…)` copies a task with another mask.
#
# <details><summary>Hint</summary>Two of the things have the same <code>kind</code>. One of their masks is
# <code>task.mask</code> already.</details>

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
# Difficulty ●○○ · 5 minutes. `trace.share(word)` has the share of the word's attention inside the mask, one number a
# step, from noise to picture. At which step is it largest?
#
# <details><summary>Hint</summary><code>trace.share("…").argmax()</code></details>

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
