# %% [markdown]
# # 09 · Measuring edits
#
# ![One scene and six pictures that claim to be its edit](pictures/09_measuring_edits.png)
#
# *Six pictures that claim to be the same edit. Which numbers can tell the good one?*
#
# **You will** *score* pictures by every number of the paper's Table 1 and a few more, *fool* each of them, *reproduce*
# the table in small with bootstrap intervals, *hold* a blind vote, and *read* the full table critically.
#
# **You need** notebook 05. **Time** {time}.
#
# ![Map of the course, with the present part lit: 09, Measuring](pictures/course-09.svg)

# %%
import numpy as np
from PIL import Image
from magedit_lab.course.start import start
from magedit_lab.course.exercises import check_fool, check_interval, check_psnr
from magedit_lab.bench import run, metrics, report, study, tabletop
from magedit_lab.bench.judges import Judges
import magedit_lab as mag

lab = start()
judges = Judges.load()

# %% [markdown]
# ## 1 · A case whose answer is known
#
# A *case* is a task with what is known of a good answer. Our scenes are drawn, so the ideal edit can be drawn as well.
# Two things of this scene look alike, and one of them is to change.

# %%
case = tabletop.case(4, tabletop.FIRST - 4)
mask = case.task.region.numpy()
mag.plots.task(case.task)

# %% [markdown]
# *The case: picture, mask and prompts.* A good edit shows the *phrase*, the thing with its edit word (here
# *a blue lamp*), inside the mask, and nothing else.
#
# ## 2 · Pictures that claim to be the edit
#
# No model yet: these six are made by hand: one is right, five have a fault each.

# %%
source, ideal = np.asarray(case.task.image, float), np.asarray(case.ideal, float)
soft, rng = mask[..., None], np.random.default_rng(0)
flat = source * (1 - soft) + soft * ideal[mask > 0.9].mean(0)
faults = {"ideal": ideal, "untouched": source, "flat paint": flat}
faults["noisy inside"] = ideal + soft * rng.normal(0, 40, source.shape)
faults["all tinted"] = 0.7 * ideal + 0.3 * ideal[mask > 0.9].mean(0)
faults["shifted"] = np.roll(ideal, 6, axis=1)
pictures = {name: Image.fromarray(a.clip(0, 255).astype(np.uint8)) for name, a in faults.items()}

# %% tags=["title"]
mag.plots.pictures(pictures, f"Six pictures that claim to be {case.phrase}: {', '.join(pictures)}")

# %% [markdown]
# *The ideal edit; no edit; one flat colour in the mask; noise in the mask; the whole picture tinted; the whole picture
# moved by six pixels.*
#
# **Predict:** for each fault, which number will notice it?
#
# - **local CLIP ↑**: CLIP, a network that turns pictures and words into vectors, says how well the cut-out of the
#   mask's box fits the phrase: $100\,\cos(x, y)$. $x$ and $y$ are the vectors of picture and phrase.
# - **structure distance ↓**: cut the box into patches, compare each with each by what a vision network sees in them,
#   and take the mean squared difference of the two tables, before and after (the paper: DINO-ViT; here our CLIP).
# - **background PSNR, SSIM ↑**: whether the rest is untouched; SSIM compares local patterns, 1 for equal.
# - **error to the ideal ↓** and **success ↑**: only where the ideal edit is known. Success: the masked object's colour
#   is the one asked for (texture and kind: by CLIP's choice among all there are).
#
# **In code** (`bench/metrics.py`):
# `return float((self._table(a, as_pie_bench) - self._table(b, as_pie_bench)).square().mean())`

# %%
found = {name: judges.scores(case, case.task, picture) for name, picture in pictures.items()}
print(f"{'':<13} CLIP  structure    PSNR   SSIM  to ideal  success")
for name, s in found.items():
    print(f"{name:<13} {s['clip']:4.1f}  {s['structure']:9.4f}  {s['psnr']:6.1f}  {s['ssim']:5.2f}  "
          f"{s['ideal']:8.3f}  {s['success']:7.0f}")

# %% [markdown]
# **Look** down each column for the rows that it cannot tell from the ideal. Only the error to the ideal finds every
# fault, and it hardly reacts to the tint, which looks worst: it reads the mask's inside only. The untouched picture is
# perfect in three columns. The ideal edit's structure distance is not 0, because a new colour alone changes it, and its
# PSNR is not infinite, because soft pixels at the mask's edge count as outside.

# %%
lab.claim("structure distance of no edit at all", found["untouched"]["structure"], most=1e-6)
lab.claim("structure distance of the ideal edit", found["ideal"]["structure"], least=0.005)
lab.claim("success of flat paint, which is no good edit", found["flat paint"]["success"], least=1)

# %% [markdown]
# So a rectangle of one colour passes the test of success: that judge reads a mean colour. The judges of the room world
# (`docs/judges.md`) compare silhouettes as well, and no flat paint passes them.
#
# ## 3 · What CLIP sees
#
# CLIP compares a picture with words. Ours was trained on rendered scenes; here is how it ranks colours for the ideal.

# %%
box = metrics.crop(case.ideal, mask)
phrases = [case.phrase, *case.rivals]
cosines = judges.clip.similarity([box], phrases)[0].tolist()
for cosine, phrase in sorted(zip(cosines, phrases), reverse=True)[:4]:
    print(f"{100 * cosine:5.1f}  {phrase}")

# %% [markdown]
# **Look** at the gap between the phrase that was asked for and the next one, and compare it with what the faults of
# section 2 cost. Scores of different CLIPs do not compare at all.
#
# ## 4 · Table 1 in small
#
# Four methods on eight cases of TabletopBench, our 200 drawn cases: colour, texture, object and removal of a texture,
# first in simple scenes, then in complex ones. `benchmark.measure` writes a row for each as soon as it is there, so an
# interrupt loses at most one.

# %%
few = list(tabletop.cases(8))[:: 1 if lab.profile == "lesson" else 2]
hard = few[len(few) // 2]  # the first in a complex scene
known = {"Blended": "blended", "P2P": "p2p", "P2P+Mask": "p2p+mask"}
methods = {name: mag.METHODS[key] for name, key in known.items()}
methods["P2P+MAG-Edit"] = mag.bench.demo.Demo().guided

# %%
import tempfile
from pathlib import Path

inversion = mag.Direct(lab.steps(8), mag.bench.demo.Demo().guidance_scale)
settings = [run.Setting(name, method, inversion) for name, method in methods.items()]
out = Path(tempfile.mkdtemp(prefix="table1-"))

# %%
rows = []
with lab.progress("cases x methods") as after:
    for row in run.measure(lab.net, few, settings, judges, out):
        rows.append(row)
        after(len(rows), len(few) * len(settings))

# %%
shown = {"source": report.outlined(hard.task), "ideal": hard.ideal}
for name in methods:
    shown[name] = Image.open(out / "pictures" / f"{hard.name}.{name}.png")
print("asked for:", hard.task.target)
mag.plots.pictures(shown, f"{hard.task.target}: the source, the ideal edit, and {', '.join(methods)}")

# %% [markdown]
# *One of the complex cases: the source with its mask dashed, the ideal edit, and four methods.* Eight steps and a quick
# inversion: rougher than the README's table, and enough to see how a table is made.
#
# The brackets below are 95 % *bootstrap* intervals: draw as many cases as there are, with replacement, take the mean,
# do so 2,000 times, and leave 2.5 % of the means out at either end.
#
# **In code** (`bench/run.py`): `low, high = np.quantile(array[drawn].mean(1), [0.025, 0.975])`
#
# **Predict:** with eight cases, will the intervals of two methods overlap?

# %%
table = run.summary(rows)
for line in table:
    success, clip = line["success"], line["clip"]
    print(f"{line['setting']:<13} success {success[0]:.2f} [{success[1]:.2f}, {success[2]:.2f}]  "
          f"local CLIP {clip[0]:.1f} [{clip[1]:.1f}, {clip[2]:.1f}]  "
          f"structure {line['structure'][0]:.3f}")

# %% [markdown]
# **Look** for a pair whose brackets do not overlap. With eight cases there is hardly one.
#
# ## 5 · Case by case
#
# The same cases were given to all methods, and some cases are hard for each. So compare pair by pair: the interval of
# the *difference* says more than two intervals side by side.
#
# **Check:** is MAG-Edit's error to the ideal below Prompt-to-Prompt's? Below 0 is better for MAG-Edit; an
# interval that holds 0 says: not known.

# %%
errors = {name: np.array([r["ideal"] for r in rows if r["setting"] == name]) for name in methods}
for other in ("P2P", "P2P+Mask"):
    mean, low, high = run.interval(list(errors["P2P+MAG-Edit"] - errors[other]))
    print(f"P2P+MAG-Edit minus {other:<8}: {mean:+.3f} [{low:+.3f}, {high:+.3f}]")

# %% [markdown]
# ## 6 · Ask people (Fig. 5)
#
# What no number sees, people may. `magedit-lab study FOLDER` makes a page for blind votes from the pictures of
# `magedit-lab bench table1 --out FOLDER`: two results without their names, sides and order by chance, three questions.
# Each voter saves a `votes.json`; `magedit-lab study-report votes/*.json` counts. The same by functions:

# %%
prompts = {c.name: c.task.target for c in few}
pairs = study.pairs(rows, prompts, "P2P+MAG-Edit")
study.write(pairs, {c.name: c.task.image for c in few}, out / "pictures", out / "study.html")
size = (out / "study.html").stat().st_size / 2**20
print(f"{len(pairs)} pairs on one page of {size:.1f} MB; first: {pairs[0].prompt}")

# %% [markdown]
# Three voters that we **made up**, who only look which result is nearer to the ideal and err one time in five:

# %%
rng, cast = np.random.default_rng(0), []
score = {(r["case"], r["setting"]): -r["ideal"] for r in rows}
for pair in pairs * 3:
    left, right = (pair.other, pair.ours) if pair.swapped else (pair.ours, pair.other)
    better = (score[pair.case, left] > score[pair.case, right]) ^ (rng.random() < 0.2)
    choice = "left" if better else "right"
    cast.append({"question": "overall", "left": left, "right": right, "choice": choice})

# %%
for line in study.shares(cast, "P2P+MAG-Edit"):
    interval = f"[{line['low']:.0%}, {line['high']:.0%}]"
    print(f"against {line['against']:<9} {line['share']:.0%} {interval} of {line['votes']}")

# %% [markdown]
# **Look:** a share of 50 % means no preference. A vote counts how often one is nearer, not by how much. And the
# brackets are too narrow: 24 votes on 8 pairs are not 24 cases. The paper's Fig. 5 has 68 % to 81 % for MAG-Edit
# overall, by paid voters on Stable Diffusion's pictures.
#
# ## 7 · The full table
#
# The README has a table by `magedit-lab bench table1`, on more cases and steps. Without the repository there is no
# table to read.

# %%
readme = Path(mag.__file__).parents[1] / "README.md"
lines = readme.read_text(encoding="utf-8").splitlines() if readme.exists() else []
heads = [i for i, line in enumerate(lines) if line.startswith("| method") and "CLIP" in line]
for line in lines[heads[0] :] if heads else ["no table here"]:
    if not line.startswith("|"):
        break
    print(line)

# %% [markdown]
# Read it as you would read any paper's:
#
# - **Who is best in each column, and is it outside the next one's interval?** In success, P2P+Re-weight and MAG-Edit
#   stand clear of nearly all others; elsewhere most intervals overlap. Re-weight does as well as MAG-Edit here since
#   this model was *taught* to obey multiplied attention; Stable Diffusion was not.
# - **Which column would an untouched picture win?** Section 2. A method that does little looks careful.
# - **Which column was made with the same idea as a method?** A method that is guided by attention may please a score
#   that looks for words.
# - **Who chose the cases?** Ours were drawn by chance, with a fixed seed; the demo's scene was chosen.
# - **What was tuned, on what?** Ours on other scenes than these. The paper does not say.
#
# ## Exercise 1 · Decibels
#
# Difficulty ●○○ · 5 minutes. Write `psnr(a, b)` for two arrays in 0-1: minus ten times the logarithm (base 10) of the
# mean squared difference. By how much does it fall when every error doubles?
#
# <details><summary>Hint</summary>Test it: a difference of 0.1 everywhere has 20 dB.</details>

# %% tags=["exercise"]
def psnr(a, b):
    return None  # your turn

# %% tags=["solution"]
def psnr(a, b):
    return -10 * np.log10(np.square(a - b).mean())

# %%
check_psnr(psnr)

# %% [markdown]
# ## Exercise 2 · A bootstrap interval
#
# Difficulty ●●○ · 15 minutes. Write `interval(values)`: the 2.5 % and 97.5 % quantiles of the means of at least 1,000
# samples, each drawn *with replacement* and as large as `values`.
#
# <details><summary>Hint</summary>One row for each sample, so that one call draws all and one mean goes along an axis.
# What would the interval be if all values were equal?</details>

# %% tags=["exercise"]
def interval(values):
    return None  # your turn

# %% tags=["solution"]
def interval(values):
    means = np.random.default_rng(0).choice(values, (2000, len(values))).mean(1)
    return np.quantile(means, [0.025, 0.975])

# %%
check_interval(interval)

# %% [markdown]
# ## Exercise 3 · Fool the table
#
# Difficulty ●○○ · 5 minutes. Give a picture for `case` whose background PSNR is infinite and whose structure distance
# is 0, and that is no edit.
#
# <details><summary>Hint</summary>You have seen it in section 2.</details>

# %% tags=["exercise"]
fool = None  # your turn

# %% tags=["solution"]
fool = case.task.image

# %%
check_fool(fool, case, judges)

# %% [markdown]
# ## If something goes wrong
#
# - *Section 4 was interrupted:* run it again; rows that are there are kept, as long as `out` is the same folder.
# - *`cannot load CLIP …`:* a name needs a network; `tabletop-clip` is shipped, and knows this little world only.
# - *The vote's page shows nothing:* open the file in a browser; it needs no server.
