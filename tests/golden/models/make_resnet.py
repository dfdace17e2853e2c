"""Writes resnet.txt, resnet_names.txt and resnet.safetensors: what torchvision's ResNets compute.

    pip install torch==2.11.0 torchvision safetensors
    python make_resnet.py

resnet.txt: for each depth logits in training and then in evaluation, and gradients of the first, all in
float64, since rounding grows from one norm by the batch to the next; each tensor is two lines: its name, dtype
and sizes, then its values. The weights are those of `set_by_formula`, in C++ tests/testing/formula.h, so that
no file has to hold them. resnet_names.txt: each network's parameters and buffers with their sizes, in order.
resnet.safetensors: a small network for CIFAR, with its own weights, and the input and logits that belong to it
in resnet.txt.
"""

import pathlib

import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models import resnet
from torchvision.models.resnet import BasicBlock

FOLDER = pathlib.Path(__file__).parent


class CifarResNet(resnet.ResNet):
    """Composer's network for CIFAR (open_lth's), made of torchvision's blocks."""

    def __init__(self, blocks, width=16, num_classes=10):
        nn.Module.__init__(self)
        self._norm_layer, self.groups, self.base_width, self.dilation = nn.BatchNorm2d, 1, 64, 1
        self.inplanes = width
        self.conv1 = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.Identity()
        self.layer1 = self._make_layer(BasicBlock, width, blocks)
        self.layer2 = self._make_layer(BasicBlock, 2 * width, blocks, stride=2)
        self.layer3 = self._make_layer(BasicBlock, 4 * width, blocks, stride=2)
        self.layer4 = nn.Identity()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(4 * width, num_classes)


def formula(name, sizes):
    """Numbers from -0.5 to 0.5 by a name: whole numbers until the last division, so the same everywhere."""
    seed = sum((i + 1) * ord(letter) for i, letter in enumerate(name)) % 10007
    i = torch.arange(torch.Size(sizes).numel(), dtype=torch.int64)
    mixed = (i * i % 10007 * 31 + i * 7919 + seed * 613) % 10007
    return ((mixed.double() + 0.5) / 10007 - 0.5).float().reshape(sizes)


def set_by_formula(model):
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            values = formula(name, tensor.shape)
            if name.endswith('num_batches_tracked'):
                continue
            if tensor.dim() >= 2:
                tensor.copy_(values * (24 * tensor.shape[0] / tensor.numel())**0.5)
            elif name.endswith('weight') or name.endswith('running_var'):
                tensor.copy_(1 + values)
            else:
                tensor.copy_(values)


def write(path, tensors):
    with open(path, 'w') as out:
        for name, tensor in tensors.items():
            print(name, str(tensor.dtype).removeprefix('torch.'), *tensor.shape, file=out)
            print(*('%.12g' % value for value in tensor.flatten().tolist()), file=out)


def main():
    torch.manual_seed(5)
    networks = {18: resnet.resnet18, 34: resnet.resnet34, 50: resnet.resnet50, 101: resnet.resnet101,
                20: lambda num_classes: CifarResNet(3, num_classes=num_classes),
                56: lambda num_classes: CifarResNet(9, num_classes=num_classes)}
    tensors, names = {}, []
    for depth, make in networks.items():
        model = make(num_classes=10)
        names += [' '.join([str(depth), name, *map(str, tensor.shape)]) for name, tensor in model.state_dict().items()]
        model.double()
        set_by_formula(model)
        size = 16 if depth in (20, 56) else 64
        images = formula('images', (4, 3, size, size)).double() * 4
        logits = model(images)
        logits.pow(2).mean().backward()
        tensors[f'{depth}/training'] = logits.detach()
        tensors[f'{depth}/gradient'] = model.conv1.weight.grad[:2].clone()
        set_by_formula(model)
        model.eval()
        tensors[f'{depth}/evaluation'] = model(images).detach()
    model = CifarResNet(3, width=2)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    save_file(model.state_dict(), FOLDER / 'resnet.safetensors')
    model.eval()
    images = torch.randn(2, 3, 8, 8)
    tensors['file/input'] = images
    tensors['file/logits'] = model(images).detach()
    write(FOLDER / 'resnet.txt', tensors)
    (FOLDER / 'resnet_names.txt').write_text('\n'.join(names) + '\n')


if __name__ == '__main__':
    main()
