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
from magedit_lab.bench import applications, casting, metrics
import magedit_lab as mag

lab = start()

# %% [markdown]
# Some settings change a picture, and some do not, on this model at least. Each section says which, with a number. Where a
# scene was *cast*, a criterion was written down, candidates were run, and the one that meets it best was taken: such a
# picture shows what a setting *can* do, and not how often. [The table](../docs/casting.md) has all candidates.
#
# Since the scenes are drawn by us, the *ideal edit* is known: the same scene, drawn with the other colour. So each result
# can be judged by its error inside the mask: 0 for perfect. Two results differ visibly from about 0.05 on.
#
# **In code** (`bench/metrics.py`): `return float(np.sqrt(np.square(unit(result)[inside] - unit(ideal)[inside]).mean()))`

# %%
demo = mag.bench.demo.Demo()
task = lab.fit(mag.bench.demo.complex_task(demo.seed))
ideal, inside = mag.bench.demo.ideal(demo.seed).resize(task.image.size), task.region.numpy()
path = lab.invert(task, replace(demo.inversion, steps=lab.steps(demo.steps)))
shown = {"source": task.image, "ideal edit": ideal}
mag.plots.pictures(shown, "The source, and the edit as it should be")

# %% [markdown]
# *The source and the ideal edit: one object has another colour, and nothing else is different.* How far is “no edit at
# all” from it? The function below says so for any result.

# %%
KEEP = mag.Keep(nudges=False, gradients=False, previews=False)

def error(picture):
    return metrics.error_to_ideal(picture, ideal, inside)

def tried(methods, task=task, path=path):
    return {name: lab.run(task, path, method, KEEP) for name, method in methods.items()}

# %% [markdown]
# ## 1 · How many nudges? (Fig. 6)
#
# `iterations` is the paper's MAX_IT: so many nudges before each guided step.
#
# **Predict:** the paper takes 15, this course 3. What will too few look like, and what too many?

# %%
usual, counts = f"{demo.iterations} nudges", (0, 1, 3, 15)
named = {n: f"{n} nudge{'' if n == 1 else 's'}" for n in counts}
by_iterations = tried({named[n]: replace(demo.guided, iterations=n) for n in counts})

# %% tags=["title"]
mag.plots.comparison(by_iterations)

# %% [markdown]
# *The same edit with 0, 1, 3 and 15 nudges in each guided step.* See where the colour arrives, and what happens to shape
# and surface once it has.
#
# **Check** against the ideal edit:

# %%
print(f"no edit: {error(task.image):.3f}")
for name, trace in by_iterations.items():
    print(f"{name}: {error(trace.result):.3f}")
errors = {name: error(trace.result) for name, trace in by_iterations.items()}
lab.claim("how much nearer to the ideal 3 are than 1", errors["1 nudge"] - errors[usual], least=0.2)
lab.claim("how much nearer 15 are than 3", errors[usual] - errors["15 nudges"], most=0.05)

# %% [markdown]
# On this model nudges act like a switch: too few do nothing, enough do all, and more bring it no nearer to the ideal. The
# paper shows a gradual change on Stable Diffusion: more iterations edit more strongly, and too many damage texture and
# shape.
#
# ## 2 · Until when? (Fig. 7)
#
# Steps $t = [T, \tau]$ are guided; the paper counts $\tau$ down from $T = 50$, and takes 25. Here `stop_step` counts up
# from the noise: steps before it are guided.
#
# **In code** (`methods/mag_edit.py`): `for _ in range(self.iterations if now.i < stop else 0):`
#
# **Predict:** how many of the first steps have to be guided: a fifth, half, or all?

# %%
def until(share):
    return replace(demo.guided, stop_step=max(1, round(share * path.steps)))

one, few, most = tried({f"first {s:.0%}": until(s) for s in (0.05, 0.2, 1.0)}).items()
by_stop = dict([one, few, ("first 50%", by_iterations[usual]), most])  # the usual: half

# %%
mag.plots.comparison(by_stop)

# %% [markdown]
# *The same edit, guided in the first step only, in the first fifth, in the first half, and in all.* **Look** from where on
# more guided steps change nothing that can be seen. A late nudge is small, since the step shrinks with the noise
# (section 3).

# %%
for name, trace in by_stop.items():
    print(f"{name}: error {error(trace.result):.3f}, {sum(map(len, trace.terms))} nudges")
fifth, every = (by_stop[name].result for name in ("first 20%", "first 100%"))
different = metrics.error_to_ideal(fifth, every, inside)
lab.claim("visible difference of a fifth of the steps and all", different, most=0.1)
lab.claim("how much nearer a fifth is than no edit", error(task.image) - error(fifth), least=0.2)

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
# moves only. See in the picture and in the numbers whether a nudge three times as large is still small: then one does
# the work of three, in a third of the time.

# %%
print({name: round(error(trace.result), 3) for name, trace in by_size.items()})

# %% [markdown]
# ## 4 · Token or spatial ratio? (Fig. 8)
#
# The paper: $\mathcal L_{TR}$ keeps structure, for colour and texture; $\mathcal L_{SR}$ edits harder, for shape.
# The scene was cast for the second half of that sentence. Both have the same step size times $\sigma_t$ here, as only
# the loss should differ.

# %%
hard = casting.hero("loss")
hard_task = lab.fit(hard.task)
hard_path = lab.invert(hard_task, mag.Direct(lab.steps(demo.steps), demo.guidance_scale))
spatial = replace(demo.guided, loss="spatial_ratio", by_sigma=True)
both = {"token ratio": demo.guided, "spatial ratio": spatial}
by_loss = tried(both, hard_task, hard_path)

# %%
mag.plots.comparison(by_loss)

# %% [markdown]
# *As many nudges by the token ratio (Eq. 1) and by the spatial ratio (Eq. 2).* **Look** at the
# object's colours: the spatial ratio keeps the old one between the stripes, the token ratio paints all of it anew.

# %%
token, spatial = (trace.result for trace in by_loss.values())
different = metrics.error_to_ideal(token, spatial, hard_task.region.numpy())
lab.claim("difference of the two losses inside the mask", different, least=casting.VISIBLE)

# %% [markdown]
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
# **Predict:** with weights 1 and 0, is the second word still painted?

# %%
two = applications.example_balance()
own = lab.invert(two, mag.Direct(lab.steps(10), demo.guidance_scale))
weights = [(1.0, 0.0), (0.5, 0.5), (0.0, 1.0)]
balanced = applications.balanced(lab.net, lab.fit(two), own, demo.guided, weights)

# %%
mag.plots.comparison(balanced)

# %% [markdown]
# *A colour and a texture for one object, weighted from one word alone to the other.* A word of weight 0 is still in the
# prompt: it may be painted without help. **Look** whether the three differ. Where they do not, both words are painted
# without help; weights matter where a word fails without it.
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
# Which `stop_step` is that on our path of `path.steps` steps? Would you expect the same for a texture?
#
# <details><summary>Hint</summary>The paper counts down from the noise, `stop_step` counts up from it. Shares of the run
# can be compared, numbers of steps cannot.</details>

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
# <details><summary>Hint</summary>Eq. 3 has one $\mathcal L$ where Eq. 5 has several. Check the sign: should the total
# grow or fall when the negative word loses attention?</details>

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
