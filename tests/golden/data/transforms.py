"""What torchvision's transforms.v2 make of small images of bytes; writes transforms.safetensors beside
this file.

`image.NAME` holds an image, [channels, height, width]; other names are OPERATION,NAME,PARAMETERS,
separated by commas, and hold what the operation gives. Made with AVX2 or better: torchvision resizes
bytes by way of floats where the processor has less.
"""

import pathlib

import numpy as np
import torch
from safetensors.torch import save_file
from torchvision.transforms import Compose, Normalize, ToTensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F

FILTERS = {
    "nearest": InterpolationMode.NEAREST,
    "bilinear": InterpolationMode.BILINEAR,
    "bicubic": InterpolationMode.BICUBIC,
}


def picture(channels, height, width, seed):
    """Slow colours, some edges and a little noise."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    planes = []
    for _ in range(channels):
        plane = np.zeros((height, width))
        for _ in range(6):
            fy, fx, phase = random.uniform(-9, 9), random.uniform(-9, 9), random.uniform(0, 6)
            plane += random.uniform(10, 40) * np.sin(fy * y + fx * x + phase)
        planes.append(plane + random.uniform(90, 160))
    image = np.stack(planes)
    for _ in range(5):
        top, left = random.integers(0, height), random.integers(0, width)
        bottom, right = top + random.integers(2, height), left + random.integers(2, width)
        image[:, top:bottom, left:right] += random.uniform(-90, 90, (channels, 1, 1))
    image += random.normal(0, 4, image.shape)
    return torch.from_numpy(image.clip(0, 255).astype(np.uint8))


def main():
    images = {
        "rgb": picture(3, 37, 53, 1),
        "grey": picture(1, 41, 26, 2),
        "small": picture(3, 16, 11, 3),
        "strip": picture(3, 9, 70, 4),
        "patch": picture(3, 20, 23, 5),
    }
    out = {f"image.{name}": image for name, image in images.items()}

    def add(operation, name, parameters, result):
        key = ",".join([operation, name, *[str(p) for p in parameters]])
        assert key not in out
        out[key] = result.clone().contiguous()

    sizes = {
        "rgb": [(18, 26), (37, 20), (30, 53), (5, 7)],
        "grey": [(20, 13), (3, 26), (46, 31), (41, 26)],
        "small": [(7, 5), (33, 29)],
        "strip": [(4, 9), (16, 16)],
    }
    for name, choices in sizes.items():
        for height, width in choices:
            for filter, mode in FILTERS.items():
                for antialias in (0, 1):
                    if filter == "nearest" and antialias:
                        continue
                    result = F.resize(images[name], [height, width], mode, antialias=bool(antialias))
                    add("resize", name, [filter, antialias, height, width], result)
    for name in images:
        for size in (8, 12):
            add("resize_shorter", name, [size], F.resize(images[name], [size], antialias=True))
    for name in ("grey", "small", "strip"):
        for height, width in ((8, 8), (9, 26), (15, 12), (18, 31)):
            add("center_crop", name, [height, width], F.center_crop(images[name], [height, width]))
    for name in ("grey", "patch"):
        add("horizontal_flip", name, [], F.horizontal_flip(images[name]))
        add("vertical_flip", name, [], F.vertical_flip(images[name]))
    for name, window, (height, width) in [
        ("rgb", (3, 5, 30, 41), (16, 16)),
        ("rgb", (0, 0, 9, 53), (13, 20)),
        ("rgb", (20, 30, 17, 23), (17, 12)),
        ("grey", (11, 0, 30, 25), (12, 12)),
    ]:
        for filter, mode in FILTERS.items():
            antialias = filter != "nearest"
            result = F.resized_crop(
                images[name], *window, [height, width], interpolation=mode, antialias=antialias
            )
            add("resized_crop", name, [filter, *window, height, width], result)
    for name, padding, fill, window in [
        ("patch", 4, 0, (0, 0, 20, 23)),
        ("patch", 4, 0, (8, 8, 20, 23)),
        ("rgb", 9, 77, (3, 20, 20, 51)),
        ("grey", 3, 255, (1, 2, 45, 29)),
    ]:
        padded = F.pad(images[name], [padding], fill=fill)
        add("padded_crop", name, [padding, fill, *window], F.crop(padded, *window))
    for name in ("patch", "grey", "small"):
        for factor in (0.0, 0.75, 1.0, 1.4, 2.5) if name != "grey" else (0.75, 1.4):
            add("brightness", name, [factor], F.adjust_brightness(images[name], factor))
            add("contrast", name, [factor], F.adjust_contrast(images[name], factor))
            add("saturation", name, [factor], F.adjust_saturation(images[name], factor))
        for shift in (-0.5, -0.21, 0.0, 0.08, 0.37) if name != "grey" else (0.08,):
            add("hue", name, [shift], F.adjust_hue(images[name], shift))
    for name, mean, std in [
        ("small", [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ("small", [0.4914, 0.4822, 0.4465], [0.247, 0.2435, 0.2616]),
        ("strip", [0.5, 0.0, 1.0], [0.5, 1.0, 2.0]),
    ]:
        pixels = images[name].permute(1, 2, 0).numpy()
        result = Compose([ToTensor(), Normalize(mean, std)])(pixels)
        add("normalize", name, [*mean, *std], result)
        erased = F.erase(result, 2, 3, 6, 5, torch.tensor([0.25])[:, None, None])
        add("erase", name, [*mean, *std, 2, 3, 6, 5, 0.25], erased)
    # Every byte.
    ramp = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16).repeat(3, 1, 1)
    out["image.ramp"] = ramp
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    result = Compose([ToTensor(), Normalize(mean, std)])(ramp.permute(1, 2, 0).numpy())
    add("normalize", "ramp", [*mean, *std], result)
    path = pathlib.Path(__file__).parent / "transforms.safetensors"
    save_file(out, path)
    path.chmod(0o644)


if __name__ == "__main__":
    main()
