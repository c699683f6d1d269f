# %% [markdown]
# # 11 · Write your own guidance loss
#
# ![A board of four entries: the share of tasks that each solves, and its error to the ideal edit, with intervals](pictures/11_your_own_loss.png)
#
# *Twenty tasks, the paper's two losses, none, and yours: who solves more, and is the difference real?*
#
# **You will** *state* what a guidance loss is, *write* one as a pure function of maps, mask and tokens, *plug* it into
# MAG-Edit, *predict* its place, and *measure* it against the paper's on twenty tasks.
#
# **You need** notebooks 05 and 09. **Time** {time}.
#
# ![Map of the course, with the present part lit: 11, Your own loss](pictures/course-11.svg)

# %%
from dataclasses import replace
from magedit_lab.course.start import start
from magedit_lab.course.exercises import check_entry, check_loss
from magedit_lab.bench import leaderboard
from magedit_lab.methods.shared import losses
import magedit_lab as mag
import torch

lab = start()
demo = mag.bench.demo.Demo()

# %% [markdown]
# ## 1 · What a loss gets
#
# A guidance loss is called for each 16x16 site at each nudge, with three arguments:
#
# - `probs`: heads x cells x tokens, the attention $\hat A^*_t$. After injection its sum over tokens need not be 1:
#   divide by `probs.sum(-1)` where you want a share.
# - `mask`: 0 or 1 for each cell.
# - `word`: the edit word's columns, a list (a long word can have several tokens).
#
# It returns one number, as a tensor that gradients can flow through. Less must mean better.
#
# **In code** (`methods/shared/losses.py`): `value = loss(probs, mask, word)`
#
# Here is a small map to try things on. The word has 2 % of the attention outside the mask, and inside as much as we
# say.

# %%
def example(inside, cells=256, masked=40, tokens=16):
    mask = (torch.arange(cells) < masked).float()
    own = torch.where(mask > 0, inside, torch.tensor(0.02))
    others = ((1 - own) / (tokens - 1)).repeat(tokens - 1, 1)
    probs = torch.cat([own[None], others]).T[None]
    return probs, mask, [0]

# %% tags=["nbval-check-output"]
for inside in (0.01, 0.1, 0.5):
    probs, mask, word = example(torch.tensor(inside))
    token, spatial = losses.token_ratio(probs, mask, word), losses.spatial_ratio(probs, mask, word)
    print(f"{inside:.0%} inside the mask: token ratio {token:.3f}, spatial ratio {spatial:+.3f}")

# %% [markdown]
# ## 2 · The slope is what counts
#
# A nudge follows the gradient: not how high the loss is, but how fast it falls. And the latent does not move attention
# itself but the *score* $s$ before the softmax. With $r$ for the word's attention, $dr/ds = r(1 - r)$: who has little
# gains little. That is why guidance is hard to begin.
#
# **Predict:** of the token ratio $(1 - r)^2$, the spatial ratio, and $-\log r$, which falls fastest with the score
# where $r$ is nearly 0?

# %%
def log_ratio(probs, mask, word):
    ratio = probs[..., word].mean(-1) / probs.sum(-1)
    inside = (ratio * mask).sum(-1) / mask.sum()
    return -inside.log().mean()

def slope(loss, share):
    score = torch.tensor(share).logit().requires_grad_(True)
    (found,) = torch.autograd.grad(loss(*example(score.sigmoid())), score)
    return -found.item()

# %%
shares = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8]
curves = {"token ratio": losses.token_ratio, "spatial ratio": losses.spatial_ratio, "-log r": log_ratio}
slopes = {name: [slope(loss, share) for share in shares] for name, loss in curves.items()}

# %%
x, y = "attention of the word inside the mask", "how fast the loss falls"
mag.plots.curves.figure(shares, slopes, x, y, log=True)

# %% [markdown]
# *How fast each loss falls with the word's score, by how much attention it has inside the mask.* See which lines lie
# near 0 at the left end, where an edit begins, and which one is highest there.
#
# **Look:** slope and step size multiply, so a steeper loss needs a smaller step. What matters is the *shape*: where a
# loss pushes and where it lets go. The paper's two push hardest once the word has some attention, the logarithm at the
# very start; towards the end all three let go.
#
# ## 3 · Plug it in
#
# `MagEdit(loss=…)` takes a name or a function. `by_sigma=True` scales the step with the noise, as for the token ratio.

# %%
task = mag.bench.demo.complex_task(demo.seed)
path = lab.invert(task, mag.Direct(lab.steps(10), demo.guidance_scale))
mine = replace(demo.guided, loss=log_ratio, by_sigma=True, step_size=0.1 * demo.guided.step_size)
tried = {"token ratio": lab.run(task, path, demo.guided), "-log r": lab.run(task, path, mine)}

# %%
mag.plots.comparison(tried)

# %% [markdown]
# *The demo's task in 10 steps and with a quick inversion, guided by the token ratio and by the logarithm.* See what each
# of them does to the masked object, and remember section 2: the token ratio starts slowly, the logarithm starts hard. A
# steep loss is not yet a good edit, and one picture decides nothing. So we measure.
#
# **Check** that the loss falls within the steps: its mean before the first nudge and before the last.

# %%
import numpy as np

for name, trace in tried.items():
    means = np.nanmean(trace.losses, axis=0)
    print(f"{name:<12} {means[0]:.3f} -> {means[-1]:.3f}")

# %% [markdown]
# ## 4 · The leaderboard
#
# Twenty edits on scenes that are in no benchmark, so you may tune on them as you like: ten colours and ten textures,
# each beside a look-alike that the prompt does not tell apart. Few steps and a quick inversion keep it short.
# *Success*: the masked object has the colour or the texture.
#
# ## Exercise 1 · Your loss
#
# Difficulty ●●● · 30 minutes or a week. Write a loss of your own, and **before you measure it** write down what it asks
# for that Eq. 1 and Eq. 2 do not, and its place on the board. Ideas: the weakest cell of the mask instead of the mean;
# the share inside *and* the strength; a penalty for attention outside; a target below 1, so that the object keeps some
# attention. `my_step` is its step size.
#
# The solution below is the logarithm. It is an honest try and **not** a winner: when this was written it solved as many
# tasks as Eq. 1, and half as many as Eq. 2. A steep start is not enough. A loss that beats Eq. 2 is an open problem here.
#
# <details><summary>Hint</summary>Section 2 shows where each loss pushes. Where should yours push: at the start, in the
# middle, or only as long as the word is weak? Slope times step size is the length of a nudge.</details>

# %% tags=["exercise"]
def my_loss(probs, mask, word):
    return losses.token_ratio(probs, mask, word)  # your turn: this is still Eq. 1

my_step = 4 * demo.step_size

# %% tags=["solution"]
def my_loss(probs, mask, word):
    ratio = probs[..., word].mean(-1) / probs.sum(-1)
    inside = (ratio * mask).sum(-1) / mask.sum()
    return -inside.log().mean()

my_step = 0.4 * demo.step_size

# %%
check_loss(my_loss)

# %% [markdown]
# ## Exercise 2 · Enter it
#
# Difficulty ●○○ · 5 minutes, once you have a loss. The board has the method without guidance, the paper's two losses,
# and yours: `my_entry`, a copy of `fast` with your loss, `by_sigma=True` and your step size. Run the board, look where
# you stand, change your loss, run it again.
#
# <details><summary>Hint</summary>The entry of the spatial ratio is made the same way. Where the check says that every
# number equals the token ratio's, <code>my_loss</code> or <code>my_entry</code> is still the stub.</details>

# %%
# few nudges, large ones
fast = replace(demo.guided, iterations=2, step_size=4 * demo.step_size, stop_step=3)
entries = {"no guidance": replace(fast, iterations=0), "token ratio": fast}
entries["spatial ratio"] = replace(fast, loss="spatial_ratio")

# %% tags=["exercise"]
my_entry = fast  # your turn: this is still the token ratio

# %% tags=["solution"]
my_entry = replace(fast, loss=my_loss, by_sigma=True, step_size=my_step)

# %%
entries["my loss"] = my_entry
entries |= leaderboard.entries("entries", fast)  # a folder of files, one a student; none is fine
tasks = leaderboard.tasks(20 if lab.profile == "lesson" else 4)
inversion = mag.Direct(lab.steps(4), demo.guidance_scale)
with lab.progress("tasks x entries") as after:
    rows = list(leaderboard.measure(lab.net, entries, tasks, inversion, progress=after))
table = leaderboard.ranked(rows)

# %% tags=["title"]
leaderboard.figure(table)

# %% [markdown]
# *Share of solved tasks and error to the ideal edit with 95 % intervals, the best entry on top.* See how wide the
# intervals are: with twenty tasks, one rank up or down means nothing.
#
# **Look:** in four steps even Eq. 1 may solve no more than no guidance does: at the start the word has next to no
# attention in the mask, and there its slope is nearly 0 (section 2). In the README's 20 steps Eq. 1 solves nine of ten
# complex scenes, so take more steps before you trust a place.

# %%
print(leaderboard.text(table))
places = {line["setting"]: line["success"][0] for line in table}
gain = places["spatial ratio"] - places["no guidance"]
lab.claim("share of tasks that Eq. 2 solves and no guidance does not", gain, least=0.1)

# %%
check_entry(rows, "my loss", len(tasks), "token ratio")

# %% [markdown]
# ## A class on one board
#
# Put each student's file into a folder `entries` beside this notebook: `anna.py` with a function
# `loss(probs, mask, word)` and, if wanted, `step_size = 2.0`. Run the board again: every file is an entry under its name,
# ranked with the others and with the same intervals. The files are programs, and they are run: read them first.
#
# ## What to hand in
#
# Your function, its step size, the board, and a page: what the loss asks for, in which scenes it fails, and what the
# board cannot see. Then measure it once, and once only, on tasks that you did not tune on:
# `from magedit_lab.bench import tabletop`, then `list(tabletop.cases(40))` instead of `leaderboard.tasks()`. Does your place hold?
#
# ## If something goes wrong
#
# - *`expected a loss that returns one number`:* average over heads; cells and tokens are summed already.
# - *`expected finite latents`:* the step is too large for this slope, or a logarithm met 0.
# - *Nothing differs from “no guidance”:* the step is too small; print `trace.gradients["moved"]`.
# - *It takes long:* fewer tasks while you try, twenty at the end.
