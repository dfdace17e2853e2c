"""Writes precision.txt: ten steps of small classifiers in mixed and in half precision, by PyTorch.

    pip install torch==2.11.0
    python make_precision.py

Each tensor is two lines: its name, dtype and sizes, then its values.
"<model>/<parameter>" are the weights at the start, "<model>/input" and "<model>/target" two batches of
8 that take turns. "<model>/<precision>/losses" are the losses before each step, and
"<model>/<precision>/<parameter or buffer>" what is there at the end. amp_fp16 has a GradScaler, whose
scale before each step is "<model>/amp_fp16/scales"; the first ones are too large.
"""

import pathlib

import torch
import torch.nn.functional as F

STEPS, BATCH = 10, 8
SCALER = dict(init_scale=2.0**22, growth_interval=4)

torch.set_num_threads(1)


def mlp():
    return torch.nn.Sequential(
        torch.nn.Linear(12, 16), torch.nn.LayerNorm(16), torch.nn.ReLU(), torch.nn.Linear(16, 5))


def conv():
    return torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3, padding=1), torch.nn.BatchNorm2d(4), torch.nn.ReLU(),
        torch.nn.Flatten(), torch.nn.Linear(100, 5))


MODELS = {
    'mlp': (mlp, (12,), lambda p: torch.optim.AdamW(p, lr=0.01, fused=True)),
    'conv': (conv, (2, 5, 5), lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, foreach=False)),
}
DTYPES = {'amp_bf16': torch.bfloat16, 'amp_fp16': torch.float16, 'bf16': None}


def train(make, optimizer_of, start, data, target, precision):
    model = make()
    model.load_state_dict(start)
    if precision == 'bf16':
        model.bfloat16()
        data = data.bfloat16()
    optimizer = optimizer_of(model.parameters())
    scaler = torch.amp.GradScaler('cpu', enabled=precision == 'amp_fp16', **SCALER)
    dtype = DTYPES[precision]
    losses, scales = [], []
    for step in range(STEPS):
        first = step % 2 * BATCH
        batch, labels = data[first:first + BATCH], target[first:first + BATCH]
        optimizer.zero_grad()
        with torch.autocast('cpu', dtype=dtype or torch.bfloat16, enabled=dtype is not None):
            loss = F.cross_entropy(model(batch).float(), labels)
        scales.append(scaler.get_scale())
        losses.append(loss.item())
        scaler.scale(loss).backward()
        if scaler.is_enabled():
            scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
    return losses, scales, model.state_dict()


def write(out, name, tensor):
    sizes = ''.join(f' {size}' for size in tensor.shape)
    dtype = 'int64' if tensor.dtype == torch.int64 else 'float32'
    out.write(f'{name} {dtype}{sizes}\n')
    out.write(' '.join(f'{value:.9g}' for value in tensor.flatten().double().tolist()) + '\n')


with open(pathlib.Path(__file__).with_name('precision.txt'), 'w') as out:
    torch.manual_seed(7)
    for name, (make, shape, optimizer_of) in MODELS.items():
        start = make().state_dict()
        data = torch.randn(2 * BATCH, *shape)
        target = torch.randint(5, (2 * BATCH,))
        for key, value in start.items():
            write(out, f'{name}/{key}', value)
        write(out, f'{name}/input', data)
        write(out, f'{name}/target', target)
        for precision in DTYPES:
            losses, scales, end = train(make, optimizer_of, start, data, target, precision)
            write(out, f'{name}/{precision}/losses', torch.tensor(losses))
            if precision == 'amp_fp16':
                write(out, f'{name}/{precision}/scales', torch.tensor(scales))
            for key, value in end.items():
                write(out, f'{name}/{precision}/{key}', value)
