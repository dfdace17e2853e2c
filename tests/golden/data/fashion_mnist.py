"""What torchvision reads from Debian's Fashion-MNIST; writes fashion_mnist.txt beside this file.

Each line is a name and numbers. `input.SPLIT.INDEX` holds the normalised pixels 300 to 339 of a
sample, with the nine digits that say a float32 exactly.
"""

import gzip
import pathlib

import numpy as np
import torch
from torchvision.transforms import Compose, Normalize, ToTensor

FOLDER = pathlib.Path("/usr/share/datasets/fashion-mnist")
FILES = {"train": "train", "test": "t10k"}


def read(name, header):
    with gzip.open(FOLDER / name) as file:
        return np.frombuffer(file.read(), np.uint8, offset=header)


def main():
    lines = []
    normalize = Compose([ToTensor(), Normalize([0.2860], [0.3530])])
    for split, prefix in FILES.items():
        images = read(f"{prefix}-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
        labels = read(f"{prefix}-labels-idx1-ubyte.gz", 8)
        last = len(images) - 1
        for index in (0, 1, 4321, last):
            lines.append([f"pixel_sum.{split}.{index}", int(images[index].sum())])
            lines.append([f"label.{split}.{index}", int(labels[index])])
            pixels = normalize(images[index][:, :, None]).flatten()[300:340]
            lines.append([f"input.{split}.{index}", *[f"{p:.9g}" for p in pixels.tolist()]])
        lines.append([f"label_counts.{split}", *np.bincount(labels).tolist()])
        lines.append([f"pixel_total.{split}", int(images.sum(dtype=np.int64))])
    text = "".join(" ".join(str(part) for part in line) + "\n" for line in lines)
    (pathlib.Path(__file__).parent / "fashion_mnist.txt").write_text(text)


if __name__ == "__main__":
    main()
