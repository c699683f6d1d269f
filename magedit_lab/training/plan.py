"""What a training run is: sizes, steps and rates."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """The default needs some hours on two cores; `gpu` is the larger model of the same kind, which is shipped.

    pictures: scenes drawn for training. size: their side in pixels; the latent is always 32x32.
    vae_taught: steps in which the decoder gets the taught colours instead of the encoder's own.
    crop_steps: steps on crops alone; after them one step in `crop_every` is on crops, the others on whole scenes.
    grounding: weight of the loss that ties words to their objects; `share`: the share of attention that satisfies it.
    contrary: share of captions about a counterpart of what the noise shows; `boosted`: share of these in which the
        attention of the word that differs is multiplied inside its object by a factor between `factors`;
        told_twice: the same share of the other captions.
    start: a finished model in diffusers' layout (for clip: beside it) whose weights training begins with.
    vae_decoder_steps: steps at the end in which the decoder alone learns, from latents as they are.
    vae_square, vae_colour: weights of the autoencoder's squared error and of the taught colours.
    clip_hard_steps: steps at the end on crops, each against every kind of object, the hardest to tell apart.
    workers: processes that draw scenes and prepare the steps; 0 does so between the steps.
    """

    pictures: int = 24_000
    size: int = 128
    vae_channels: tuple[int, ...] = (24, 48, 64)
    vae_steps: int = 7000
    vae_decoder_steps: int = 0
    vae_batch: int = 16
    vae_taught: int = 250
    vae_rate: float = 1e-3
    vae_square: float = 1.0
    vae_colour: float = 0.2
    unet_channels: tuple[int, ...] = (40, 96, 128)
    text_layers: int = 1
    crop_steps: int = 600
    crop_batch: int = 96
    crop_every: int = 4
    scene_steps: int = 2700
    scene_batch: int = 32
    rate: float = 1.2e-3
    average: float = 0.999
    grounding: float = 0.01
    share: float = 0.5
    contrary: float = 0.35
    boosted: float = 0.6
    told_twice: float = 0.1
    factors: tuple[float, float] = (2.0, 8.0)
    clip_steps: int = 1200
    clip_batch: int = 64
    clip_rate: float = 1e-3
    clip_hard_steps: int = 2100
    clip_hard_batch: int = 96
    clip_hard_rate: float = 7e-4
    seed: int = 0
    workers: int = 0
    start: str = ""

    @classmethod
    def cpu(cls) -> "Plan":
        """A smaller model, 128 pixels, for an evening on two cores."""
        return cls()

    @classmethod
    def gpu(cls) -> "Plan":
        """The shipped model: 256 pixels, wider. The shipped weights had about half of these steps."""
        return cls(
            pictures=30_000, size=256, vae_channels=(16, 32, 96, 128), vae_steps=4000, vae_batch=32, vae_square=4.0,
            vae_decoder_steps=4000, unet_channels=(64, 128, 192), crop_steps=1000, crop_batch=512, scene_steps=9000,
            scene_batch=256, rate=1e-3, clip_batch=128, clip_hard_batch=192, workers=os.cpu_count() or 1,
        )  # fmt: skip
