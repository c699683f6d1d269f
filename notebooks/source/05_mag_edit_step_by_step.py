# %% [markdown]
# # 05 · MAG-Edit step by step
#
# **You will** compute the paper's two ratios from a map, take one gradient step by hand, and run Algorithm 1 nudge by
# nudge.
#
# **You need** notebook 04. **Time** {time}.

# %%
from widgets.lesson import start
from widgets.exercises import check_spatial, check_token_ratio
import magedit_lab as mag
import torch

lab = start()
net, demo = lab.net, mag.demo.Demo()

# %%
task = mag.demo.complex_task(demo.seed)
path = lab.invert(task, mag.NullText(lab.steps(20), demo.guidance_scale, demo.inner))
mag.plots.task(task)

# %% [markdown]
# ## 1 · Two questions about one map
#
# **Token ratio** (Eq. 1): *inside the mask, how much of the attention does the edit word get?*
# $\mathcal L_{TR} = \big(1 - \frac1{|M|}\sum_{x \in M} \hat A_x^{word} / \sum_k \hat A_x^k\big)^2$
#
# **Spatial ratio** (Eq. 2): *how much of the word's attention lies inside the mask?*
# $\mathcal L_{SR} = \lambda(1 - a) - a$, where $a$ is that share and $\lambda = 3$.

# %%
first = next(mag.edit(net, task, path, mag.MagEdit(iterations=1)))
probs = next(iter(first.nudges[0].maps.values()))[0]
mask = mag.masks.to_cells(task.region, 16, 16).flatten()
word = net.positions(task.target, task.words[0])
print(f"token ratio   {mag.losses.token_ratio(probs, mask, word).item():.3f}  (1: no attention, 0: all)")
print(f"spatial ratio {mag.losses.spatial_ratio(probs, mask, word).item():.3f}  (3: nothing inside, -1: all)")

# %% [markdown]
# ## 2 · The gradient
#
# The loss depends on the noise latent $z_t$ through half of the U-Net. Autograd gives $\nabla_{z_t}\mathcal L$, and
# Eq. 4 moves the latent: $z_t \leftarrow z_t - M \odot \delta\,\nabla_{z_t}\mathcal L$. Only inside the mask.

# %%
nudge = first.nudges[0]
inside, outside = nudge.size(mag.masks.to_cells(task.region, 32, 32))
print(f"gradient inside the mask {inside:.2e}, outside {outside:.2e}; step size {nudge.step_size:.1f}")
print(f"the update outside the mask: {nudge.update[..., mag.masks.to_cells(task.region, 32, 32) == 0].abs().max():.0f}")

# %% [markdown]
# ## 3 · Algorithm 1
#
# The library's `edit` is a generator: it yields a step as soon as it is done, with every nudge in it. A `for` loop is
# all that is needed to watch, to plot, or to stop.

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
# *Every nudge of every guided step.* **Look:** within a step the loss falls; the denoising step between two rows can
# undo part of it.

# %%
mag.plots.gradient_inside_outside(trace)

# %% [markdown]
# *Size of the gradient inside (blue) and outside the mask (orange, dashed).*
#
# ## 4 · Token or spatial?
#
# **Predict:** which of the two keeps more of the object's structure?

# %%
runs = {
    "no guidance": lab.run(task, path, mag.MagEdit(iterations=0)),
    "token ratio": trace,
    "spatial ratio": lab.run(task, path, mag.MagEdit(loss="spatial_ratio", step_size=4.0)),
}
mag.plots.comparison(runs)

# %% [markdown]
# *Without guidance MAG-Edit is its base method, bit for bit. The token ratio asks for strength, the spatial ratio for
# place.*

# %%
mag.plots.attention_over_time(runs)

# %% [markdown]
# ## 5 · Paper and code
#
# The printed equations and the released code differ: step size, denominator, heads. Both are presets.

# %%
print(mag.MagEdit.official())
print(mag.MagEdit.paper())

# %% [markdown]
# ## Exercise 1 · The token ratio
#
# Difficulty ●●○. Write Eq. 1 for one head: `probs` is cells x tokens, `mask` 0 or 1 for each cell, `word` a column.
#
# <details><summary>Hint</summary>The rows sum to one over all tokens, so the denominator is 1 if all columns
# count.</details>

# %% tags=["exercise"]
def token_ratio(probs, mask, word):
    return None  # your turn

# %% tags=["solution"]
def token_ratio(probs, mask, word):
    ratio = probs[:, word] / probs.sum(1)
    return (1 - (ratio * mask).sum() / mask.sum()) ** 2

# %%
check_token_ratio(token_ratio)

# %% [markdown]
# ## Exercise 2 · The spatial ratio
#
# Difficulty ●○○. Half of a word's attention lies inside the mask. What is $\mathcal L_{SR}$ with $\lambda = 3$?

# %% tags=["exercise"]
loss = None  # your turn

# %% tags=["solution"]
loss = 3 * (1 - 0.5) - 0.5

# %%
check_spatial(loss)

# %% [markdown]
# ## If something goes wrong
#
# - *The loss does not move:* the word stands in both prompts (its map is the source's), or the step is too small.
# - *`expected finite latents`:* the step is too large.
