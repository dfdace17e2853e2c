"""Writes grad_scaler.txt: the scale and the growth tracker of torch.amp.GradScaler, before the first
step and after each, for sequences of steps whose gradients are finite or not.

    pip install torch==2.11.0
    python make_grad_scaler.py

Each case is three lines: "case" and the options as a GradScaler message, for each step the gradient
of each of two optimizers ("1", "inf" or "nan", with a comma between), and the scales and trackers
("65536/0").
"""

import pathlib
import random

import torch

CASES = {
    '': (dict(), ['1'] * 4 + ['inf', '1', 'nan', 'inf', '1']),
    'init_scale: 8 growth_interval: 3': (dict(init_scale=8.0, growth_interval=3), None),
    'init_scale: 100 growth_factor: 1.5 backoff_factor: 0.25 growth_interval: 2':
        (dict(init_scale=100.0, growth_factor=1.5, backoff_factor=0.25, growth_interval=2), None),
    'init_scale: 1e38 growth_factor: 10 growth_interval: 1':
        (dict(init_scale=1e38, growth_factor=10.0, growth_interval=1), ['1'] * 4),
    'init_scale: 2': (dict(init_scale=2.0), ['inf'] * 12),
}


def run(options, steps):
    scaler = torch.amp.GradScaler('cpu', **options)
    parameters = [torch.ones(3, requires_grad=True) for _ in range(2)]
    optimizers = [torch.optim.SGD([p], lr=0.0) for p in parameters]
    scaler.scale(torch.zeros(()))
    states = [scaler.state_dict()]
    for step in steps:
        for parameter, optimizer, gradient in zip(parameters, optimizers, step.split(',')):
            parameter.grad = torch.tensor([1.0, float(gradient), 1.0])
            scaler.step(optimizer)
        scaler.update()
        states.append(scaler.state_dict())
    return ' '.join(f'{s["scale"]:.9g}/{s["_growth_tracker"]}' for s in states)


random.seed(3)
with open(pathlib.Path(__file__).with_name('grad_scaler.txt'), 'w') as out:
    for text, (options, first) in CASES.items():
        if first is None:
            values = ['1'] * 8 + ['inf', 'nan']
            steps = [','.join(random.choices(values, k=2)) for _ in range(40)]
        else:
            steps = [f'{gradient},1' for gradient in first]
        out.write(f'case {text}\n{" ".join(steps)}\n{run(options, steps)}\n')
