"""Files of pictures and masks of every kind that people have, drawn anew: {name: bytes, or None for no file at all}.

All good pictures show the same 12x8 scene, so that what a reader makes of each is known beforehand.
"""

import io
import os
import struct
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

WIDE, HIGH = 12, 8
RED, GREEN, BLUE, GREY = (230, 30, 20), (10, 200, 60), (20, 60, 220), (128, 128, 128)


def scene() -> np.ndarray:
    """Four quarters in four colours, so that a turn and a mirror are seen."""
    rgb = np.empty((HIGH, WIDE, 3), np.uint8)
    rgb[:4, :6], rgb[:4, 6:], rgb[4:, :6], rgb[4:, 6:] = RED, GREEN, BLUE, GREY
    return rgb


RGB = scene()
LEVELS = np.linspace(0, 255, HIGH * WIDE).round().astype(np.uint8).reshape(HIGH, WIDE)
ALPHA = np.where(np.arange(WIDE) < 6, 255, 0)[None].repeat(HIGH, 0).astype(np.uint8)
SHAPE = np.zeros((HIGH, WIDE), bool)
SHAPE[2:6, 3:8] = True


def encoded(pixels: np.ndarray | Image.Image, kind: str = "PNG", **more: object) -> bytes:
    image, out = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels), io.BytesIO()
    image.save(out, kind, **more)
    return out.getvalue()


def turned(kind: str, orientation: int) -> bytes:
    """The scene stored so that only its EXIF orientation puts it upright."""
    back = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    image = Image.fromarray(RGB).transpose(back[orientation])
    exif = image.getexif()
    exif[0x0112] = orientation
    return encoded(image, kind, exif=exif, **({"quality": 100, "subsampling": 0} if kind == "JPEG" else {}))


def profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile of version 2 with these tags, and no more than a reader needs."""
    tags = {b"wtpt": b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061), **tags}
    pcs = b"XYZ " if space == b"GRAY" else b"Lab "
    table, body, at = b"", b"", 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table, body, at = table + name + struct.pack(">2I", at, len(data)), body + data, at + len(data)
    head = (
        bytes(4) + bytes(4) + struct.pack(">I", 0x02400000) + (b"scnr" if space == b"GRAY" else b"prtr") + space + pcs
    )
    head = head.ljust(36, b"\0") + b"acsp"
    head = head.ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061)
    whole = head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body
    return struct.pack(">I", len(whole)) + whole[4:]


def linear_grey() -> bytes:
    """Grey whose values are light itself: 128 looks as 188 does in sRGB."""
    return profile(b"GRAY", {b"kTRC": b"curv" + bytes(4) + struct.pack(">IH", 1, 256)})


def dull_inks() -> bytes:
    """CMYK whose every ink is a neutral grey: lightness falls from 100 to 0 with their mean."""
    levels = [(i + j + k + m) / 4 for i in (0, 1) for j in (0, 1) for k in (0, 1) for m in (0, 1)]
    grid = b"".join(bytes([round(255 * (1 - level)), 128, 128]) for level in levels)
    ramp = bytes(range(256))
    one = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    return profile(b"CMYK", {b"A2B0": b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + one + 4 * ramp + grid + 3 * ramp})


def palette(mode_colours: list[int], values: np.ndarray, kind: str = "PNG", **more: object) -> bytes:
    image = Image.fromarray(values.astype(np.uint8)).convert("L")
    made = Image.frombytes("P", image.size, image.tobytes())
    made.putpalette(mode_colours)
    return encoded(made, kind, **more)


def of_scene() -> bytes:
    """The scene in four colours of a palette."""
    index = np.array([0, 1, 2, 3])[(np.arange(HIGH)[:, None] >= 4) * 2 + (np.arange(WIDE) >= 6)]
    return palette([*RED, *GREEN, *BLUE, *GREY], index)


def pictures() -> dict[str, bytes]:
    """Files of pictures by name, good ones and bad."""
    image, grey, p3 = Image.fromarray(RGB), LEVELS, linear_grey()
    deep = LEVELS.astype(np.uint16) * 257
    clear = np.dstack([RGB, ALPHA])
    cmyk = Image.fromarray(RGB).convert("CMYK")
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    lab = ImageCms.profileToProfile(
        image, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    big = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(big, "PNG")
    whole = encoded(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    return {
        "rgb.png": encoded(RGB), "rgb.bmp": encoded(RGB, "BMP"), "rgb.tif": encoded(RGB, "TIFF"),
        "rgb.webp": encoded(RGB, "WEBP", lossless=True), "rgb.ppm": encoded(RGB, "PPM"),
        "rgb-animated.gif": encoded(image.quantize(4), "GIF", save_all=True, append_images=[Image.new("P", (12, 8))]),
        "rgb-palette.png": of_scene(), "rgb-srgb-profile.png": encoded(RGB, icc_profile=srgb),
        "rgb-broken-profile.png": encoded(RGB, icc_profile=b"no profile"),
        "rgb-cmyk-profile.png": encoded(RGB, icc_profile=dull_inks()),
        "rgb-wrong-suffix.jpg": encoded(RGB),
        "turned-3.tif": turned("TIFF", 3), "turned-6.png": turned("PNG", 6), "turned-8.png": turned("PNG", 8),
        "turned-6.jpg": turned("JPEG", 6),
        "alpha.png": encoded(clear), "alpha.webp": encoded(clear, "WEBP", lossless=True),
        "alpha.tif": encoded(clear, "TIFF"),
        "alpha-grey.png": encoded(Image.merge("LA", (Image.fromarray(grey), Image.fromarray(ALPHA)))),
        "alpha-one-colour.png": encoded(RGB, transparency=GREEN),
        "alpha-opaque.png": encoded(np.dstack([RGB, np.full_like(ALPHA, 255)])),
        "grey.png": encoded(grey), "grey-16.png": encoded(deep), "grey-16.tif": encoded(deep, "TIFF"),
        "grey-32.tif": encoded(deep.astype(np.int32), "TIFF"),
        "grey-float.tif": encoded((grey / 255).astype(np.float32), "TIFF"),
        "grey-float-255.tif": encoded(grey.astype(np.float32), "TIFF"),
        "grey-linear-profile.png": encoded(grey, icc_profile=p3), "bilevel.png": encoded(Image.fromarray(SHAPE)),
        "cmyk.tif": encoded(cmyk, "TIFF"), "cmyk-profile.tif": encoded(cmyk, "TIFF", icc_profile=dull_inks()),
        "lab.tif": encoded(lab, "TIFF"),
        "float-light.tif": encoded((grey / 50).astype(np.float32), "TIFF"),
        "float-nan.tif": encoded(np.full((HIGH, WIDE), np.nan, np.float32), "TIFF"),
        "drawing.eps": encoded(image, "EPS"),
        "icon.ico": encoded(image.resize((16, 16)), "ICO"), "page.pdf": encoded(image, "PDF"),
        "megapixels-100.png": big.getvalue(), "truncated.png": whole[: len(whole) // 2], "empty.png": b"",
        "text.png": b"no picture", "vector.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    }  # fmt: skip


def masks() -> dict[str, bytes]:
    """Files of masks by name: good ones show SHAPE."""
    white, labels = SHAPE.astype(np.uint8) * 255, SHAPE.astype(np.uint8)
    voc = [0, 0, 0, 128, 0, 0, *[0] * 6]
    clear = np.dstack([np.zeros((HIGH, WIDE, 3), np.uint8), white])
    return {
        "mask-grey.png": encoded(white), "mask-bilevel.png": encoded(Image.fromarray(SHAPE)),
        "mask-rgb.bmp": encoded(np.dstack([white] * 3), "BMP"), "mask-16.png": encoded(white.astype(np.uint16) * 257),
        "mask-float.tif": encoded(SHAPE.astype(np.float32), "TIFF"), "mask-alpha.png": encoded(clear),
        "mask-white-palette.png": palette([0, 0, 0, 255, 255, 255], labels),
        "mask-turned.png": _turned_mask(white),
        "mask-labels.png": encoded(labels), "mask-labels-palette.png": palette(voc, labels),
        "mask-labels-16.png": encoded(labels.astype(np.uint16)),
        "mask-labels-16.tif": encoded(labels.astype(np.uint16), "TIFF"),
        "mask-labels-32.tif": encoded(labels.astype(np.int32), "TIFF"), "mask-labels-many.png": encoded(labels * 7),
        "mask-empty.png": encoded(white * 0), "mask-full.png": encoded(white * 0 + 255),
        "mask-size.png": encoded(np.kron(white, np.ones((2, 2), np.uint8))), "mask-text.png": b"no picture",
    }  # fmt: skip


def _turned_mask(white: np.ndarray) -> bytes:
    image = Image.fromarray(white).transpose(Image.Transpose.ROTATE_90)
    exif = image.getexif()
    exif[0x0112] = 6
    return encoded(image, exif=exif)


def write(folder: Path) -> tuple[list[str], list[str]]:
    """All files into a folder, with what is no file beside them; the names of pictures and of masks."""
    folder.mkdir(parents=True, exist_ok=True)
    first, second = pictures(), masks()
    for name, content in {**first, **second}.items():
        (folder / name).write_bytes(content)
    (folder / "folder.png").mkdir(exist_ok=True)
    if not (folder / "pipe.png").exists():
        os.mkfifo(folder / "pipe.png")
    return [*first, "folder.png", "pipe.png", "nowhere.png"], [*second, "nowhere.png"]
