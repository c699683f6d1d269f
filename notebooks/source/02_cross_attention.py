# %% [markdown]
# # 02 · Cross attention: pixels look at words
#
# ![A map for each word of a prompt, bright at the places that look at it](pictures/02_cross_attention.png)
#
# *One map for each word of the prompt: which places look at that word.*
#
# **You will** *read* the attention map of every word, *find* the layers that they come from, *check* what they sum to,
# and *change* a picture by changing a map.
#
# Also *write* piece 2 of your own MAG-Edit: a function that reads maps.
#
# **You need** notebook 01. **Time** {time}.
#
# ![Map of the course, with the present part lit: 02, Attention](pictures/course-02.svg)

# %%
from magedit_lab.course.start import start
from magedit_lab.course.exercises import check_share, check_sum
from magedit_lab.course.mine import keep
import magedit_lab as mag
import torch

lab = start()
net = lab.net

# %% [markdown]
# ## 1 · Every word has a map
#
# How do words get into the picture? In *cross-attention* layers inside the U-Net. There, each cell of the latent asks a
# *query* $Q$ (“what am I to become?”), and each token of the prompt offers a *key* $K$ (“what I am about”) and a
# *value* $V$ (“what I have to give”). Keys that fit the query get a large share of the cell's attention,
# $A = \text{softmax}(QK^\top/\sqrt d)$, and the cell takes up that share of their values, $AV$. Row of $A$ = cell, column =
# token. A column, put back into its grid, is the word's map. (A *token* is a word or a sign; `</w>` marks its end. A
# prompt is filled up to 32 tokens, the *padding*.)
#
# **In code** (`model/attention.py`): `scores = (q * attn.scale) @ k.transpose(-1, -2)`
#
# To have something to look at, take the task of notebook 00, find its noise (`mag.Direct` is the quickest way; notebook
# 03 explains it), and denoise under the target prompt, with the layout kept as Prompt-to-Prompt does (notebook 04). A
# *trace* keeps the maps of every step.

# %%
task = mag.bench.demo.complex_task(mag.bench.demo.Demo().seed)
path = lab.invert(task, mag.Direct(lab.steps(20), 4.0))
trace = lab.run(task, path, mag.PromptToPrompt())

# %% tags=["title"]
mag.plots.attention_of_words(trace, "source")

# %% [markdown]
# *The map of each word of the source prompt, averaged over the steps; a word that stands there more than once has the
# mean of them all. The dashed line is the mask; below each map, the share of it that lies inside.* Each map has a scale
# of its own, so compare places, not brightness.
#
# **Look.** Names of objects light up on objects, strongest on their own, and words without a meaning of their own, such
# as *a* and *and*, have attention too. Not every word is tidy: look for one that lies where you did not expect it.
#
# **Predict:** two objects have one name. In the target prompt, where will the edit word's map be bright: on the masked
# one, on the other, on both, or nowhere?

# %%
mag.plots.attention_of_words(trace)

# %% [markdown]
# *The same for the target prompt, whose edit word is new.* Nothing in the prompt ties the edit word to the mask, and
# its map shows it. (The share below a map is that of the mean map; the mean of each step's share, below, differs a
# little.)
#
# Our model was *taught* where words belong, and that attention causes colour. In Stable Diffusion maps are less tidy,
# and what you do in section 4 works less well.
#
# ## 2 · Where the maps come from
#
# `net.sites` lists the attention layers that a latent passes, with their size in cells. In *cross* attention cells look
# at words, in *self* attention at other cells. Editing uses the coarsest cross attention outside the U-Net's middle,
# 16x16 here and in Stable Diffusion 1.

# %% tags=["nbval-check-output"]
sites = net.sites(path.latents)
for site in mag.model.attention.guided(sites):
    print(f"{site.height}x{site.width}  {site.name}")

# %% [markdown]
# A *hook* reads, or replaces, what a named module puts out, for one forward of the U-Net. Every method in this course
# takes its maps this way. `path.latents[5:6]` is the latent at step 5, `path.times[5]` its timestep. A layer has
# several *heads*, which look for different things at the same time; what we plot is their mean.

# %%
site = mag.model.attention.guided(sites)[0]
maps = {}
with torch.no_grad():
    hooks = {site.name: mag.model.hooks.recorder(maps, site.name)}
    net.predict(path.latents[5:6], path.times[5], net.embed(task.target), hooks)
probs = maps[site.name][0]
print("heads, cells, tokens:", tuple(probs.shape))

# %% [markdown]
# ## 3 · A row sums to one
#
# ![A table of attention, cells by tokens: each row sums to one, one column is a word's map](pictures/maps.svg)
#
# Every cell shares out its attention among *all* tokens, those that mark the start, the end and the padding as well.
#
# **Predict:** how much do the words of the prompt get together: nearly all, half, or little?

# %%
share = probs.mean((0, 1))
for token, value in zip(trace.tokens, share):
    print(f"{token:<12} {value.item():.1%}")
print(f"{'all words':<12} {share[1 : len(trace.tokens) - 1].sum().item():.1%}")

# %% [markdown]
# **Look.** Nearly all, as the last line says; start, end and padding have the rest. (In Stable Diffusion the start token
# takes most.) A word gains attention in a cell only by taking it from other tokens.
#
# ## 4 · A map is a handle
#
# If attention *causes* what is painted, then a larger map should paint more of its word. Multiply the edit word's
# column by 5 inside the mask (the row then sums to more than one).
#
# **In code** (`methods/shared/injection.py`): `scale[:, column] = 1 + (factor - 1) * inside`
#
# **Predict:** will the masked object take the colour?

# %%
method = mag.PromptToPrompt(reweight=5.0, reweight_inside=True)
more = lab.run(task, path, method)
mag.plots.comparison({"as it is": trace, "x5 in the mask": more})

# %% [markdown]
# *Prompt-to-Prompt, and the same with the edit word's attention multiplied inside the mask (the paper's P2P+Re-weight
# takes 10).* See whether the other objects stayed as they were: nothing holds them. Multiplying needs
# something to multiply, and takes nothing from other words. MAG-Edit will move the latent instead.
#
# **Check.** The maps that a trace keeps are those after multiplying, so the word's share inside the mask must have
# grown.

# %%
word = task.words[0]
before, after = trace.share(word).mean(), more.share(word).mean()
print(f"share inside the mask, mean over the steps: {before:.1%} -> {after:.1%}")
lab.claim("the share after multiplying, as a multiple of the share before", after / before, least=2)

# %% [markdown]
# Multiplying a small share by five alone gives less. The rest comes because each step starts from what the last one
# painted: an object that is a little red attends more to *red*.

# %% [markdown]
# ## Exercise 1 · Sums
#
# Difficulty ●○○ · 5 minutes. Over which axis of `probs` (0 heads, 1 cells, 2 tokens) is the sum always 1? Say first what
# it would mean for the other two: would each *word* then have the same total attention? Would it with the axis you chose?
#
# <details><summary>Hint</summary>A softmax runs over the things that are chosen between. Who chooses here, and between
# what?</details>

# %% tags=["exercise"]
axis = None  # your turn: 0, 1 or 2

# %% tags=["solution"]
axis = 2

# %%
check_sum(axis, probs)

# %% [markdown]
# ## Exercise 2 · The share inside a mask
#
# Difficulty ●●○ · 10 minutes. `heat` is the edit word's map at one step, `cells` the mask on the same grid, 0 or 1.
# Which share of the word's attention lies inside the mask?
#
# <details><summary>Hint</summary>What would it be if the map were equal everywhere? Your formula should give the mask's
# share of the picture then.</details>

# %%
heat = trace.attention(word)[5]
cells = mag.masks.to_cells(task.region, *heat.shape).numpy()

# %% tags=["exercise"]
inside = None  # your turn

# %% tags=["solution"]
inside = (heat * cells).sum() / heat.sum()

# %%
check_share(inside, trace, 5)

# %% [markdown]
# ## Exercise 3 · Your own MAG-Edit, piece 2: read maps
#
# Difficulty ●●● · 15 minutes. Write `read_maps(net, z, t, text, names, change={})`: a dict with the attention of every
# site in `names`. `net.predict(z, t, text, hooks, until=…)` calls each hook with the module's output; what a hook returns
# takes the output's place, `None` leaves it. `change` has functions by site that alter a map: sites in `change` but not
# in `names` get them as hooks as they are; for a site in both, keep the map *after* the change, and return it.
# With `until` the U-Net stops at the last site that you need.
#
# Think about it: why must the kept map be the changed one? (What does the model use for its picture?)
#
# <details><summary>Hint</summary>A function inside your function can write into a dict of the outer one.
# <code>functools.partial(hook, name)</code> gives a hook its site's name; a lambda in a loop would have the last name
# only.</details>

# %%
from functools import partial

# %% tags=["exercise"]
def read_maps(net, z, t, text, names, change={}):
    return None  # your turn

# %% tags=["solution"]
def read_maps(net, z, t, text, names, change={}):
    maps = {}
    def hook(name, probs):
        maps[name] = change[name](probs) if name in change else probs
        return maps[name]
    hooks = change | {name: partial(hook, name) for name in names}
    net.predict(z, t, text, hooks, until=names[-1])
    return maps

# %%
keep(read_maps)

# %% [markdown]
# ## If something goes wrong
#
# - *`no module …; nearest: …`:* a site's name differs between models; take it from `net.sites`.
# - *All maps look alike:* the latent is nearly pure noise at the first steps; look at later ones.
# - *`word … is not in the target prompt`:* the message lists the words that are.
