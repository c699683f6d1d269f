"""MAG-Edit, piece by piece, as the notebooks build it; a student's own file has the same names."""

from functools import partial

import torch


def ddim_step(z, eps, here, there):
    z0 = (z - here.noise * eps) / here.signal
    return there.signal * z0 + there.noise * eps


def read_maps(net, z, t, text, names, change={}):
    maps = {}

    def hook(name, probs):
        maps[name] = change[name](probs) if name in change else probs
        return maps[name]

    hooks = change | {name: partial(hook, name) for name in names}
    net.predict(z, t, text, hooks, until=names[-1])
    return maps


def invert(net, z, text, times):
    path = [z]
    for below, t in zip([-1, *times[::-1]], times[::-1]):
        eps = net.predict(path[0], t, text)
        path.insert(0, ddim_step(path[0], eps, net.level(below), net.level(t)))
    return path


def inject(source, origin):
    return lambda probs: torch.where(origin >= 0, source[..., origin.clamp(0)], probs)


def token_ratio(probs, mask, word):
    ratio = probs[..., word] / probs.sum(-1)
    return ((1 - (ratio * mask).sum(-1) / mask.sum()) ** 2).mean()


def nudge(z, gradient, mask, delta):
    return z - mask * delta * gradient


def mag_edit(given, z, nudges, delta):
    for i, t in enumerate(given.times):
        change = {name: inject(*maps) for name, maps in given.source_maps(read_maps, i).items()}
        for _ in range(nudges if i < given.half else 0):
            maps = read_maps(given.net, z.requires_grad_(), t, given.target, given.sites, change)
            loss = sum(token_ratio(a[0], given.cells, given.word) for a in maps.values()) / len(maps)
            (gradient,) = torch.autograd.grad(loss, z)
            z = nudge(z.detach(), gradient, given.mask, delta * given.sigma(t))
        z = given.blend(ddim_step(z, given.guided(z, t, change), *given.levels(i)), i)
    return z
