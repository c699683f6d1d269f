"""What each setting of a form does, in a line for whoever rests on its field."""

EXPLAINED = {
    "steps": "DDIM steps of the inversion and of the edit",
    "guidance_scale": "classifier-free guidance: how much the prompt's noise is exaggerated",
    "fixed_point": "how often, at most, each step of the inversion is taken anew along the noise at its own end",
    "inner": "null-text: updates of the empty prompt at each step, at most",
    "rate": "null-text: Adam's learning rate",
    "tolerance": "null-text: the squared error at which a step's updates end",
    "slack": "null-text: how much the tolerance grows from step to step",
    "proximal.norm": "l0 keeps large parts of what the words add as they are, l1 shrinks them too",
    "proximal.quantile": "the share of what the words add that is dropped",
    "proximal.below": "timesteps below this pull the target back to the recorded latents",
    "proximal.rate": "how far it is pulled back: 1 is all the way",
    "proximal.grow": "latent cells around what was kept that are not pulled back",
    "loss": "token ratio (Eq. 1) keeps structure, spatial ratio (Eq. 2) edits harder",
    "iterations": "nudges of the latent before each guided step",
    "stop_step": "the first step without nudges (tau); empty: half of the steps",
    "step_size": "how far a nudge goes (delta)",
    "by_sigma": "whether the step size falls with the noise; as usual: for the token ratio only",
    "all_tokens": "Eq. 1's denominator: every column of the map, or the edit word and the common words",
    "per_head": "the loss of each head, averaged; or that of the averaged map",
    "lam": "lambda of Eq. 2: how much attention outside the mask counts",
    "lambda_p": "Eq. 3: the weight of the target prompt's loss",
    "lambda_ng": "Eq. 3: the weight of the negative prompt's loss",
    "mode": "refine: the prompts share words; swap: words stand for words at the same places",
    "cross_replace": "share of the steps in which common words keep the source's maps",
    "self_replace": "share of the steps in which self attention is the source's",
    "self_cells": "largest self-attention map, in cells, that is replaced",
    "reweight": "by how much the edit words' attention is multiplied",
    "reweight_inside": "multiply inside the mask only",
    "blend": "what is put back outside the mask while the edit runs",
    "blend.start": "share of the steps after which the outside is put back",
    "blend.grow": "latent cells by which the mask is grown before that",
    "skip": "share of the steps that is left out at the start",
    "noise": "fresh: start from the source with noise added; pure: from noise alone",
    "seed": "of the noise that this method draws",
    "mask": "own: where the two prompts' noise differs; given: the task's mask",
    "strength": "how much noise the edit starts from, 1 is all",
    "mask_strength": "at how much noise the prompts are compared",
    "maps": "noisy copies that are averaged",
    "clamp": "differences count up to so many times their mean",
    "start": "share of the steps after which self attention looks at the source",
    "masked": "inside looks at the source's inside only, outside at its outside",
    "features": "share of the steps in which the source's features are taken",
    "attention": "share of the steps in which self attention takes the source's queries and keys",
    "shared": "one source pass serves both passes of the target, as published",
    "share": "share of the steps that are guided",
    "refinements": "nudges at a refinement step, at most",
    "threshold": "the loss at which a step's nudges end",
    "top": "share of the cells, the strongest, that count",
}


def explained(name: str) -> str:
    """The line of a dotted name, by as many of its last parts as are known."""
    parts = name.split(".")
    found = [EXPLAINED[n] for i in range(len(parts)) if (n := ".".join(parts[i:])) in EXPLAINED]
    return found[0] if found else ""
