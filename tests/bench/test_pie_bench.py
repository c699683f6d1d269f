"""PIE-Bench's columns and masks as its code has them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from magedit_lab.bench import datasets, metrics
from magedit_lab.bench.cases import Case
from magedit_lab.bench.lpips import Lpips
from magedit_lab.bench.run import COLUMNS


def test_a_run_that_overhangs_ends_with_the_picture():
    mask = datasets.run_length([262140, 10, 262200, 5], 512, 512)
    assert mask[511, 508:].tolist() == [1, 1, 1, 1]
    assert mask.sum() == 4 * 511  # the border alone, which counts as edited
    inner = datasets.run_length([512 * 100 + 40, 3], 512, 512)
    assert inner.sum() == 4 * 511 + 3


def test_a_run_below_0_is_refused():
    with pytest.raises(ValueError, match="starts and lengths of 0 or more"):
        datasets.run_length([-5, 10], 512, 512)


# ---------------------------------------------------------------- LPIPS


class Fire(nn.Module):
    def __init__(self, ins, squeeze, expand):
        super().__init__()
        self.squeeze, self.expand1x1 = nn.Conv2d(ins, squeeze, 1), nn.Conv2d(squeeze, expand, 1)
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, x):
        x = torch.relu(self.squeeze(x))
        return torch.cat([torch.relu(self.expand1x1(x)), torch.relu(self.expand3x3(x))], 1)


class SqueezeNet(nn.Module):
    """SqueezeNet 1.1 as its paper's table has it, with LPIPS's heads beside it."""

    def __init__(self):
        super().__init__()
        pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 3, 2), nn.ReLU(), pool, Fire(64, 16, 64), Fire(128, 16, 64), pool, Fire(128, 32, 128),
            Fire(256, 32, 128), pool, Fire(256, 48, 192), Fire(384, 48, 192), Fire(384, 64, 256), Fire(512, 64, 256),
        )  # fmt: skip
        for i, width in enumerate((64, 128, 256, 384, 384, 512, 512)):
            head = nn.Conv2d(width, 1, 1, bias=False)
            head.weight.data.abs_()
            setattr(self, f"lin{i}", nn.ModuleDict({"model": nn.Sequential(nn.Dropout(), head)}))

    def distance(self, a, b):
        scale, shift = torch.tensor([0.458, 0.448, 0.450]), torch.tensor([-0.030, -0.088, -0.188])
        x, y = ((2 * torch.from_numpy(z).float() - 1 - shift) / scale for z in (a, b))
        x, y, total, layer = x.permute(2, 0, 1)[None], y.permute(2, 0, 1)[None], 0.0, 0
        for place, part in enumerate(self.features):
            x, y = part(x), part(y)
            if place in (1, 4, 7, 9, 10, 11, 12):
                u, v = (z / (z.norm(dim=1, keepdim=True) + 1e-10) for z in (x, y))
                weights = getattr(self, f"lin{layer}")["model"][1].weight[0, :, 0, 0]
                total, layer = total + ((u - v) ** 2 * weights[:, None, None]).sum(1).mean().item(), layer + 1
        return total


@pytest.fixture(scope="module")
def squeeze():
    torch.manual_seed(0)
    return SqueezeNet().requires_grad_(False).eval()


@pytest.fixture(scope="module")
def lpips(squeeze, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lpips")
    state = {name: weight.contiguous() for name, weight in squeeze.state_dict().items()}
    save_file({n: w for n, w in state.items() if n.startswith("features")}, folder / "squeezenet1_1.safetensors")
    torch.save({n: w for n, w in state.items() if n.startswith("lin")}, folder / "squeeze.pth")
    return Lpips.load(folder)


def test_lpips_is_its_formula_on_squeezenet(squeeze, lpips, task):
    r = np.random.default_rng(0)
    a = metrics.unit(task.image.resize((97, 80)))
    b = (a + r.normal(0, 0.1, a.shape)).clip(0, 1)
    assert lpips.distance(a, a) == 0
    assert lpips.distance(a, b) == pytest.approx(squeeze.distance(a, b), rel=1e-4)


def test_lpips_names_the_weights_that_it_lacks(tmp_path):
    with pytest.raises(ValueError, match=r"got none for 'features\.0\.weight' and 56 more; put torchvision's file"):
        Lpips.load(tmp_path)


# ---------------------------------------------------------------- all columns


def test_every_column_of_pie_bench_is_scored_on_its_tables_scale(judges, lpips, task):
    result = Image.fromarray(np.asarray(task.image)[::-1].copy())
    pie, case = replace(judges, pie=True, lpips=lpips), Case("a", task, "6", task.target)
    found, mask = pie.scores(case, task, result), task.region.numpy()
    assert {name for name in COLUMNS if name.startswith("pie_")} == {name for name in found if name.startswith("pie_")}
    black = np.array(result)
    black[mask < 0.5] = 0
    clip, outside = judges.clip, metrics.background(task.image, result, mask)
    expected = {
        "pie_clip_source": clip.score(task.image, task.source), "pie_clip": clip.score(result, task.target),
        "pie_clip_part": clip.score(Image.fromarray(black), task.target), "pie_psnr": outside["psnr"],
        "pie_mse": 1e4 * outside["mse"], "pie_ssim": 100 * outside["ssim"],
        "pie_structure": 1000 * judges.structure.distance(task.image, result, as_pie_bench=True),
    }  # fmt: skip
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert not any(name.startswith("pie_") for name in judges.scores(case, task, result))


def test_the_published_structure_distance_normalises_0_to_255(judges, task):
    pixels = judges.structure._pixels(Image.new("RGB", (300, 300), (255, 0, 51)), True)
    mean, std = (torch.tensor(v) for v in (judges.structure.mean, judges.structure.std))
    assert torch.allclose(pixels[0].mean((1, 2)), (torch.tensor([255.0, 0.0, 51.0]) - mean) / std, rtol=1e-5)
    assert judges.structure.distance(task.image, task.image, as_pie_bench=True) == 0
