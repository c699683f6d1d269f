"""Training of the shipped `tabletop` model: a Stable Diffusion in miniature, on scenes drawn on the fly.

Each trainer is a generator that yields its metrics. All randomness of a step comes from (seed, step), so a resumed
run continues bit for bit on one machine.
"""

import json
import os
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from jaxtyping import Float
from safetensors import safe_open
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from . import scenes

TOKENS = 32  # the length of a prompt
CELLS = 16  # the resolution at which words are read
MOST = 5  # objects in a scene


@dataclass(frozen=True)
class Plan:
    """What a training run is; `cpu` needs hours on two cores."""

    pictures: int = 12_000
    vae_steps: int = 1000
    vae_batch: int = 16
    vae_taught: int = 250
    crop_steps: int = 600
    crop_batch: int = 64
    scene_steps: int = 650
    scene_batch: int = 16
    rate: float = 1.2e-3
    vae_rate: float = 2e-3
    grounding: float = 0.01
    seed: int = 0


# ---------------------------------------------------------------- the parts of the model


def new_tokenizer() -> CLIPTokenizer:
    """CLIP's byte-level BPE in which each word of the little world is one token and others fall into pieces."""
    words = [*scenes.COLOURS, *scenes.KINDS, *scenes.TEXTURES, *scenes.WALLS, *scenes.TABLES]
    words += ["table", "wall", "a", "an", "on", "with", "and", "the", "one", "two", "three", "of", ",", "."]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<|startoftext|>", "<|endoftext|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=800, special_tokens=special, end_of_word_suffix="</w>", initial_alphabet=alphabet,
    )  # fmt: skip
    bpe.train_from_iterator([w for w in sorted(set(words)) for _ in range(50)], trainer)
    model = json.loads(bpe.to_str())["model"]
    vocab = model["vocab"]
    for letter in sorted(alphabet):
        vocab.setdefault(letter, len(vocab))
        vocab.setdefault(letter + "</w>", len(vocab))
    merges = [tuple(m.split(" ")) if isinstance(m, str) else tuple(m) for m in model["merges"]]
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=TOKENS)


def new_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    config = CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=128, intermediate_size=256, num_hidden_layers=1,
        num_attention_heads=4, max_position_embeddings=TOKENS, projection_dim=128,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    return CLIPTextModel(config)


def new_vae() -> AutoencoderKL:
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(16, 32, 64), layers_per_block=1, latent_channels=4, norm_num_groups=8,
        sample_size=scenes.SIZE, mid_block_add_attention=False,
    )  # fmt: skip


def new_unet() -> UNet2DConditionModel:
    """Words enter at 16x16 and nowhere else, so that what a map shows is all that a word can do."""
    return UNet2DConditionModel(
        sample_size=scenes.SIZE // 4, in_channels=4, out_channels=4, layers_per_block=1,
        block_out_channels=(40, 96, 128), cross_attention_dim=128, attention_head_dim=4, norm_num_groups=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        mid_block_type="UNetMidBlock2D", up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    )  # fmt: skip


def new_scheduler() -> DDIMScheduler:
    """Stable Diffusion's noise schedule, with the velocity as the target."""
    return DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False,
        set_alpha_to_one=False, prediction_type="v_prediction",
    )  # fmt: skip


# ---------------------------------------------------------------- data


def draw(folder: Path, count: int) -> Generator[dict[str, float]]:
    """Render scenes 0…count-1 and their masks at 16x16 into `folder`, a chunk at a time; done chunks are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    chunk = 500
    for start in range(0, count, chunk):
        path = folder / f"scenes-{start:06d}.npz"
        if not path.exists():
            drawn = [scenes.render(scenes.sample(seed)) for seed in range(start, start + chunk)]
            masks = np.zeros((chunk, MOST, CELLS, CELLS), np.uint8)
            for i, (_, mask) in enumerate(drawn):
                cells = mask.reshape(len(mask), CELLS, scenes.SIZE // CELLS, CELLS, scenes.SIZE // CELLS).mean((2, 4))
                masks[i, : len(mask)] = (cells * 255).round()
            _write(path, lambda p, d=drawn, m=masks: np.savez(p, images=np.stack([i for i, _ in d]), masks=m))
        yield {"drawn": start + chunk}


def _write(path: Path, save) -> None:
    """Write beside, then rename: an interrupt leaves the old file or the new one, never a half."""
    beside = path.with_name(f".{os.getpid()}-{path.name}")
    save(beside)
    os.replace(beside, path)


def _load(folder: Path, count: int, name: str) -> np.ndarray:
    files = sorted(folder.glob("scenes-*.npz"))[: -(-count // 500)]
    return np.concatenate([np.load(f)[name] for f in files])[:count]


# ---------------------------------------------------------------- running


class Run:
    """Weights, their running average and the optimiser's state, saved together in one safetensors file."""

    def __init__(self, path: Path, modules: Sequence[nn.Module], rate: float, average: float) -> None:
        self.path, self.rate, self.average, self.step, self.seconds = path, rate, average, 0, 0.0
        self.params = [p for m in modules for p in m.parameters()]
        self.ema = [p.detach().clone() for p in self.params]
        self.optimiser = torch.optim.AdamW(self.params, rate, weight_decay=1e-2, betas=(0.9, 0.98))
        if path.exists():
            self._resume()

    def update(self, loss: Tensor, factor: float) -> float:
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate * factor
        self.optimiser.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.params, 1.0)
        self.optimiser.step()
        self.step += 1
        keep = min(self.average, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(self.ema, [p.detach() for p in self.params], 1 - keep)
        return norm.item()

    def save(self) -> None:
        tensors = {"step": torch.tensor(self.step), "seconds": torch.tensor(self.seconds, dtype=torch.float64)}
        for i, p in enumerate(self.params):
            tensors |= {f"weight.{i}": p.detach(), f"ema.{i}": self.ema[i]}
            tensors |= {f"optimiser.{i}.{k}": v for k, v in self.optimiser.state[p].items()}
        tensors = {k: v.contiguous() for k, v in tensors.items()}
        _write(self.path, lambda p: save_file(tensors, p))

    def _resume(self) -> None:
        with safe_open(self.path, "pt") as f:
            self.step, self.seconds = int(f.get_tensor("step")), float(f.get_tensor("seconds"))
            for i, p in enumerate(self.params):
                p.data.copy_(f.get_tensor(f"weight.{i}"))
                self.ema[i].copy_(f.get_tensor(f"ema.{i}"))
                names = [k for k in f.keys() if k.startswith(f"optimiser.{i}.")]  # noqa: SIM118
                self.optimiser.state[p] = {k.split(".")[-1]: f.get_tensor(k) for k in names}

    def averaged(self) -> None:
        """Put the average into the modules: the weights to ship."""
        for p, e in zip(self.params, self.ema, strict=True):
            p.data.copy_(e)


def _steps(run: Run, total: int, every: float = 120.0) -> Iterator[tuple[int, np.random.Generator, torch.Generator]]:
    """Steps from where `run` stands, each with its own randomness; saves every `every` seconds and at the end."""
    saved = last = time.monotonic()
    try:
        while run.step < total:
            rng, generator = np.random.default_rng([17, run.step]), torch.Generator().manual_seed(run.step)
            yield run.step, rng, generator
            now = time.monotonic()
            run.seconds, last = run.seconds + now - last, now
            if now - saved > every:
                run.save()
                saved = now
    finally:
        run.save()


def _schedule(step: int, total: int, warm: int = 100, decay: float = 0.35) -> float:
    """Warm up, hold, then fall in a line to 2 % over the last share `decay` of all steps."""
    return min(1, (step + 1) / warm) * min(1, 0.02 + (total - step) / (total * decay))


def colours(images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 h/4 w/4"]:
    """Mean brightness, red against green, and blue against yellow of each 4x4 patch, each of about unit variance."""
    r, g, b = F.avg_pool2d(images, 4).unbind(1)
    return torch.stack([(r + g + b) / 3 * 2.2, (r - g) * 4, (b - (r + g) / 2) * 3.5], 1)


def train_vae(out: Path, plan: Plan = Plan()) -> Generator[dict[str, float]]:
    """Train the autoencoder on 64x64 crops: L1, L1 of the gradient for crisp edges, L2 for colour, a small KL term.

    Three of its four channels are taught to be `colours`, so the latent is smooth and can be looked at; the fourth is
    free to carry detail.
    """
    torch.manual_seed(plan.seed)
    vae = new_vae().to(memory_format=torch.channels_last)
    run = Run(out / "vae.safetensors", [vae], plan.vae_rate, 0.99)
    images = _load(out / "data", plan.pictures, "images")
    for step, rng, generator in _steps(run, plan.vae_steps):
        pick, (y, x) = rng.integers(0, len(images), plan.vae_batch), rng.integers(0, 9, 2) * 8
        real = as_tensor(images[pick, y : y + 64, x : x + 64])
        posterior, taught = vae.encode(real).latent_dist, colours(real)
        z = posterior.sample(generator)
        if step < plan.vae_taught:
            z = torch.cat([taught, z[:, 3:]], 1)
        error = vae.decode(z).sample - real
        edges = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
        kl = posterior.kl().mean() / posterior.mean[0].numel()
        colour = F.mse_loss(posterior.mean[:, :3], taught)
        loss = error.abs().mean() + 0.5 * edges + error.square().mean() + 0.2 * colour + 1e-5 * kl
        norm = run.update(loss, _schedule(step, plan.vae_steps))
        psnr = -10 * (error.detach() / 2).square().mean().log10().item()
        yield {
            "step": run.step,
            "psnr": psnr,
            "kl": kl.item(),
            "colour": colour.item(),
            "norm": norm,
            "seconds": run.seconds,
        }
    run.averaged()
    with torch.no_grad():
        z = torch.cat([vae.encode(as_tensor(images[i : i + 50])).latent_dist.mean for i in range(0, 500, 50)])
    vae.register_to_config(scaling_factor=round(1 / z.std().item(), 4))
    vae.save_pretrained(out / "tabletop" / "vae")


def as_tensor(images: np.ndarray) -> Float[Tensor, "n 3 h w"]:
    """Bytes to -1…1, in the memory layout in which a CPU convolves fastest."""
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1
    return x.contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def latents(out: Path, plan: Plan) -> Float[Tensor, "n 4 h w"]:
    """Latents of all pictures, scaled as the U-Net sees them; kept in a file beside the pictures."""
    path = out / "latents.safetensors"
    if not path.exists():
        vae = AutoencoderKL.from_pretrained(out / "tabletop" / "vae").to(memory_format=torch.channels_last)
        images = _load(out / "data", plan.pictures, "images")
        parts = [vae.encode(as_tensor(images[i : i + 50])).latent_dist.mean for i in range(0, len(images), 50)]
        z = (torch.cat(parts) * vae.config.scaling_factor).half().contiguous()
        _write(path, lambda p: save_file({"z": z}, p))
    with safe_open(path, "pt") as f:
        return f.get_tensor("z")


# ---------------------------------------------------------------- the U-Net and the text encoder


@dataclass(frozen=True)
class Batch:
    z: Float[Tensor, "n 4 h w"]
    ids: Tensor  # n tokens
    masks: Float[Tensor, "n things cells"]
    owner: Float[Tensor, "n things tokens"]  # 1 where a token describes a thing


def make_batch(z: Tensor, masks: np.ndarray, tokenizer, size: int, crop: bool, rng: np.random.Generator) -> Batch:
    """Whole scenes, or crops of half their side around an object, captioned with just what is in sight."""
    picked = rng.integers(0, len(z), size)
    zs, ms, words, owner = [], [], [], torch.zeros(size, MOST, TOKENS)
    for row, index in enumerate(picked):
        scene = scenes.sample(int(index))
        window, seen = (_window(scene, rng)) if crop else ((0, 0, CELLS), list(range(len(scene.things))))
        cy, cx, side = window
        zs.append(z[index, :, 2 * cy : 2 * (cy + side), 2 * cx : 2 * (cx + side)])
        ms.append(masks[index, seen + [0] * (MOST - len(seen)), cy : cy + side, cx : cx + side])
        part = scenes.Scene(tuple(scene.things[i] for i in seen), scene.wall, scene.table, scene.horizon)
        caption = [] if rng.random() < 0.1 else scenes.describe(part, rng, 0.15)
        words.append(" ".join(w for w, _ in caption))
        for place, (_, thing) in enumerate(caption):
            if thing is not None:
                owner[row, thing, place + 1] = 1
    ids = tokenizer(words, padding="max_length", max_length=TOKENS, truncation=True, return_tensors="pt").input_ids
    stacked = torch.from_numpy(np.stack(ms)).float().flatten(2) / 255
    return Batch(torch.stack(zs).float().contiguous(memory_format=torch.channels_last), ids, stacked, owner)


def _window(scene: scenes.Scene, rng: np.random.Generator) -> tuple[tuple[int, int, int], list[int]]:
    side = CELLS // 2
    chosen = scene.things[rng.integers(len(scene.things))]
    middle = np.array([chosen.y - chosen.size / 2, chosen.x]) + rng.uniform(-0.1, 0.1, 2)
    cy, cx = (int(c) for c in np.clip((middle * CELLS - side / 2).round(), 0, CELLS - side))
    seen = []
    for i, t in enumerate(scene.things):
        wide = min(t.x + t.size / 2, (cx + side) / CELLS) - max(t.x - t.size / 2, cx / CELLS)
        high = min(t.y, (cy + side) / CELLS) - max(t.y - t.size, cy / CELLS)
        if t is chosen or max(wide, 0) * max(high, 0) > 0.45 * t.size**2:
            seen.append(i)
    return (cy, cx, side), seen


class Recorder:
    """An attention processor that keeps its probabilities: `maps` of n x heads x pixels x tokens."""

    def __init__(self) -> None:
        self.maps: list[Tensor] = []

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, temb=None, **_):
        heads = [
            f(x).unflatten(-1, (attn.heads, -1)).transpose(1, 2)
            for f, x in (
                (attn.to_q, hidden_states),
                (attn.to_k, encoder_hidden_states),
                (attn.to_v, encoder_hidden_states),
            )
        ]
        q, k, v = heads
        probs = (q @ k.transpose(-1, -2) * attn.scale).softmax(-1)
        self.maps.append(probs)
        return attn.to_out[1](attn.to_out[0]((probs @ v).transpose(1, 2).flatten(2)))


def grounding(
    probs: Float[Tensor, "n pixels tokens"], batch: Batch, visible: Float[Tensor, " n"]
) -> tuple[Tensor, Tensor]:
    """Two log losses that tie words to their objects; `visible` is 0 where the noise hides everything.

    inside: the share of a word's attention that falls inside its object's mask.
    read: the share of an object's attention that reads the object's own words.
    """
    overlap = torch.einsum("npt,nop,not->not", probs, batch.masks, batch.owner)
    words = batch.owner * visible[:, None, None]
    share = (overlap + 1e-4) / (probs.sum(1)[:, None] * batch.owner + 1e-3)
    inside = (-share.clamp(max=1).log() * words).sum() / words.sum().clamp(min=1)
    reads = overlap.sum(-1) / batch.masks.sum(-1).clamp(min=1e-3)
    told = (batch.owner.sum(-1) > 0) * (batch.masks.sum(-1) > 1) * visible[:, None]
    read = (-(reads + 1e-3).clamp(max=1).log() * told).sum() / told.sum().clamp(min=1)
    return inside, read


def train_diffusion(out: Path, plan: Plan = Plan()) -> Generator[dict[str, float]]:
    """Train U-Net and text encoder together: first on crops, then on whole scenes, grounded throughout."""
    torch.manual_seed(plan.seed)
    tokenizer, scheduler = new_tokenizer(), new_scheduler()
    text, unet = new_text_encoder(tokenizer), new_unet().to(memory_format=torch.channels_last)
    run = Run(out / "diffusion.safetensors", [unet, text], plan.rate, 0.998)
    z, masks = latents(out, plan), _load(out / "data", plan.pictures, "masks")
    recorder = Recorder()
    unet.set_attn_processor({n: recorder if "attn2" in n else p for n, p in unet.attn_processors.items()})
    alphas, total = scheduler.alphas_cumprod, plan.crop_steps + plan.scene_steps
    for step, rng, generator in _steps(run, total):
        crop = step < plan.crop_steps
        batch = make_batch(z, masks, tokenizer, plan.crop_batch if crop else plan.scene_batch, crop, rng)
        t = torch.randint(0, len(alphas), (len(batch.z),), generator=generator)
        a, s = (c[:, None, None, None] for c in (alphas[t].sqrt(), (1 - alphas[t]).sqrt()))
        noise = torch.randn(batch.z.shape, generator=generator)
        recorder.maps.clear()
        v = unet(a * batch.z + s * noise, t, text(batch.ids).last_hidden_state).sample
        loss = F.mse_loss(v, a * noise - s * batch.z)
        visible = (alphas[t] > 0.02).float()
        terms = [grounding(m.mean(1), batch, visible) for m in recorder.maps]
        inside, read = (torch.stack(x).mean() for x in zip(*terms, strict=True))
        run.update(loss + plan.grounding * (inside + read), _schedule(step, total))
        yield {
            "step": run.step,
            "loss": loss.item(),
            "inside": inside.item(),
            "read": read.item(),
            "seconds": run.seconds,
        }
    run.averaged()
    save(out / "tabletop", unet, text, tokenizer, scheduler)


def save(folder: Path, unet: UNet2DConditionModel, text: CLIPTextModel, tokenizer: CLIPTokenizer, scheduler) -> None:
    """Write the parts, the large ones in half precision, as diffusers' `StableDiffusionPipeline` loads them."""
    from diffusers import StableDiffusionPipeline

    vae = AutoencoderKL.from_pretrained(folder / "vae")
    pipe = StableDiffusionPipeline(vae, text, tokenizer, unet, scheduler, None, None, requires_safety_checker=False)
    unet.half()
    vae.half()  # diffusers loads these as float32; transformers would leave the small text encoder in float16
    pipe.save_pretrained(folder, safe_serialization=True)
