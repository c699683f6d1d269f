# %% [markdown]
# # 02 · Cross attention: words look at pixels
#
# **You will** read the attention maps of every word, check what they sum to, find the layers that they come from, and
# change a picture by changing a map.
#
# **You need** notebook 01. **Time** {time}.

# %%
from widgets.lesson import start
from widgets.exercises import check_share, check_sum
import magedit_lab as mag
import torch

lab = start()
net = lab.net

# %% [markdown]
# ## 1 · Every word has a map
#
# In a cross-attention layer each cell of the latent asks a *query*, each token of the prompt answers with a *key* and
# a *value*: $A = \text{softmax}(QK^\top/\sqrt d)$. Row = cell, column = token. A column, put back into its grid, is
# the word's map.

# %%
task = mag.demo.complex_task(mag.demo.Demo().seed)
path = lab.invert(task, mag.Direct(lab.steps(20), 4.0))
trace = lab.run(task, path, mag.METHODS["plain"])

# %%
mag.plots.attention_of_words(trace)

# %% [markdown]
# *The map of each word of the target prompt, averaged over the steps. The dashed line is the mask; below each map, the
# share that lies inside.*
#
# **Look.** Names of things light up on things. *a*, *on* and *with* have little to say. Does the edit word know which
# of the look-alikes it belongs to?
#
# ## 2 · Where the maps come from
#
# `net.sites` lists the attention layers that a latent passes, with their size in cells. Editing uses the coarsest cross
# attention outside the middle block, 16x16 here and in Stable Diffusion 1.

# %%
for site in net.sites(path.latents):
    kind = "cross" if site.cross else "self "
    print(f"{kind} {site.height}x{site.width}  {site.name}")

# %% [markdown]
# A *tap* reads what a named module puts out, for one forward. This is all that every method in this course is made of.

# %%
site = mag.attention.guided(net.sites(path.latents))[0]
seen = {}
with torch.no_grad():
    net.predict(path.latents[5:6], path.times[5], net.embed(task.target), {site.name: mag.taps.recorder(seen, site.name)})
probs = seen[site.name][0]
print("heads, cells, tokens:", tuple(probs.shape))

# %% [markdown]
# ## 3 · A row sums to one
#
# Every cell shares out its attention among *all* tokens, those that mark the start and the padding as well.
#
# **Predict:** how much do the words of the prompt get together?

# %%
share = probs.mean((0, 1))
for token, value in list(zip(trace.tokens, share))[:8]:
    print(f"{token:<12} {value.item():.1%}")

# %% [markdown]
# ## 4 · A map is a handle
#
# If attention *causes* what is painted, then a larger map should paint more of its word. Multiply the edit word's
# column by 5 inside the mask:

# %%
method = mag.PromptToPrompt(reweight=5.0, reweight_inside=True)
more = lab.run(task, path, method)
mag.plots.comparison({"as it is": lab.run(task, path, mag.PromptToPrompt()), "x5 in the mask": more})

# %% [markdown]
# *Prompt-to-Prompt, and the same with the edit word's attention multiplied inside the mask (the paper's P2P+Re-weight
# takes 10).* Multiplying helps only where there is something to multiply. MAG-Edit will move the latent instead.
#
# ## Exercise 1 · Sums
#
# Difficulty ●○○. Over which axis of `probs` (heads, cells, tokens) is the sum always 1?

# %% tags=["exercise"]
axis = None  # your turn: 0, 1 or 2

# %% tags=["solution"]
axis = 2

# %%
check_sum(axis, probs)

# %% [markdown]
# ## Exercise 2 · The share inside a mask
#
# Difficulty ●●○. `heat` is the edit word's map at step 5, `cells` the mask on the same grid. Which share of the word's
# attention lies inside the mask?
#
# <details><summary>Hint</summary>Multiply, sum, and divide by the whole.</details>

# %%
heat = trace.attention(task.words[0])[5]
cells = mag.masks.to_cells(task.region, *heat.shape).numpy()

# %% tags=["exercise"]
inside = None  # your turn

# %% tags=["solution"]
inside = (heat * cells).sum() / heat.sum()

# %%
check_share(inside, trace, 5)

# %% [markdown]
# ## If something goes wrong
#
# - *`no module …; nearest: …`:* a site's name differs between models; take it from `net.sites`.
# - *All maps look alike:* the latent is nearly pure noise at the first steps; look at later ones.
