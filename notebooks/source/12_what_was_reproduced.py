# %% [markdown]
# # 12 · What was reproduced
#
# ![One scene edited by the released code's settings, by the printed equations, and by this library](pictures/12_what_was_reproduced.png)
#
# *Three readings of one method: as it was released, as it was printed, and as this library has it.*
#
# **You will** *compare* a paper with its released code, *measure* each difference alone, *judge* which of them matter,
# and *read* what was not reproduced.
#
# **You need** notebook 05. **Time** {time}.
#
# ![Map of the course, with the present part lit: 12, Reproduced?](pictures/course-12.svg)

# %%
from dataclasses import replace
from magedit_lab.course.start import start
from magedit_lab.course.exercises import check_largest, check_times
from magedit_lab.bench import departures
import magedit_lab as mag

lab = start()
net, demo = lab.net, mag.bench.demo.Demo()

# %% [markdown]
# ## 1 · Three of them
#
# A paper prints equations. Its authors release code. Whoever builds the method again has to choose wherever the two
# disagree. `MagEdit.released()` has the released code's choices, `MagEdit.paper()` the printed equations', and
# `MagEdit()` ours. Each choice is a setting, so each can be turned alone.
#
# The scene is made to be difficult for such choices: the mask is painted by hand, with a soft rim, and the edit word
# stands twice in the target prompt.

# %%
task = lab.fit(departures.scene_task(demo.seed))
path = lab.invert(task, mag.Direct(lab.steps(8), demo.guidance_scale))
mag.plots.task(task)

# %% [markdown]
# *The scene, with a mask that is wider than the object.* Which of the two places of the edit word in the target prompt
# is the new one?
#
# **Predict:** with the same number of nudges and the same step size, will you see a difference between the three?

# %%
ours = mag.MagEdit(iterations=demo.iterations, step_size=demo.step_size)
same = {"iterations": ours.iterations, "step_size": ours.step_size}
released, paper = mag.MagEdit.released(**same), mag.MagEdit.paper(**same)
readings = {"released code": released, "paper": paper, "ours": ours}
traces = {name: lab.run(task, path, method) for name, method in readings.items()}

# %% tags=["title"]
mag.plots.comparison(traces)

# %% [markdown]
# *The source with its mask, and the edit by the released code's settings, by the printed equations, and by ours.*
# **Look** at the masked object, at the object whose colour the prompt names, and along the mask's rim.
#
# ## 2 · One at a time
#
# Each departure alone: all settings are ours but one. Its size is the change of the final latent, as a share of the
# latent, and the PSNR of the two pictures against each other. The same table is in [methods](../docs/methods.md), from
# `magedit-lab bench departures`.

# %%
inversion = mag.Direct(lab.steps(8), demo.guidance_scale)
with lab.progress("departures") as after:
    sizes = list(departures.measure(net, task, inversion, ours, after))
for size in sizes:
    d = size.departure
    print(f"{d.setting:<18} {d.ours:<22} {d.whose}: {d.theirs:<12} "
          f"latent {size.latent:7.2%}  {size.psnr:4.1f} dB")

# %% [markdown]
# **Check** your prediction against the two lines that begin with *all of*. What the settings mean:
#
# - `cells`: the mask in the cells of the maps and of the latent. The released code asks one pixel a cell, so a thin rim
#   can decide, and a small object can vanish; ours takes the cells that are covered by half.
# - `columns`: of a word that stands twice, the released code guides both places. Ours guides the new one.
# - `base.padding`, `base.split`: how Prompt-to-Prompt pairs padding, and where words end.
# - `by_sigma`: the released code multiplies the step size by $\sigma_t$. The paper prints a constant, and no value.
# - `all_tokens`: Eq. 1 sums over the edit word and the common words. The released code sums over all columns.
# - `per_head`: the square of Eq. 1 for each head, or of the heads' mean.
# - `base.blend`: the released code puts the outside back in the last 30 % of the steps, with a grown mask.

# %%
every = {size.departure.setting: 100 * size.latent for size in sizes}
lab.claim("change of the latent by the padding alone", every["base.padding"], most=1, unit=" %")
lab.claim("change by all of the paper's choices", every["all of paper()"], least=5, unit=" %")

# %% [markdown]
# **Look:** two departures of the same length in the text can differ a hundredfold in size. A list of differences
# without sizes says little.
#
# ## 3 · The offset that is in no paper
#
# Fifty DDIM steps visit timesteps 980, 960 ... 0, says the scheduler's own code. But Stable Diffusion's pipeline sets
# `steps_offset` to 1 for every scheduler that it is given. So the released code visits 981, 961 ... 1, although it never
# says so.

# %% tags=["nbval-check-output"]
print("with the offset:   ", net.schedule.timesteps(10))
print("without the offset:", replace(net.schedule, offset=0).timesteps(10))

# %% [markdown]
# One timestep of a thousand: does it matter? The picture is encoded and inverted anew with the other timesteps.

# %%
without = replace(net, schedule=replace(net.schedule, offset=0))
other = mag.invert(without, task, mag.Direct(lab.steps(8), demo.guidance_scale))
*_, end = mag.edit(without, task, other, ours)
*_, usual = mag.edit(net, task, path, ours)
change = (end.target - usual.target).square().mean().sqrt() / usual.target.square().mean().sqrt()
print(f"change of the final latent: {change.item():.2%}")

# %% [markdown]
# A small change, but whoever compares numbers of two programs to the last digit must know of it: loss curves begin at
# another noise level.
#
# ## 4 · What was not reproduced
#
# - **Stable Diffusion's pictures.** No real weights were at hand. The classes are run with random weights, and numbers
#   of the shipped model say nothing of them.
# - **MAG-Bench and the user study.** The benchmark's data were never released. TabletopBench is our own.
# - **The CLIP numbers of Table 1.** The paper names neither the CLIP model nor the margin of its cut-out.
# - **P2P+Re-weight as the authors ran it.** The released baseline cannot run: its call does not fit its function.
#   Ours is written from the paper's text, and on the shipped model it rivals MAG-Edit (notebook 08), since this model
#   was taught to obey multiplied attention.
# - **The spatial ratio as they ran it.** It is in the equations and in the history of the code, not in the release.
#
# ## Exercise 1 · Timesteps
#
# Difficulty ●○○ · 5 minutes. The released code runs 50 steps. Which timestep is its first, and which its last? Say also:
# does the last step end at timestep 0?
#
# <details><summary>Hint</summary>What does `net.level(-1)` stand for in notebook 01?</details>

# %% tags=["exercise"]
first, last = None, None  # your turn

# %% tags=["solution"]
first, last = 981, 1  # and from 1 it moves to the level of the finished latent

# %%
check_times((first, last), net)

# %% [markdown]
# ## Exercise 2 · The largest
#
# Difficulty ●●○ · 10 minutes. Which single setting changes the latent most here? Give its name. Then decide: which would
# be largest if the mask were exact and no word stood twice?
#
# <details><summary>Hint</summary>The lines that begin with <i>all of</i> are sums of several. For the second question:
# which settings read neither the mask's rim nor a second place of the word?</details>

# %% tags=["exercise"]
largest = None  # your turn

# %% tags=["solution"]
single = [size for size in sizes if not size.departure.setting.startswith("all of")]
largest = max(single, key=lambda size: size.latent).departure.setting

# %%
check_largest(largest, sizes)

# %% [markdown]
# ## If something goes wrong
#
# - *Your sizes are others:* fewer steps make other paths; compare the order of sizes, not their digits.
# - *A size is 0:* that setting makes no difference on this scene, such as a word's end where no comma follows it.
# - *`replace(net, …)` changed the model:* it did not; a Backbone is frozen, and the copy shares its weights.
