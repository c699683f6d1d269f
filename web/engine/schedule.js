// DDIM's arithmetic in single precision, an operation at a time, as torch rounds it.

const f = Math.fround;

export class Schedule {
  /** given: {alphas, final, prediction, offset} of the manifest. */
  constructor({ alphas, final, prediction, offset }) {
    Object.assign(this, { alphas, final, prediction, offset });
  }

  /** So many timesteps from noise to picture. */
  timesteps(steps) {
    const most = this.alphas.length - this.offset;
    if (!Number.isInteger(steps) || steps < 1 || steps > most)
      throw new Error(`expected 1 to ${most} steps, got ${steps}; take a number of these`);
    const stride = Math.floor(this.alphas.length / steps);
    return Array.from({ length: steps }, (_, i) => (steps - 1 - i) * stride + this.offset);
  }

  /** Signal and noise at a timestep; below 0 those of the finished latent. */
  level(t) {
    const alpha = this.#alpha(t);
    return { signal: f(Math.sqrt(alpha)), noise: f(Math.sqrt(f(1 - alpha))) };
  }

  /** Noise over signal. */
  sigma(t) {
    const alpha = this.#alpha(t);
    return f(Math.sqrt(f(f(1 - alpha) / alpha)));
  }

  /** The noise that a denoiser's output means. */
  eps(out, z, { signal, noise }) {
    if (this.prediction === "epsilon") return out;
    return out.map((v, i) => f(f(signal * v) + f(noise * z[i])));
  }

  #alpha = (t) => f(t >= 0 ? this.alphas[t] : this.final);
}

/** The clean latent that `z` and its noise imply. */
export const x0 = (z, eps, { signal, noise }) => z.map((v, i) => f(f(v - f(noise * eps[i])) / signal));

/** From one noise level to another, along `eps`. */
export function move(z, eps, here, there) {
  return x0(z, eps, here).map((v, i) => f(f(there.signal * v) + f(there.noise * eps[i])));
}

/** Classifier-free guidance. */
export function guided(uncond, cond, scale) {
  return uncond.map((u, i) => f(u + f(f(scale) * f(cond[i] - u))));
}

/** Outside the mask the source's latent; the mask has a plane of cells, a latent several. */
export function blended(source, target, mask) {
  return source.map((s, i) => f(s + f(mask[i % mask.length] * f(target[i] - s))));
}
