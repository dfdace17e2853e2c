"""Writes algorithms.txt: what Composer's own functions give.

    pip install mosaicml==0.32.1 torch==2.11.0
    python make_golden.py

Each tensor is two lines: its name, dtype and sizes, then its values.
"""

import pathlib

import numpy as np
import torch
from composer.algorithms.gradient_clipping.gradient_clipping import apply_gradient_clipping
from composer.algorithms.label_smoothing import smooth_labels
from composer.algorithms.mixup import mixup_batch
from composer.algorithms.selective_backprop.selective_backprop import (
    select_using_loss, should_selective_backprop)
from composer.loss.utils import ensure_targets_one_hot

tensors = {}


def label_smoothing():
    logits = torch.randn(5, 4)
    cases = {
        'index': torch.tensor([0, 3, 1, 2, 3]),
        'dense': torch.softmax(torch.randn(5, 4), 1),
    }
    tensors['smooth/logits'] = logits
    for name, targets in cases.items():
        tensors[f'smooth/{name}/targets'] = targets
        tensors[f'smooth/{name}/result'] = smooth_labels(logits, targets, 0.15)
    logits, targets = torch.randn(2, 3, 2, 4), torch.randint(3, (2, 2, 4))
    tensors['smooth/segmentation/logits'] = logits
    tensors['smooth/segmentation/targets'] = targets
    tensors['smooth/segmentation/result'] = smooth_labels(logits, targets, 0.15)
    # Negative classes are positions to ignore.
    targets = torch.tensor([1, -100, 0, -1, 3])
    tensors['one_hot/targets'] = targets
    tensors['one_hot/result'] = ensure_targets_one_hot(tensors['smooth/logits'], targets)


def mixup():
    input, targets = torch.randn(6, 2, 3), torch.tensor([0, 1, 2, 3, 1, 0])
    logits, permutation = torch.randn(6, 4), torch.tensor([3, 0, 5, 1, 4, 2])
    mixing = 0.3
    mixed, permuted, _ = mixup_batch(input, targets, mixing=mixing, indices=permutation)
    mixed_targets = ((1 - mixing) * ensure_targets_one_hot(logits, targets) +
                     mixing * ensure_targets_one_hot(logits, permuted))
    loss = torch.nn.functional.cross_entropy
    tensors.update({
        'mixup/input': input,
        'mixup/targets': targets,
        'mixup/logits': logits,
        'mixup/permutation': permutation,
        'mixup/mixed_input': mixed,
        'mixup/mixed_targets': mixed_targets,
        'mixup/interpolated_loss': (1 - mixing) * loss(logits, targets) + mixing * loss(logits, permuted),
    })


def selective_backprop():
    losses = torch.rand(10)
    tensors['select/losses'] = losses
    for keep in (0.3, 0.5, 0.75):
        picked = {}

        def choice(n, size, replace, p):
            picked['p'] = torch.tensor(p)
            picked['ranks'] = np.random.RandomState(3).choice(n, size, replace=replace, p=p)
            return picked['ranks']

        original, np.random.choice = np.random.choice, choice
        try:
            # The targets are the samples' numbers and come back as the chosen ones.
            _, chosen = select_using_loss(
                torch.zeros(10, 1), torch.arange(10), lambda x: x,
                lambda out, target, reduction: losses, keep=keep)
        finally:
            np.random.choice = original
        tensors[f'select/{keep}/probabilities'] = picked['p']
        tensors[f'select/{keep}/ranks'] = torch.tensor(picked['ranks'])
        tensors[f'select/{keep}/chosen'] = chosen
    # What the model is asked to score when the inputs are scaled.
    for sizes in ((2, 3, 7), (2, 1, 6, 5), (1, 2, 4, 6, 5)):
        seen = {}

        def model(x):
            seen['x'] = x
            return x

        input = torch.randn(sizes)
        select_using_loss(input, torch.zeros(sizes[0]), model,
                          lambda out, target, reduction: torch.zeros(sizes[0]), scale_factor=0.6)
        tensors[f'scale/{len(sizes)}/input'] = input
        tensors[f'scale/{len(sizes)}/result'] = seen['x']
    # elapsed, batch in epoch, interrupt, whether it acts from 0.5 to 0.9
    tensors['active'] = torch.tensor([
        [elapsed, batch, interrupt,
         should_selective_backprop(elapsed, batch, 0.5, 0.9, interrupt)]
        for elapsed in (0.0, 0.4999, 0.5, 0.7, 0.8999, 0.9, 1.0)
        for batch in (0, 1, 2, 3)
        for interrupt in (0, 1, 2, 3)
    ], dtype=torch.float64)


def gradient_clipping():
    module = torch.nn.Module()
    sizes = {'conv': (3, 2, 2, 2), 'linear': (3, 4), 'bias': (5,), 'scalar': ()}
    for name, size in sizes.items():
        setattr(module, name, torch.nn.Parameter(torch.randn(size)))
    gradients = {name: torch.randn(size) for name, size in sizes.items()}
    gradients['linear'][1] = 0  # a unit without a gradient
    for name in sizes:
        tensors[f'clip/{name}/weight'] = getattr(module, name).detach()
        tensors[f'clip/{name}/gradient'] = gradients[name]
    tensors['clip/norm'] = torch.linalg.vector_norm(torch.cat([g.flatten() for g in gradients.values()]))
    for kind, threshold in (('norm', 0.7), ('norm', 100.0), ('value', 0.4), ('adaptive', 0.3)):
        for name in sizes:
            getattr(module, name).grad = gradients[name].clone()
        apply_gradient_clipping(module, kind, threshold, fsdp_enabled=False)
        for name in sizes:
            tensors[f'clip/{name}/{kind}/{threshold:g}'] = getattr(module, name).grad


def write(path):
    with open(path, 'w') as out:
        for name, tensor in tensors.items():
            integral = not tensor.dtype.is_floating_point
            values = ' '.join(str(int(v)) if integral else f'{float(v):.9g}' for v in tensor.flatten())
            kind = 'int64' if integral else str(tensor.dtype).split('.')[1]
            sizes = ' '.join(map(str, tensor.shape))
            print(f'{name} {kind} {sizes}'.rstrip(), file=out)
            print(values, file=out)


torch.manual_seed(11)
label_smoothing()
mixup()
selective_backprop()
gradient_clipping()
write(pathlib.Path(__file__).parent / 'algorithms.txt')
