"""What a step of gpt_step.cc's model costs in PyTorch: a loop over ready batches with its default
AdamW, in the same JSON lines.

    pip install torch==2.11.0 numpy
    python gpt_step_pytorch.py [--threads N]

Variants: `pytorch` has the default implementation of AdamW, `pytorch_fused` the fused one. For the
ratio of the Trainer to PyTorch run this and gpt_step by turns and compare the medians.
"""

import argparse
import json
import time

import torch
from torch import nn
from torch.nn import functional as F

RUNS = 21
STEPS = 10
BATCHES = 32
BATCH_SIZE = 8
RATE = 3e-4


class GptBlock(nn.Module):

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.l1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.l2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def attention(self, x):
        batch, sequence, width = x.shape
        q, k, v = (part.view(batch, sequence, self.heads, width // self.heads).transpose(1, 2)
                   for part in self.qkv(x).split(width, 2))
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return out.transpose(1, 2).reshape(batch, sequence, width)

    def forward(self, x):
        x = x + self.proj(self.attention(self.l1(x)))
        return x + self.down(F.gelu(self.up(self.l2(x))))


class Gpt(nn.Module):

    def __init__(self, vocabulary=256, positions=128, width=128, layers=4, heads=4):
        super().__init__()
        self.tok = nn.Embedding(vocabulary, width)
        self.pos = nn.Embedding(positions, width)
        self.blocks = nn.Sequential(*(GptBlock(width, heads) for _ in range(layers)))
        self.ln = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, tokens):
        x = self.tok(tokens) + self.pos(torch.arange(tokens.shape[1]))
        return self.head(self.ln(self.blocks(x)))


def step(model, optimizer, tokens, labels):
    optimizer.zero_grad()
    logits = model(tokens)
    loss = F.cross_entropy(logits.view(-1, logits.shape[-1]), labels.reshape(-1))
    loss.backward()
    optimizer.step()
    return loss


def main():
    import numpy

    parser = argparse.ArgumentParser()
    parser.add_argument('--threads', type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    batches = []
    for _ in range(BATCHES):
        tokens = torch.randint(256, (BATCH_SIZE, 129))
        batches.append((tokens[:, :128].contiguous(), tokens[:, 1:].contiguous()))
    steps = {}
    for variant, fused in (('pytorch', None), ('pytorch_fused', True)):
        torch.manual_seed(0)
        model = Gpt()
        steps[variant] = (model, torch.optim.AdamW(model.parameters(), lr=RATE, fused=fused))
    position = dict.fromkeys(steps, 0)

    def microseconds(variant):
        start = time.perf_counter()
        for _ in range(STEPS):
            step(*steps[variant], *batches[position[variant] % BATCHES])
            position[variant] += 1
        return (time.perf_counter() - start) / STEPS * 1e6

    values = {
variant: [] for variant in steps}
    for variant in steps:
        microseconds(variant)
    for run in range(RUNS):
        order = list(steps)
        for variant in order[run % len(order):] + order[:run % len(order)]:
            values[variant].append(microseconds(variant))
    medians = {
variant: numpy.median(measured) for variant, measured in values.items()}
    for variant, measured in values.items():
        print(json.dumps({
            'benchmark': 'gpt_step', 'case': f'{arguments.threads}_threads', 'variant': variant, 'unit': 'us/step',
            'median': round(medians[variant], 2), 'p10': round(numpy.quantile(measured, 0.1), 2),
            'p90': round(numpy.quantile(measured, 0.9), 2), 'runs': RUNS,
            'ratio': {other: round(medians[variant] / medians[other], 4) for other in steps if other != variant},
        }), flush=True)


if __name__ == '__main__':
    main()
