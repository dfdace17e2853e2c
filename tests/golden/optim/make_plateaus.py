"""Writes plateaus.txt: what PyTorch's ReduceLROnPlateau makes of sequences of numbers.

    pip install torch==2.11.0
    python make_plateaus.py

A case is a line with the callback's config, then a line for each number that is observed: the number
and what learning rate comes of it, from one of 1.
"""

import math
import pathlib
import random

import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau

generator = random.Random(3)
falling = [1 / (1 + 0.3 * i) + 0.05 * generator.random() for i in range(60)]
flat = [1.0] * 30
rising = [1 - value for value in falling]
broken = falling[:8] + [math.nan] * 6 + falling[8:16] + [math.inf] * 4 + falling[16:]
small = [1 - 1e-5 * i for i in range(40)]
negative = [-value for value in falling]

lines = []
for numbers, settings in [
    (falling, dict(patience=2)),
    (falling, dict(factor=0.5, patience=0, cooldown=2)),
    (flat, dict(factor=0.3, patience=3, cooldown=4)),
    (flat, dict(factor=0.5, patience=1, min_lr=0.1)),
    (rising, dict(mode='max', factor=0.5, patience=1)),
    (rising, dict(mode='max', factor=0.9, patience=0, threshold=0.01, threshold_mode='abs')),
    (broken, dict(factor=0.5, patience=2)),
    (small, dict(factor=0.5, patience=4)),
    (small, dict(factor=0.5, patience=4, threshold=0)),
    (falling, dict(factor=0.8, patience=1, threshold=0.05, threshold_mode='abs', cooldown=1)),
    (negative, dict(factor=0.5, patience=1, threshold=0.1)),
]:
    words = [f'{name}: {value}' for name, value in settings.items()]
    config = ' '.join(words)
    for before, after in [('mode: max', 'mode: MAX'), ('threshold_mode: abs', 'threshold_mode: ABSOLUTE')]:
        config = config.replace(before, after)
    lines.append(f'case {config}')
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    scheduler = ReduceLROnPlateau(optimizer, eps=0, **settings)
    for number in numbers:
        scheduler.step(number)
        lines.append(f"{number:.17g} {optimizer.param_groups[0]['lr']:.17g}")
pathlib.Path(__file__).with_name('plateaus.txt').write_text('\n'.join(lines) + '\n')
