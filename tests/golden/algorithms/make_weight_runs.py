"""Writes weight_runs.txt: runs of 20 steps by Composer's own trainer with EMA, SWA and SAM.

    pip install mosaicml==0.32.1 torch==2.11.0
    python make_weight_runs.py

Each tensor is two lines: its name, dtype and sizes, then its values. All runs begin with the same
weights and see the same batches: 20 of 8 samples, then one to evaluate on after each step.
"""

import pathlib

import torch
import torch.nn.functional as F
from composer import Trainer
from composer.algorithms import EMA, SAM, SWA, GradientClipping
from composer.algorithms.layer_freezing import freeze_layers
from composer.core import Callback
from composer.models import ComposerModel
from torch.optim.swa_utils import SWALR
from torch.utils.data import DataLoader, TensorDataset

STEPS, BATCH = 20, 8
tensors = {}


class Net(ComposerModel):

    def __init__(self):
        super().__init__()
        self.fc1 = torch.nn.Linear(4, 8)
        self.bn = torch.nn.BatchNorm1d(8)
        self.fc2 = torch.nn.Linear(8, 3)

    def forward(self, batch):
        return self.fc2(F.relu(self.bn(self.fc1(batch[0]))))

    def loss(self, outputs, batch):
        return F.cross_entropy(outputs, batch[1])


class Recorder(Callback):

    def __init__(self):
        self.losses, self.evaluations = [], []

    def after_train_batch(self, state, logger):
        self.losses.append(float(state.loss))

    def eval_batch_end(self, state, logger):
        self.evaluations.append(float(state.model.loss(state.outputs, state.batch)))


def run(name, algorithms):
    torch.manual_seed(3)
    net = Net()
    net.load_state_dict(initial)
    recorder = Recorder()
    trainer = Trainer(
        model=net,
        train_dataloader=DataLoader(TensorDataset(inputs, targets), batch_size=BATCH),
        eval_dataloader=DataLoader(TensorDataset(eval_inputs, eval_targets), batch_size=BATCH),
        eval_interval='1ba',
        max_duration=f'{STEPS}ba',
        optimizers=torch.optim.SGD(net.parameters(), lr=0.2, momentum=0.9),
        algorithms=algorithms,
        callbacks=[recorder],
        device='cpu',
        progress_bar=False,
    )
    trainer.fit()
    tensors[f'run/{name}/losses'] = torch.tensor(recorder.losses)
    tensors[f'run/{name}/evaluations'] = torch.tensor(recorder.evaluations)
    for key, value in trainer.state.model.state_dict().items():
        tensors[f'run/{name}/final/{key}'] = value
    ema = next((a for a in algorithms if isinstance(a, EMA)), None)
    if ema is not None:
        for key, value in ema.ema_model.named_parameters_dict.items():
            tensors[f'run/{name}/average/{key}'] = value
        for key, value in ema.ema_model.named_buffers_dict.items():
            tensors[f'run/{name}/average/{key}'] = value


def swa_learning_rates():
    """Of two groups, before the first and after each of seven updates that anneal over five."""
    for strategy in ('linear', 'cos'):
        optimizer = torch.optim.SGD([
            {'params': [torch.zeros(1)], 'lr': 0.4},
            {'params': [torch.zeros(1)], 'lr': 0.1},
        ])
        scheduler = SWALR(optimizer, swa_lr=0.2, anneal_epochs=5, anneal_strategy=strategy)
        rates = [[group['lr'] for group in optimizer.param_groups]]
        for _ in range(7):
            optimizer.step()
            scheduler.step()
            rates.append([group['lr'] for group in optimizer.param_groups])
        tensors[f'swa_lr/{strategy}'] = torch.tensor(rates, dtype=torch.float64)


def layer_freezing():
    """Of seven layers: elapsed, freeze_start, freeze_level, how many are frozen."""
    rows = []
    for elapsed in (0.0, 0.2, 0.5, 0.5001, 0.6, 0.75, 0.9, 1.0):
        for start in (0.0, 0.2, 0.5):
            for level in (0.0, 0.4, 1.0):
                model = torch.nn.Sequential(*(torch.nn.Linear(1, 1) for _ in range(7)))
                optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
                depth, _ = freeze_layers(model, optimizer, elapsed, start, level)
                frozen = sum(not layer.weight.requires_grad for layer in model)
                assert frozen == depth
                rows.append([elapsed, start, level, frozen])
    tensors['layer_freezing'] = torch.tensor(rows, dtype=torch.float64)


def write(path):
    with open(path, 'w') as out:
        for name, tensor in tensors.items():
            integral = not tensor.dtype.is_floating_point
            values = ' '.join(str(int(v)) if integral else f'{float(v):.9g}' for v in tensor.flatten())
            kind = 'int64' if integral else str(tensor.dtype).split('.')[1]
            sizes = ' '.join(map(str, tensor.shape))
            print(f'{name} {kind} {sizes}'.rstrip(), file=out)
            print(values, file=out)


torch.manual_seed(17)
inputs, targets = torch.randn(STEPS * BATCH, 4), torch.randint(3, (STEPS * BATCH,))
eval_inputs, eval_targets = torch.randn(BATCH, 4), torch.randint(3, (BATCH,))
initial = {key: value.clone() for key, value in Net().state_dict().items()}
tensors.update({
    'run/input': inputs,
    'run/target': targets,
    'run/eval/input': eval_inputs,
    'run/eval/target': eval_targets,
})
for key, value in initial.items():
    tensors[f'run/initial/{key}'] = value
run('plain', [])
run('ema', [EMA(half_life='4ba')])
run('ema_late', [EMA(half_life='6ba', ema_start='0.25dur', update_interval='2ba')])
run('swa', [SWA(swa_start='0.3dur', swa_end='0.8dur', update_interval='2ba')])
run('sam', [SAM(rho=0.1)])
run('sam_interval', [SAM(rho=0.1, interval=3)])
run('sam_clipped', [GradientClipping('norm', 0.5), SAM(rho=0.1)])
swa_learning_rates()
layer_freezing()
write(pathlib.Path(__file__).parent / 'weight_runs.txt')
