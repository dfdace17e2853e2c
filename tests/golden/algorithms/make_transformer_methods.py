"""Writes transformer_methods.txt: what Composer's low-precision norms, gyro dropout, ALiBi and gated linear units give.

    pip install mosaicml==0.32.1 torch==2.11.0 transformers
    python make_transformer_methods.py

Each tensor is two lines: its name, dtype and sizes, then its values. Numbers in half precision are written as
float32.

Composer's surgery for ALiBi fails with transformers 5, so its own functions are called on stand-ins for the layers,
and what they give is compared with the formula of the paper (arXiv:2108.12409), written out, before it is written.
"""

import math
import pathlib
import sys
from types import SimpleNamespace

import numpy as np
import torch
from composer.algorithms.alibi.attention_surgery_functions import _bert, _gpt2
from composer.algorithms.alibi.attention_surgery_functions.utils import _get_alibi_head_slopes, register_alibi
from composer.algorithms.gated_linear_units.gated_linear_unit_layers import BERTGatedFFOutput
from composer.algorithms.gyro_dropout import gyro_dropout
from composer.algorithms.low_precision_groupnorm import low_precision_groupnorm
from composer.algorithms.low_precision_layernorm import low_precision_layernorm
from torch import nn

FOLDER = pathlib.Path(__file__).parent
sys.path.append(str(FOLDER.parent / 'models'))
from make_resnet import write  # noqa: E402

tensors = {}


def low_precision():
    images = torch.randn(3, 4, 5) * 3 + 1
    tensors['norm/input'] = images
    for name, module, norm in (('layer', low_precision_layernorm, low_precision_layernorm.LPLayerNorm(5)),
                               ('group', low_precision_groupnorm, low_precision_groupnorm.LPGroupNorm(2, 4))):
        with torch.no_grad():
            norm.weight.uniform_(0.5, 1.5)
            norm.bias.uniform_(-0.5, 0.5)
        tensors[f'norm/{name}/weight'] = norm.weight.detach().clone()
        tensors[f'norm/{name}/bias'] = norm.bias.detach().clone()
        tensors[f'norm/{name}/float32'] = norm(images).detach()
        for dtype in (torch.bfloat16, torch.float16):
            # Composer asks whether autocast is on for CUDA only.
            module._cast_if_autocast_enabled = lambda tensor, dtype=dtype: tensor.to(dtype)
            norm.zero_grad()
            output = norm(images)
            assert output.dtype == dtype
            output.float().pow(2).sum().backward()
            key = f'norm/{name}/{str(dtype).removeprefix("torch.")}'
            tensors[key] = output.detach().float()
            tensors[f'{key}/gradient'] = norm.weight.grad.clone()


def gyro():
    layer = gyro_dropout.GyroDropoutLayer(iters_per_epoch=5, max_epoch=2, p=0.3, sigma=5, tau=2)
    choices = iter(([3, 1], [0, 3]))
    picked = []

    def choose(count, size):
        picked.append(next(choices))
        return np.array(picked[-1])

    choice, np.random.choice = np.random.choice, choose
    try:
        for step in range(6):
            batch = torch.randn(6, 7).requires_grad_()
            output = layer(batch)
            output.pow(2).sum().backward()
            if step in (0, 5):
                tensors[f'gyro/{step}/input'] = batch.detach()
                tensors[f'gyro/{step}/picks'] = torch.tensor(picked[-1])
                tensors[f'gyro/{step}/output'] = output.detach()
                tensors[f'gyro/{step}/gradient'] = batch.grad
    finally:
        np.random.choice = choice
    assert len(picked) == 2
    tensors['gyro/masks'] = layer.preselect_masks


def paper_attention(query, key, value, mask, causal):
    """Scores plus -m * distance, with the paper's slopes for 2 heads: 2^-4 and 2^-8."""
    length = query.shape[2]
    distance = (torch.arange(length)[None, :] - torch.arange(length)[:, None]).abs()
    slopes = torch.tensor([2.0**-4, 2.0**-8])[:, None, None]
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1]) - slopes * distance
    if causal:
        scores = scores.masked_fill(torch.ones(length, length).triu(1).bool(), -math.inf)
    if mask is not None:
        scores = scores.masked_fill(mask[:, None, None] == 0, -math.inf)
    return scores.softmax(-1) @ value


def heads(states):
    return states.view(*states.shape[:-1], 2, -1).permute(0, 2, 1, 3)


def alibi():
    global tensors
    for count in (1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 16, 20):
        tensors[f'alibi/slopes/{count}'] = torch.tensor(_get_alibi_head_slopes(count))
    for causal in (True, False):
        layer = register_alibi(nn.Linear(1, 1), n_heads=6, max_token_length=7, causal=causal)
        tensors[f'alibi/{"causal" if causal else "bidirectional"}'] = layer.alibi

    states = torch.randn(2, 5, 8)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    added = (1 - mask[:, None, None]) * torch.finfo(torch.float32).min
    tensors |= {'alibi/input': states, 'alibi/mask': mask}
    linears = {name: nn.Linear(8, 8) for name in ('query', 'key', 'value', 'out')}
    for name, linear in linears.items():
        tensors[f'alibi/{name}.weight'] = linear.weight.detach()
        tensors[f'alibi/{name}.bias'] = linear.bias.detach()
    query, key, value = (heads(linears[name](states)) for name in ('query', 'key', 'value'))

    slopes = torch.tensor(_get_alibi_head_slopes(2))[None, :, None, None]
    causal = SimpleNamespace(scale_attn_weights=True, is_cross_attention=False, attn_dropout=nn.Identity(),
                             alibi=(slopes * torch.arange(6))[0],
                             bias=torch.ones(6, 6).tril()[None, None], masked_bias=torch.tensor(-1e4))
    both = SimpleNamespace(query=linears['query'], key=linears['key'], value=linears['value'], dropout=nn.Identity(),
                           transpose_for_scores=heads, is_decoder=False, position_embedding_type='absolute',
                           attention_head_size=4, all_head_size=8)
    positions = torch.arange(6)
    both.alibi = -slopes * (positions[None, :] - positions[:, None]).abs()
    for name, attention_mask, added_mask in (('plain', None, None), ('masked', mask, added)):
        composers = _gpt2._attn(causal, query, key, value, added_mask)[0]
        torch.testing.assert_close(composers, paper_attention(query, key, value, attention_mask, True))
        gathered = composers.permute(0, 2, 1, 3).reshape(2, 5, 8)
        tensors[f'alibi/gpt2/{name}'] = linears['out'](gathered).detach()
        composers = _bert.forward(both, states, added_mask)[0]
        gathered = paper_attention(query, key, value, attention_mask, False).permute(0, 2, 1, 3).reshape(2, 5, 8)
        torch.testing.assert_close(composers, gathered)
        tensors[f'alibi/bert/{name}'] = composers.detach()


def gated_linear_units():
    global tensors
    hidden, residual = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    tensors |= {'glu/hidden': hidden, 'glu/residual': residual}
    for name, act_fn, biases in (('gelu', nn.GELU(), (False, False)), ('relu', nn.ReLU(), (True, False)),
                                 ('gelu_new', nn.GELU(approximate='tanh'), (False, True)),
                                 ('silu', nn.SiLU(), (True, True))):
        layer = BERTGatedFFOutput(4, 6, 0.0, act_fn, 1e-3, *biases)
        with torch.no_grad():
            layer.layernorm.weight.uniform_(0.5, 1.5)
            layer.layernorm.bias.uniform_(-0.5, 0.5)
        for key, weight in layer.state_dict().items():
            tensors[f'glu/{name}/weights/{key}'] = weight.clone()
        output = layer(hidden, residual)
        output.pow(3).sum().backward()
        tensors[f'glu/{name}/output'] = output.detach()
        tensors[f'glu/{name}/gradient'] = layer.gated_layer.weight.grad


torch.manual_seed(11)
low_precision()
gyro()
alibi()
gated_linear_units()
write(FOLDER / 'transformer_methods.txt', tensors)
