"""Writes optimizers.txt: 20 steps of torch.optim's SGD and AdamW.

    pip install torch==2.11.0
    python make_golden.py

Each tensor is two lines: its name, dtype and sizes, then its values.
Gradients are given, not computed, so that only the optimizers are compared: at step s parameter p
has the gradient "gradients/<p>"[s]. The parameter "late" gets its first gradient at step 5 (counted
from 0) and none at steps 10 to 12. The learning rate falls by a factor of 0.95 after each step.
"""

import pathlib

import torch

STEPS = 20
LATE = [s for s in range(STEPS) if s >= 5 and not 10 <= s <= 12]
SHAPES = {'conv': (4, 3, 3, 3), 'weight': (5, 4), 'bias': (5,), 'late': (3, 2)}
CASES = {
    'sgd': (torch.optim.SGD, dict(lr=0.1)),
    'sgd_decay': (torch.optim.SGD, dict(lr=0.1, weight_decay=0.05)),
    'sgd_momentum': (torch.optim.SGD, dict(lr=0.05, momentum=0.9)),
    'sgd_dampening': (torch.optim.SGD, dict(lr=0.05, momentum=0.8, dampening=0.3, weight_decay=0.01)),
    'sgd_nesterov': (torch.optim.SGD, dict(lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01)),
    'adamw': (torch.optim.AdamW, dict(lr=0.01)),
    'adamw_options': (torch.optim.AdamW, dict(lr=0.02, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1)),
    'adamw_amsgrad': (torch.optim.AdamW, dict(lr=0.02, betas=(0.8, 0.9), amsgrad=True)),
    'adamw_no_decay': (torch.optim.AdamW, dict(lr=0.02, weight_decay=0.0)),
}

torch.manual_seed(17)
tensors = {}
for name, shape in SHAPES.items():
    tensors[f'parameters/{name}'] = torch.randn(shape)
    tensors[f'gradients/{name}'] = torch.randn(STEPS, *shape) * torch.logspace(0, -1, STEPS).view(
        -1, *[1] * len(shape))

for case, (cls, options) in CASES.items():
    parameters = {name: tensors[f'parameters/{name}'].clone().requires_grad_() for name in SHAPES}
    # foreach=False: the plainest of PyTorch's implementations.
    optimizer = cls(parameters.values(), foreach=False, **options)
    for step in range(STEPS):
        for name, parameter in parameters.items():
            has_gradient = name != 'late' or step in LATE
            parameter.grad = tensors[f'gradients/{name}'][step].clone() if has_gradient else None
        optimizer.step()
        optimizer.param_groups[0]['lr'] *= 0.95
    for name, parameter in parameters.items():
        tensors[f'{case}/{name}'] = parameter.detach()

lines = []
for name, tensor in tensors.items():
    dtype = str(tensor.dtype).removeprefix('torch.')
    lines.append(' '.join([name, dtype, *map(str, tensor.shape)]))
    lines.append(' '.join('%.9g' % value for value in tensor.flatten().tolist()))
pathlib.Path(__file__).with_name('optimizers.txt').write_text('\n'.join(lines) + '\n')
