"""Small images and the pixels that Pillow and torchvision read from them; writes images/ beside this.

images.txt has a line for each file: its name, width and height; and for a JPEG the width and height in
which Pillow's draft mode reads it at 1/2, 1/4 and 1/8 (0 where that is impossible). pixels.bin has the
pixels, [height][width][channels], in the same order: for each file RGB, grey and, for a JPEG with a
draft mode, RGB at 1/2. Pillow and torchvision must agree on RGB, or this script fails.
"""

import io
import pathlib
import struct
import warnings
import zlib

import numpy as np
import torch
from PIL import Image
from torchvision.io import ImageReadMode, decode_jpeg, decode_png

FOLDER = pathlib.Path(__file__).parent / "images"
WIDTH, HEIGHT = 37, 29


def picture(channels, width=WIDTH, height=HEIGHT):
    """Smooth waves with edges and a little noise, uint8 [height, width, channels]."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = []
    for c in range(channels):
        wave = 128 + 90 * np.sin((x * (c + 1) + y * (3 - c)) / 7.0 + c)
        wave[(x // 9 + y // 8) % 3 == c] += 60
        planes.append(wave)
    noise = np.random.default_rng(7).normal(0, 6, (height, width, channels))
    return np.clip(np.stack(planes, 2) + noise, 0, 255).astype(np.uint8)


def jpeg(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90, **options)
    return buffer.getvalue()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


def raw_png(width, height, depth, kind, rows, interlaced=False, extra=b""):
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, int(interlaced))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra
            + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def interlaced_png(pixels, kind):
    """Adam7, which Pillow does not write."""
    rows = b""
    for x0, y0, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4),
                           (1, 0, 2, 2), (0, 1, 1, 2)]:
        part = pixels[y0::dy, x0::dx]
        if part.size:
            rows += b"".join(b"\0" + row.tobytes() for row in part)
    return raw_png(pixels.shape[1], pixels.shape[0], 8, kind, rows, interlaced=True)


def sixteen_bits(channels, kind):
    high = picture(channels).astype(np.uint16)
    low = np.random.default_rng(11).integers(0, 256, high.shape).astype(np.uint16)
    values = (high * 256 + low).astype(">u2")
    return raw_png(WIDTH, HEIGHT, 16, kind, b"".join(b"\0" + row.tobytes() for row in values))


def files():
    rgb = Image.fromarray(picture(3))
    grey = Image.fromarray(picture(1)[:, :, 0])
    cmyk = Image.fromarray(picture(4), "CMYK")
    rgba = Image.fromarray(picture(4), "RGBA")
    palette = rgb.quantize(16)
    two_bits = np.packbits(np.unpackbits(picture(1)[:, :, 0, None] >> 6, axis=2)[:, :, 6:]
                           .reshape(HEIGHT, -1), axis=1)
    return {
        "rgb_420.jpg": jpeg(rgb, subsampling="4:2:0"),
        "rgb_422.jpg": jpeg(rgb, subsampling="4:2:2"),
        "rgb_444.jpg": jpeg(rgb, subsampling="4:4:4"),
        "progressive.jpg": jpeg(rgb, progressive=True),
        "keep_rgb.jpg": jpeg(rgb, keep_rgb=True),
        "grey.jpg": jpeg(grey),
        "cmyk.jpg": jpeg(cmyk),
        "one_pixel.jpg": jpeg(Image.fromarray(picture(3, 1, 1))),
        "wide.jpg": jpeg(Image.fromarray(picture(3, 130, 17))),
        "rgb.png": png(rgb),
        "rgba.png": png(rgba),
        "grey.png": png(grey),
        "grey_alpha.png": png(Image.fromarray(picture(2), "LA")),
        "palette.png": png(palette, transparency=3),
        "one_bit.png": png(grey.convert("1")),
        "two_bits.png": raw_png(WIDTH, HEIGHT, 2, 0,
                                b"".join(b"\0" + row.tobytes() for row in two_bits)),
        "interlaced.png": interlaced_png(picture(3), 2),
        "interlaced_rgba.png": interlaced_png(picture(4), 6),
        "rgb_16.png": sixteen_bits(3, 2),
        "grey_16.png": sixteen_bits(1, 0),
    }


def pillow(data, mode):
    return np.array(Image.open(io.BytesIO(data)).convert(mode))


def torchvision(name, data, mode):
    decode = decode_jpeg if name.endswith(".jpg") else decode_png
    pixels = decode(torch.frombuffer(bytearray(data), dtype=torch.uint8), mode)
    if pixels.dtype == torch.uint16:
        pixels = (pixels.to(torch.int32) >> 8).to(torch.uint8)
    return pixels.permute(1, 2, 0).numpy()


def expected(name, data):
    """RGB and grey pixels."""
    rgb = pillow(data, "RGB")
    grey = pillow(data, "L")
    if name == "grey_16.png":
        # Pillow clips 16-bit grey to 255.
        grey = torchvision(name, data, ImageReadMode.GRAY)[:, :, 0]
        rgb = np.repeat(grey[:, :, None], 3, 2)
    elif name.endswith(".jpg") and name != "cmyk.jpg":
        grey = torchvision(name, data, ImageReadMode.GRAY)[:, :, 0]
    assert (rgb == torchvision(name, data, ImageReadMode.RGB)).all(), name
    return rgb, grey


def draft(data, scale):
    image = Image.open(io.BytesIO(data))
    width, height = image.size
    image.draft(image.mode, (width // scale, height // scale))
    return image


def main():
    warnings.simplefilter("ignore", DeprecationWarning)
    FOLDER.mkdir(exist_ok=True)
    lines = []
    pixels = b""
    for name, data in files().items():
        (FOLDER / name).write_bytes(data)
        rgb, grey = expected(name, data)
        height, width = rgb.shape[:2]
        pixels += rgb.tobytes() + grey.tobytes()
        line = [name, width, height]
        if name.endswith(".jpg"):
            for scale in (2, 4, 8):
                line += draft(data, scale).size if min(width, height) >= scale else (0, 0)
            if min(width, height) >= 2:
                pixels += draft(data, 2).convert("RGB").tobytes()
        lines.append(" ".join(str(part) for part in line) + "\n")
    (FOLDER / "images.txt").write_text("".join(lines))
    (FOLDER / "pixels.bin").write_bytes(pixels)


if __name__ == "__main__":
    main()
