# %% [markdown]
# # 00 · First edit
#
# ![A scene with two objects of one kind; the edits of Prompt-to-Prompt, of the same with a mask, and of MAG-Edit](../docs/comparison.png)
#
# *Two objects look alike, and the prompt does not tell them apart. Only one of them shall change its colour.*
#
# **You will** run a whole MAG-Edit, compare it with the method that it builds on, read its loss curve, and see where
# the model looked.
#
# **You need** Python, and an idea of what a neural network is. Nothing is downloaded.
# **Time** {time}.

# %%
import magedit_lab as mag
from widgets.lesson import start
from widgets.exercises import check_other_object, check_best_step

lab = start()

# %% [markdown]
# ## 1 · A task
#
# An edit needs four things: a picture, a mask that says **where**, a source prompt that describes the picture, and a
# target prompt that describes the result. The *edit word*, in bold, is what the target prompt adds.

# %%
demo = mag.demo.Demo()
task = mag.demo.complex_task(demo.seed)
mag.plots.task(task)

# %% [markdown]
# *The dashed line is the mask. The edit word is bold.*
#
# **Predict.** Prompt-to-Prompt changes the prompt and keeps the source's attention. It never sees the mask. Which of
# the look-alikes will change?
#
# ## 2 · Back to noise
#
# Editing starts from the noise that the picture could have come from. *Null-text inversion* finds it, and tunes the
# empty prompt so that the way back ends at this very picture.

# %%
path = lab.invert(task, mag.NullText(lab.steps(demo.steps), demo.guidance_scale, demo.inner))

# %% [markdown]
# ## 3 · Three edits from the same noise

# %%
traces = {
    "P2P": lab.run(task, path, mag.PromptToPrompt()),
    "P2P+Mask": lab.run(task, path, mag.PromptToPrompt(blend="mask")),
    "P2P+MAG-Edit": lab.run(task, path, demo.guided),
}

# %%
mag.plots.comparison(traces)

# %% [markdown]
# *From left to right: the source with its mask, Prompt-to-Prompt, the same with everything outside the mask put back,
# and MAG-Edit.*
#
# **Look.** Prompt-to-Prompt's word went where the model liked it best. Putting the outside back undoes that, and may
# leave nothing. MAG-Edit moved the *noise* until the word looked at the mask.
#
# ## 4 · The loss
#
# MAG-Edit asks: inside the mask, how much of the attention does the edit word get? It squares what is missing (Eq. 1
# of the paper) and follows the gradient, some times in each of the early steps.

# %%
trace = traces["P2P+MAG-Edit"]
mag.plots.loss_curves(trace)

# %% [markdown]
# *Each row of dots is one denoising step, each dot one nudge of the noise. 1 means that the word gets no attention
# inside the mask, 0 that it gets all.*
#
# ## 5 · Where the word is looked at

# %%
mag.plots.attention_before_after(trace)

# %% [markdown]
# *Attention of the edit word before the first nudge of a step (top) and before the last (bottom), on one scale.*
#
# **Check.** Over the whole run, the word's attention keeps to the mask with MAG-Edit, and less so without.

# %%
mag.plots.attention_over_time(traces)

# %% [markdown]
# ## 6 · The gradient
#
# The gradient says how each cell of the noise should change. The update keeps only its part inside the mask (Eq. 4).

# %%
mag.plots.gradient_inside_outside(trace)

# %% [markdown]
# *Size of the gradient inside the mask (blue, solid) and outside (orange, dashed), and its mean over all nudges.*
#
# ## Exercise 1 · The other one
#
# Difficulty ●○○ · 5 minutes. Make a task that recolours the **other** look-alike. `scene.masks` has a mask for each of
# `scene.things`; `dataclasses.replace(task, mask=…)` copies a task with another mask.
#
# <details><summary>Hint</summary>Two of the things have the same <code>kind</code>. One of their masks is
# <code>task.mask</code> already.</details>

# %%
from dataclasses import replace

scene = mag.demo.complex_scene(demo.seed)
print([f"{i}: {thing.colour} {thing.kind}" for i, thing in enumerate(scene.things)])

# %% tags=["exercise"]
my_task = None  # your turn

# %% tags=["solution"]
kinds = [thing.kind for thing in scene.things]
(other,) = [i for i, m in enumerate(scene.masks) if kinds.count(kinds[i]) == 2 and (m != task.mask).any()]
my_task = replace(task, mask=scene.masks[other])

# %%
check_other_object(my_task, task, scene)

# %% [markdown]
# ## Exercise 2 · Read a trace
#
# Difficulty ●○○ · 5 minutes. `trace.share(word)` has the share of the word's attention inside the mask, one number a
# step. At which step is it largest?
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
# - *Nothing changes:* the step size is too small for this scene; try `MagEdit(step_size=10)`.
# - *The object turns striped, white or torn:* the step size is too large, or the nudges too many.
# - *It takes long:* `MAGEDIT_LAB_PROFILE=ci` in the environment shortens every run.
# - `magedit-lab doctor` prints what a bug report needs.
