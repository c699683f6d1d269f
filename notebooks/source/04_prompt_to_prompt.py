# %% [markdown]
# # 04 · Prompt-to-Prompt, and why it leaks
#
# ![A scene in which one object is to change, with its mask and both prompts](pictures/04_prompt_to_prompt.png)
#
# *One object is to change, and all else to stay. The prompts say what; attention says where.*
#
# **You will** *keep* a picture's layout by keeping its attention, *choose* for how long, *align* two prompts, *find* out
# why the method fails where a prompt does not tell objects apart, and *write* piece 4 of your own MAG-Edit: injection.
#
# **You need** notebooks 02 and 03. **Time** {time}.
#
# ![Map of the course, with the present part lit: 04, Prompt-to-Prompt](pictures/course-04.svg)

# %%
from dataclasses import replace
from magedit_lab.course.start import start
from magedit_lab.course.exercises import check_alignment, check_outside
from magedit_lab.course.mine import keep
from magedit_lab.bench import casting, metrics
import magedit_lab as mag

lab = start()
net, demo = lab.net, mag.bench.demo.Demo()

# %% [markdown]
# ## 1 · The idea
#
# ![Source and target branch from one noise; attention goes from the source to the target](pictures/branches.svg)
#
# Two branches run from the same noise. At early steps the target's cross attention to *common* words is replaced by
# the source's, so that things stay where they are. A **new** word keeps its own map. In the paper's letters: $A_t$ are
# the source's maps, $A^*_t$ the target's, and $\hat A_t = \text{Inject}(A_t, A^*_t)$ is what the target uses. Early on
# self attention, which holds the shapes, is taken from the source as well.
#
# **In code** (`methods/shared/injection.py`): `probs = torch.where(columns, source, probs)`

# %% tags=["title"]
case = casting.hero("keep")
easy = lab.fit(case.task)
path = lab.invert(easy, mag.Direct(lab.steps(10), demo.guidance_scale))
mag.plots.task(easy)

# %% [markdown]
# *A task with one object of its kind: the word can only mean this one, and asks for another thing in its place.* The
# method will not read the mask. The scene was cast, and [the table](../docs/casting.md) has the criterion and all
# candidates.
#
# **Predict:** what is lost when nothing is injected, and what when everything is, to the end?

# %%
shares = {"never": (0.0, 0.0), "in 80 %, 50 %": (0.8, 0.5), "always": (1.0, 1.0)}  # cross, self
runs = {name: lab.run(easy, path, mag.PromptToPrompt(cross_replace=c, self_replace=s))
        for name, (c, s) in shares.items()}
inside = easy.region.numpy()

# %%
mag.plots.comparison(runs)

# %% [markdown]
# *The same edit with the source's attention put in never; for 80 % of the steps in cross and 50 % in self attention, as
# published; and always.*
#
# **Look** at the object's outline. With nothing injected the new thing is drawn freely. With everything injected, to the
# end, the old outline comes through. The published shares stop in time.

# %%
never, published, always = (trace.result for trace in runs.values())
apart = [metrics.error_to_ideal(a, b, inside) for a, b in ((never, published), (published, always))]
lab.claim("visible difference inside the mask, never to published", apart[0], least=casting.VISIBLE)
lab.claim("visible difference inside the mask, published to always", apart[1], least=casting.VISIBLE)

# %% [markdown]
# ## 2 · What is common
#
# Which token of the target repeats which of the source? An alignment (Needleman–Wunsch, as for strings of DNA) says
# so; a token that repeats none is new.

# %% tags=["nbval-check-output"]
found = mag.prompts.alignment.refinement(net.tokenizer, easy.source, easy.target)
for token, origin in zip(mag.prompts.words.tokens(net.tokenizer, easy.target), found.tolist()):
    print(f"{token:<16} {'new' if origin < 0 else f'from {origin}'}")

# %% [markdown]
# ## 3 · A complex scene
#
# Now two objects of one kind that the prompt does not tell apart. The mask says which; Prompt-to-Prompt cannot read it.
# Three ways have been tried to make it: put the source back outside a mask made from the word's own attention
# (*LocalBlend*), the same with the given mask (*P2P+Mask*), and multiply the word's attention inside the mask by ten
# (*P2P+Re-weight*).
#
# **Predict** where the new colour goes in each.

# %%
task = mag.bench.demo.complex_task(demo.seed)
hard = lab.invert(task, replace(demo.inversion, steps=lab.steps(20)))
runs = {
    "P2P": lab.run(task, hard, mag.PromptToPrompt()),
    "blend by attention": lab.run(task, hard, mag.PromptToPrompt(blend="attention")),
    "blend by mask": lab.run(task, hard, mag.METHODS["p2p+mask"]),
    "x10 in the mask": lab.run(task, hard, mag.METHODS["p2p+re-weight"]),
}

# %%
mag.plots.comparison(runs)

# %% [markdown]
# *Prompt-to-Prompt; outside a mask made from the word's attention the source is put back; the same with the given mask;
# and with it the word's attention times ten inside the mask.* See which objects took the colour in each, whether the
# multiplied one kept its surface, and whether the others stayed as they were. A mask made from the word's own attention
# holds the word's mistakes.
#
# ## 4 · Why
#
# The edit word's map decides. Where is it?

# %%
mag.plots.attention_of_words(runs["P2P"])

# %% [markdown]
# *The map of each word after injection, averaged over the steps; below it the share inside the mask.* Look for the edit
# word, and compare its share with that of the thing's own name.
#
# **Check** with one number: the mask's share of the word's attention (the mean of each step's share; the figure has
# that of the mean map), divided by the mask's share of the picture. 1 would mean that the word does not care for the
# mask, and less that it avoids it.

# %%
word, cells = task.words[0], mag.masks.to_cells(task.region, 16, 16)
share = runs["P2P"].share(word).mean()
print(f"the mask is {cells.mean():.1%} of the picture and has {share:.1%} of “{word}”:")
print(f"{runs['P2P'].share(word).mean() / cells.mean():.1f} times its area")
lab.claim("share of the word's attention inside the mask", 100 * share, most=25, unit=" %")

# %% [markdown]
# Blending can only throw away; it cannot bring the word to where it is not. Multiplying brings more of it, but only in
# proportion to what is there, and takes it from no other word: the rows of $A$ no longer sum to one, which Stable
# Diffusion has never seen. (Our small model was taught it, so here the masked object takes the colour. Without the
# blend the other mug changed too: notebook 02, with 5 in place of 10.) The next notebook moves the latent, so that the
# word comes of itself.
#
# ## Exercise 1 · Align by hand
#
# Difficulty ●○○ · 5 minutes. From "a ball and a box" to "a red ball and a box": which token of the *source* does the
# target's **ball** take its map from? The start token is number 0. What would happen to the picture if each token took
# the source's map of the same *number*?
#
# <details><summary>Hint</summary>An inserted word moves all words behind it. In which of the two prompts?</details>

# %% tags=["exercise"]
origin = None  # your turn

# %% tags=["solution"]
origin = 2

# %%
check_alignment(origin, net)

# %% [markdown]
# ## Exercise 2 · Is the outside untouched?
#
# Difficulty ●●○ · 10 minutes. Compute the PSNR of the background, all that is outside the mask, for "P2P" and for
# "blend by mask": `mag.bench.metrics.background(source, result, mask)["psnr"]`, with a trace's own `trace.task.image`,
# `trace.result` and `trace.task.region.numpy()`. Put the two numbers in a list.
#
# <details><summary>Hint</summary>Which of the two do you expect to be higher, and can it be infinite? The source branch
# itself went through the autoencoder.</details>

# %% tags=["exercise"]
outside = None  # your turn

# %% tags=["solution"]
def background(trace):
    task = trace.task
    return mag.bench.metrics.background(task.image, trace.result, task.region.numpy())["psnr"]

outside = [background(runs[name]) for name in ("P2P", "blend by mask")]

# %%
check_outside(outside, task, runs)

# %% [markdown]
# ## Exercise 3 · Your own MAG-Edit, piece 4: inject
#
# Difficulty ●●○ · 10 minutes. Write `inject(source, origin)`. It returns a *hook*: a function of the target's attention
# `probs` that returns another in its place. `source` is the source's map (heads x cells x tokens), `origin` has for each
# token of the target the column of the source that it takes, or -1 for a new token, which keeps its own.
#
# Think about it: after this a row need not sum to one any more. Why not, and who gains?
#
# <details><summary>Hint</summary>Indexing a tensor with a tensor picks its columns, in any order. An index of -1 would
# pick the last column, so it must be replaced first, and its result thrown away.</details>

# %%
import torch

# %% tags=["exercise"]
def inject(source, origin):
    return None  # your turn

# %% tags=["solution"]
def inject(source, origin):
    return lambda probs: torch.where(origin >= 0, source[..., origin.clamp(0)], probs)

# %%
keep(inject)

# %% [markdown]
# ## If something goes wrong
#
# - *`word swap needs prompts of equal length`:* `mode="swap"` replaces word by word; the default, `refine`, takes any.
# - *The picture falls apart:* too little of the source's attention; raise `cross_replace`.
# - *Nothing changes at all:* too much of it; lower `cross_replace`, or give the word a range of its own.
