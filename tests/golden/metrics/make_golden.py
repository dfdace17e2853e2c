"""Writes metrics.txt: accuracies and cross entropies as PyTorch computes them.

    pip install torch==2.11.0
    python make_golden.py

Each tensor is two lines: its name, dtype and sizes, then its values.
"""

import pathlib

import torch
from torch.nn import functional as F

torch.manual_seed(3)
tensors = {}


def accuracy(logits, targets, k=1, ignore=-100):
    best = logits.topk(k, dim=1).indices
    right = (best == targets.unsqueeze(1)).any(1)
    return right[targets != ignore].double().mean()


logits, targets = torch.randn(37, 6), torch.randint(6, (37,))
ignoring = torch.where(torch.rand(37) < 0.3, 2, targets)
soft = torch.softmax(3 * torch.randn(37, 6), 1)
tensors['flat/logits'] = logits
tensors['flat/targets'] = targets
tensors['flat/ignoring'] = ignoring
tensors['flat/soft'] = soft
tensors['flat/top1'] = accuracy(logits, targets)
tensors['flat/top3'] = accuracy(logits, targets, 3)
tensors['flat/ignoring_top1'] = accuracy(logits, ignoring, 1, 2)
tensors['flat/ignoring_top2'] = accuracy(logits, ignoring, 2, 2)
tensors['flat/soft_top1'] = accuracy(logits, soft.argmax(1))
tensors['flat/cross_entropy'] = F.cross_entropy(logits.double(), targets)
tensors['flat/ignoring_cross_entropy'] = F.cross_entropy(logits.double(), ignoring, ignore_index=2)
tensors['flat/soft_cross_entropy'] = F.cross_entropy(logits.double(), soft.double())

logits, targets = torch.randn(5, 4, 3, 2), torch.randint(4, (5, 3, 2))
targets[0, 0] = -100
tensors['image/logits'] = logits
tensors['image/targets'] = targets
tensors['image/top1'] = accuracy(logits, targets)
tensors['image/top2'] = accuracy(logits, targets, 2)
tensors['image/cross_entropy'] = F.cross_entropy(logits.double(), targets)

lines = []
for name, tensor in tensors.items():
    dtype = str(tensor.dtype).removeprefix('torch.')
    lines.append(' '.join([name, dtype, *map(str, tensor.shape)]))
    digits = '%.17g' if tensor.dtype == torch.float64 else '%.9g'
    lines.append(' '.join(digits % value for value in tensor.flatten().tolist()))
pathlib.Path(__file__).with_name('metrics.txt').write_text('\n'.join(lines) + '\n')
