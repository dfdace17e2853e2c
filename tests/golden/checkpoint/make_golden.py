"""Writes *.safetensors with Python's library, for byte comparison.

    pip install torch==2.11.0 safetensors==0.8.0
    python make_golden.py

dtypes.safetensors has a tensor of each dtype with the values 0, 1, 2, 3 (bool: 0, 1, 0, 1; complex: those
+ 1j) in the shape [2, 2], under the dtype's name, besides a scalar, an empty tensor and a name with
characters that JSON escapes. cnn.safetensors is the state of a small convolutional network.
"""

import pathlib

import torch
from safetensors.torch import save_file
from torch import nn

HERE = pathlib.Path(__file__).parent

tensors = {}
for name in ('bool', 'uint8', 'int8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64', 'float16', 'bfloat16',
             'float32', 'float64', 'float8_e5m2', 'float8_e4m3fn', 'float8_e8m0fnu', 'complex64'):
    values = torch.tensor([[0.0, 1.0], [2.0, 3.0]])
    if name == 'bool':
        values = values % 2
    if name == 'complex64':
        values = torch.complex(values, torch.ones(2, 2))
    tensors[name] = values.to(getattr(torch, name))
tensors['scalar'] = torch.tensor(7, dtype=torch.int64)
tensors['empty'] = torch.zeros(0, 3)
tensors['quote " slash \\ newline \n control \x01 delete \x7f umlaut ü'] = torch.tensor([1.5])
save_file(tensors, HERE / 'dtypes.safetensors', metadata={'format': 'pt'})

torch.manual_seed(2)
net = nn.Sequential()
block = nn.Module()
block.add_module('conv', nn.Conv2d(1, 2, 3, padding=1, bias=False))
block.add_module('norm', nn.BatchNorm2d(2))
net.add_module('blocks', nn.ModuleList([block]))
net.add_module('head', nn.Linear(2, 3))
state = net.state_dict()
state['blocks.0.norm.num_batches_tracked'] += 5
save_file(state, HERE / 'cnn.safetensors', metadata={'format': 'pt'})
