"""What Composer's image augmentations, RandAugment and AugMix make of small images; writes
augmentations.safetensors beside this file.

    pip install mosaicml==0.32.1 torch==2.11.0 torchvision safetensors
    python augmentations.py

`image.NAME` holds an image, [channels, height, width]. OPERATION,NAME,LEVEL,SIGN holds what the operation
gives at a drawn level; OPERATION,NAME,factor,FACTOR what one of the last four of Composer's set "all" gives
with a drawn factor. METHOD,NAME,SET,I holds what a method gives with the draws in `draws.METHOD,NAME,SET,I`:
a row for each operation with its number, level or factor, sign and chain; those of AugMix have
`weights.`, too: of each chain and, last, of the mixture against the image.
"""

import pathlib
from types import SimpleNamespace

import composer.algorithms.augmix.augmix as augmix
import composer.algorithms.randaugment.randaugment as randaugment
import composer.algorithms.utils.augmentation_primitives as primitives
import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from transforms import picture


class Draws:
    """Stands for numpy.random: draws, or gives what was set, and notes it."""

    def __init__(self, seed=0, level=None, sign=1):
        self.random_state = np.random.RandomState(seed)
        self.level, self.sign = level, sign
        self.rows, self.weights, self.chain = [], [], -1

    def choice(self, operations):
        number = self.random_state.randint(len(operations))
        self.rows.append([number, 0.0, 1.0, max(self.chain, 0)])
        return operations[number]

    def uniform(self, low=None, high=None):
        if low is None:
            return self.random()
        level = self.random_state.uniform(low, high) if self.level is None else self.level
        if self.rows:
            self.rows[-1][1] = level
        return level

    # Above a half is negative, or for factors above 1, which the factor says by itself.
    def random(self):
        coin = self.random_state.uniform() if self.level is None else (0.7 if self.sign < 0 else 0.3)
        if self.rows and coin > 0.5:
            self.rows[-1][2] = -1.0
        return coin

    def dirichlet(self, alphas):
        self.weights = list(self.random_state.dirichlet(alphas).astype(np.float32))
        return np.array(self.weights)

    def beta(self, a, b):
        self.weights.append(np.float32(self.random_state.beta(a, b)))
        return self.weights[-1]

    # AugMix asks for the depth at the start of each chain.
    def randint(self, low, high):
        self.chain += 1
        return self.random_state.randint(low, high)


def numpy_with(draws):
    names = ('float32', 'uint8', 'zeros_like', 'asarray')
    return SimpleNamespace(random=draws, **{name: getattr(np, name) for name in names})


def lowered(operation, factor):
    # What Composer does to brightness that goes up.
    return factor * 0.75 if operation is primitives.brightness and factor > 1 else factor


def rows_of(draws, operations):
    rows = [[number, lowered(operations[int(number)], level), *rest] for number, level, *rest in draws.rows]
    return torch.tensor(rows, dtype=torch.float64)


def to_pil(image):
    return Image.fromarray(image[0].numpy() if len(image) == 1 else image.permute(1, 2, 0).contiguous().numpy())


def to_tensor(pil):
    array = torch.from_numpy(np.array(pil))
    return (array[None] if array.dim() == 2 else array.permute(2, 0, 1)).contiguous()


def main():
    random = np.random.RandomState(3)
    images = {
        'rgb': picture(3, 17, 23, 1),
        'grey': picture(1, 20, 20, 2),
        'dark': picture(3, 9, 7, 3) // 3,
        'bright': 255 - picture(1, 13, 16, 4) // 4,
        'constant': torch.full((3, 4, 4), 77, dtype=torch.uint8),
        'two': torch.from_numpy(random.choice([3, 200], (1, 20, 30)).astype(np.uint8)),
        'tiny': picture(3, 4, 5, 5)[:, :2].contiguous(),
    }
    out = {f'image.{name}': image for name, image in images.items()}
    signed = ('rotate', 'shear_x', 'shear_y', 'translate_x', 'translate_y')
    levels = (0.1, 4.7, 9.99)
    factors = (0.19, 0.73, 1.0, 1.4, 8.5)
    for operation in primitives.augmentation_sets['original']:
        for name, image in images.items():
            title = operation.__name__.removesuffix('_original')
            for level in levels if title not in ('autocontrast', 'equalize') else (0.1, ):
                for sign in (1, -1) if title in signed else (1, ):
                    primitives.np = numpy_with(Draws(level=level, sign=sign))
                    out[f'{title},{name},{level},{sign}'] = to_tensor(operation(to_pil(image), 10))
    for operation in primitives.augmentation_sets['all'][-4:]:
        for name in ('rgb', 'grey', 'dark'):
            for factor in factors:
                primitives.np = numpy_with(Draws(level=factor))
                result = to_tensor(operation(to_pil(images[name]), 10))
                out[f'{operation.__name__},{name},factor,{lowered(operation, factor)!r}'] = result
    for choice, operations in primitives.augmentation_sets.items():
        for name in ('rgb', 'grey'):
            for i in range(4):
                draws = Draws(seed=i)
                primitives.np = randaugment.np = numpy_with(draws)
                image = randaugment.randaugment_image(to_pil(images[name]), 9, 1 + i % 3, operations)
                out[f'randaugment,{name},{choice},{i}'] = to_tensor(image)
                out[f'draws.randaugment,{name},{choice},{i}'] = rows_of(draws, operations)
                draws = Draws(seed=50 + i)
                primitives.np = augmix.np = numpy_with(draws)
                image = augmix.augmix_image(to_pil(images[name]), 1 + 2 * i, -1, 2 + i % 2, 0.5 + i / 4, operations)
                out[f'augmix,{name},{choice},{i}'] = to_tensor(image)
                out[f'draws.augmix,{name},{choice},{i}'] = rows_of(draws, operations)
                out[f'weights.augmix,{name},{choice},{i}'] = torch.tensor(np.array(draws.weights))
    path = pathlib.Path(__file__).parent / 'augmentations.safetensors'
    save_file(out, path)
    path.chmod(0o644)
    print(len(out), 'tensors')


if __name__ == '__main__':
    main()
