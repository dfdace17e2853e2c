"""Writes gpt.txt: three steps of a small GPT, that of benchmarks/gpt_step_pytorch.py, with AdamW.

    pip install torch==2.11.0
    python make_gpt.py

Each tensor is two lines: its name, dtype and sizes, then its values. "state/<name>" are the weights
before the first step, "losses" the losses of the steps, "after/<name>" some weights after the last
(not the bias of keys, whose gradient is zero but for rounding, which AdamW blows up).
"""

import pathlib
import sys

import torch

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / 'benchmarks'))
from gpt_step_pytorch import Gpt, step

torch.manual_seed(11)
model = Gpt(vocabulary=7, positions=5, width=16, layers=2, heads=2)
optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
tensors = {'input_ids': torch.randint(7, (3, 5)), 'labels': torch.randint(7, (3, 5))}
for key, value in model.state_dict().items():
    tensors[f'state/{key}'] = value.clone()
tensors['losses'] = torch.stack(
    [step(model, optimizer, tensors['input_ids'], tensors['labels']).detach() for _ in range(3)])
for key in ('tok.weight', 'blocks.0.qkv.weight', 'blocks.1.down.bias', 'ln.weight', 'head.weight'):
    tensors[f'after/{key}'] = model.state_dict()[key]

lines = []
for name, tensor in tensors.items():
    dtype = str(tensor.dtype).removeprefix('torch.')
    lines.append(' '.join([name, dtype, *map(str, tensor.shape)]))
    lines.append(' '.join('%.9g' % value for value in tensor.flatten().tolist()))
pathlib.Path(__file__).with_name('gpt.txt').write_text('\n'.join(lines) + '\n')
