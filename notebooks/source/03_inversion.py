# %% [markdown]
# # 03 · Inverting a real picture
#
# ![A scene, and what comes back of it after five inversions](pictures/03_inversion.png)
#
# *A picture, turned into noise in five ways and denoised again. It should come back as it was.*
#
# **You will** *invert* a picture in five ways, *see* why guidance spoils the simplest, *measure* the damage in
# decibels, *compare* them in an edit, and *write* piece 3 of your own MAG-Edit: an inversion.
#
# **You need** notebook 01. **Time** {time}.
#
# ![Map of the course, with the present part lit: 03, Inversion](pictures/course-03.svg)

# %%
from dataclasses import replace
from magedit_lab.course.start import start
from magedit_lab.course.exercises import check_drift, check_exact
from magedit_lab.course.mine import keep, pieces
import magedit_lab as mag
from magedit_lab.bench import metrics

lab = start()
net = lab.net

# %% [markdown]
# ## 1 · Running DDIM backwards
#
# ![Steps up from a picture to noise; the way down drifts, and two methods put it back](pictures/inversion.svg)
#
# A real picture has no noise that it came from; one has to be found. The DDIM step of notebook 01 can be turned round:
# from a picture's latent up, a little noisier each time, along the noise that the U-Net sees in it. The list of latents
# is the picture's *path*.
#
# **In code** (`inversion/base.py`): `up = step(z)`, where `step(at)` is
# `schedule.move(z, net.predict(at, t, cond), net.level(here), net.level(t))`
#
# Each step up uses the noise seen a little too early, a small error. Without guidance (scale 1) the way back nearly
# retraces it. To *edit*, we need guidance (here scale 4), which multiplies the errors. The other three ways mend that;
# section 3 says how, and section 4 mends the small error.

# %%
task = mag.bench.demo.complex_task(mag.bench.demo.Demo().seed + 2)  # another scene
steps = lab.steps(20)
inversions = {
    "DDIM, scale 1": mag.DDIM(steps, 1.0),
    "DDIM, scale 4": mag.DDIM(steps, 4.0),
    "null-text": mag.NullText(steps, 4.0, inner=5, rate=0.03),
    "negative-prompt": mag.NegativePrompt(steps, 4.0),
    "direct": mag.Direct(steps, 4.0),
}

# %% [markdown]
# Every edit runs two *branches* side by side from the same noise: the *source* branch with the source prompt, which
# should give the picture back, and the *target* branch with the target prompt, which becomes the edit. Here we look at
# the source branch only.
#
# **Predict:** which of the five will not give the picture back?

# %%
paths = {name: lab.invert(task, inversion) for name, inversion in inversions.items()}
light = mag.Keep(previews=False)
same = {name: lab.run(task, path, mag.METHODS["plain"], light) for name, path in paths.items()}

# %% tags=["title"]
shown = {"picture": task.image, **{name: trace.reconstruction for name, trace in same.items()}}
mag.plots.pictures(shown, "The picture, and its reconstruction after five inversions")

# %% [markdown]
# *The source branch of each run: what the model makes of the inverted noise under the source prompt.* A drift begins at
# the edges of things, so look at one from near:

# %%
region = lab.fit(task).region.numpy()
near = {name: metrics.crop(picture, region) for name, picture in shown.items()}
mag.plots.pictures(near, "The masked object in the picture, and in each reconstruction")

# %% [markdown]
# *The masked object in each of them.* **Look** at its outline and at the light on it, and compare with the first.
#
# ## 2 · In decibels
#
# PSNR measures how near two pictures are: 10 dB more is a tenth of the squared error. The autoencoder alone already
# loses something, and nothing can come back better than that.
#
# **In code** (`bench/metrics.py`): `return float("inf") if error == 0 else float(-10 * np.log10(error))`

# %%
picture = metrics.unit(lab.fit(task).image)
best = metrics.psnr(picture, metrics.unit(net.decode(net.encode(lab.fit(task).image))))
psnr = {name: metrics.psnr(picture, metrics.unit(t.reconstruction)) for name, t in same.items()}
print(f"{'autoencoder':<16} {best:.1f} dB")
for name, value in psnr.items():
    print(f"{name:<16} {value:.1f} dB")
cost = psnr["DDIM, scale 1"] - psnr["DDIM, scale 4"]
lab.claim("decibels that guidance costs plain DDIM", cost, least=1)
lab.claim("decibels from direct inversion to the autoencoder", best - psnr["direct"], most=0.1)

# %% [markdown]
# **Check** your guess. Half a decibel cannot be seen; several can, as edges show. Negative-prompt equals DDIM at scale 1:
# for the source branch nothing is left to guide.
#
# ## 3 · How each of them does it
#
# - **Null-text** (Mokady et al. 2023) tunes the *embedding* $\varnothing_t$ of the empty prompt at each step until the
#   guided step lands on the recorded latent:
#   $\min_{\varnothing_t} \lVert z_{t-1} - \text{step}(z_t, \varnothing_t) \rVert^2$.
# - **Negative-prompt** (Miyake et al. 2023) puts the source prompt in the empty one's place, so that for the source the
#   two guesses are equal and nothing is left to guide.
# - **Direct** (Ju et al. 2024) puts the source branch back on its recorded latents at every step, and leaves the target
#   alone.
#
# **In code** (`inversion/null_text.py`): `loss = F.mse_loss(moved(uncond), goal)`
#
# A `Path` is what each returns: all latents, the empty prompt of every step, and whether the source branch simply
# *replays* the latents instead of asking the model.

# %%
for name, path in paths.items():
    drift = (path.uncond.embedding - net.embed("").embedding).norm(dim=(1, 2)).mean().item()
    print(f"{name:<16} replays its latents: {path.pin!s:<6} empty prompt moved by {drift:.2f}")

# %% [markdown]
# **Look:** null-text moves the empty prompt as far as it must, negative-prompt puts another in its place, the others
# leave it alone. Two replay their latents: direct the recorded ones, null-text those that its tuned steps reached; what
# its empty prompts are for is the target branch.
#
# ## 4 · Or mend the step up itself
#
# A step up sees the noise in the *cleaner* of two latents, the step down in the *noisier*: they do not quite undo each
# other. Take the step up again, along the noise seen at its own end, and again, until the end stands still:
# $z_t = \text{step}(z_{t-1}, \epsilon_\theta(z_t))$ is a *fixed point*, and from there the step down comes back exactly
# (Pan et al. 2023).
#
# **In code** (`inversion/base.py`): `anew = step(up)`
#
# **Predict:** at scale 1, how much of the gap to the autoencoder's decibels does that close? And at scale 4?

# %%
for often in (1, 5, 20):
    path = lab.invert(task, mag.DDIM(steps, 1.0, fixed_point=often))
    back = lab.run(task, path, mag.METHODS["plain"], light).reconstruction
    value = metrics.psnr(picture, metrics.unit(back))
    print(f"each step up anew {often:>2} times at most: {value:.1f} dB")

# %%
guided = replace(path, guidance_scale=4.0)  # the same way up
back = lab.run(task, guided, mag.METHODS["plain"], light).reconstruction
value = metrics.psnr(picture, metrics.unit(back))
print(f"20 times, then down with guidance at scale 4: {value:.1f} dB")

# %% [markdown]
# **Look:** without guidance the picture comes back as well as the autoencoder allows. With guidance it does not, and
# need not even come nearer: the route up knows nothing of guidance, which pulls the way down elsewhere. Fixed points
# can give null-text a better route to train towards, but do not take its place.
#
# ## 5 · The same edit after each
#
# What matters in the end is the target branch. **Predict:** does the inversion with the most decibels give the best
# edit?

# %%
method = mag.PromptToPrompt(reweight=5.0, reweight_inside=True, blend="mask")
edits = {name: lab.run(task, paths[name], method, light) for name in list(inversions)[1:]}
mag.plots.comparison(edits)

# %% [markdown]
# *The edit of notebook 02, the word's attention times five inside the mask and the outside put back, after each
# inversion at scale 4.* Compare what lies outside the mask, and how well the new colour fills it: decibels of the
# source branch tell nothing of the second.
#
# ## Exercise 1 · Which one drifts?
#
# Difficulty ●○○ · 5 minutes. Name the inversion whose reconstruction is worst, as a key of `psnr`. Then say why: which of
# the two, up or down, is different from its neighbour at scale 1?
#
# <details><summary>Hint</summary>Are more decibels more error, or less?</details>

# %% tags=["exercise"]
worst = None  # your turn

# %% tags=["solution"]
worst = min(psnr, key=psnr.get)

# %%
check_drift(worst, psnr)

# %% [markdown]
# ## Exercise 2 · Exact
#
# Difficulty ●●○ · 10 minutes. After which of the five does the source branch end *exactly*, bit for bit, at the
# picture's own latent? For each `name`, `paths[name].pin` must be true (it replays its latents), and the last of them,
# `paths[name].latents[-1:]`, must equal `net.encode(lab.fit(task).image)`. Give a list of names.
#
# <details><summary>Hint</summary>Two conditions, and each of the five fails one of them or none. Which latents does
# null-text replay: those of the way up, or those that it reached itself?</details>

# %% tags=["exercise"]
exact = None  # your turn

# %% tags=["solution"]
z = net.encode(lab.fit(task).image)
exact = [name for name, path in paths.items() if path.pin and (path.latents[-1:] == z).all()]

# %%
check_exact(exact)

# %% [markdown]
# ## Exercise 3 · Your own MAG-Edit, piece 3: invert
#
# Difficulty ●●○ · 15 minutes. Write `invert(net, z, text, times)`: from a picture's latent `z` up to noise. `times` are
# the timesteps from noise to picture, as `net.schedule.timesteps(steps)` gives them; -1 stands for the picture's own
# level. Return the list of all latents, from noise to picture, one more than there are steps. Your `ddim_step` does the
# moving.
#
# Think about it: the noise of each step is predicted at the *cleaner* end of the step. Which $t$ does the U-Net get?
# (The published code gives it the noisier end's.)
#
# <details><summary>Hint</summary>Write down for three steps which pair of levels each step goes between. The pairs are
# neighbours in the list of timesteps, read backwards, with -1 in front.</details>

# %%
(ddim_step,) = pieces("ddim_step")

# %% tags=["exercise"]
def invert(net, z, text, times):
    return None  # your turn

# %% tags=["solution"]
def invert(net, z, text, times):
    path = [z]
    for below, t in zip([-1, *times[::-1]], times[::-1]):
        eps = net.predict(path[0], t, text)
        path.insert(0, ddim_step(path[0], eps, net.level(below), net.level(t)))
    return path

# %%
keep(invert)

# %% [markdown]
# ## If something goes wrong
#
# - *Null-text is slow:* fewer `inner` updates; 10 is the published number.
# - *Everything drifts:* the source prompt does not describe the picture.
# - *Direct is exact, so why not always?* Exact is the source branch; in this scene nothing else speaks against it. The
#   next notebooks use null-text because the paper does.
