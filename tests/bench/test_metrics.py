"""Scores against literal formulas, and transformers' own."""

import numpy as np
import pytest
import torch
from PIL import Image

from magedit_lab.bench import metrics


def noisy(image, seed=0):
    array = np.asarray(image).astype(int) + np.random.default_rng(seed).integers(-20, 20, (*image.size[::-1], 3))
    return Image.fromarray(array.clip(0, 255).astype(np.uint8))


def test_background_scores_see_the_outside_only_and_average_over_the_frame(task):
    mask = task.region.numpy()
    changed = np.array(task.image)
    changed[mask >= 0.5] = 0
    same = metrics.background(task.image, Image.fromarray(changed), mask)
    kept = metrics.unit(task.image) * (mask < 0.5)[..., None]
    assert same == {"psnr": float("inf"), "mse": 0.0, "ssim": metrics.ssim(kept, kept)}
    assert 0.999 < same["ssim"] < 1  # torchmetrics clamps variances at 0 and no covariance, so equal is just below 1
    other = noisy(task.image)
    difference = (np.asarray(task.image) / 255 - np.asarray(other) / 255)[mask < 0.5]
    expected = (difference**2).sum() / mask.size / 3
    found = metrics.background(task.image, other, mask)
    assert found["mse"] == pytest.approx(expected)
    assert found["psnr"] == pytest.approx(10 * np.log10(1 / expected))
    assert 0 < found["ssim"] < 1


def test_the_error_to_the_ideal_is_that_inside_the_mask(task):
    mask, other = task.region.numpy(), noisy(task.image)
    difference = (np.asarray(task.image) / 255 - np.asarray(other) / 255)[mask >= 0.5]
    assert metrics.error_to_ideal(other, task.image, mask) == pytest.approx(np.sqrt((difference**2).mean()))


def test_the_crop_is_the_masks_box(task):
    rows, columns = np.nonzero(task.region.numpy())
    assert metrics.crop(task.image, task.region.numpy()).size == (np.ptp(columns) + 1, np.ptp(rows) + 1)


def test_clip_scores_are_transformers_own(judges, task):
    clip = judges.clip
    given = clip.processor(text=["a red ball"], images=[task.image], return_tensors="pt", padding=True)
    with torch.no_grad():
        image = clip.model.get_image_features(given["pixel_values"])
        text = clip.model.get_text_features(given["input_ids"], given["attention_mask"])
    image, text = (x if isinstance(x, torch.Tensor) else x.pooler_output for x in (image, text))
    cosine = torch.cosine_similarity(image, text).item()
    assert clip.score(task.image, "a red ball") == pytest.approx(max(100 * cosine, 0), abs=1e-3)


def test_structure_distance_is_the_tables_of_cosines_compared(judges, task):
    a, b = task.image, task.image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    assert judges.structure.distance(a, a) == 0
    model, tables = judges.structure.model, []
    for picture in (a, b):
        small = picture.resize((128, 128), Image.Resampling.BICUBIC)
        x = torch.from_numpy(np.array(small)).permute(2, 0, 1)[None].float() / 127.5 - 1
        with torch.no_grad():
            *_, before, _ = model(x, output_hidden_states=True).hidden_states
            layer = model.encoder.layers[-1]
            keys = layer.self_attn.k_proj(layer.layer_norm1(before))[0]
        tables.append(torch.cosine_similarity(keys[:, None], keys[None], dim=-1))
    assert judges.structure.distance(a, b) == pytest.approx((tables[0] - tables[1]).square().mean().item(), rel=1e-4)


def test_structure_reads_a_dino(tmp_path, task):
    from transformers import ViTConfig, ViTModel

    config = ViTConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, image_size=64)
    ViTModel(config, add_pooling_layer=False).save_pretrained(tmp_path)
    structure = metrics.Structure(str(tmp_path))
    assert structure.distance(task.image, task.image) == 0
    assert structure.distance(task.image, task.image.rotate(90)) > 0


@pytest.mark.parametrize("judge", [metrics.Clip, metrics.Structure])
def test_a_missing_judge_is_named_in_one_line(judge, tmp_path):
    with pytest.raises(ValueError, match="cannot load") as error:
        judge(str(tmp_path / "none"))
    assert "\n" not in str(error.value)
