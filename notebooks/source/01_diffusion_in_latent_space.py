# %% [markdown]
# # 01 · Diffusion in latent space
#
# ![The four channels of a scene's latent as small grey pictures](pictures/01_diffusion_in_latent_space.png)
#
# *What the model really works on: not a picture but its latent, here the four channels of one.*
#
# **You will** *look* inside a latent, *predict* its noise with a U-Net, *watch* noise become a picture, *see* what
# guidance does, and *write* the first piece of your own MAG-Edit: a DDIM step.
#
# **You need** notebook 00, and to know that an autoencoder turns a picture into fewer numbers and back.
# **Time** {time}.
#
# ![Map of the course, with the present part lit: 01, Noise](pictures/course-01.svg)

# %%
from magedit_lab.course.start import start
from magedit_lab.course.exercises import check_timestep
from magedit_lab.course.figures import unfolding
from magedit_lab.course.mine import keep
from magedit_lab.course.scrubber import Scrubber
import magedit_lab as mag
import torch

lab = start()
net = lab.net

# %% [markdown]
# ## 1 · Pictures and latents
#
# The denoiser of Stable Diffusion never sees pixels. An autoencoder turns a picture into a *latent* of far fewer
# numbers, a grid of *cells* with four numbers each, and back.

# %%
scene = mag.scenes.sample(seed=mag.scenes.HELD_OUT + 40)
picture = scene.image.resize((net.size, net.size))
z = net.encode(picture)
again = net.decode(z)

# %% tags=["nbval-check-output"]
print(f"picture: {3 * picture.width * picture.height} numbers")
print(f"latent: {z.numel()} numbers, {z.shape[1]} for each of {z.shape[2]} x {z.shape[3]} cells")

# %%
mag.plots.pictures({"picture": picture, "decoded": again}, "A scene, and what its latent decodes to")

# %% [markdown]
# *Left the picture, right what comes back from 48 times fewer numbers.* Find what the autoencoder lost; nothing
# that follows can be sharper.
#
# The shipped model was taught that three of its four channels are colours that one can look at. Stable Diffusion's
# were not; there, a channel means little by itself.

# %% tags=["title"]
names = ["brightness", "red or green", "blue or yellow", "free"]
channels = mag.plots.channels(z)
mag.plots.pictures(dict(zip(names, channels)), "The four channels of the latent as grey pictures")

# %% [markdown]
# *Each channel from its smallest number (black) to its largest (white): red is bright and green dark in the second;
# what is yellow, as wood is, is dark in the third.* The objects stand where they stand in the picture: a latent is a
# small picture, and a nudge of one of its cells moves one patch.
#
# ## 2 · Noise
#
# A *timestep* $t$ from 0 to 999 says how noisy a latent is. The table $\bar\alpha_t$ says which share of the signal's
# power is left: $z_t = \sqrt{\bar\alpha_t}\,z_0 + \sqrt{1-\bar\alpha_t}\,\epsilon$, where $\epsilon$ is noise of
# size 1. `net.level(t)` has the two roots, `signal` and `noise`.
#
# **In code** (`model/schedule.py`): `return there.signal * z + there.noise * noise`
#
# **Predict:** at which of these timesteps can you no longer tell the objects?

# %% tags=["nbval-check-output"]
times = (0, 200, 400, 600, 800, 999)
for t in times:
    level = net.level(t)
    print(f"t = {t:<3}  signal {level.signal:.3f}  noise {level.noise:.3f}")

# %%
eps = torch.randn(z.shape, generator=torch.Generator().manual_seed(0)).to(z)
noisy = {t: mag.model.schedule.add_noise(z, eps, net.level(t)) for t in times}
shown = {f"t = {t}": net.decode(zt) for t, zt in noisy.items()}
mag.plots.pictures(shown, "The scene with more and more noise")

# %% [markdown]
# *The decoder shows a noisy latent as a noisy picture.* **Look:** large, plain areas survive longest, edges go first.
#
# ## 3 · What the U-Net does
#
# ![The U-Net: a noisy latent goes down to 8 x 8 cells and up again; each level reads the prompt](pictures/unet.svg)
#
# The *U-Net* is the network that was trained: from a noisy latent, its timestep and a prompt it guesses the noise,
# $\epsilon_\theta(z_t, t, \text{prompt})$. On its way it halves the grid of cells twice, 32, 16, 8, and doubles it
# back, so a cell inside it can be larger. It does not read letters: `net.embed` turns a prompt into its *embedding*, a
# vector for each *token* (a word or a sign). A guess of the noise is a guess of the picture, for the formula above can
# be solved for $z_0$: $\hat z_0 = (z_t - \sqrt{1-\bar\alpha_t}\,\hat\epsilon)/\sqrt{\bar\alpha_t}$.
#
# **In code** (`model/schedule.py`): `return (z - here.noise * eps) / here.signal`
#
# **Predict:** at t = 999 you saw nothing but noise. What can it foresee there?

# %%
text, to_x0 = net.embed(scene.caption(drop=0.0)), mag.model.schedule.to_x0
with torch.no_grad():
    guesses = {t: to_x0(zt, net.predict(zt, t, text), net.level(t)) for t, zt in noisy.items()}
shown = {f"t = {t}": net.decode(guess) for t, guess in guesses.items()}
mag.plots.pictures(shown, "The picture that the U-Net foresees")

# %% [markdown]
# *The finished picture, as foreseen from each noise level.* From little noise it is the scene; the more noise, the more
# comes from the caption, and the more it is an average of all that fits.
#
# **Look** at t = 999 once more. The table says that 7 % of the signal is still there, half a percent of its
# power: a U-Net can tell from it roughly what stands where. Only noise that was never a picture has none.
#
# ## 4 · DDIM
#
# To generate with DDIM (*denoising diffusion implicit model*), start at pure noise, guess, and move a little way: to
# the noise level of the next timestep, along the same noise.
# $z_{t'} = \sqrt{\bar\alpha_{t'}}\,\hat z_0 + \sqrt{1-\bar\alpha_{t'}}\,\hat\epsilon$
#
# **In code** (`model/schedule.py`): `return there.signal * to_x0(z, eps, here) + there.noise * eps`
#
# The whole sampler is this loop. *Steps* are the timesteps at which it stops to guess; -1 stands for the finished
# latent.

# %%
noise = torch.randn(z.shape, generator=torch.Generator().manual_seed(1)).to(z)

def generate(text, steps):
    z, times = noise, net.schedule.timesteps(steps)
    for t, before in zip(times, [*times[1:], -1]):
        with torch.no_grad():
            eps = net.predict(z, t, text)
        z = mag.model.schedule.move(z, eps, net.level(t), net.level(before))
    return net.decode(z)

# %% [markdown]
# **Predict:** will two steps give a rough picture, or none?

# %%
prompt = "a red ball and a blue box on a wooden table with a white wall"
counts = [2, 5, lab.steps(10), lab.steps(20)]
print("two steps stop at t =", net.schedule.timesteps(2))
made = {f"{n} steps": generate(net.embed(prompt), n) for n in counts}
mag.plots.pictures(made, "The same noise and prompt in more and more steps")

# %% [markdown]
# *The same noise and prompt in more and more steps.* With few, the model is asked rarely, and late: with two it takes
# pure noise for a picture that is half done, and goes on from there. See from how many steps on the wall is as the
# prompt says.
#
# ### Noise becomes a picture
#
# Now one run from inside. At each step we decode two latents: the noisy one, $z_t$, and the picture that the model
# foresees in it, $\hat z_0$.
#
# **Predict:** which of the two first shows where the objects will stand?

# %%
steps, z, noisy_steps, foreseen = lab.steps(12), noise, [], []
times, text = net.schedule.timesteps(steps), net.embed(prompt)
for t, before in zip(times, [*times[1:], -1]):
    with torch.no_grad():
        eps = net.predict(z, t, text)
    noisy_steps.append(net.decode(z))
    foreseen.append(net.decode(to_x0(z, eps, net.level(t))))
    z = mag.model.schedule.move(z, eps, net.level(t), net.level(before))

# %%
still = unfolding(noisy_steps, foreseen, times)
rows = {"noisy latent": noisy_steps, "foreseen picture": foreseen}
Scrubber(rows, [f"t = {t}" for t in times], still)

# %% [markdown]
# *One run, from noise to picture: above the noisy latent, below what the model foresees in it. Where scripts run, a
# slider moves through all steps.* **Look:** the foreseen picture has the layout while the latent still looks like noise.
# So layout is decided early. This is why MAG-Edit nudges in early steps.

# %%
import numpy as np

final = np.asarray(foreseen[-1], float)
far = [np.abs(np.asarray(p[steps // 3], float) - final).mean() for p in (foreseen, noisy_steps)]
lab.claim("a third of the way: distance of foreseen and noisy picture from the final one, their ratio",
          far[0] / far[1], most=0.6)

# %% [markdown]
# ## 5 · Guidance
#
# The prompt alone leaves the model free to add what nobody asked for. *Classifier-free guidance* asks twice, with the
# prompt and with the empty prompt $\varnothing$, and goes further in the direction in which the words point:
# $\hat\epsilon = \epsilon_\varnothing + s\,(\epsilon_\text{prompt} - \epsilon_\varnothing)$.
#
# **In code** (`model/schedule.py`): `return uncond + scale * (cond - uncond)`

# %%
def guided(text, scale, steps):
    z, times, empty = noise, net.schedule.timesteps(steps), net.embed("")
    for t, before in zip(times, [*times[1:], -1]):
        with torch.no_grad():
            uncond, cond = net.predict(z, t, empty), net.predict(z, t, text)
        eps = uncond + scale * (cond - uncond)
        z = mag.model.schedule.move(z, eps, net.level(t), net.level(before))
    return net.decode(z)

# %% [markdown]
# **Predict:** what do scale 0 and scale 1 amount to?

# %%
scales = [0.0, 1.0, 3.0, 8.0]
made = {f"scale {s:g}": guided(net.embed(prompt), s, lab.steps(20)) for s in scales}
mag.plots.pictures(made, "The same noise at four guidance scales")

# %% [markdown]
# *The same noise and prompt at four scales.* 0 ignores the prompt, 1 is the plain model. See what the
# prompt does not name and is there at small scales, and what is gone at large ones.
#
# **Check.** Scale 1 is the plain model exactly, since the empty prompt cancels out: by how much does any pixel differ
# from the picture that `generate` made?

# %%
unguided = generate(net.embed(prompt), lab.steps(20))
plain, one = (np.asarray(p, float) for p in (unguided, made["scale 1"]))
print(f"the two pictures differ by at most {abs(plain - one).max():.0f} of 255")

# %% [markdown]
# ## Exercise 1 · Half and half
#
# Difficulty ●○○ · 5 minutes. At which timestep are signal and noise equally strong, $\bar\alpha_t = 1/2$? Guess first:
# before or after the middle, 500? `net.schedule.alphas` is a tensor of all $\bar\alpha$.
#
# <details><summary>Hint</summary>No entry is exactly a half. How far is each from it?</details>

# %% tags=["exercise"]
half = None  # your turn

# %% tags=["solution"]
half = int((net.schedule.alphas - 0.5).abs().argmin())

# %%
check_timestep(half, net)

# %% [markdown]
# ## Exercise 2 · Your own MAG-Edit, piece 1: a DDIM step
#
# Difficulty ●●○ · 10 minutes. Through this course you write MAG-Edit yourself, in about 35 lines. Each piece is checked
# against the library, and `keep` puts it into your file `my_magedit.py`, from which later notebooks take it. The first:
# `ddim_step(z, eps, here, there)`, from the formulas of sections 3 and 4. `here` and `there` are noise levels, as
# `net.level(t)` gives them: each has a `signal`, $\sqrt{\bar\alpha}$, and a `noise`, $\sqrt{1-\bar\alpha}$.
#
# Think about it: nothing in the formula says that `there` must be less noisy. What would it mean if it were noisier?
#
# <details><summary>Hint</summary>Two formulas, two lines. Which of them needs only <code>here</code>, which only
# <code>there</code>?</details>

# %% tags=["exercise"]
def ddim_step(z, eps, here, there):
    return None  # your turn

# %% tags=["solution"]
def ddim_step(z, eps, here, there):
    z0 = (z - here.noise * eps) / here.signal
    return there.signal * z0 + there.noise * eps

# %%
keep(ddim_step)

# %% [markdown]
# The question has an answer in notebook 03: towards more noise, the same step *inverts* a picture.
#
# ## If something goes wrong
#
# - *The pictures are grey mush:* too few steps, or a guidance scale of 0.
# - *Other pictures than your neighbour's:* another version of torch draws other noise; within one machine they repeat.
# - *`expected sides that are multiples of …`:* crop the picture, or use `lab.fit(task)`.
