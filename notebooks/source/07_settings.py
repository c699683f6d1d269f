# %% [markdown]
# # 07 · Settings
#
# ![A scene, and its edit with more and more nudges at each step](pictures/07_settings.png)
#
# *The paper's Fig. 6 in miniature: the same edit with more and more nudges at each step.*
#
# **You will** *turn* every setting of MAG-Edit, *judge* each against the ideal edit, *push* a colour away with a
# negative prompt, and *balance* several words.
#
# **You need** notebook 05. **Time** {time}.
#
# ![Map of the course, with the present part lit: 07, Settings](pictures/course-07.svg)

# %%
from dataclasses import replace
from magedit_lab.course.start import start
from magedit_lab.course.exercises import check_stop_step, check_total
from magedit_lab.bench import ablations, applications, metrics
import magedit_lab as mag

lab = start()

# %% [markdown]
# One task and one path serve most of this notebook. Since the scene is drawn by us, the *ideal edit* is known: the same
# scene, drawn with the other colour. So each result can be judged by its error inside the mask: 0 for perfect, and
# differences of 0.01 cannot be seen here. It does not see what spills over the mask's edge: look at the handle too.
#
# **In code** (`bench/metrics.py`): `return float(np.sqrt(np.square(unit(result)[inside] - unit(ideal)[inside]).mean()))`

# %%
demo = mag.bench.demo.Demo()
task = lab.fit(mag.bench.demo.complex_task(demo.seed))
ideal = mag.bench.demo.ideal(demo.seed).resize(task.image.size)
path = lab.invert(task, replace(demo.inversion, steps=lab.steps(demo.steps)))
shown = {"source": task.image, "ideal edit": ideal}
mag.plots.pictures(shown, "The source, and the edit as it should be")

# %% [markdown]
# *The source and the ideal edit: one object has another colour, and nothing else is different.* How far is “no edit at
# all” from it? The function below says so for any result.

# %%
KEEP = mag.Keep(nudges=False, gradients=False, previews=False)

def error(picture):
    return metrics.error_to_ideal(picture, ideal, task.region.numpy())

def tried(methods):
    return {name: lab.run(task, path, method, KEEP) for name, method in methods.items()}

# %% [markdown]
# ## 1 · How many nudges? (Fig. 6)
#
# `iterations` is the paper's MAX_IT: so many nudges before each guided step.
#
# **Predict:** the course takes `demo.iterations` of them. Is three times as many three times as good?

# %%
usual = f"{demo.iterations} nudges"
counts = (0, 1, demo.iterations, 3 * demo.iterations)
named = {n: f"{n} nudge{'' if n == 1 else 's'}" for n in counts}
by_iterations = tried({named[n]: replace(demo.guided, iterations=n) for n in counts})

# %% tags=["title"]
mag.plots.comparison(by_iterations)

# %% [markdown]
# *The same edit with none, one, some and three times as many nudges in each guided step.* See where the colour arrives,
# and whether the surface stays plain once it has.
#
# **Check** against the ideal edit:

# %%
print(f"no edit: {error(task.image):.3f}")
for name, trace in by_iterations.items():
    print(f"{name}: {error(trace.result):.3f}")

# %% [markdown]
# No: once the colour is there, more nudges do not bring the edit nearer to the ideal.
# The paper, on Stable Diffusion: more iterations edit more strongly, and too many bring artefacts in texture and shape.
#
# ## 2 · Until when? (Fig. 7)
#
# Steps $t = [T, \tau]$ are guided; the paper counts $\tau$ down from $T = 50$, and takes 25. Here `stop_step` counts up
# from the noise: steps before it are guided.
#
# **In code** (`methods/mag_edit.py`): `for _ in range(self.iterations if now.i < stop else 0):`
#
# **Predict:** what can a late nudge still change, when the layout has long been decided?

# %%
shares = (0.2, 1.0)
stops = {f"first {s:.0%}": replace(demo.guided, stop_step=round(s * path.steps)) for s in shares}
few, most = tried(stops).items()
by_stop = dict([few, ("first 50%", by_iterations[usual]), most])  # the usual run guides the first half

# %%
mag.plots.comparison(by_stop)

# %% [markdown]
# *The same edit, guided in the first fifth of the steps, in the first half, and in all.* **Look** whether the first
# fifth has decided all that can be seen. A late nudge is small, for the step shrinks with the noise (section 3).

# %%
for name, trace in by_stop.items():
    print(f"{name}: error {error(trace.result):.3f}, {sum(map(len, trace.terms))} nudges")

# %% [markdown]
# ## 3 · How far? The step size
#
# $\delta$ in Eq. 4. The paper gives no number; the released code takes $2.5\,\sigma_t$, where $\sigma_t$ is the ratio
# of noise to signal, so that early nudges are large.
#
# **In code** (`methods/mag_edit.py`): `return self.step_size * (now.run.net.schedule.sigma(now.t) if by_sigma else 1.0)`
#
# **Predict:** do many small nudges do what one large one does?

# %%
large = replace(demo.guided, iterations=1, step_size=demo.iterations * demo.step_size)
by_size = {usual: by_iterations[usual], **tried({"one, as large as all": large})}
mag.plots.comparison(by_size)

# %% [markdown]
# *The usual nudges at each guided step, and one that is as large as all of them together.* A gradient holds for small
# moves only. See in the picture and in the numbers whether three times a nudge is still small: then one does the work
# of three, for a third of the nudges' time.

# %%
print({name: round(error(trace.result), 3) for name, trace in by_size.items()})

# %% [markdown]
# ## 4 · Token or spatial ratio? (Fig. 8)
#
# The paper: $\mathcal L_{TR}$ keeps structure, for colour and texture; $\mathcal L_{SR}$ edits harder, for shape.
# `ablations` has both, with one number for the step size; for the token ratio alone it is multiplied by $\sigma_t$.

# %%
by_loss = tried({s.name: s.method for s in ablations.settings(demo.guided, demo.inversion)["loss"]})
mag.plots.comparison(by_loss)

# %% [markdown]
# *As many nudges by the token ratio (Eq. 1) and by the spatial ratio (Eq. 2).* **Look** at the object's
# edge and at its surface: one easy colour may not show the difference that the paper finds.
#
# ## 5 · Away from something: the negative prompt (Eq. 3)
#
# An old colour can be pushed out: write it in a second, *negative prompt* (nothing to do with notebook 03's inversion
# of that name). Its word's loss is subtracted, so the nudges lower that word's attention.
# $\mathcal L_{total} = \lambda_p\,\mathcal L - \lambda_{ng}\,\mathcal L_{ng}$
#
# **In code** (`methods/shared/losses.py`): `return lambda_p * positive - lambda_ng * negative`

# %%
scene, new = mag.bench.demo.complex_scene(demo.seed), task.words[0]
mask = mag.bench.demo.complex_task(demo.seed).mask
(old,) = [t.colour for t, m in zip(scene.things, scene.masks) if (m == mask).all()]
described = task.target.replace(mag.scenes.phrase([new]), mag.scenes.phrase([old]), 1)
against = replace(task, negative=described, negative_words=old)
print("negative prompt:", described)

# %%
away = lab.run(against, path, demo.guided, KEEP)
pushed = {"without": by_iterations[usual], f"away from {old}": away}
mag.plots.comparison(pushed)

# %% [markdown]
# *The same edit without and with the old colour as a negative prompt.* See whether there was any of the old colour left
# to push out. If not, the push can only harm: look at the error below. And each nudge now runs the U-Net twice.
#
# **Check:** both terms are in the trace.

# %%
print({word: round(value, 3) for word, value in pushed[f"away from {old}"].terms[0][0].items()})
print({name: round(error(trace.result), 3) for name, trace in pushed.items()})

# %% [markdown]
# ## 6 · Several words (Eq. 5, Fig. 9a)
#
# Each word $i$ has its own loss $\mathcal L^i$, and weights $\lambda_i$ that sum to 1 share out the nudge.
# $z^*_t \leftarrow z^*_t - \mathcal M \odot \delta\,\nabla \sum_i \lambda_i \mathcal L^i$
#
# **In code** (`methods/shared/losses.py`): `return torch.stack([weight * loss for weight, loss in zip(weights, losses, strict=True)]).sum()`
#
# **Predict:** with weights 1 and 0, does the second word still come true?

# %%
two = applications.example_balance()
own = lab.invert(two, mag.Direct(lab.steps(demo.steps), demo.guidance_scale))
weights = [(1.0, 0.0), (0.5, 0.5), (0.0, 1.0)]
balanced = applications.balanced(lab.net, lab.fit(two), own, demo.guided, weights)

# %%
mag.plots.comparison(balanced)

# %% [markdown]
# *A colour and a texture for one object, weighted from one word alone to the other.* A word of weight 0 is still in the
# prompt: it may come true by itself, and it is not helped. **Look:** here all
# three are alike, for both words come true by themselves. Weights matter where a word fails without help.
#
# ## 7 · Part of a thing (Fig. 9d)
#
# A mask need not be a whole object. `applications.within` cuts a mask down to a share of its box.

# %%
part = applications.example_part()
part_path = lab.invert(part, mag.Direct(lab.steps(demo.steps), demo.guidance_scale))
mag.plots.comparison({part.words[0]: lab.run(part, part_path, demo.guided, KEEP)})

# %% [markdown]
# *Only the shade of the lamp is in the mask.* See whether the colour stops where the mask does: attention has 16x16
# cells, and the blend at the end cuts along the latent's.
#
# ## Exercise 1 · Tau
#
# Difficulty ●○○ · 5 minutes. The paper finds that guiding in $t = [T, 40]$ of $T = 50$ steps is enough for a colour.
# Which `stop_step` is that on our path of `path.steps` steps?
#
# <details><summary>Hint</summary>From 50 down to 40 are 10 of 50 steps. What is that share of
# <code>path.steps</code>?</details>

# %% tags=["exercise"]
stop = None  # your turn

# %% tags=["solution"]
stop = round((50 - 40) / 50 * path.steps)

# %%
check_stop_step(stop, path.steps)

# %% [markdown]
# ## Exercise 2 · All together
#
# Difficulty ●●○ · 10 minutes. Put Eq. 5 into Eq. 3: write `total(terms, weights, negative, lambda_ng)`, where `terms`
# and `weights` are lists of equal length and $\lambda_p = 1$.
#
# <details><summary>Hint</summary>First the weighted sum of the terms; then subtract <code>lambda_ng</code> times the
# negative's.</details>

# %% tags=["exercise"]
def total(terms, weights, negative, lambda_ng):
    return None  # your turn

# %% tags=["solution"]
def total(terms, weights, negative, lambda_ng):
    return sum(w * t for w, t in zip(weights, terms)) - lambda_ng * negative

# %%
check_total(total)

# %% [markdown]
# ## If something goes wrong
#
# - *`expected weights of at least 0 that sum to 1`:* divide them by their sum.
# - *`expected a negative prompt and its words together`:* a task takes both or none.
# - *`expected a stop step of 0 to …`:* it counts the steps of this path, not of 50.
# - *All results look alike:* the word has next to no attention in the mask; print `trace.share(word)[0]`.
