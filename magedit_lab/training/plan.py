"""What a training run is: sizes, steps and rates."""

from dataclasses import dataclass
from pathlib import Path

TABLETOP = str(Path(__file__).parent.parent / "models" / "tabletop")


@dataclass(frozen=True)
class Plan:
    """The model's shape is the same in every preset, so that a run on one machine goes on from another's weights.

    traces: rooms whose geometry is traced; each is shaded in `colourings` ways. size: their side in pixels.
    latent_channels: of the autoencoder, the first three taught to be colours with weight `vae_colour`.
    noise: the decoder learns from latents with Gaussian noise of up to this share of their deviation, in `noisy` of all
        pictures; the others are exact. decoder_steps: steps in which the decoder alone learns, after the autoencoder.
    heads: attention heads at 32, 16 and 8 cells.
    captions: texts that are prepared for each picture, as many for the whole as for crops of it.
    early_steps: cheap steps at a quarter of the cost, on squares around things and on whole pictures of half the size
        in turn; Stable Diffusion, too, began with smaller pictures. After them one step in `crop_every` is on squares,
        the others on whole pictures.
    decay: the share of all steps, at the end, over which the rate falls to 2 %. average: what the running average of
        the weights keeps at a step.
    grounding: weight of the loss that ties words to their objects, falling in a line to 0 at step `grounded_steps`.
        share: the share of attention that satisfies it.
    contrary: share of odd colourings' captions whose noise shows the picture before, which lacks what they say.
    frozen_text: the text encoder is the CLIP judge's, which has to be trained before, and learns no more.
    start: a finished model in diffusers' layout (for clip: beside it) whose weights are taken where shapes allow.
    clip_hard_steps: steps at the end on crops, each against every kind of object, the hardest to tell apart.
    every: seconds between checkpoints.
    """

    traces: int = 3_000
    colourings: int = 8
    size: int = 256
    latent_channels: int = 8
    vae_channels: tuple[int, ...] = (16, 32, 96, 128)
    vae_steps: int = 6_000
    vae_batch: int = 8
    vae_rate: float = 5e-4
    vae_colour: float = 0.1
    noise: float = 0.15
    noisy: float = 0.7
    decoder_steps: int = 2_000
    unet_channels: tuple[int, ...] = (64, 128, 192)
    heads: tuple[int, ...] = (2, 4, 6)
    text_layers: int = 3
    captions: int = 4
    early_steps: int = 800
    early_batch: int = 64
    crop_every: int = 4
    scene_steps: int = 30_000
    scene_batch: int = 16
    rate: float = 5e-4
    decay: float = 0.15
    average: float = 0.999
    grounding: float = 0.01
    grounded_steps: int = 2_000
    share: float = 0.5
    contrary: float = 0.0
    frozen_text: bool = False
    clip_steps: int = 2_000
    clip_batch: int = 64
    clip_rate: float = 1e-3
    clip_hard_steps: int = 2_000
    clip_hard_batch: int = 96
    clip_hard_rate: float = 7e-4
    seed: int = 0
    start: str = ""
    every: float = 180.0

    def __post_init__(self) -> None:
        if self.grounding and self.grounded_steps > 0.85 * self.steps:
            raise ValueError(
                f"expected the grounding loss gone by 85 % of {self.steps} steps, got grounded_steps = "
                f"{self.grounded_steps}; lower it, or set grounding = 0"
            )

    @property
    def pictures(self) -> int:
        return self.traces * self.colourings

    @property
    def steps(self) -> int:
        """Of the U-Net and the text encoder."""
        return self.early_steps + self.scene_steps

    @classmethod
    def cpu(cls) -> "Plan":
        """About 20 hours of two cores, from the tabletop model's weights."""
        return cls(start=TABLETOP)

    @classmethod
    def further(cls) -> "Plan":
        """More of the same on a CPU, from the room model named by `start`: no cheap steps, no grounding."""
        return cls(early_steps=0, grounding=0.0, grounded_steps=0)

    @classmethod
    def gpu(cls) -> "Plan":
        """Ten minutes of one H100 from nothing, by the tabletop's speed on an H200 (81 ms for 256 scenes)."""
        return cls(
            traces=5_000, colourings=8, vae_steps=1_800, vae_batch=32, vae_rate=1e-3, decoder_steps=600,
            early_steps=600, early_batch=512, scene_steps=2_000, scene_batch=256, rate=1e-3, decay=0.3,
            grounded_steps=900, clip_steps=500, clip_batch=128, clip_hard_steps=400, clip_hard_batch=192, every=60.0,
        )  # fmt: skip

    @classmethod
    def tabletop(cls) -> "Plan":
        """The tabletop model's decoder alone, from its own weights, on latents with noise: 15 minutes of one core."""
        return cls(traces=4_000, colourings=1, decoder_steps=800, vae_rate=4e-4, decay=0.5, start=TABLETOP)

    @classmethod
    def tiny(cls) -> "Plan":
        """Seconds, for tests: of the same form as the others, and too small to learn anything."""
        return cls(
            traces=4, colourings=4, size=128, vae_channels=(8, 8, 8, 8), vae_steps=4, vae_batch=2, decoder_steps=4,
            unet_channels=(8, 16, 16), heads=(1, 2, 2), text_layers=2, captions=2, early_steps=2, early_batch=4,
            crop_every=2, scene_steps=6, scene_batch=2, grounded_steps=3, clip_steps=2, clip_batch=2, clip_hard_steps=2,
            clip_hard_batch=4,
        )  # fmt: skip
