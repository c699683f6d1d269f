# %% [markdown]
# # 05 · MAG-Edit step by step
#
# ![Maps of the edit word's attention, before the first and before the last nudge of a step](pictures/05_mag_edit_step_by_step.png)
#
# *Where the edit word is looked at, before the first nudge of a step (top) and before the last (bottom).*
#
# **You will** *compute* the paper's two ratios from a map, *take* one gradient step by hand, *run* Algorithm 1 nudge by
# nudge, *compare* the paper's equations with the released code, and *finish* your own MAG-Edit: the last picture here
# comes from your code.
#
# **You need** notebook 04. **Time** {time}.
#
# ![Map of the course, with the present part lit: 05, MAG-Edit](pictures/course-05.svg)

# %%
from dataclasses import replace
from magedit_lab.course.start import start
from magedit_lab.course.given import Given
from magedit_lab.course.mine import keep, pieces
import torch
import magedit_lab as mag

lab = start()
net, demo = lab.net, mag.bench.demo.Demo()

# %%
task = mag.bench.demo.complex_task(demo.seed)
path = lab.invert(task, replace(demo.inversion, steps=lab.steps(20)))
mag.plots.task(task)

# %% [markdown]
# *The task of notebook 00: one of two look-alikes.* The dashed mask, $\mathcal M$ in the paper, says which.
#
# ![Algorithm 1: maps, loss, gradient and nudge in a loop, then one step of denoising](pictures/algorithm.svg)
#
# ## 1 · Two questions about one map
#
# Let $\hat A_x^k$ be the attention of cell $x$ to token $k$ after Prompt-to-Prompt's injection (the paper's
# $(\hat A^*_t)_x^k$), $w$ the edit word, and $|\mathcal M|$ the number of cells in the mask.
#
# **Token ratio** (Eq. 1, as the released code reads it): *inside the mask, how much of the attention does the edit word
# get?*
# $\mathcal L_{TR} = \Big(1 - \frac{1}{|\mathcal M|}\sum_{x \in \mathcal M} \frac{\hat A_x^w}{\sum_k \hat A_x^k}\Big)^2$
#
# **In code** (`methods/shared/losses.py`): `inside = (ratio * mask).sum(-1) / mask.sum()`
#
# **In code** (`methods/shared/losses.py`): `return (1 - inside).square().mean()`
#
# The first step of a run has the maps (`nudges[0].maps`, heads x cells x tokens at each site). A loss is a plain
# function of them. Here is one of the five sites; the loss of a run is the mean of all.

# %%
first = next(mag.edit(net, task, path, mag.MagEdit(iterations=1)))
probs = next(iter(first.nudges[0].maps.values()))[0]
mask = mag.masks.to_cells(task.region, 16, 16).flatten().to(probs)
word = net.positions(task.target, task.words[0])
print(f"token ratio {mag.methods.losses.token_ratio(probs, mask, word):.3f}  (1: no attention, 0: all)")

# %% [markdown]
# **Spatial ratio** (Eq. 2): *how much of the word's attention lies inside the mask?*
# $\mathcal L_{SR} = \lambda(1 - a) - a$ with $\lambda = 3$ and $a = \sum_{x \in \mathcal M} \hat A_x^w / \sum_x \hat A_x^w$.
#
# **In code** (`methods/shared/losses.py`): `return (a * mask).sum(-1) / a.sum(-1)`
#
# **In code** (`methods/shared/losses.py`): `return (lam * (1 - inside) - inside).mean()`

# %%
ratio = mag.methods.losses.spatial_ratio(probs, mask, word)
print(f"spatial ratio {ratio:.3f}  (3: nothing inside, -1: all)")

# %% [markdown]
# ## 2 · The gradient
#
# The loss depends on the noisy latent $z^*_t$ through half of the U-Net, which PyTorch can differentiate. Eq. 4 moves
# the latent against the gradient, inside the mask only, by a step size $\delta$, which the released code multiplies by
# $\sigma_t$, the ratio of noise to signal:
# $z^*_t \leftarrow z^*_t - \mathcal M \odot \delta\,\nabla_{z^*_t}\mathcal L$.
#
# **In code** (`methods/shared/guidance.py`): `update = mask * size * tensors["gradient"]`
#
# **Predict:** is the gradient outside the mask zero? The loss reads nothing there.

# %%
nudge = first.nudges[0]
cells = mag.masks.to_cells(task.region, *nudge.gradient.shape[-2:])
inside, outside = nudge.size(cells)
print(f"gradient inside the mask {inside:.2e}, outside {outside:.2e}")
print(f"step size 2.5 x sigma = {nudge.step_size:.1f}")
largest = [nudge.update[..., cells == value].abs().max().item() for value in (1, 0)]
print(f"largest update inside {largest[0]:.2e}, outside {largest[1]:.2e}")
lab.claim("the gradient outside, as a share of that inside", outside / inside, least=0.001, most=1)

# %% [markdown]
# **Look:** smaller outside, and not zero: convolutions and self attention carry what lies elsewhere into the mask's
# cells. The update is zero there all the same.
#
# ## 3 · Algorithm 1
#
# Nudge a few times, then denoise one step, and so on; after the step $\tau$ (here halfway) only denoise. `demo.guided`
# is the released code's method with 3 nudges a step and twice its step size. The library's `edit` is a generator: it
# yields a step as soon as it is done, with every nudge in it. A `for` loop is all that is needed to watch, to plot, or
# to stop.

# %%
trace = mag.Trace(task)
for step in mag.edit(net, task, path, demo.guided):
    trace.add(step)
    if step.nudges and step.now.i % 3 == 0:
        first, last = step.nudges[0].loss, step.nudges[-1].loss
        print(f"step {step.now.i:2d}: {len(step.nudges)} nudges, loss {first:.3f} -> {last:.3f}")

# %%
mag.plots.loss_curves(trace)

# %% [markdown]
# *Every nudge of every guided step.* Within a row the loss falls. Between rows denoising at first helps, since each
# step paints what the nudges have begun; later it takes back what they gain, and more.

# %% tags=["title"]
mag.plots.attention_before_after(trace)

# %% [markdown]
# *The edit word's map before the first and the last nudge of three steps, on one scale.* From top to bottom: what all
# nudges of a step but the last did, which is little. From left to right: what the nudges and denoising steps between
# have added up to.

# %%
mag.plots.gradient_inside_outside(trace)

# %% [markdown]
# *Size of the gradient inside (blue) and outside the mask (orange, dashed), and where it is largest.* Its size changes
# by step, but not with the noise; $\delta$ times $\sigma_t$ does: large nudges early, small ones late.
#
# ## 4 · Token or spatial?
#
# The token ratio asks for strength, the spatial ratio for place. **Predict:** which of them could be met without
# raising the word's attention at all?

# %%
from magedit_lab.bench import ablations

_, other = ablations.settings(demo.guided, demo.inversion)["loss"]
spatial = other.method
print(f"step size {spatial.step_size:g}, the same at all steps; {spatial.iterations} nudges a step")
runs = {"no guidance": lab.run(task, path, replace(demo.guided, iterations=0))}
runs |= {"token ratio": trace, "spatial ratio": lab.run(task, path, spatial)}

# %%
mag.plots.comparison(runs)

# %% [markdown]
# *No guidance, guidance by the token ratio, and by the spatial ratio.* See whether the masked object took the colour,
# and whether either kept its shape. Notebook 07 has a scene where the two losses differ visibly. And the prediction: the
# spatial ratio. To meet it, it is enough that the word loses attention *outside*.

# %%
guided = 100 * trace.share(task.words[0])[path.steps // 2 - 1]
unguided = 100 * runs["no guidance"].share(task.words[0])[path.steps // 2 - 1]
lab.claim("points of % of the map that nudges bring into the mask", guided - unguided, least=15)

# %% [markdown]
# Now the same over all steps.

# %%
mag.plots.attention_over_time(runs)

# %% [markdown]
# *The share of the edit word's attention inside the mask, over all steps.* The spatial ratio asks for just this, and
# yet the token ratio's share may rise sooner: its step grows with the noise, the other's does not. The jump near step 15
# comes from the blend, which puts the outside back, and not from guidance.
#
# **Check.** Without nudges MAG-Edit is its base method, bit for bit:

# %%
base = lab.run(task, path, demo.guided.base)
print("equal to the base method:", runs["no guidance"].result.tobytes() == base.result.tobytes())

# %% [markdown]
# ## 5 · Paper and code
#
# The printed equations and the released code differ, in step size, denominator, heads and blending. Both are presets.

# %% tags=["nbval-check-output"]
released, paper = mag.MagEdit.released(), mag.MagEdit.paper()
for name in ("by_sigma", "all_tokens", "per_head", "step_size", "iterations", "cells", "columns"):
    print(f"{name:<12} released {getattr(released, name)!s:<9} paper {getattr(paper, name)}")
print(f"{'blend':<12} released {released.base.blend}, paper {paper.base.blend!r}")

# %% [markdown]
# `by_sigma`: the step size times $\sigma_t$ (`None`: for the token ratio only). The paper prints no step size; its
# preset borrows the code's. `all_tokens`: the denominator runs over all columns, start and padding included, as above
# and in the code; or, as the paper prints Eq. 1, over the edit word and the common words. `per_head`: a loss for each
# head, not one of their mean. `MaskBlend(start=0.7, grow=1)`: blending in the last 30 % of the steps, with a mask one
# cell wider. `cells`, `columns`: what the released code does with a mask's rim and with a word that stands twice; the
# library's own choice, in both `MagEdit()` and `paper()`, keeps the smallest object and guides the new word only.
#
# ## Exercise 1 · Your own MAG-Edit, piece 5: the loss
#
# Difficulty ●●○ · 15 minutes. Write Eq. 1 as the released code reads it. `probs` is (heads x) cells x tokens, `mask` 0 or
# 1 for each cell, `word` a column. With several heads, each has a loss of its own, and the result is their mean.
#
# Think about it: is the mean of the squares the square of the mean? Which cells does the difference favour?
#
# <details><summary>Hint</summary>The equation has two sums: one over tokens, one over cells. Which of them stands inside
# the other? With <code>...</code> in an index and with axis -1 the same code does one head and many.</details>

# %% tags=["exercise"]
def token_ratio(probs, mask, word):
    return None  # your turn

# %% tags=["solution"]
def token_ratio(probs, mask, word):
    ratio = probs[..., word] / probs.sum(-1)
    return ((1 - (ratio * mask).sum(-1) / mask.sum()) ** 2).mean()

# %%
keep(token_ratio)

# %% [markdown]
# ## Exercise 2 · Your own MAG-Edit, piece 6: one nudge
#
# Difficulty ●●○ · 5 minutes. Write Eq. 4: the latent after one nudge. `z` and `gradient` have the same shape, `mask` is 0
# or 1 for each of their cells, `delta` a number.
#
# Think about it: the loss reads nothing outside the mask. Why is the mask needed in the update, then? (Section 2 has the
# number.)
#
# <details><summary>Hint</summary>What has to be the same before and after, bit for bit? Test your formula for a cell
# outside.</details>

# %% tags=["exercise"]
def nudge(z, gradient, mask, delta):
    return None  # your turn

# %% tags=["solution"]
def nudge(z, gradient, mask, delta):
    return z - mask * delta * gradient

# %%
keep(nudge)

# %% [markdown]
# ## Exercise 3 · Your own MAG-Edit, piece 7: the loop
#
# Difficulty ●●● · 30 minutes. Algorithm 1, from the pieces. `given` has what the library worked out before the loop:
#
# - `given.times`, the timesteps; `given.half`, the first step without nudges; `given.target`, the target's embedding;
# - `given.source_maps(read_maps, i)`: by site, the source's map at step i and the `origin` of its columns;
# - `given.sites` (those that the loss reads), `given.cells` and `given.word` for the loss, `given.mask` for the nudge,
#   `given.sigma(t)`, by which the step size grows;
# - `given.guided(z, t, change)`, the noise of the guided step; `given.levels(i)` for your `ddim_step`; and
#   `given.blend(z, i)`, which puts the outside back late in the run.
#
# `mag_edit(given, z, nudges, delta)` starts at the noise `z` and returns the last latent. The loss is the mean over the
# sites; a site's map is `probs[0]`, for a batch of one.
#
# Think about it: where would the run go wrong if the maps of the loss were read *before* injection?
#
# <details><summary>Hint</summary>Two loops, one in the other, as in the diagram. `torch.autograd.grad(loss, z)` needs a
# latent with `requires_grad_()`, and the nudged one must be detached, or each step would remember all before it.
# `change` is a dict of hooks by site: what makes a hook of a source map?</details>

# %%
ddim_step, read_maps, inject, token_ratio, nudge = pieces(
    "ddim_step", "read_maps", "inject", "token_ratio", "nudge")

# %% tags=["exercise"]
def mag_edit(given, z, nudges, delta):
    return None  # your turn

# %% tags=["solution"]
def mag_edit(given, z, nudges, delta):
    for i, t in enumerate(given.times):
        change = {name: inject(*maps) for name, maps in given.source_maps(read_maps, i).items()}
        for _ in range(nudges if i < given.half else 0):
            maps = read_maps(given.net, z.requires_grad_(), t, given.target, given.sites, change)
            loss = sum(token_ratio(a[0], given.cells, given.word) for a in maps.values()) / len(maps)
            (gradient,) = torch.autograd.grad(loss, z)
            z = nudge(z.detach(), gradient, given.mask, delta * given.sigma(t))
        z = given.blend(ddim_step(z, given.guided(z, t, change), *given.levels(i)), i)
    return z

# %%
keep(mag_edit)

# %% [markdown]
# ## 6 · The picture from your own code
#
# All pieces together, on the whole path, beside the library's run of section 3. (Pieces that you have not kept are the
# course's; the line says which.)

# %%
(mag_edit,) = pieces("mag_edit")
given = Given(net, lab.fit(task), path)
latent = mag_edit(given, given.noise, demo.iterations, demo.step_size)
shown = {"source": lab.fit(task).image, "my_magedit.py": net.decode(latent), "library": trace.result}
mag.plots.pictures(shown, "The source, the edit by the pieces of this course, and the library's edit")

# %% [markdown]
# *The source, the edit by 35 lines of Python, and the library's.* **Look** for a difference between the last two.

# %%
import numpy as np

mine, theirs = (np.asarray(picture, float) for picture in list(shown.values())[1:])
lab.claim("largest difference of the two pictures, of 255", np.abs(mine - theirs).max(), most=1)

# %% [markdown]
# What the library adds to these lines: other methods as a base, several words and negative prompts, checks of what goes
# in, and a trace of what happened. The method is what you have written.
#
# ## If something goes wrong
#
# - *`word … stands in both prompts`:* its map is the source's, so no gradient reaches it; choose a word that is new.
# - *The loss does not move:* the step is too small, or the word has next to no attention in the mask.
# - *`expected finite latents`:* the step is too large.
