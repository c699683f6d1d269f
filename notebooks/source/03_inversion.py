# %% [markdown]
# # 03 · Inverting a real picture
#
# **You will** invert a picture in four ways, see why guidance spoils the simplest, and measure what each costs.
#
# **You need** notebook 01. **Time** {time}.

# %%
from widgets.lesson import start
from widgets.exercises import check_drift, check_exact
import magedit_lab as mag
from magedit_lab import metrics

lab = start()
net = lab.net

# %% [markdown]
# ## 1 · Running DDIM backwards
#
# A DDIM step can be turned round: from a picture's latent, up to the noise that would have led to it. Without guidance
# the way back nearly retraces it. To *edit*, we need guidance, and then it does not.

# %%
task = mag.demo.complex_task(mag.demo.Demo().seed)
steps = lab.steps(20)
ways = {
    "DDIM, scale 1": mag.DDIM(steps, 1.0),
    "DDIM, scale 4": mag.DDIM(steps, 4.0),
    "null-text": mag.NullText(steps, 4.0, inner=5),
    "negative-prompt": mag.NegativePrompt(steps, 4.0),
    "direct": mag.Direct(steps, 4.0),
}

# %% [markdown]
# **Predict:** the source prompt is kept, so nothing is to change. Which of the five will not give the picture back?

# %%
paths = {name: lab.invert(task, way) for name, way in ways.items()}
same = {name: lab.run(task, path, mag.PromptToPrompt()) for name, path in paths.items()}

# %%
shown = {"picture": task.image, **{name: trace.reconstruction for name, trace in same.items()}}
mag.plots.pictures(shown, "The picture, and its reconstruction after five inversions")

# %% [markdown]
# *The source branch of each run: what the model makes of the inverted noise under the source prompt.*
#
# ## 2 · In decibels
#
# PSNR of the reconstruction; the autoencoder alone cannot do better than its own.

# %%
best = metrics.psnr(metrics.unit(task.image), metrics.unit(net.decode(net.encode(task.image))))
psnr = {name: metrics.psnr(metrics.unit(task.image), metrics.unit(t.reconstruction)) for name, t in same.items()}
print(f"{'autoencoder':<16} {best:.1f} dB")
for name, value in psnr.items():
    print(f"{name:<16} {value:.1f} dB")

# %% [markdown]
# ## 3 · How each of them does it
#
# - **Null-text** (Mokady et al. 2023) tunes the *empty prompt* at each step until guidance stays on the recorded route.
# - **Negative-prompt** (Miyake et al. 2023) puts the source prompt in the empty one's place, so that for the source
#   nothing is left to guide.
# - **Direct** (Ju et al. 2024) puts the source branch back on its recorded latents at every step, and leaves the target
#   alone.
#
# A `Path` is what each returns: all latents, and the empty prompt of every step.

# %%
for name, path in paths.items():
    drift = (path.uncond - net.embed("")).norm(dim=(1, 2)).mean().item()
    print(f"{name:<16} replays its latents: {path.pin!s:<6} empty prompt moved by {drift:.2f}")

# %% [markdown]
# ## 4 · The same edit after each

# %%
edits = {name: lab.run(task, paths[name], mag.METHODS["p2p+mask"]) for name in list(ways)[1:]}
mag.plots.comparison(edits)

# %% [markdown]
# *P2P+Mask after each inversion at scale 4.*
#
# ## Exercise 1 · Which one drifts?
#
# Difficulty ●○○. Name the inversion whose reconstruction is worst, as in `psnr`.

# %% tags=["exercise"]
worst = None  # your turn

# %% tags=["solution"]
worst = min(psnr, key=psnr.get)

# %%
check_drift(worst, psnr)

# %% [markdown]
# ## Exercise 2 · Exact
#
# Difficulty ●●○. For which of the inversions does the source branch end *exactly* at the picture's own latent
# `path.latents[-1]` being `net.encode(task.image)`? Give a list of names.
#
# <details><summary>Hint</summary>Null-text stops when it is near enough, and records where it got to.</details>

# %% tags=["exercise"]
exact = None  # your turn

# %% tags=["solution"]
z = net.encode(task.image)
exact = [name for name, path in paths.items() if path.pin and (path.latents[-1:] == z).all()]

# %%
check_exact(exact)

# %% [markdown]
# ## If something goes wrong
#
# - *Null-text is slow:* fewer `inner` updates; 10 is the published number.
# - *Everything drifts:* the source prompt does not describe the picture.
