# %% [markdown]
# # 08 · The other methods
#
# ![The same scene edited by several methods](pictures/08_other_methods.png)
#
# *One task, one noise: MAG-Edit on top of three methods.*
#
# **You will** *compare* the methods of the paper's Table 1 on one task, *see* what each takes from the source, *put*
# MAG-Edit on top of three of them, and *write* a method of your own.
#
# **You need** notebook 05. **Time** {time}.
#
# ![Map of the course, with the present part lit: 08, Other methods](pictures/course-08.svg)

# %%
from dataclasses import dataclass, replace
from magedit_lab.course.start import start
from magedit_lab.course.exercises import check_base, check_mask_readers, check_paste
from magedit_lab import METHODS
from magedit_lab.bench import metrics
import magedit_lab as mag

lab = start()
net, demo = lab.net, mag.bench.demo.Demo()

# %%
task = lab.fit(mag.bench.demo.complex_task(demo.seed))
path = lab.invert(task, replace(demo.inversion, steps=lab.steps(demo.steps)))
mag.plots.task(task)

# %% [markdown]
# *The task of notebook 00 once more: one of two look-alikes.* All methods in sections 2
# to 4 but Blended start from the same inverted noise.
#
# ## 1 · One mechanism
#
# All these methods do one of three things. They *take* something from the source branch: attention maps, features, keys
# and values. They *nudge* the latent by a gradient. They *blend* the latent with the source's outside a mask. In the
# library each is a small file whose `bind` returns a `Plan` with just that.
#
# **In code** (`methods/base.py`): `guide: Callable[[Now], Iterator[Nudge]] = lambda now: iter(())`
#
# What does each take from the source, at a quarter of the way? Modules, counted, and the last part of their names:

# %% tags=["nbval-check-output"]
i, z = path.steps // 4, path.latents[:1]
edit = mag.Run(net, task, path)
now = mag.Now(edit, i, path.times[i], z, z)
for name in ("plain", "blended", "diffedit", "pnp", "masactrl", "p2p", "p2p+mag-edit"):
    taken = sorted(METHODS[name].bind(edit).record(now))
    ends = sorted({n.split(".")[-1] for n in taken})
    print(f"{name:<13} {len(taken):>2} modules: {', '.join(ends) or '-'}")

# %% [markdown]
# **Look:** Plug-and-Play takes features, queries and keys (`conv2`, `to_q`, `to_k`), MasaCtrl keys and
# values (`to_k`, `to_v`), Prompt-to-Prompt attention itself (`probs`). Blended and
# DiffEdit, which paint anew, take nothing.
#
# ## 2 · Paint it anew: Blended Latent Diffusion, DiffEdit
#
# *Blended Latent Diffusion* denoises under the target prompt, and outside the mask puts the noised source back at every
# step. *DiffEdit* does so from the inverted noise, and can find its mask by itself: where the two prompts make the
# U-Net guess different noise.
#
# **In code** (`methods/diffedit.py`): `differences.append((source - target).abs().mean((0, 1)))`
#
# **Predict:** two objects have the same name. What will DiffEdit's own mask be?

# %%
from PIL import Image

own = METHODS["diffedit"].own_mask(mag.Run(net, task, path)).cpu().numpy()
regions = {"the task's mask": task.region.numpy(), "DiffEdit's own": own}
grey = {name: Image.fromarray((m * 255).astype("uint8")) for name, m in regions.items()}
shown = {name: picture.convert("RGB") for name, picture in grey.items()}
mag.plots.pictures(shown, "The mask of the task, and the one that DiffEdit finds")

# %% [markdown]
# *The task's mask, and the one that DiffEdit finds.* **Look:** the prompt names no place, so the new word goes where the
# model likes it best, and DiffEdit's mask with it. The paper gives all such methods the same mask.

# %%
names = {"Blended": "blended", "DiffEdit": "diffedit", "DiffEdit+Mask": "diffedit+mask"}
painted = {shown: lab.run(task, path, METHODS[name]) for shown, name in names.items()}
mag.plots.comparison(painted)

# %% [markdown]
# *Inpainting: Blended Latent Diffusion, DiffEdit with its own mask, and with the task's.* **Look:** Blended starts from
# fresh noise: compare the shape with the source's. DiffEdit with the task's mask starts from inverted noise and keeps
# the shape: see whether it keeps the old colour as well.
#
# ## 3 · Keep features or attention: Plug-and-Play, MasaCtrl, Re-weight
#
# *Plug-and-Play* puts the source's features and self attention into the target. *MasaCtrl* lets the target ask and the
# source answer: self attention with the source's keys and values. *P2P+Re-weight* multiplies attention inside the mask.
#
# **Predict:** which of them keeps the layout best, and which obeys the word?

# %%
names = {"PnP": "pnp", "MasaCtrl": "masactrl", "P2P": "p2p"}
names |= {"P2P+Mask": "p2p+mask", "P2P+Re-weight": "p2p+re-weight"}
kept = {shown: lab.run(task, path, METHODS[name]) for shown, name in names.items()}
mag.plots.comparison(kept)

# %% [markdown]
# *Attention-based editing: Plug-and-Play, MasaCtrl, Prompt-to-Prompt, the same with the outside put back, and
# re-weighted.* The first three never see the mask. **Look** where each of them puts the colour. P2P+Mask keeps all as it
# was, also the old colour. Only Re-weight brings the word into the mask. On this model it **rivals MAG-Edit**, since the
# model was taught to obey multiplied attention; section 6 has the numbers.
#
# ## 4 · MAG-Edit on top
#
# MAG-Edit nudges the latent, so any method can go on from there. `base` says which. All three put the outside back in
# the last steps, so first look what that does by itself: `iterations=0` is the base without a nudge.
#
# **In code** (`methods/mag_edit.py`): `base = self.base.without_injection(run.task.words)`

# %%
names = {"P2P": "p2p", "PnP": "pnp", "MasaCtrl": "masactrl"}
bases = {shown: METHODS[f"{name}+mag-edit"].base for shown, name in names.items()}
on_top = {name: replace(demo.guided, base=base) for name, base in bases.items()}
without = {name: lab.run(task, path, replace(method, iterations=0)) for name, method in on_top.items()}
guided = {f"{name}+MAG-Edit": lab.run(task, path, method) for name, method in on_top.items()}

# %%
mag.plots.comparison(without)

# %% [markdown]
# *The three bases with the outside put back, and no nudge.* The blend alone takes the edit away: see whether anything
# is left of it. Now with the nudges:

# %% tags=["title"]
mag.plots.comparison(guided)

# %% [markdown]
# *The same three with MAG-Edit's nudges.* **Look** at each pair, and say on which bases the nudges bring the colour. A
# base that injects features, as PnP, holds the old look against them. The rest stays as it was because of the blend, not
# because of the nudges.
#
# ## 5 · Relatives: the same nudge, other losses
#
# MAG-Edit comes from a family that nudges the latent while *generating*: Attend-and-Excite wants every word somewhere,
# layout guidance and BoxDiff want it in a box, pix2pix-zero wants the maps to stay as they were. With $m$ the smoothed
# map and $a$ the share inside: $\mathcal L = 1 - \max m$ (Attend-and-Excite), $(1 - a)^2$ (layout guidance),
# $\lVert \hat A^* - A \rVert^2$ (pix2pix-zero).
#
# **In code** (`methods/shared/losses.py`): `return torch.stack([1 - m.max() for m in maps]).max().clamp(min=0)`
#
# **In code** (`methods/shared/losses.py`):
# `return torch.stack([(1 - share_inside(probs, mask, [token])).square().mean() for token in word]).mean()`
#
# **Predict:** which of the four know nothing of the mask?

# %%
names = ("attend-and-excite", "layout-guidance", "boxdiff", "pix2pix-zero")
# few steps: there is no base to keep
short = lab.invert(task, mag.Direct(lab.steps(8), demo.guidance_scale))
relatives = {name: lab.run(task, short, METHODS[name]) for name in names}
mag.plots.comparison(relatives)

# %% [markdown]
# *Guidance without a base method that keeps the source: the whole picture is free.* Three were made to compose new
# pictures, pix2pix-zero to edit. **Look** where the colour goes. Attend-and-Excite and pix2pix-zero know nothing of the
# mask; layout guidance and BoxDiff read it, and their four or five nudges are few.
#
# ## 6 · In numbers
#
# Error to the ideal edit inside the mask (0 is perfect), background PSNR, and U-Net calls, inversion not counted.
# The four relatives took fewer steps than the others, and nothing puts their outside back.
#
# **Check** what you saw, and mind that this is one task; notebook 09 measures several.

# %%
everything = {**painted, **kept, **guided, **relatives}
ideal, mask = mag.bench.demo.ideal(demo.seed).resize(task.image.size), task.region.numpy()
for name, trace in everything.items():
    wrong = metrics.error_to_ideal(trace.result, ideal, mask)
    outside = metrics.background(task.image, trace.result, mask)["psnr"]
    print(f"{name:<18} error {wrong:.3f}  background {outside:4.1f} dB")

# %%
errors = {name: metrics.error_to_ideal(t.result, ideal, mask) for name, t in everything.items()}
lab.claim("error of P2P+Mask, without nudges", errors["P2P+Mask"], least=0.3)
lab.claim("error of P2P+MAG-Edit", errors["P2P+MAG-Edit"], most=0.15)
lab.claim("error of P2P+Re-weight, the rival", errors["P2P+Re-weight"], most=0.15)

# %% tags=["nbval-check-output"]
for name in ("p2p", "pnp", "p2p+mag-edit"):
    with mag.model.hooks.count_forwards() as calls:
        next(mag.edit(net, task, path, METHODS[name]))
    print(f"{name:<13} {calls.forwards} U-Net calls in the first step")

# %% [markdown]
# **Look:** `METHODS["p2p+mag-edit"]` has the paper's 15 nudges: MAG-Edit pays one more call for each (half a U-Net
# forward, and its gradient).
#
# ## Exercise 1 · Who reads the mask?
#
# Difficulty ●●○ · 5 minutes. Which of these methods never read the task's mask? Give a set of names.
#
# <details><summary>Hint</summary>Think of an experiment: move the mask and run again. Whose result cannot change?
# <code>mag.METHODS[name]</code> shows a method's settings.</details>

# %%
names = ["blended", "diffedit", "diffedit+mask", "masactrl", "pnp", "p2p", "p2p+mask",
         "p2p+re-weight", "p2p+mag-edit"]

# %% tags=["exercise"]
blind = None  # your turn: {"…", "…"}

# %% tags=["solution"]
blind = {"diffedit", "masactrl", "pnp", "p2p"}

# %%
check_mask_readers(blind, names)

# %% [markdown]
# ## Exercise 2 · Another base
#
# Difficulty ●○○ · 5 minutes. Make MAG-Edit with MasaCtrl as its base, such that cells inside the mask look at the
# source inside only, and cells outside look outside.
#
# <details><summary>Hint</summary>The table of methods has names with a plus sign. Look for one that is MasaCtrl and reads
# the mask, and for the setting of <code>MagEdit</code> that takes a method.</details>

# %% tags=["exercise"]
method = None  # your turn

# %% tags=["solution"]
method = replace(demo.guided, base=METHODS["masactrl+mask"])

# %%
check_base(method)

# %% [markdown]
# ## Exercise 3 · A method of your own
#
# Difficulty ●●● · 20 minutes. Write the simplest blend: denoise under the target prompt, and after every step put the
# source's latent back outside the mask. `Plan(blend=…)` takes a function of `now` and `step`; `step.source` and
# `step.target` are the latents after the step, and `run.latent_mask` is the mask in their cells.
#
# <details><summary>Hint</summary>What must the result be where the mask is 1, and where it is 0? One formula does both,
# and works for a soft mask too.</details>

# %% tags=["exercise"]
@dataclass(frozen=True)
class Paste(mag.Method):
    def bind(self, run):
        return mag.Plan()  # your turn

# %% tags=["solution"]
@dataclass(frozen=True)
class Paste(mag.Method):
    def bind(self, run):
        mask = run.latent_mask
        return mag.Plan(blend=lambda now, step: step.source + mask * (step.target - step.source))

# %%
check_paste(Paste(), net, task, path)

# %% [markdown]
# ## If something goes wrong
#
# - *`expected noise 'fresh' or 'pure'`* and the like: settings are checked when a method is made.
# - *A method tears the picture:* most have a share of steps in which they act; `replace(METHODS["pnp"], features=0.5)`.
# - *Your method changes nothing:* `bind` must return the `Plan`.
# - *How each differs from its paper or code:* [methods](../docs/methods.md).
