# %% [markdown]
# # 01 · Diffusion in latent space
#
# **You will** look inside a latent, add noise to it and predict that noise, write a DDIM step, generate a picture, and
# see what guidance does.
#
# **You need** notebook 00, and what an autoencoder is. **Time** {time}.

# %%
from widgets.lesson import start
from widgets.exercises import check_step, check_timestep
import magedit_lab as mag
import torch

lab = start()
net = lab.net

# %% [markdown]
# ## 1 · Pictures and latents
#
# Stable Diffusion never sees pixels. An autoencoder turns a picture into a *latent* of far fewer numbers, and back.

# %%
scene = mag.scenes.sample(seed=mag.scenes.HELD_OUT + 40)
z = net.encode(scene.image)
print(f"picture: {3 * scene.image.width * scene.image.height} numbers, latent {tuple(z.shape)}: {z.numel()} numbers")

# %%
again = net.decode(z)
mag.plots.pictures({"picture": scene.image, "decoded": again}, "A scene, and what its latent decodes to")

# %% [markdown]
# *Left the picture, right what comes back from twelve times fewer numbers.*
#
# Our model was taught that three of its four channels are colours that one can look at. Stable Diffusion's were not;
# there, a channel means little by itself.

# %%
names = ["brightness", "red or green", "blue or yellow", "free"]
channels = mag.plots.channels(z)
mag.plots.pictures(dict(zip(names, channels)), "The four channels of the latent as grey pictures")

# %% [markdown]
# ## 2 · Noise
#
# At timestep $t$ a latent is $z_t = \sqrt{\bar\alpha_t}\,z_0 + \sqrt{1-\bar\alpha_t}\,\epsilon$. In the library that is
# `ddim.add_noise`. **Predict:** at which of these timesteps can you no longer tell the objects?

# %%
eps = torch.randn(z.shape, generator=torch.Generator().manual_seed(0))
noisy = {t: mag.ddim.add_noise(z, eps, net.alpha(t)) for t in (0, 200, 400, 600, 800, 999)}
mag.plots.pictures({f"t = {t}": net.decode(zt) for t, zt in noisy.items()}, "The scene with more and more noise")

# %% [markdown]
# *The decoder shows a noisy latent as a noisy picture.*
#
# ## 3 · What the U-Net does
#
# It guesses the noise: $\epsilon_\theta(z_t, t, \text{prompt})$. A guess of the noise is a guess of the picture, since
# $\hat z_0 = (z_t - \sqrt{1-\bar\alpha_t}\,\hat\epsilon)/\sqrt{\bar\alpha_t}$.

# %%
text = net.embed(scene.caption(drop=0.0))
with torch.no_grad():
    guesses = {t: mag.ddim.to_x0(zt, net.predict(zt, t, text), net.alpha(t)) for t, zt in noisy.items()}
mag.plots.pictures({f"t = {t}": net.decode(g) for t, g in guesses.items()}, "The picture that the U-Net foresees")

# %% [markdown]
# *From little noise it foresees the scene; from pure noise only what the caption says.*
#
# ## 4 · DDIM
#
# To generate, start at pure noise, guess, and move a little way: to the noise level of the next timestep, along the
# same noise. That is `ddim.move`, and the whole sampler is this loop.

# %%
def generate(text, steps, seed=0):
    z = torch.randn(1, 4, 32, 32, generator=torch.Generator().manual_seed(seed))
    times = mag.ddim.timesteps(steps)
    for t, before in zip(times, [*times[1:], -1]):
        with torch.no_grad():
            eps = net.predict(z, t, text)
        z = mag.ddim.move(z, eps, net.alpha(t), net.alpha(before))
    return net.decode(z)

# %%
prompt = "a red ball and a blue box on a wooden table with a white wall"
counts = [1, 2, 5, lab.steps(20)]
made = {f"{n} steps": generate(net.embed(prompt), n) for n in counts}
mag.plots.pictures(made, "The same noise in one, two, five and twenty steps")

# %% [markdown]
# ## 5 · Guidance
#
# The prompt alone is a weak pull. *Classifier-free guidance* takes the difference that the words make, and more of it:
# $\hat\epsilon = \epsilon_\varnothing + s\,(\epsilon_\text{prompt} - \epsilon_\varnothing)$.

# %%
def guided(text, scale, steps, seed=0):
    z = torch.randn(1, 4, 32, 32, generator=torch.Generator().manual_seed(seed))
    times, empty = mag.ddim.timesteps(steps), net.embed("")
    for t, before in zip(times, [*times[1:], -1]):
        with torch.no_grad():
            base, words = net.predict(z, t, empty), net.predict(z, t, text)
        z = mag.ddim.move(z, base + scale * (words - base), net.alpha(t), net.alpha(before))
    return net.decode(z)

# %%
scales = [0.0, 1.0, 3.0, 8.0]
made = {f"scale {s:g}": guided(net.embed(prompt), s, lab.steps(20)) for s in scales}
mag.plots.pictures(made, "The same noise at four guidance scales")

# %% [markdown]
# *0 ignores the prompt, 1 is the plain model; large scales obey and overshoot.*
#
# ## Exercise 1 · Half and half
#
# Difficulty ●○○. At which timestep are signal and noise equally strong, $\bar\alpha_t = 1/2$? `net.alphas` has all
# $\bar\alpha$.
#
# <details><summary>Hint</summary><code>(net.alphas - 0.5).abs()</code> is smallest there.</details>

# %% tags=["exercise"]
half = None  # your turn

# %% tags=["solution"]
half = int((net.alphas - 0.5).abs().argmin())

# %%
check_timestep(half, net)

# %% [markdown]
# ## Exercise 2 · Your own DDIM step
#
# Difficulty ●●○. Write `step(z, eps, here, there)` from the two formulas above: first the foreseen $\hat z_0$, then
# noise at the level of `there`. `here` and `there` are values of $\bar\alpha$.
#
# <details><summary>Hint</summary>The second line has the form of <code>add_noise</code>, with the same
# <code>eps</code>.</details>

# %% tags=["exercise"]
def step(z, eps, here, there):
    return None  # your turn

# %% tags=["solution"]
def step(z, eps, here, there):
    z0 = (z - (1 - here).sqrt() * eps) / here.sqrt()
    return there.sqrt() * z0 + (1 - there).sqrt() * eps

# %%
check_step(step)

# %% [markdown]
# ## If something goes wrong
#
# - *The pictures are grey mush:* too few steps, or a guidance scale of 0.
# - *`expected sides that are multiples of …`:* crop the picture, or use `task.fit`.
