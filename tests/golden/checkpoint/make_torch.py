"""Writes *.pt as PyTorch and Composer do, and torch_values.safetensors with what is in them.

    pip install torch==2.11.0 safetensors==0.8.0 mosaicml==0.32.1 huggingface-hub
    python make_torch.py

A tensor NAME of FILE.pt stands in torch_values.safetensors as FILE/NAME, contiguous. composer.pt is what
Composer's trainer saves after two batches: its state.model stands there. sharded/ is the state dict of
state_dict.pt as Hugging Face's tools split large models. tied.safetensors is tied.pt as
safetensors.torch.save_model writes it.
"""

import pathlib
import shutil
import tempfile

import torch
from huggingface_hub import save_torch_state_dict
from safetensors.torch import save_file, save_model
from torch import nn

HERE = pathlib.Path(__file__).parent
values = {}


def expect(file, tensors):
    for name, tensor in tensors.items():
        # Of safetensors' dtypes, from which it goes back without loss.
        if tensor.dtype in (torch.complex32, torch.complex128):
            tensor = torch.view_as_real(tensor.resolve_conj().resolve_neg())
        if tensor.dtype in (torch.float8_e5m2fnuz, torch.float8_e4m3fnuz):
            tensor = tensor.float()
        values[f'{file}/{name}'] = tensor.detach().resolve_conj().resolve_neg().contiguous().clone()


def save(file, tensors):
    torch.save(tensors, HERE / f'{file}.pt')
    expect(file, tensors)


torch.manual_seed(3)
net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.1)
for _ in range(2):
    optimizer.zero_grad()
    net(torch.randn(8, 3)).square().mean().backward()
    optimizer.step()

# An OrderedDict with _metadata.
save('state_dict', net.state_dict())

(HERE / 'sharded').mkdir(exist_ok=True)
save_torch_state_dict(net.state_dict(), HERE / 'sharded', max_shard_size=60)

training = {'model': net.state_dict(), 'optimizer': optimizer.state_dict(), 'epoch': 3, 'best': 0.25, 'name': 'näme'}
torch.save(training, HERE / 'training.pt')
expect('training', net.state_dict())
for index, entry in optimizer.state_dict()['state'].items():
    expect('optimizer', {f'state.{index}.{name}': tensor for name, tensor in entry.items()})

tied = nn.ModuleDict({'embedding': nn.Embedding(5, 3), 'head': nn.Linear(3, 5, bias=False)})
tied['head'].weight = tied['embedding'].weight
save('tied', tied.state_dict())
save_model(tied, str(HERE / 'tied.safetensors'), metadata={'format': 'pt'})

dtypes = {}
for name in ('bool', 'uint8', 'int8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64', 'float16', 'bfloat16',
             'float32', 'float64', 'float8_e5m2', 'float8_e4m3fn', 'float8_e5m2fnuz', 'float8_e4m3fnuz',
             'float8_e8m0fnu', 'complex32', 'complex64', 'complex128'):
    tensor = torch.tensor([[0.0, 1.0], [2.0, 4.0]])
    if name == 'bool':
        tensor = tensor > 1
    if name.startswith('complex'):
        tensor = torch.complex(tensor, torch.ones(2, 2))
    dtypes[name] = tensor.to(getattr(torch, name))
save('dtypes', dtypes)

base = torch.arange(24.0).reshape(2, 3, 4)
image = torch.randn(2, 3, 4, 5)
save(
    'views', {
        'base': base,
        'transposed': base.transpose(0, 2),
        'slice': base[1, :, 1:3],
        'element': base[1, 2, 3],
        'strided': base.flatten()[1::5],
        'expanded': torch.tensor([[1.5], [2.5]]).expand(2, 3),
        'channels_last': image.to(memory_format=torch.channels_last),
        'conjugate': torch.tensor([1 + 2j, 3 - 1j]).conj(),
        'negative': torch.tensor([1 + 2j, 3 - 1j]).conj().imag,
        'empty': torch.zeros(0, 3),
        'scalar': torch.tensor(7),
        'parameter': nn.Parameter(torch.tensor([1.0, -1.0])),
    })

# What is refused.
small = {'weight': torch.ones(2)}
torch.save(small, HERE / 'legacy.pt', _use_new_zipfile_serialization=False)
torch.jit.save(torch.jit.script(nn.Linear(1, 1)), HERE / 'script.pt')
torch.save(small, HERE / 'protocol4.pt', pickle_protocol=4)
torch.save({'weight': torch.ones(2), 'path': pathlib.PurePosixPath('a')}, HERE / 'foreign.pt')

from composer import Trainer  # noqa: E402
from composer.models import ComposerClassifier  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402

torch.manual_seed(4)
model = ComposerClassifier(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)), num_classes=2)
loader = DataLoader(TensorDataset(torch.randn(8, 3), torch.randint(0, 2, (8,))), batch_size=4)
with tempfile.TemporaryDirectory() as folder:
    trainer = Trainer(model=model,
                      optimizers=torch.optim.AdamW(model.parameters()),
                      train_dataloader=loader,
                      max_duration='1ep',
                      device='cpu',
                      progress_bar=False,
                      save_folder=folder,
                      save_filename='checkpoint.pt',
                      run_name='golden')
    trainer.fit()
    shutil.copy(pathlib.Path(folder) / 'checkpoint.pt', HERE / 'composer.pt')
expect('composer', model.state_dict())

save_file(values, HERE / 'torch_values.safetensors')
