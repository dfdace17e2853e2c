"""Writes surgery.txt: what Composer's methods that change a model's layers give.

    pip install mosaicml==0.32.1 torch==2.11.0 torchvision safetensors
    python make_surgery.py

Each tensor is two lines: its name, dtype and sizes, then its values. "<layer>/..." are single layers;
"net/<method>/..." a small network of torchvision's bottlenecks (C++: ResNetOptions{.blocks = {2, 2},
.bottleneck = true, .large_images = ..., .width = 4, .num_classes = 3}) with the weights of
../models/make_resnet.py's set_by_formula: logits in training, the gradient of the first weight, and logits in
evaluation after it.
"""

import pathlib
import sys

import torch
from composer.algorithms.blurpool.blurpool import apply_blurpool
from composer.algorithms.blurpool.blurpool_layers import BlurConv2d, BlurMaxPool2d, blur_2d
from composer.algorithms.factorize.factorize import apply_factorization
from composer.algorithms.factorize.factorize_modules import (
    FactorizedConv2d, FactorizedLinear, _clean_latent_size, factorizing_could_speedup)
from composer.algorithms.ghost_batchnorm.ghost_batchnorm import GhostBatchNorm2d, apply_ghost_batchnorm
from composer.algorithms.squeeze_excite.squeeze_excite import SqueezeExcite2d, apply_squeeze_excite
from composer.algorithms.stochastic_depth.stochastic_depth import apply_stochastic_depth
from composer.algorithms.weight_standardization.weight_standardization import (
    _standardize_weights, apply_weight_standardization)
from torch import nn
from torchvision.models import resnet

FOLDER = pathlib.Path(__file__).parent
sys.path.append(str(FOLDER.parent / 'models'))
from make_resnet import formula, set_by_formula, write  # noqa: E402

tensors = {}


def blurpool():
    images = torch.randn(2, 3, 7, 6)
    tensors['blur/input'] = images
    for stride in (1, 2):
        tensors[f'blur/{stride}'] = blur_2d(images, stride=stride)
    tensors['blur/maxpool'] = BlurMaxPool2d.from_maxpool2d(nn.MaxPool2d(3, 2, 1), 0)(images)
    conv = nn.Conv2d(3, 4, 3, stride=2, padding=1)
    tensors['blur/conv/weight'], tensors['blur/conv/bias'] = conv.weight.detach(), conv.bias.detach()
    tensors['blur/conv/first'] = BlurConv2d.from_conv2d(conv, blur_first=True)(images).detach()
    tensors['blur/conv/last'] = BlurConv2d.from_conv2d(conv, blur_first=False)(images).detach()


def ghost_batch_norm():
    for batch, size in ((8, 4), (9, 4), (7, 3), (5, 5)):
        norm = nn.BatchNorm2d(3)
        with torch.no_grad():
            norm.weight.uniform_(0.5, 1.5)
            norm.bias.uniform_(-0.5, 0.5)
            norm.running_mean.uniform_(-0.5, 0.5)
            norm.running_var.uniform_(0.5, 1.5)
        name = f'ghost/{batch}/{size}'
        for key, value in norm.state_dict().items():
            tensors[f'{name}/before/{key}'] = value.clone()
        ghost = GhostBatchNorm2d(norm, size)
        for step in range(2):
            images = (torch.randn(batch, 3, 2, 3) * 2 + 1).requires_grad_()
            tensors[f'{name}/input/{step}'] = images.detach()
            output = ghost(images)
            output.pow(3).sum().backward()
            tensors[f'{name}/output/{step}'] = output.detach()
            tensors[f'{name}/gradient/{step}'] = images.grad
        tensors[f'{name}/gradient/weight'] = norm.weight.grad
        tensors[f'{name}/gradient/bias'] = norm.bias.grad
        for key, value in norm.state_dict().items():
            tensors[f'{name}/after/{key}'] = value.clone()
        ghost.eval()
        tensors[f'{name}/evaluation'] = ghost(images).detach()


def squeeze_excite():
    images = torch.randn(2, 6, 3, 4)
    tensors['se/input'] = images
    for latent in (3.0, 0.34):
        layer = SqueezeExcite2d(6, latent)
        for key, value in layer.state_dict().items():
            tensors[f'se/{latent:g}/{key}'] = value.clone()
        tensors[f'se/{latent:g}/output'] = layer(images).detach()


def weight_standardization():
    weight = torch.randn(4, 3, 2, 3)
    tensors['standardize/weight'] = weight
    tensors['standardize/result'] = _standardize_weights(weight)


class Net(resnet.ResNet):

    def __init__(self, large_images):
        nn.Module.__init__(self)
        self._norm_layer, self.groups, self.base_width, self.dilation = nn.BatchNorm2d, 1, 64, 1
        self.inplanes = 4
        self.conv1 = nn.Conv2d(3, 4, 7, 2, 3, bias=False) if large_images else nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1) if large_images else nn.Identity()
        self.layer1 = self._make_layer(resnet.Bottleneck, 4, 2)
        self.layer2 = self._make_layer(resnet.Bottleneck, 8, 2, stride=2)
        self.layer3 = self.layer4 = nn.Identity()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(32, 3)
        set_by_formula(self)


def run(name, model):
    size = 16 if isinstance(model.maxpool, nn.Identity) else 32
    images = formula('images', (6, 3, size, size)) * 4
    logits = model(images)
    logits.pow(2).mean().backward()
    tensors[f'net/{name}/training'] = logits.detach()
    weight = dict(model.named_parameters())
    key = [key for key in weight if key.startswith('conv1.')][0]
    tensors[f'net/{name}/gradient'] = weight[key].grad[:2].clone()
    model.eval()
    tensors[f'net/{name}/evaluation'] = model(images).detach()


def networks():
    for name, large, options in (('blurpool', True, {'min_channels': 3}),
                                 ('blurpool_last', False, {'blur_first': False, 'replace_maxpools': False})):
        model = Net(large)
        apply_blurpool(model, **options)
        run(name, model)
    model = Net(False)
    apply_ghost_batchnorm(model, ghost_batch_size=4)
    run('ghost_batch_norm', model)
    model = Net(False)
    apply_squeeze_excite(model, latent_channels=0.5, min_channels=8)
    with torch.no_grad():
        for key, value in model.state_dict().items():
            if '.se.' in key:
                value.copy_(formula(key, value.shape) * 2)
    run('squeeze_excite', model)
    for ignored in (0, 4):
        model = Net(False)
        apply_weight_standardization(model, n_last_layers_ignore=ignored)
        run(f'weight_standardization/{ignored}', model)


def factorize():
    ranks = []
    for inputs, outputs, size in ((8, 8, 3), (16, 8, 1), (8, 32, 3), (64, 64, 1), (32, 32, 1), (7, 5, 1)):
        for latent in (0.01, 0.25, 0.5, 0.75, 2.0, 3.7, 16.0, 32.0):
            layer = nn.Conv2d(inputs, outputs, size)
            rank = _clean_latent_size(latent, inputs, outputs) if factorizing_could_speedup(layer, latent) else 0
            ranks.append([inputs, outputs, size * size, latent, rank])
            if size == 1:
                assert factorizing_could_speedup(nn.Linear(inputs, outputs), latent) == (rank > 0)
    tensors['factorize/ranks'] = torch.tensor(ranks, dtype=torch.float64)
    model = Net(False)
    apply_factorization(model, min_channels=8, latent_channels=0.5, min_features=3, latent_features=2)
    set_by_formula(model)
    run('factorize', model)


def set_rank():
    for name, layer, inputs in (
        ('conv', FactorizedConv2d(6, 8, (3, 2), latent_channels=4, padding=(1, 0)), torch.randn(3, 6, 7, 5)),
        ('linear', FactorizedLinear(9, 10, latent_features=4), torch.randn(30, 9)),
    ):
        layer, inputs = layer.double(), inputs.double()
        tensors[f'set_rank/{name}/input'] = inputs
        for key, value in layer.state_dict().items():
            tensors[f'set_rank/{name}/before/{key}'] = value.clone()
        layer.set_rank(inputs, 2)
        tensors[f'set_rank/{name}/bias'] = layer.module1.bias.detach()
        tensors[f'set_rank/{name}/output'] = layer(inputs).detach()


def stochastic_depth():
    bernoulli, rand = torch.bernoulli, torch.rand
    kept = [1, 0, 0, 1]
    masks = formula('masks', (4, 6)) + 0.5
    tensors['depth/kept'], tensors['depth/draws'] = torch.tensor(kept), masks
    try:
        for method, distribution in (('block', 'linear'), ('block', 'uniform'), ('sample', 'linear')):
            model = Net(False)
            apply_stochastic_depth(model, 'ResNetBottleneck', method, drop_rate=0.6, drop_distribution=distribution)
            draws = iter(kept)
            rows = iter(masks)
            torch.bernoulli = lambda probability: torch.tensor(next(draws))
            torch.rand = lambda size, **options: next(rows).reshape(size)
            run(f'depth_{method}_{distribution}', model)
    finally:
        torch.bernoulli, torch.rand = bernoulli, rand


torch.manual_seed(7)
blurpool()
ghost_batch_norm()
squeeze_excite()
weight_standardization()
networks()
factorize()
stochastic_depth()
set_rank()
write(FOLDER / 'surgery.txt', tensors)
