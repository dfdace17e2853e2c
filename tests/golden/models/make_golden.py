"""Writes models.txt: what the models' PyTorch counterparts compute.

    pip install torch==2.11.0
    python make_golden.py

Each tensor is two lines: its name, dtype and sizes, then its values. For each model: its inputs, its
state ("<model>/state/<name>"), and its logits, loss and gradients; cnn is in training mode. Then "plain":
the losses of a hand-written training loop with SGD on the mlp.
"""

import pathlib

import torch
from torch import nn
from torch.nn import functional as F


class Mlp(nn.Module):

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))

    def forward(self, x):
        return self.layers(x.flatten(1))


class Block(nn.Module):

    def __init__(self, in_channels, channels):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x):
        return F.max_pool2d(F.relu(self.norm(self.conv(x))), 2)


class Cnn(nn.Module):

    def __init__(self):
        super().__init__()
        self.blocks = nn.Sequential(Block(1, 4), Block(4, 6))
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        return self.head(self.blocks(x).mean((2, 3)))


class MLPEncoder(nn.Module):

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(9, 5)
        self.fc1 = nn.Linear(5, 5)
        self.relu = nn.ReLU()
        self.fc2 = nn.Linear(5, 4)

    def forward(self, ids):
        return self.fc2(self.relu(self.fc1(self.embedding(ids))))


tensors = {}


def record(name, model, inputs, targets, loss_fn):
    tensors[f'{name}/input'] = inputs
    tensors[f'{name}/target'] = targets
    for key, value in model.state_dict().items():
        tensors[f'{name}/state/{key}'] = value.clone()
    logits = model(inputs)
    loss = loss_fn(logits, targets)
    loss.backward()
    tensors[f'{name}/logits'] = logits.detach()
    tensors[f'{name}/loss'] = loss.detach()
    for key, parameter in model.named_parameters():
        tensors[f'{name}/gradients/{key}'] = parameter.grad.clone()
    for key, value in model.named_buffers():
        tensors[f'{name}/after/{key}'] = value.clone()
    model.zero_grad()


torch.manual_seed(5)
mlp = Mlp()
record('mlp', mlp, torch.randn(7, 2, 3), torch.randint(3, (7,)), F.cross_entropy)
losses = []
optimizer = torch.optim.SGD(mlp.parameters(), lr=0.3, momentum=0.9)
for _ in range(20):
    optimizer.zero_grad()
    loss = F.cross_entropy(mlp(tensors['mlp/input']), tensors['mlp/target'])
    loss.backward()
    optimizer.step()
    losses.append(loss.detach())
tensors['plain/losses'] = torch.stack(losses)

cnn = Cnn()
with torch.no_grad():
    for block in cnn.blocks:
        block.norm.weight.uniform_(0.5, 1.5)
        block.norm.bias.uniform_(-0.5, 0.5)
record('cnn', cnn, torch.randn(5, 1, 9, 8), torch.softmax(torch.randn(5, 3), 1), F.cross_entropy)

labels = torch.randint(4, (3, 6))
labels[0, 2:] = -1
labels[2] = -1
record('mlp_encoder', MLPEncoder(), torch.randint(9, (3, 6)), labels,
       lambda logits, labels: F.cross_entropy(logits.view(-1, 4), labels.view(-1), ignore_index=-1))

lines = []
for name, tensor in tensors.items():
    dtype = str(tensor.dtype).removeprefix('torch.')
    lines.append(' '.join([name, dtype, *map(str, tensor.shape)]))
    lines.append(' '.join('%.9g' % value for value in tensor.flatten().tolist()))
pathlib.Path(__file__).with_name('models.txt').write_text('\n'.join(lines) + '\n')
