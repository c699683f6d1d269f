# %% [markdown]
# # 13 · The same edit on another architecture
#
# ![Maps of one word in four denoisers with random weights](pictures/13_other_architectures.png)
#
# *The map of one word in four architectures. The weights are random: shapes and sums are real, pictures are noise.*
#
# **You will** *open* four denoisers, *compare* what a map is in each, *run* the same edit in all of them, and *find* out
# what your own code assumes.
#
# **You need** notebooks 02 and 05. **Time** {time}.
#
# ![Map of the course, with the present part lit: 13, Architectures](pictures/course-13.svg)

# %%
from magedit_lab.course.start import start
from magedit_lab.course.exercises import check_columns, check_text_share
from magedit_lab.course.given import Given
from magedit_lab.course.mine import pieces
from magedit_lab.course.tiny import PIPES, SIDE, pipeline
import magedit_lab as mag
import numpy as np, torch

lab = start()

# %% [markdown]
# ## 1 · Four denoisers
#
# `Backbone.of` takes any pipeline of diffusers of these families. These have the real classes, a few channels, and
# random weights, so they load in a second. **Nothing here shows how good an edit looks.** What can be seen is what a map
# *is*: its shape, its columns, its sums.

# %%
nets = {name: mag.Backbone.of(pipeline(name), name) for name in PIPES}
mask = np.zeros((SIDE, SIDE), np.float32)
mask[30:90, 40:100] = 1
picture = mag.scenes.sample(mag.scenes.HELD_OUT + 3).image.resize((SIDE, SIDE))
prompts = "a ball and a box on a table", "a yellow ball and a box on a table"
task = mag.Task(picture, mask, *prompts, "yellow")

# %%
paths = {name: mag.invert(net, task, mag.Direct(4, 2.0)) for name, net in nets.items()}
runs = {name: mag.Run(net, task, paths[name]) for name, net in nets.items()}
for name, run in runs.items():
    site, kind = run.guided[0], type(run.net.denoiser).__name__
    print(f"{name:<7} {kind:<24} {len(run.guided)} guided sites of {site.height}x{site.width}, "
          f"predicts {run.net.schedule.prediction}")

# %% [markdown]
# The first two are U-Nets: they work at several sizes, and words enter through *cross* attention. The last two are
# transformers: one size throughout, and words and picture are **one sequence** in *joint* attention. They predict a
# velocity, and the DDIM step becomes a straight line: `move` in `model/schedule.py` has both.
#
# **In code** (`model/schedule.py`): `return z + (there.noise - here.noise) * eps`
#
# ## 2 · What a map is there
#
# In cross attention a cell chooses among words, so a row sums to 1. In joint attention it chooses among words *and
# cells*. The library cuts the block of image rows and text columns out of that softmax.
#
# **Predict:** what does a row of that block sum to: 1, less, or more?

# %%
maps = {}
for name, run in runs.items():
    (step,) = [next(mag.edit(run.net, task, run.path, mag.MagEdit(iterations=1)))]
    maps[name] = next(iter(step.nudges[0].maps.values()))[0]
    sums = maps[name].sum(-1)
    print(f"{name:<7} heads, cells, columns {tuple(maps[name].shape)}, rows sum to {sums.mean():.3f}")

# %%
rows = {name: probs.sum(-1).mean().item() for name, probs in maps.items()}
for name in ("SD 3", "FLUX.1"):
    lab.claim(f"row sum of {name}'s maps", rows[name], most=0.999)

# %% [markdown]
# **Check:** less. The rest of a row goes to other cells. So the token ratio's denominator, which divides by the row's
# sum over the *text*, still asks a fair question: of the attention that the text gets, how much has this word? The
# rows after injection do not sum to 1 in the U-Nets either.
#
# Now the maps of the edit word.

# %%
from PIL import Image

def heat(run, probs):
    values = probs[..., run.columns("yellow")].sum(-1).mean(0)
    grid = values.reshape(run.guided[0].height, run.guided[0].width)
    grey = (255 * (grid - grid.min()) / (grid.max() - grid.min())).byte().cpu().numpy()
    return Image.fromarray(grey).resize((SIDE, SIDE), Image.Resampling.NEAREST).convert("RGB")

# %% tags=["title"]
shown = {name: heat(runs[name], maps[name]) for name in runs}
mag.plots.pictures(shown, "The map of “yellow” in four denoisers with random weights")

# %% [markdown]
# *The map of the edit word at a guided site of each, from its least (black) to its most attention (white).* **Look** at
# the sizes of the cells, and at nothing else: random weights put the word anywhere.
#
# ## 3 · Which columns are a word's?
#
# A prompt may be read more than once. SDXL has two encoders that read the *same* tokens, so a word has one column.
# SD 3 puts T5's tokens behind CLIP's, so a word has a column in each. FLUX reads words by T5 alone.

# %%
for name, run in runs.items():
    tokens = run.tokens(task.target)
    columns = run.columns("yellow")
    print(f"{name:<7} “yellow” in columns {columns}: {[tokens[c] for c in columns]}")

# %% [markdown]
# ## 4 · The same edit
#
# One call, four architectures. The nudge needs a loss of the maps and a gradient by the latent, and every one of them
# has both.

# %%
ends = {}
for name, run in runs.items():
    steps = list(mag.edit(run.net, task, run.path, mag.MagEdit(iterations=2)))
    first, last = steps[0].nudges[0], steps[0].nudges[-1]
    outside = (last.update * (1 - run.latent_mask)).abs().max().item()
    ends[name] = outside
    print(f"{name:<7} loss {first.loss:.4f} -> {last.loss:.4f}, update outside the mask {outside:.1g}")

# %%
lab.claim("largest update outside the mask, all four", max(ends.values()), most=0)

# %% [markdown]
# ## 5 · And your own code?
#
# Your `mag_edit` knows hooks, maps, a mask and a step. What else does it assume? Run it on the two U-Nets.

# %%
(mag_edit,) = pieces("mag_edit")
for name in ("SD 1", "SDXL"):
    run = runs[name]
    latent = mag_edit(Given(run.net, task, run.path), run.path.latents[:1], 1, 2.5)
    *_, step = mag.edit(run.net, task, run.path, mag.MagEdit(iterations=1))
    far = (latent - step.target).abs().max().item()
    lab.claim(f"{name}: largest distance of your latent from the library's", far, most=1e-4)

# %% [markdown]
# The same 35 lines edit with Stable Diffusion XL. For a transformer two of the pieces are no longer enough.
#
# **Predict** which, before you do exercise 1.
#
# <details><summary>Answer</summary><code>token_ratio</code> takes one column, and a word of SD 3 has two: the library
# averages their ratios. And <code>ddim_step</code> divides by the signal, which a flow does not have at pure noise: there
# the step is a straight line along the velocity.</details>
#
# ## Exercise 1 · Columns
#
# Difficulty ●○○ · 5 minutes. In which columns of SD 3's maps does **ball** stand, in the target prompt? Give a list, from
# `run.tokens(prompt)`, without `run.columns`.
#
# <details><summary>Hint</summary>T5 marks the beginning of a word with a sign, CLIP its end. Look for both.</details>

# %%
run = runs["SD 3"]
tokens = run.tokens(task.target)

# %% tags=["exercise"]
columns = None  # your turn

# %% tags=["solution"]
columns = [c for c, token in enumerate(tokens) if token.strip("▁").removesuffix("</w>") == "ball"]

# %%
check_columns(columns, run, "ball")

# %% [markdown]
# ## Exercise 2 · Words or cells?
#
# Difficulty ●●○ · 10 minutes. Which share of a cell's attention goes to the text in SD 3's map `maps["SD 3"]`, on average
# over heads and cells? What would happen to the token ratio if it divided by 1 in place of the row's sum?
#
# <details><summary>Hint</summary>Which axis of the map is the text? The other two are averaged.</details>

# %% tags=["exercise"]
share = None  # your turn

# %% tags=["solution"]
share = maps["SD 3"].sum(-1).mean()

# %%
check_text_share(share, rows["SD 3"])

# %% [markdown]
# ## If something goes wrong
#
# - *All pictures are noise:* they must be; the weights are random. [Models](../docs/models.md) says what was tested.
# - *`expected a U-Net, whose ResNets have the features`:* Plug-and-Play has no place in a transformer.
# - *A real model:* `mag.Backbone.load("stabilityai/stable-diffusion-xl-base-1.0")`, or a folder, in place of a tiny one.
