"""What PyTorch's own optimizers cost for the cases of optimizers.cc, in the same JSON lines.

    pip install torch==2.11.0 numpy
    python optimizers_pytorch.py [--threads N] [tiny_mlp | resnet20/adamw ...]

Variants: `pytorch` is the default implementation, `pytorch_fused` the fused one where there is one.
"""

import argparse
import json
import time

import numpy
import torch

RUNS = 21
RATE = 1e-5


def tiny_mlp():
    return [(64, 32), (64,), (10, 64), (10,)]


def resnet20():
    shapes = []
    sizes = [(16, 3)]
    inputs = 16
    for outputs in (16, 32, 64):
        for _ in range(6):
            sizes.append((outputs, inputs))
            inputs = outputs
    for out, into in sizes:
        shapes += [(out, into, 3, 3), (out,), (out,)]
    return shapes + [(10, 64), (10,)]


def transformer():
    layer = [(256,), (256,), (768, 256), (768,), (256, 256), (256,), (256,), (256,), (1024, 256), (1024,),
             (256, 1024), (256,)]
    return [(8000, 256), (256, 256)] + 10 * layer + [(256,), (256,)]


CASES = {'tiny_mlp': (tiny_mlp, 1000), 'resnet20': (resnet20, 50), 'transformer': (transformer, 2)}
OPTIMIZERS = {
    'sgd': (torch.optim.SGD, dict(momentum=0.9), True),
    'adam': (torch.optim.Adam, {}, True),
    'adamw': (torch.optim.AdamW, {}, True),
    'rmsprop': (torch.optim.RMSprop, {}, False),
    'adagrad': (torch.optim.Adagrad, {}, True),
    'adafactor': (torch.optim.Adafactor, {}, False),
}


def make(cls, shapes, **options):
    torch.manual_seed(0)
    parameters = []
    for shape in shapes:
        parameter = torch.randn(shape).requires_grad_()
        parameter.grad = torch.randn(shape)
        parameters.append(parameter)
    return cls(parameters, lr=RATE, **options)


def microseconds(optimizer, steps):
    start = time.perf_counter()
    for _ in range(steps):
        optimizer.step()
    return (time.perf_counter() - start) / steps * 1e6


def measure(case, name):
    shapes, steps = CASES[case]
    cls, options, fused = OPTIMIZERS[name]
    variants = {'pytorch': make(cls, shapes(), **options)}
    if fused:
        variants['pytorch_fused'] = make(cls, shapes(), fused=True, **options)
    values = {variant: [] for variant in variants}
    for optimizer in variants.values():
        microseconds(optimizer, steps)
    for run in range(RUNS):
        order = list(variants)
        for variant in order[run % len(order):] + order[:run % len(order)]:
            values[variant].append(microseconds(variants[variant], steps))
    medians = {variant: numpy.median(measured) for variant, measured in values.items()}
    for variant, measured in values.items():
        print(json.dumps({
            'benchmark': 'optimizers', 'case': f'{case}/{name}', 'variant': variant, 'unit': 'us',
            'median': round(medians[variant], 2), 'p10': round(numpy.quantile(measured, 0.1), 2),
            'p90': round(numpy.quantile(measured, 0.9), 2), 'runs': RUNS,
            'ratio': {other: round(medians[variant] / medians[other], 4) for other in variants if other != variant},
        }), flush=True)


parser = argparse.ArgumentParser()
parser.add_argument('--threads', type=int, default=1)
parser.add_argument('prefixes', nargs='*')
arguments = parser.parse_args()
torch.set_num_threads(arguments.threads)
for case in CASES:
    for name in OPTIMIZERS:
        whole = f'{case}/{name}'
        if not arguments.prefixes or any(whole == p or whole.startswith(p + '/') for p in arguments.prefixes):
            measure(case, name)
