"""What torchvision reads from a small CIFAR-10 and CIFAR-100; writes cifar/ beside this file.

The same images are written twice: as the binary version, which stays, and as the Python version, which
is what torchvision reads. Each line of cifar.txt is a name and numbers; `input.VERSION.SPLIT.INDEX.CHANNEL`
holds eight pixels of a row of a sample, normalised, with the nine digits that say a float32 exactly.
"""

import pathlib
import pickle
import tempfile

import numpy as np
from torchvision.datasets import CIFAR10, CIFAR100
from torchvision.transforms import Compose, Normalize, ToTensor

FOLDER = pathlib.Path(__file__).parent / "cifar"
MEAN = {"cifar10": (0.4914, 0.4822, 0.4465), "cifar100": (0.5071, 0.4865, 0.4409)}
STD = {"cifar10": (0.2470, 0.2435, 0.2616), "cifar100": (0.2673, 0.2564, 0.2762)}
ROW, COLUMNS = 11, slice(20, 28)


class SmallCifar10(CIFAR10):
    def _check_integrity(self):
        return True

    def _load_meta(self):
        self.classes = []


class SmallCifar100(SmallCifar10):
    base_folder = CIFAR100.base_folder
    train_list = CIFAR100.train_list
    test_list = CIFAR100.test_list


def write(random, version, folder, file, count):
    """Both versions of one file of `count` records."""
    pixels = random.integers(0, 256, (count, 3072), np.uint8)
    coarse = random.integers(0, 20, (count, 1), np.uint8)
    fine = random.integers(0, 100, (count, 1), np.uint8)
    if version == "cifar10":
        labels = coarse % 10
        records = np.concatenate([labels, pixels], 1)
        content = {"data": pixels, "labels": labels[:, 0].tolist()}
    else:
        records = np.concatenate([coarse, fine, pixels], 1)
        content = {"data": pixels, "fine_labels": fine[:, 0].tolist()}
    path = folder / version / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content))
    (FOLDER / version).mkdir(parents=True, exist_ok=True)
    (FOLDER / version / f"{file}.bin").write_bytes(records.tobytes())
    return coarse[:, 0].tolist()


def main():
    random = np.random.default_rng(3)
    lines = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        for batch in range(1, 6):
            write(random, "cifar10", folder, f"data_batch_{batch}", 1)
        write(random, "cifar10", folder, "test_batch", 2)
        for split in ("train", "test"):
            labels = write(random, "cifar100", folder, split, 2)
            lines.append([f"coarse.cifar100.{split}", *labels])
        for version, kind in (("cifar10", SmallCifar10), ("cifar100", SmallCifar100)):
            (folder / version).rename(folder / kind.base_folder)
            transform = Compose([ToTensor(), Normalize(MEAN[version], STD[version])])
            for split in ("train", "test"):
                samples = kind(folder, train=split == "train", transform=transform)
                lines.append([f"target.{version}.{split}", *samples.targets])
                for index in range(len(samples)):
                    for channel in range(3):
                        row = samples[index][0][channel, ROW, COLUMNS].tolist()
                        lines.append([f"input.{version}.{split}.{index}.{channel}",
                                      *[f"{value:.9g}" for value in row]])
    text = "".join(" ".join(str(part) for part in line) + "\n" for line in lines)
    (FOLDER / "cifar.txt").write_text(text)


if __name__ == "__main__":
    main()
