# %% [markdown]
# # 04 · Prompt-to-Prompt, and why it leaks
#
# **You will** keep a picture's layout by keeping its attention, choose when, and see the method fail where a prompt
# does not tell objects apart.
#
# **You need** notebooks 02 and 03. **Time** {time}.

# %%
from widgets.lesson import start
from widgets.exercises import check_alignment, check_outside
import magedit_lab as mag

lab = start()
net, demo = lab.net, mag.demo.Demo()

# %% [markdown]
# ## 1 · The idea
#
# Two branches run from the same noise. At early steps the target's cross attention to *common* words is replaced by
# the source's, so that things stay where they are. A **new** word keeps its own map.

# %%
easy = mag.applications.example_sequence()[0]
path = lab.invert(easy, mag.NullText(lab.steps(20), demo.guidance_scale, demo.inner))
mag.plots.task(easy)

# %%
shares = {"never": 0.0, "in 40 % of the steps": 0.4, "in 80 %": 0.8}
runs = {name: lab.run(easy, path, mag.PromptToPrompt(cross_replace=s, self_replace=s / 2)) for name, s in shares.items()}
mag.plots.comparison(runs)

# %% [markdown]
# *The same edit with the source's attention put in never, early, and for most of the time. The published default is
# 80 %.*
#
# ## 2 · What is common
#
# Which token of the target repeats which of the source? An alignment (Needleman–Wunsch) says so; -1 is new.

# %%
found = mag.words.refinement(net.tokenizer, easy.source, easy.target)
for token, origin in zip(mag.words.tokens(net.tokenizer, easy.target), found.tolist()):
    print(f"{token:<12} {'new' if origin < 0 else f'from {origin}'}")

# %% [markdown]
# ## 3 · A complex scene
#
# Now two objects of one kind that the prompt does not tell apart. The mask says which; Prompt-to-Prompt cannot read it.
# **Predict** where the new colour goes.

# %%
task = mag.demo.complex_task(demo.seed)
hard = lab.invert(task, mag.NullText(lab.steps(20), demo.guidance_scale, demo.inner))
runs = {
    "P2P": lab.run(task, hard, mag.PromptToPrompt()),
    "blend by attention": lab.run(task, hard, mag.PromptToPrompt(blend="attention")),
    "blend by mask": lab.run(task, hard, mag.PromptToPrompt(blend="mask")),
    "x10 in the mask": lab.run(task, hard, mag.METHODS["p2p+re-weight"]),
}

# %%
mag.plots.comparison(runs)

# %% [markdown]
# *P2P; outside a mask made from the word's attention the source is put back (LocalBlend); the same with the given mask
# (P2P+Mask); and the word's attention times ten inside the mask (P2P+Re-weight).*
#
# ## 4 · Why
#
# The edit word's map decides. Where is it?

# %%
mag.plots.attention_of_words(runs["P2P"])

# %% [markdown]
# *The share under each map is that inside the mask. Blending can only throw away; it cannot bring the word to where it
# is not.*
#
# ## Exercise 1 · Align by hand
#
# Difficulty ●○○. From "a ball and a box" to "a red ball and a box", counting the start token as 0: which token of the
# source does the target's **ball** take its map from?

# %% tags=["exercise"]
origin = None  # your turn

# %% tags=["solution"]
origin = 2

# %%
check_alignment(origin, net)

# %% [markdown]
# ## Exercise 2 · Is the outside untouched?
#
# Difficulty ●●○. Compute the background PSNR of "P2P" and of "blend by mask": `mag.metrics.background(source, result,
# mask)["psnr"]`, with `task.region.numpy()` as the mask. Put the two numbers in a list.

# %% tags=["exercise"]
outside = None  # your turn

# %% tags=["solution"]
outside = [
    mag.metrics.background(task.image, runs[name].result, task.region.numpy())["psnr"]
    for name in ("P2P", "blend by mask")
]

# %%
check_outside(outside, task, runs)

# %% [markdown]
# ## If something goes wrong
#
# - *Swap needs equally many words:* `mode="swap"` replaces word by word; the default, `refine`, does not.
# - *The picture falls apart:* too little of the source's attention; raise `cross_replace`.
